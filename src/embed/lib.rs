//! Places for rows of numbers.
#![forbid(unsafe_code)]

mod error;
mod graph;
mod kmeans;
mod neighbours;
mod par;
mod pca;
mod product;
mod progress;
mod quality;
mod random;
mod table;
mod tsne;
mod umap;

pub use error::EmbedError;
pub use kmeans::{KMeans, KMeansSettings, kmeans, kmeans_from};
pub use neighbours::{Metric, Neighbours, Search, exact, exact_for, neighbours};
pub use pca::Pca;
pub use progress::{Progress, Stage};
pub use quality::{neighbour_recall, trustworthiness};
pub use table::{Table, pack};
pub use tsne::{Tsne, TsneSettings};
pub use umap::{Start, Umap, UmapSettings, fit_curve};
