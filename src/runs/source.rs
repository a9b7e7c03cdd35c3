//! Where bytes come from: a file that may grow, or memory.
//!
//! Files are read, not mapped: a log that its writer cuts short while it is mapped would end the
//! process, and reading through a small buffer costs a few per cent.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

use bytes::Bytes;

/// A file or its content.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    File(PathBuf),
    Bytes(Bytes),
}

/// Size and age of a source: equal ones mean equal content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Stat {
    pub(crate) len: u64,
    pub(crate) modified: Option<SystemTime>,
}

impl Stat {
    /// True when nobody wrote for `seconds`: what looks unfinished is all there is.
    pub(crate) fn rests(&self, seconds: u64) -> bool {
        let age = self.modified.and_then(|m| m.elapsed().ok());
        // Bytes in memory have no age, and a file from the future tells nothing.
        self.modified.is_none() || age.is_some_and(|a| a.as_secs() >= seconds)
    }
}

impl Source {
    pub(crate) fn stat(&self) -> io::Result<Stat> {
        Ok(match self {
            Source::File(path) => {
                let meta = std::fs::metadata(path)?;
                Stat {
                    len: meta.len(),
                    modified: meta.modified().ok(),
                }
            }
            Source::Bytes(bytes) => Stat {
                len: bytes.len() as u64,
                modified: None,
            },
        })
    }

    pub(crate) fn open(&self) -> io::Result<Reader> {
        Ok(match self {
            Source::File(path) => Reader::File(File::open(path)?),
            Source::Bytes(bytes) => Reader::Bytes(bytes.clone()),
        })
    }
}

/// An open source; threads may share it.
#[derive(Debug)]
pub(crate) enum Reader {
    File(File),
    Bytes(Bytes),
}

impl Reader {
    /// Fills as much of `buffer` as there is from `offset` on, and says how much that was.
    pub(crate) fn read_at(&self, mut offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.some_at(offset, &mut buffer[filled..]) {
                Ok(0) => break,
                Ok(n) => {
                    filled += n;
                    offset += n as u64;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(filled)
    }

    fn some_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            #[cfg(unix)]
            Reader::File(file) => std::os::unix::fs::FileExt::read_at(file, buffer, offset),
            #[cfg(windows)]
            Reader::File(file) => std::os::windows::fs::FileExt::seek_read(file, buffer, offset),
            #[cfg(not(any(unix, windows)))]
            Reader::File(_) => Err(io::ErrorKind::Unsupported.into()),
            Reader::Bytes(bytes) => {
                let rest = bytes
                    .get(offset.min(bytes.len() as u64) as usize..)
                    .unwrap_or(&[]);
                let n = rest.len().min(buffer.len());
                buffer[..n].copy_from_slice(&rest[..n]);
                Ok(n)
            }
        }
    }

    /// `len` bytes from `offset` on, or as many as there are.
    pub(crate) fn take(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; len];
        let n = self.read_at(offset, &mut bytes)?;
        bytes.truncate(n);
        Ok(bytes)
    }
}
