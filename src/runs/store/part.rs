//! Logs become Parquet: scalars in long form, one row a point, and everything else in a file of
//! frames beside it.
//!
//! The Parquet file's appearance makes the part count; until then the log does.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::ops::Range;
use std::path::Path;

use bytes::Bytes;
use model::Record;
use serde::{Deserialize, Serialize};

use super::frame::{Found, Frames, HEAD, LEAD, seal};
use super::{Batch, StoreError, folder, table, wire};

/// Bytes of records that share a frame.
const GROUP: usize = 1 << 20;

/// What must be known about a run to write on: kept beside the parts, so that they need not be read.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Index {
    version: u32,
    /// Number of the last batch of each sender, whose name is written in hexadecimal.
    pub(super) senders: BTreeMap<String, u64>,
    /// Tags, each behind its kind.
    pub(super) tags: BTreeSet<String>,
    /// CRC-32C of Parquet files by the numbers in their names: a flipped bit would be another number.
    #[serde(default)]
    sums: BTreeMap<String, u32>,
}

impl Index {
    const NAME: &str = "index.json";

    /// Reads it; a run without one has no parts.
    pub(super) fn read(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(Self::NAME);
        match std::fs::read(&path) {
            Ok(bytes) => {
                serde_json::from_slice(&bytes).map_err(|e| StoreError::io(&path, std::io::Error::other(e)))
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Index::default()),
            Err(e) => Err(StoreError::io(&path, e)),
        }
    }

    /// Takes note of a batch.
    pub(super) fn note(&mut self, batch: Option<Batch>, records: &[(u64, Record)]) {
        if let Some(Batch { sender, number }) = batch {
            let last = self.senders.entry(format!("{sender:016x}")).or_default();
            *last = number.max(*last);
        }
        for (_, record) in records {
            let tag = tag_of(record);
            if !self.tags.contains(&tag) {
                self.tags.insert(tag);
            }
        }
    }
}

/// The tag of a record behind its kind: what is counted against the limit of tags.
pub(super) fn tag_of(record: &Record) -> String {
    match record {
        Record::Scalar { tag, .. } => format!("s:{tag}"),
        Record::Histogram { tag, .. } => format!("h:{tag}"),
        Record::Image { tag, .. } => format!("i:{tag}"),
        Record::Text { tag, .. } => format!("x:{tag}"),
        Record::Tensor { tag, .. } => format!("t:{tag}"),
        Record::Hyperparameter { name, .. } => format!("p:{name}"),
        Record::Mark(_) => "m".into(),
    }
}

/// Body of a frame: the first sequence number, then the records.
pub(super) fn taken_apart(body: &Bytes) -> Option<wire::Decoded> {
    let first = u64::from_le_bytes(body.get(..8)?.try_into().ok()?);
    wire::decode(first, &body.slice(8..))
}

/// Every batch of a log or part, and what is damaged in it.
pub(super) fn batches(name: &str, bytes: Bytes, mut take: impl FnMut(wire::Decoded)) -> Vec<String> {
    let mut damage = Vec::new();
    let mut frames = Frames::new(bytes);
    loop {
        match frames.next() {
            Found::Body(body) => match taken_apart(&body) {
                Some(batch) => take(batch),
                None => damage.push(format!(
                    "{name}: the batch that ends at byte {} is not understood",
                    frames.at
                )),
            },
            Found::Damage(at) => damage.push(format!("{name}: bytes {} to {} are damaged", at.start, at.end)),
            Found::Torn | Found::End => return damage,
        }
    }
}

/// Turns the log `name` into a part and removes it. Returns what was damaged in it; a damaged log is
/// kept under another name.
pub(super) fn compact(dir: &Path, name: &str) -> Result<Vec<String>, StoreError> {
    let path = dir.join(name);
    let failed = |e| StoreError::io(&path, e);
    let listing = folder::list(dir).map_err(failed)?;
    let bytes: Bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes.into(),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(failed(e)),
    };
    let mut index = Index::read(dir).unwrap_or_default();
    index.version = 1;
    let mut records = Vec::new();
    let damage = batches(name, bytes, |(batch, mut some)| {
        index.note(batch, &some);
        some.retain(|(sequence, _)| !listing.covers(*sequence));
        records.extend(some);
    });
    if let (Some((first, _)), Some((last, _))) = (records.first(), records.last()) {
        let range = *first..last + 1;
        let sum = write(dir, &range, &records)?;
        index.sums.insert(format!("{}-{}", range.start, range.end), sum);
    }
    let json = serde_json::to_vec_pretty(&index).map_err(|e| failed(e.into()))?;
    let at = dir.join(Index::NAME);
    folder::write(&at, |f| f.write_all(&json)).map_err(|e| StoreError::io(&at, e))?;
    match damage.is_empty() {
        true => std::fs::remove_file(&path),
        false => std::fs::rename(&path, dir.join(format!("damaged-{name}.kept"))),
    }
    .and_then(|()| folder::sync(dir))
    .map_err(failed)?;
    Ok(damage)
}

