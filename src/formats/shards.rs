//! Weights in several files: the index that transformers writes beside its shards,
//! `model.safetensors.index.json` or `pytorch_model.bin.index.json`.

use std::collections::{BTreeMap, HashMap, HashSet};

use bytes::Bytes;
use model::Network;
use serde_json::Value;

use crate::error::Fault;
use crate::weights::{MAX_TENSORS, Named, Weights, natural_order};
use crate::{Source, beside, safetensors};

/// Most files of one index.
const MAX_SHARDS: usize = 4096;

/// True for a JSON object that tells tensors their files.
pub(crate) fn recognises(bytes: &Bytes) -> bool {
    const KEY: &[u8] = b"\"weight_map\"";
    crate::json::recognises(bytes) && bytes.windows(KEY.len()).any(|w| w == KEY)
}

/// Opens every shard in the index's folder.
pub(crate) fn read(source: &Source) -> Result<Network, Fault> {
    let document: Value = serde_json::from_slice(&source.bytes).map_err(|e| {
        let place = format!("line {} column {}", e.line(), e.column());
        Fault::new(place, e.to_string())
    })?;
    let map = document["weight_map"].as_object().ok_or_else(|| {
        let problem = "expected an object of tensor names and their files";
        Fault::new("\"weight_map\"", problem)
    })?;
    if map.len() > MAX_TENSORS {
        let problem = format!("expected at most {MAX_TENSORS} tensors, found {}", map.len());
        return Err(Fault::new("\"weight_map\"", problem));
    }
    let mut shards: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, file) in map {
        let file = file.as_str().ok_or_else(|| {
            let problem = format!("expected the name of a file, found {file}");
            Fault::new(format!("\"weight_map\" {name:?}"), problem)
        })?;
        shards.entry(file).or_default().push(name);
    }
    if shards.len() > MAX_SHARDS {
        let problem = format!("expected at most {MAX_SHARDS} files, found {}", shards.len());
        return Err(Fault::new("\"weight_map\"", problem));
    }
    if source.folder.is_none() {
        let problem = "its shards were not given: open the index from the folder that holds them";
        return Err(Fault::new("\"weight_map\"", problem));
    }
    let mut all = Weights::default();
    for (file, names) in shards {
        let place = format!("shard {file:?}");
        let fault = |problem: String| Fault::new(&place, problem);
        let path = beside::relative(file).map_err(fault)?;
        let bytes = beside::read_of(source, &path).map_err(fault)?.map_err(fault)?;
        let shard = one(&bytes).map_err(|f| f.within(&place))?;
        let found: HashSet<&str> = shard.tensors.iter().map(|n| n.name.as_str()).collect();
        if let Some(missing) = names.iter().find(|n| !found.contains(*n)) {
            return Err(fault(format!(
                "expected the tensor {missing:?} in it, found none"
            )));
        }
        let wanted: HashSet<&str> = names.into_iter().collect();
        all.tensors.extend(
            shard
                .tensors
                .into_iter()
                .filter(|n| wanted.contains(n.name.as_str())),
        );
        all.unread.extend(shard.unread);
        all.warnings.extend(shard.warnings);
        all.format = format!("{} in shards", shard.format);
    }
    // Each in its turn, whatever the shard.
    let order: HashMap<&str, usize> = map.keys().map(String::as_str).zip(0..).collect();
    let sorted = all.format.starts_with("safetensors");
    all.tensors.sort_by(|a: &Named, b: &Named| match sorted {
        true => natural_order(&a.name, &b.name),
        false => order[a.name.as_str()].cmp(&order[b.name.as_str()]),
    });
    Ok(crate::architecture::network(source, all))
}

/// The tensors of a shard.
fn one(bytes: &Bytes) -> Result<Weights, Fault> {
    if safetensors::recognises(bytes) {
        return safetensors::tensors(bytes);
    }
    if crate::pytorch::recognises(bytes) {
        return crate::pytorch::tensors(bytes, "");
    }
    let problem = "expected a safetensors or PyTorch file, found something else";
    Err(Fault::new("content", problem))
}
