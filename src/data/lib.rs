//! Data sets as samples: Fashion-MNIST and other IDX files, CIFAR-10, pictures, folders of
//! pictures, NumPy archives, series from CSV, rated sentences, generated sets, text with the tokenizer that stands
//! beside a model, and a small sample that is built in.
//!
//! In: the bytes of a file, or a folder. Out: [`Images`], [`Picture`], [`model::Dataset`] and
//! [`model::TensorData`], or a [`DataError`] that names the file, the place and what was
//! expected. Wrong input never panics, sizes are checked before memory is taken, and no
//! pickle is ever executed.
//! Of a network it knows the inputs that it fills; it knows no GPU and no screen.

pub mod arrays;
pub mod cifar;
mod error;
pub mod folder;
pub mod generated;
pub mod idx;
pub mod image;
mod images;
pub mod npz;
pub mod pickle;
mod points;
mod preprocess;
pub mod sample;
pub mod sentences;
pub mod series;
pub mod text;

pub use error::DataError;
pub use generated::Generated;
pub use image::Picture;
pub use images::{Images, Split};
pub use points::Points;
pub use preprocess::{Layout, Preprocess, Resize, apply};
pub use sample::fashion_sample;
pub use text::Tokenizer;
