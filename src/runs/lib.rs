//! Training histories: event files, CSV, JSON lines, Parquet.
//!
//! In: a path, or bytes under a name. Out: [`model::Run`]s that grow as the files grow, with
//! warnings. It knows no network, no GPU and no screen.

mod batch;
mod columns;
mod csv;
mod error;
pub mod events;
#[cfg(not(target_arch = "wasm32"))]
mod export;
mod find;
mod follow;
mod group;
mod grow;
mod json;
mod jsonl;
mod library;
mod lines;
mod natural;
mod parquet;
mod settings;
mod source;
#[cfg(not(target_arch = "wasm32"))]
mod stored;
// A browser has no disk.
#[cfg(not(target_arch = "wasm32"))]
pub mod store;
mod table;

pub use error::{RunsError, WARNINGS_A_FILE, Warning};
#[cfg(not(target_arch = "wasm32"))]
pub use export::export;
pub use follow::Format;
pub use library::{Kept, Library, Progress, Snapshots};
pub use natural::natural;

pub(crate) use error::Notes;

/// What can be read, most specific first.
pub static FORMATS: &[&Format] = &[&events::FORMAT, &csv::FORMAT, &jsonl::FORMAT, &parquet::FORMAT];

/// The formats in words.
fn known() -> String {
    let names: Vec<&str> = FORMATS.iter().map(|f| f.name).collect();
    names.join(", ")
}
