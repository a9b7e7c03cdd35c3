//! HDF5 files: attributes and datasets by path, within bounds.
//!
//! The `hdf5-reader` crate decodes; it works on bytes, checks what it follows and allocates no more
//! than it is allowed. Links to other files and data kept in other files are refused by name.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use hdf5_reader::error::Error;
use hdf5_reader::group::Group;
use hdf5_reader::{Attribute, storage::DynStorage};
use hdf5_reader::{Dataset, Datatype, ExternalFileResolver, ExternalLinkResolver, Hdf5File, OpenOptions};
use model::{DType, Payload, TensorData};

use crate::error::Fault;

/// The signature of HDF5 files.
pub(crate) const MAGIC: &[u8] = b"\x89HDF\r\n\x1a\n";
/// Most groups and datasets of one file.
const MAX_OBJECTS: usize = 50_000;
/// Most groups inside one another.
const MAX_DEPTH: usize = 32;
/// Largest chunk of a dataset, unpacked.
const MAX_CHUNK_BYTES: usize = 256 << 20;
/// Largest header of one object.
const MAX_HEADER_BYTES: usize = 16 << 20;
/// Stored values may take this often the file's size: deflate can make far more of a few bytes.
const MAX_GROWTH: usize = 16;
/// What small files may always take.
const FREE_BYTES: usize = 16 << 20;

/// What a model file holds.
#[derive(Default)]
pub(crate) struct Contents {
    /// Text attributes of the root: `model_config`, `keras_version`, ...
    pub(crate) root: HashMap<String, String>,
    /// Datasets by path (`layers/dense/vars/0`), optimizer state left out.
    pub(crate) datasets: BTreeMap<String, TensorData>,
    /// The `name` attribute of groups by path.
    pub(crate) names: HashMap<String, String>,
    /// Lists of names by the path of their group and attribute (`model_weights/dense weight_names`).
    pub(crate) lists: HashMap<String, Vec<String>>,
    /// What could not be read and is not needed to go on.
    pub(crate) warnings: Vec<String>,
}

struct Refuse;

impl ExternalFileResolver for Refuse {
    fn resolve_external_file(&self, filename: &str) -> Result<Option<DynStorage>, Error> {
        let problem = format!("its values are in the file {filename:?}; values in other files are not read");
        Err(Error::Other(problem))
    }
}

impl ExternalLinkResolver for Refuse {
    fn resolve_external_link(&self, filename: &str) -> Result<Option<Hdf5File>, Error> {
        let problem = format!("a link leads to the file {filename:?}; links to other files are not followed");
        Err(Error::Other(problem))
    }
}

/// Reads the whole file.
///
/// # Errors
/// A fault at the group or dataset that is damaged, refused or too large.
pub(crate) fn read(bytes: Bytes) -> Result<Contents, Fault> {
    let budget = bytes.len().saturating_mul(MAX_GROWTH).saturating_add(FREE_BYTES);
    let options = OpenOptions::default()
        .with_max_read_bytes(budget)
        .with_max_chunk_bytes(MAX_CHUNK_BYTES.min(budget))
        .with_max_object_header_bytes(MAX_HEADER_BYTES)
        // Each dataset is read once.
        .with_chunk_cache_bytes(0)
        .with_external_file_resolver(Arc::new(Refuse))
        .with_external_link_resolver(Arc::new(Refuse));
    let damaged = |e: Error| Fault::new("HDF5", e.to_string());
    let file = Hdf5File::from_owner(bytes, options).map_err(damaged)?;
    let mut walk = Walk {
        contents: Contents::default(),
        objects: 0,
        budget,
    };
    let root = file.root_group().map_err(damaged)?;
    for attribute in root.attributes().map_err(damaged)? {
        if let Ok(text) = attribute.read_string() {
            walk.contents.root.insert(attribute.name, text);
        }
    }
    walk.group(&root, "", 0)?;
    Ok(walk.contents)
}

struct Walk {
    contents: Contents,
    objects: usize,
    budget: usize,
}

