//! Where text is kept between runs: a file in the user's configuration directory, or the
//! browser's local storage. One doorway, two sides.

#[cfg(not(target_arch = "wasm32"))]
mod native;
#[cfg(target_arch = "wasm32")]
mod web;

#[cfg(not(target_arch = "wasm32"))]
pub use native::Store;
#[cfg(target_arch = "wasm32")]
pub use web::Store;
