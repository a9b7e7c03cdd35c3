//! What can be wrong with a data file, in words a user can act on.

use std::path::Path;

/// Why a data set, array or picture was not read. Every message names the file, the place in
/// it and what was expected there.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The operating system would not hand over the file.
    #[error("{file}: cannot be read or written: {source}")]
    Io {
        /// File or folder as the user gave it.
        file: String,
        /// The system's own message.
        source: std::io::Error,
    },
    /// The bytes break their format.
    #[error("{file}: {place}: found {found}, expected {expected}")]
    Malformed {
        /// File as the user gave it.
        file: String,
        /// Where in the file: a field, an entry or a byte offset.
        place: String,
        /// What stands there.
        found: String,
        /// What the format wants there.
        expected: String,
    },
    /// The file claims or holds more than the reader accepts.
    #[error("{file}: {place}: {found} is over the limit of {limit}")]
    TooLarge {
        /// File as the user gave it.
        file: String,
        /// Where in the file.
        place: String,
        /// The size claimed or found, with its unit.
        found: String,
        /// The largest size accepted, with its unit.
        limit: String,
    },
    /// A pickle names something outside the allow-list. Nothing was executed.
    #[error("{file}: pickle asks for {asked}: not read")]
    Forbidden {
        /// File as the user gave it.
        file: String,
        /// The qualified Python name, or the opcode, that the pickle asks for.
        asked: String,
    },
    /// A request that makes no sense, whatever the file holds.
    #[error("{what}: found {found}, expected {expected}")]
    Request {
        /// The setting at fault.
        what: String,
        /// Its value.
        found: String,
        /// What it may be.
        expected: String,
    },
}

impl DataError {
    pub(crate) fn io(file: &Path, source: std::io::Error) -> Self {
        DataError::Io {
            file: file.display().to_string(),
            source,
        }
    }

    pub(crate) fn malformed(
        file: &str,
        place: impl Into<String>,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        DataError::Malformed {
            file: file.into(),
            place: place.into(),
            found: found.into(),
            expected: expected.into(),
        }
    }

    pub(crate) fn too_large(
        file: &str,
        place: impl Into<String>,
        found: impl Into<String>,
        limit: impl Into<String>,
    ) -> Self {
        DataError::TooLarge {
            file: file.into(),
            place: place.into(),
            found: found.into(),
            limit: limit.into(),
        }
    }

    pub(crate) fn request(
        what: impl Into<String>,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        DataError::Request {
            what: what.into(),
            found: found.into(),
            expected: expected.into(),
        }
    }
}

/// Reads a whole file of at most `limit` bytes.
pub(crate) fn read_file(path: &Path, limit: u64) -> Result<Vec<u8>, DataError> {
    use std::io::Read;
    let io = |e| DataError::io(path, e);
    let file = std::fs::File::open(path).map_err(io)?;
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > limit {
        return Err(DataError::too_large(
            &path.display().to_string(),
            "whole file",
            format!("more than {limit} bytes"),
            format!("{limit} bytes"),
        ));
    }
    Ok(bytes)
}
