//! The format before PyTorch 1.6: a row of pickles, then the bytes of each storage.

use std::collections::HashMap;

use bytes::Bytes;

use super::storage::{Storages, reference};
use super::{allow, state};
use crate::error::Fault;
use crate::pickle::{self, Node, Pickle};
use crate::weights::Weights;

/// The number that such files begin with, 0x1950a86a20f9469cfc6c, as a pickle.
const MAGIC: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";

/// The tensors of such a file, or of a bare pickle without storages.
pub(super) fn tensors(bytes: &Bytes, stem: &str) -> Result<Weights, Fault> {
    let next = |at: usize| pickle::read(bytes, at, allow::weights);
    if !bytes.starts_with(MAGIC) {
        // A pickle alone: whatever it asks for is named.
        return state::weights(&next(0)?, Storages::Table(HashMap::new()), "pickle", stem);
    }
    let version = next(MAGIC.len())?;
    if version.int(version.root()) != Some(1001) {
        return Err(Fault::new("protocol version", "expected 1001, found another"));
    }
    let system = next(version.end)?;
    if let Node::Dict(pairs) = system.node(system.root())
        && let Some((_, order)) = pairs
            .iter()
            .rfind(|(k, _)| system.text(*k) == Some("little_endian"))
        && matches!(system.node(*order), Node::Bool(false))
    {
        let problem = "expected values in little-endian order, found another";
        return Err(Fault::new("system", problem));
    }
    let values = next(system.end)?;
    let keys = next(values.end)?;
    let storages = storages(bytes, &values, &keys)?;
    state::weights(&values, Storages::Table(storages), "PyTorch", stem)
}

/// The bytes of each storage, in the order of `keys`: each after its number of elements.
fn storages(bytes: &Bytes, values: &Pickle, keys: &Pickle) -> Result<HashMap<String, Bytes>, Fault> {
    // The element type stands where the storage is named.
    let mut widths: HashMap<String, u64> = HashMap::new();
    for id in values.persistent() {
        let about = reference(values, id).map_err(|e| Fault::new("values", e))?;
        widths.insert(about.key, about.dtype.map_or(1, |d| d.bits() / 8));
    }
    let wrong = || Fault::new("storage keys", "expected a list of texts, found something else");
    let mut at = keys.end;
    let mut table = HashMap::new();
    for &key in keys.items(keys.root()).ok_or_else(wrong)? {
        let key = keys.text(key).ok_or_else(wrong)?;
        let fault = |problem: String| Fault::new(format!("storage {key:?}"), problem);
        let rest = bytes.len() - at;
        let head = bytes.get(at..at + 8).and_then(|b| b.first_chunk::<8>());
        let count = head.map(|b| i64::from_le_bytes(*b));
        let count = count.and_then(|n| u64::try_from(n).ok());
        let width = widths.get(key).copied();
        let width = width.ok_or_else(|| fault("expected a tensor that uses it, found none".into()))?;
        let size = count.and_then(|n| n.checked_mul(width));
        match size.filter(|&size| size <= rest.saturating_sub(8) as u64) {
            Some(size) => {
                let end = at + 8 + size as usize;
                table.insert(key.to_string(), bytes.slice(at + 8..end));
                at = end;
            }
            None => {
                return Err(fault(format!(
                    "expected its number of elements and their bytes, found {rest} bytes and the end"
                )));
            }
        }
    }
    Ok(table)
}
