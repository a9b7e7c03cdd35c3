//! Tables of numbers to places, neighbours, clusters and similarities.
//!
//! In: [`Table`]s, rows of float32 in one slice. Out: the rows nearest to each row ([`neighbours`]), places in
//! two or three dimensions ([`Pca`], [`Tsne`], [`Umap`]), how far those can be trusted
//! ([`trustworthiness`], [`neighbour_recall`]), one set of places laid onto another ([`Alignment`]), clusters
//! and their names ([`kmeans`], [`hdbscan`], [`name_by_class`], [`name_by_words`]), and how alike what two
//! layers make of the same rows is ([`cka`], [`svcca`], [`Kernel`], [`link`], [`Probe`]). It knows no network, no tensor
//! library, no file, no GPU and no screen.
//!
//! # In slices
//! [`Search`], [`Tsne`] and [`Umap`] go on by `step`, a piece of work of some 50 ms or less at 70,000 rows, so
//! that a page without threads stays alive; not to call it again is to cancel. What comes out depends on the
//! seed, and not on the number of threads.
//!
//! # Values that are not finite
//! A table with NaN or an infinity is refused by row and column: no distance to such a row means anything.

#![forbid(unsafe_code)]

mod align;
mod error;
mod graph;
mod hdbscan;
mod kernel;
mod kmeans;
mod linkage;
mod names;
mod neighbours;
mod par;
mod pca;
mod probe;
mod product;
mod progress;
mod quality;
mod random;
mod similarity;
mod table;
mod tsne;
mod umap;
mod weighing;

pub use align::{Alignment, Scaling};
pub use error::EmbedError;
pub use hdbscan::{Hdbscan, HdbscanSettings, hdbscan};
pub use kernel::{Kernel, MAX_KERNEL};
pub use kmeans::{KMeans, KMeansSettings, kmeans, kmeans_from};
pub use linkage::{Dendrogram, Linkage, MAX_LINKED, Merge, link};
pub use names::{Majority, Word, name_by_class, name_by_words};
pub use neighbours::{Metric, Neighbours, Search, exact, exact_for, neighbours};
pub use pca::Pca;
pub use probe::{Probe, ProbeSettings};
pub use progress::{Progress, Stage};
pub use quality::{neighbour_recall, trustworthiness};
pub use similarity::{MAX_COSINES, Whitened, cka, cka_unbiased, cosine_matrix, svcca};
pub use table::{Table, pack};
pub use tsne::{Tsne, TsneSettings};
pub use umap::{Start, Umap, UmapSettings, fit_curve};