impl Walk {
    fn group(&mut self, group: &Group, path: &str, depth: usize) -> Result<(), Fault> {
        let place = format!("HDF5 group \"/{path}\"");
        if depth > MAX_DEPTH {
            let problem = format!("expected at most {MAX_DEPTH} groups inside one another, found more");
            return Err(Fault::new(place, problem));
        }
        let fail = |e: Error| Fault::new(&place, e.to_string());
        for attribute in group.attributes().map_err(fail)? {
            self.attribute(attribute, path);
        }
        let (groups, datasets) = group.members().map_err(fail)?;
        let inside = |name: &str| match path {
            "" => name.to_string(),
            _ => format!("{path}/{name}"),
        };
        self.objects += groups.len() + datasets.len();
        if self.objects > MAX_OBJECTS {
            let problem = format!("expected at most {MAX_OBJECTS} groups and datasets, found more");
            return Err(Fault::new(place, problem));
        }
        for dataset in datasets {
            self.dataset(&dataset, inside(dataset.name()))?;
        }
        for inner in groups {
            // State of training: twice the weights, and no part of the network.
            if !(depth == 0 && matches!(inner.name(), "optimizer" | "optimizer_weights")) {
                self.group(&inner, &inside(inner.name()), depth + 1)?;
            }
        }
        Ok(())
    }

    fn attribute(&mut self, attribute: Attribute, path: &str) {
        // Lists above 64 KiB are cut into `weight_names0`, `weight_names1`, ...
        let list = ["weight_names", "layer_names"]
            .iter()
            .find(|l| attribute.name.trim_end_matches(|c: char| c.is_ascii_digit()) == **l);
        if let (Some(list), Ok(names)) = (list, attribute.read_strings()) {
            let key = format!("{path} {list}");
            self.contents.lists.entry(key).or_default().extend(names);
        } else if attribute.name == "name"
            && let Ok(name) = attribute.read_string()
        {
            self.contents.names.insert(path.to_string(), name);
        }
    }

    fn dataset(&mut self, dataset: &Dataset, path: String) -> Result<(), Fault> {
        let place = || format!("HDF5 dataset \"/{path}\"");
        let Some(dtype) = dtype(dataset.dtype()) else {
            // Vocabularies of text layers are strings.
            let sentence = format!("{}: values of a type that no layer reads are left out", place());
            self.contents.warnings.push(sentence);
            return Ok(());
        };
        let fail = |e: Error| Fault::new(place(), e.to_string());
        let bytes = dataset.raw_byte_len().map_err(fail)?;
        let left = self.budget.checked_sub(bytes);
        self.budget = left.ok_or_else(|| {
            let problem = format!("{bytes} bytes of values: more than the file's size allows");
            Fault::new(place(), problem)
        })?;
        let shape = dataset.shape().to_vec();
        let elements = shape.iter().try_fold(1u64, |p, &d| p.checked_mul(d));
        let values = dataset.read_native_bytes().map_err(fail)?;
        if elements.map(|n| dtype.bytes(n)) != Some(values.len() as u64) {
            let problem = format!("{} bytes for {} {shape:?}", values.len(), dtype.name());
            return Err(Fault::new(place(), problem));
        }
        let payload = Payload::Bytes(values.into());
        let data = TensorData {
            dtype,
            shape,
            payload,
        };
        self.contents.datasets.insert(path, data);
        Ok(())
    }
}

fn dtype(stored: &Datatype) -> Option<DType> {
    Some(match stored {
        Datatype::FloatingPoint { size: 8, .. } => DType::F64,
        Datatype::FloatingPoint { size: 4, .. } => DType::F32,
        Datatype::FloatingPoint { size: 2, .. } => DType::F16,
        // Keras keeps bfloat16 as opaque pairs of bytes.
        Datatype::Opaque { size: 2, .. } => DType::BF16,
        Datatype::FixedPoint { size, signed, .. } => match (size, signed) {
            (8, true) => DType::I64,
            (4, true) => DType::I32,
            (2, true) => DType::I16,
            (1, true) => DType::I8,
            (8, false) => DType::U64,
            (4, false) => DType::U32,
            (2, false) => DType::U16,
            (1, false) => DType::U8,
            _ => return None,
        },
        // h5py's booleans.
        Datatype::Enum { base, .. } => match **base {
            Datatype::FixedPoint { size: 1, .. } => DType::Bool,
            _ => return None,
        },
        _ => return None,
    })
}
