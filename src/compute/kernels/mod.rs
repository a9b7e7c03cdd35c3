//! Products and convolutions on host memory, by the widest vectors that the processor has.
//!
//! In: slices of float32. Out: the same, finished with bias, sum and activation. It knows no
//! operator and no backend; `ops::host` decides when it is used.

mod conv;
mod finish;
mod job;
mod narrow;
mod product;
mod tile;

pub use conv::{Image, convolve};
pub use finish::{Activation, Finish};
pub use narrow::largest;
pub use product::{View, product, products};