/// Writes `records`, which are sorted, as the part `range`; returns the sum of its Parquet file.
fn write(dir: &Path, range: &Range<u64>, records: &[(u64, Record)]) -> Result<u32, StoreError> {
    let others = records
        .iter()
        .filter(|(_, r)| !matches!(r, Record::Scalar { .. }));
    let path = folder::part(dir, range, "records");
    let mut others = others.peekable();
    if others.peek().is_some() {
        let written = folder::write(&path, |file| {
            file.write_all(&HEAD)?;
            while others.peek().is_some() {
                let mut group = Vec::new();
                let mut size = 0;
                while size < GROUP
                    && let Some((sequence, record)) = others.next()
                {
                    size += weight(record);
                    group.push((*sequence, record));
                }
                file.write_all(&frame(&group)?)?;
            }
            std::io::Result::Ok(())
        });
        written.map_err(|e| StoreError::io(&path, e))?;
    }
    let path = folder::part(dir, range, "parquet");
    let failed = |e| StoreError::io(&path, e);
    let bytes = table::write(records).map_err(|e| failed(std::io::Error::other(e)))?;
    folder::write(&path, |file| file.write_all(&bytes)).map_err(failed)?;
    Ok(crc32c::crc32c(&bytes))
}

/// A frame of records that need not follow each other.
fn frame(group: &[(u64, &Record)]) -> std::io::Result<Vec<u8>> {
    let first = group.first().map_or(0, |(sequence, _)| *sequence);
    let mut frame = vec![0; LEAD];
    frame.extend(first.to_le_bytes());
    let records = group.iter().map(|&(sequence, record)| (sequence - first, record));
    let mut frame = wire::encode(frame, None, records).map_err(std::io::Error::other)?;
    seal(&mut frame);
    Ok(frame)
}

/// About how many bytes a record takes.
pub(super) fn weight(record: &Record) -> usize {
    match record {
        Record::Tensor { at, .. } => 64 + at.value.dtype.bytes(at.value.len() as u64) as usize,
        Record::Image { at, .. } => 64 + at.value.encoded.len(),
        Record::Text { at, .. } => 64 + at.value.len(),
        Record::Histogram { at, .. } => 64 + 24 * at.value.buckets.len(),
        _ => 64,
    }
}

/// The records of the part `range`, sorted, and what is damaged in it.
pub(super) fn read(dir: &Path, range: &Range<u64>) -> (Vec<(u64, Record)>, Vec<String>) {
    let mut records = Vec::new();
    let path = folder::part(dir, range, "parquet");
    let mut warnings = Vec::new();
    // Without an index, or before this part is in it, nothing is known to compare with.
    let index = Index::read(dir).unwrap_or_default();
    let sum = index.sums.get(&format!("{}-{}", range.start, range.end));
    let checked = folder::map(&path)
        .map_err(|e| e.to_string())
        .and_then(|bytes| match sum {
            Some(&sum) if crc32c::crc32c(&bytes) != sum => Err("damaged: its checksum is another".into()),
            _ => table::read(bytes),
        });
    match checked {
        Ok(rows) => records = rows,
        Err(e) => warnings.push(format!("{}: {e}", path.display())),
    }
    let path = folder::part(dir, range, "records");
    match folder::map(&path) {
        Ok(bytes) => {
            let name = path.display().to_string();
            warnings.extend(batches(&name, bytes, |(_, some)| records.extend(some)));
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
        Err(e) => warnings.push(format!("{}: {e}", path.display())),
    }
    records.retain(|(sequence, _)| range.contains(sequence));
    records.sort_by_key(|(sequence, _)| *sequence);
    (records, warnings)
}
