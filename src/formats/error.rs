//! Why a file could not be opened or a network not be written.

/// Why a file could not be opened or a network not be written. Every message names the file
/// (or network), the place in it, and what was expected there.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum FormatError {
    /// The file system refused: missing, a directory, no permission, too large.
    #[error("{file}: {problem}")]
    Unreadable {
        /// Path as the caller gave it.
        file: String,
        /// What is wrong.
        problem: String,
    },
    /// The content is not a model in a format that layerscope reads.
    #[error(
        "{file}: expected a model of a known format ({}), found {found}",
        crate::known()
    )]
    NotAModel {
        /// Path as the caller gave it.
        file: String,
        /// What the content looks like.
        found: String,
    },
    /// The content is a model, with a fault in it.
    #[error("{file}: {place}: {problem}")]
    Malformed {
        /// Path as the caller gave it.
        file: String,
        /// Where: `graph "x" node 12 "conv1" attribute "pads"`.
        place: String,
        /// What was expected there and what was found.
        problem: String,
    },
    /// The network has something that the target format cannot say.
    #[error("network {network:?} cannot be written as {format}: {place}: {problem}")]
    Unwritable {
        /// Name of the network.
        network: String,
        /// Name of the target format.
        format: &'static str,
        /// Which layer or tensor.
        place: String,
        /// What the format cannot say about it.
        problem: String,
    },
}

/// A fault at a place, before the file's name is known.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) place: String,
    pub(crate) problem: String,
}

impl Fault {
    /// A fault at `place`.
    pub(crate) fn new(place: impl Into<String>, problem: impl Into<String>) -> Self {
        Fault {
            place: place.into(),
            problem: problem.into(),
        }
    }

    /// The same fault, seen from the `outer` place that encloses it.
    pub(crate) fn within(mut self, outer: &str) -> Self {
        self.place = if self.place.is_empty() {
            outer.to_string()
        } else {
            format!("{outer} {}", self.place)
        };
        self
    }

    /// The error to show for `file`.
    pub(crate) fn in_file(self, file: &str) -> FormatError {
        FormatError::Malformed {
            file: file.to_string(),
            place: self.place,
            problem: self.problem,
        }
    }

    /// The error to show for a `network` that is written as `format`.
    pub(crate) fn in_network(self, network: &str, format: &'static str) -> FormatError {
        FormatError::Unwritable {
            network: network.to_string(),
            format,
            place: self.place,
            problem: self.problem,
        }
    }
}
