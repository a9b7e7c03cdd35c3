//! Training histories: event files, CSV, JSON lines, Parquet, what a process sends.
//!
//! In: a path, or bytes under a name. Out: [`model::Run`]s that grow as the files grow, with
//! warnings. It knows no network, no GPU and no screen.
