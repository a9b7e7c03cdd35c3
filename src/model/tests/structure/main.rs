//! What is recognised in networks without names, what is not, and which repeats are found.

mod build;
mod parts;
mod repeats;
