//! The whole state of a training, as a safetensors file: it resumes exactly, and other programs can
//! read its weights.

use serde::{Deserialize, Serialize};

use model::TensorData;

use super::plan::Plan;
use super::schedule::Memory;

/// Version of what stands in the metadata.
const VERSION: u32 = 1;
/// Largest header that is read, bytes.
const MAX_HEADER: usize = 64 << 20;

/// Where a training is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// Steps done.
    pub step: u64,
    /// Epochs done.
    pub epoch: u64,
    /// Examples of this epoch that have been fed.
    pub fed: u64,
    /// Sum of the losses of this epoch, each times its examples.
    pub sum: f64,
    /// The last loss; 0 before the first.
    pub last: f64,
    /// Validations since the best one.
    #[serde(default)]
    pub stale: u64,
    /// The validation of the lowest loss.
    #[serde(default)]
    pub best: Option<Best>,
    /// What the schedule remembers.
    pub schedule: Memory,
    /// Updates of each parameter, by name.
    pub updates: std::collections::BTreeMap<String, u64>,
}

/// The lowest loss of the validation part so far.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Best {
    /// The step after which it was judged.
    pub step: u64,
    /// Mean loss.
    pub loss: f64,
}

/// A training, stopped between two steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// How it is trained, with what was changed on the way.
    pub plan: Plan,
    /// Where it is.
    pub progress: Progress,
    /// Parameters and running statistics by name.
    pub weights: Vec<(String, TensorData)>,
    /// What the optimizer remembers: parameter, state, values.
    pub states: Vec<(String, String, TensorData)>,
}

#[derive(Serialize, Deserialize)]
struct Document {
    version: u32,
    /// CRC-32C of the tensors.
    checksum: u32,
    plan: Plan,
    progress: Progress,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: [u64; 2],
}

/// In front of the names of optimizer states.
const STATE: &str = "optimizer/";

impl Checkpoint {
    /// The bytes of a safetensors file.
    ///
    /// # Errors
    /// A sentence where two tensors have one name.
    pub fn to_bytes(&self) -> Result<Vec<u8>, String> {
        let mut header = serde_json::Map::new();
        let mut data = Vec::new();
        let weights = self.weights.iter().map(|(name, t)| (name.clone(), t));
        let states = self.states.iter();
        let states = states.map(|(name, state, t)| (format!("{STATE}{state}/{name}"), t));
        for (name, tensor) in weights.chain(states) {
            let from = data.len() as u64;
            data.extend_from_slice(&tensor.to_bytes());
            let entry = Entry {
                dtype: "F32".into(),
                shape: tensor.shape.clone(),
                data_offsets: [from, data.len() as u64],
            };
            let entry = serde_json::to_value(entry).map_err(|e| e.to_string())?;
            if header.insert(name.clone(), entry).is_some() || name == "__metadata__" {
                return Err(format!("two tensors are called {name:?}"));
            }
        }
        let document = Document {
            version: VERSION,
            checksum: crc32c::crc32c(&data),
            plan: self.plan.clone(),
            progress: self.progress.clone(),
        };
        // TOML reads back every number as it was, which JSON's reader here does not.
        let document = toml::to_string(&document).map_err(|e| e.to_string())?;
        header.insert(
            "__metadata__".into(),
            serde_json::json!({ "layerscope training": document }),
        );
        let mut text = serde_json::to_string(&header).map_err(|e| e.to_string())?;
        // The tensors begin at a multiple of eight, as the format's own writer has it.
        text.extend(std::iter::repeat_n(' ', (8 - text.len() % 8) % 8));
        let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
        bytes.extend(text.into_bytes());
        bytes.extend(data);
        Ok(bytes)
    }

    /// What [`Checkpoint::to_bytes`] wrote.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the bytes, and where.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let size = bytes.first_chunk::<8>().map(|b| u64::from_le_bytes(*b));
        let size = size.and_then(|s| usize::try_from(s).ok());
        let header = size
            .filter(|&s| s <= MAX_HEADER)
            .and_then(|s| bytes.get(8..8 + s));
        let header = header.ok_or("header: a safetensors file was expected, this is none or is cut off")?;
        let data = &bytes[8 + header.len()..];
        let header: serde_json::Map<String, serde_json::Value> =
            serde_json::from_slice(header).map_err(|e| format!("header: {e}"))?;
        let document = header
            .get("__metadata__")
            .and_then(|m| m.get("layerscope training"))
            .and_then(|d| d.as_str())
            .ok_or("header: no training stands in it; a file of weights alone cannot be resumed")?;
        // The version first: a later one may have other fields.
        let table: toml::Table = toml::from_str(document).map_err(|e| format!("training: {e}"))?;
        match table.get("version").and_then(toml::Value::as_integer) {
            Some(version) if version == i64::from(VERSION) => {}
            found => {
                return Err(format!(
                    "training: version {VERSION} was expected, {} found",
                    found.map_or("none".into(), |v| v.to_string())
                ));
            }
        }
        let document: Document = toml::from_str(document).map_err(|e| format!("training: {e}"))?;
        document
            .plan
            .check()
            .map_err(|e| format!("training: plan: {e}"))?;
        if crc32c::crc32c(data) != document.checksum {
            return Err("tensors: their checksum is another one: the file is damaged or cut off".into());
        }
        let (mut weights, mut states) = (Vec::new(), Vec::new());
        for (name, entry) in &header {
            if name == "__metadata__" {
                continue;
            }
            let entry: Entry =
                serde_json::from_value(entry.clone()).map_err(|e| format!("tensor {name:?}: {e}"))?;
            let [from, to] = entry
                .data_offsets
                .map(|o| usize::try_from(o).unwrap_or(usize::MAX));
            let count = entry.shape.iter().try_fold(4u64, |n, &d| n.checked_mul(d));
            let part = data.get(from..to).filter(|p| Some(p.len() as u64) == count);
            let part = part.filter(|_| entry.dtype == "F32").ok_or_else(|| {
                format!(
                    "tensor {name:?}: {} {:?} at bytes {from} to {to} of {}",
                    entry.dtype,
                    entry.shape,
                    data.len()
                )
            })?;
            let values: Vec<f32> = part
                .as_chunks::<4>()
                .0
                .iter()
                .map(|b| f32::from_le_bytes(*b))
                .collect();
            let tensor = TensorData::from_f32(&entry.shape, &values);
            match name.strip_prefix(STATE).and_then(|n| n.split_once('/')) {
                Some((state, name)) => states.push((name.to_string(), state.to_string(), tensor)),
                None => weights.push((name.clone(), tensor)),
            }
        }
        Ok(Checkpoint {
            plan: document.plan,
            progress: document.progress,
            weights,
            states,
        })
    }
}
