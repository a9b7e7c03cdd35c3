//! Zip archives, as PyTorch, Keras and NumPy use them: members by name, within limits.
//!
//! A member that is stored as it is shares the file's memory, so that a mapped archive of any size
//! opens at once. What is compressed is unpacked when it is asked for, up to a budget that grows
//! with the file.

use std::cell::Cell;
use std::collections::HashMap;
use std::io::{Cursor, Read};

use bytes::Bytes;
use zip::{CompressionMethod, ZipArchive};

use crate::error::Fault;

/// Most members of one archive.
const MAX_MEMBERS: usize = 1 << 18;

/// Bytes that any archive may unpack to; a larger one may unpack to eight times its size.
const UNPACKED: u64 = 256 << 20;

/// The signature of the first member.
pub(crate) const SIGNATURE: &[u8] = b"PK\x03\x04";

/// An archive whose directory has been read.
pub(crate) struct Archive {
    bytes: Bytes,
    zip: ZipArchive<Cursor<Bytes>>,
    members: Vec<Member>,
    by_name: HashMap<String, usize>,
    /// Bytes that members may still unpack to.
    budget: Cell<u64>,
}

/// One file in the archive.
pub(crate) struct Member {
    /// Its path in the archive, with `/`.
    pub(crate) name: String,
    /// Bytes once unpacked, as the directory claims.
    pub(crate) size: u64,
    place: usize,
}

impl Archive {
    /// Reads the directory of the archive in `bytes`.
    pub(crate) fn open(bytes: &Bytes) -> Result<Self, Fault> {
        let bad = |problem: String| Fault::new("zip archive", problem);
        let mut zip = reader(bytes).map_err(bad)?;
        if zip.len() > MAX_MEMBERS {
            let found = zip.len();
            return Err(bad(format!(
                "expected at most {MAX_MEMBERS} members, found {found}"
            )));
        }
        let (mut members, mut by_name) = (Vec::new(), HashMap::new());
        for place in 0..zip.len() {
            let entry = zip.by_index_raw(place).map_err(|e| bad(e.to_string()))?;
            if entry.is_dir() {
                continue;
            }
            let name = entry.name().map_err(|e| bad(e.to_string()))?.to_string();
            if by_name.insert(name.clone(), members.len()).is_some() {
                return Err(bad(format!("expected names that differ, found {name:?} twice")));
            }
            let size = entry.size();
            members.push(Member { name, size, place });
        }
        let budget = UNPACKED.max((bytes.len() as u64).saturating_mul(8));
        Ok(Archive {
            bytes: bytes.clone(),
            zip,
            members,
            by_name,
            budget: Cell::new(budget),
        })
    }

    /// All files, in the directory's order.
    pub(crate) fn members(&self) -> &[Member] {
        &self.members
    }

    /// The file called `name`.
    pub(crate) fn find(&self, name: &str) -> Option<&Member> {
        self.by_name.get(name).map(|&i| &self.members[i])
    }

    /// The bytes of the file called `name`: a slice of the archive, or unpacked within the budget.
    pub(crate) fn read(&self, name: &str) -> Result<Bytes, Fault> {
        let bad = |problem: String| Fault::new(format!("zip member {name:?}"), problem);
        let member = self
            .find(name)
            .ok_or_else(|| bad("expected it in the archive, found none".into()))?;
        // A clone shares the directory.
        let mut zip = self.zip.clone();
        let entry = zip.by_index_raw(member.place).map_err(|e| bad(e.to_string()))?;
        if entry.encrypted() {
            return Err(bad("expected plain content, found it encrypted".into()));
        }
        if entry.compression() == CompressionMethod::Stored {
            let start = entry.data_start().unwrap_or(u64::MAX);
            let end = start.checked_add(member.size);
            let whole = self.bytes.len() as u64;
            return match end.filter(|&end| end <= whole && entry.compressed_size() == member.size) {
                Some(end) => Ok(self.bytes.slice(start as usize..end as usize)),
                None => Err(bad(format!(
                    "its {} bytes reach beyond the file's {whole}",
                    member.size
                ))),
            };
        }
        drop(entry);
        let budget = self.budget.get();
        let entry = zip.by_index(member.place).map_err(|e| bad(e.to_string()))?;
        let mut content = Vec::new();
        // The claimed size is not trusted: memory grows with what really comes out.
        entry
            .take(budget.saturating_add(1))
            .read_to_end(&mut content)
            .map_err(|e| bad(e.to_string()))?;
        match budget.checked_sub(content.len() as u64) {
            Some(left) => self.budget.set(left),
            None => {
                return Err(bad(
                    "unpacks to more than an honest archive of this size holds".into()
                ));
            }
        }
        Ok(content.into())
    }
}

fn reader(bytes: &Bytes) -> Result<ZipArchive<Cursor<Bytes>>, String> {
    ZipArchive::new(Cursor::new(bytes.clone())).map_err(|e| e.to_string())
}

/// True when `bytes` are an archive and `wanted` holds for a member's name.
pub(crate) fn holds(bytes: &Bytes, wanted: impl Fn(&str) -> bool) -> bool {
    bytes.starts_with(SIGNATURE)
        && reader(bytes).is_ok_and(|zip| {
            let mut names = zip.file_names().take(MAX_MEMBERS);
            names.any(|name| name.is_ok_and(|name| wanted(&name)))
        })
}
