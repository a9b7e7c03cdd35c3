//! layerscope: one explorer, as a program with a window and as a page of a browser.

mod camera;
mod device;
mod drops;
mod explorer;
mod export;
mod fly;
mod keys;
mod pass;
mod pointer;
mod points;
mod screen;
mod window;

#[cfg(not(target_arch = "wasm32"))]
#[path = "native.rs"]
mod entry;
#[cfg(target_arch = "wasm32")]
#[path = "page.rs"]
mod entry;

fn main() -> std::process::ExitCode {
    entry::main()
}
