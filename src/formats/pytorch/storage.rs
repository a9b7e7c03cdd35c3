//! Storages, and the tensors that are views of them.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use model::{DType, TensorData, TensorSpec};

use crate::archive::Archive;
use crate::error::Fault;
use crate::pickle::{Id, Node, Pickle};
use crate::weights::{Named, elements};

/// Most axes of a tensor.
const MAX_AXES: usize = 64;

/// Where the bytes of storages are.
pub(super) enum Storages<'a> {
    /// Members of an archive, each below this path.
    Members(&'a Archive, String, HashMap<String, Bytes>),
    /// By key.
    Table(HashMap<String, Bytes>),
}

/// A storage as a pickle names it.
pub(super) struct Reference {
    pub(super) key: String,
    /// `None` for one without element type.
    pub(super) dtype: Option<DType>,
    /// Elements, or bytes where there is no element type.
    pub(super) count: u64,
    /// Elements before a view of another storage, in the old format.
    pub(super) offset: u64,
}

impl<'a> Storages<'a> {
    /// Those of an archive whose members begin with `root`.
    pub(super) fn in_archive(archive: &'a Archive, root: &str) -> Self {
        Storages::Members(archive, format!("{root}data/"), HashMap::new())
    }

    fn bytes(&mut self, key: &str) -> Result<Bytes, Fault> {
        match self {
            Storages::Members(archive, folder, read) => {
                if let Some(bytes) = read.get(key) {
                    return Ok(bytes.clone());
                }
                let bytes = archive.read(&format!("{folder}{key}"))?;
                read.insert(key.to_string(), bytes.clone());
                Ok(bytes)
            }
            Storages::Table(table) => table
                .get(key)
                .cloned()
                .ok_or_else(|| Fault::new(format!("storage {key:?}"), "expected it in the file, found none")),
        }
    }
}

/// The element type of `torch.FloatStorage`, `torch.float32` and their like; `Err` for one that
/// the model does not have.
fn dtype(name: &str) -> Result<Option<DType>, String> {
    let name = name.strip_prefix("torch.").unwrap_or(name);
    Ok(Some(match name {
        "DoubleStorage" | "float64" => DType::F64,
        "FloatStorage" | "float32" => DType::F32,
        "HalfStorage" | "float16" => DType::F16,
        "BFloat16Storage" | "bfloat16" => DType::BF16,
        "Float8_e4m3fnStorage" | "float8_e4m3fn" => DType::F8E4M3FN,
        "Float8_e5m2Storage" | "float8_e5m2" => DType::F8E5M2,
        "LongStorage" | "int64" => DType::I64,
        "IntStorage" | "int32" => DType::I32,
        "ShortStorage" | "int16" => DType::I16,
        "CharStorage" | "int8" => DType::I8,
        "ByteStorage" | "uint8" => DType::U8,
        "uint16" => DType::U16,
        "uint32" => DType::U32,
        "uint64" => DType::U64,
        "BoolStorage" | "bool" => DType::Bool,
        "ComplexFloatStorage" | "complex64" => DType::Complex64,
        "ComplexDoubleStorage" | "complex128" => DType::Complex128,
        "UntypedStorage" | "storage.UntypedStorage" | "storage._UntypedStorage" => return Ok(None),
        _ => return Err(format!("expected an element type of PyTorch, found {name:?}")),
    }))
}

/// The storage that the value `id` names: `('storage', type, key, location, count, view)`.
pub(super) fn reference(pickle: &Pickle, id: Id) -> Result<Reference, String> {
    let wrong = || "expected a storage, found a value of another kind".to_string();
    let Node::Persistent(id) = pickle.node(id) else {
        return Err(wrong());
    };
    let items = pickle.items(*id).filter(|i| i.len() >= 5).ok_or_else(wrong)?;
    if pickle.text(items[0]) != Some("storage") {
        return Err(wrong());
    }
    let dtype = dtype(pickle.global(items[1]).ok_or_else(wrong)?)?;
    let key = pickle.text(items[2]).ok_or_else(wrong)?.to_string();
    let size = |id: Id| {
        pickle
            .int(id)
            .and_then(|n| u64::try_from(n).ok())
            .ok_or_else(wrong)
    };
    let (mut count, mut offset) = (size(items[4])?, 0);
    // A view of a part: `(key of the view, offset, count)`.
    if let Some(view) = items
        .get(5)
        .and_then(|&v| pickle.items(v))
        .filter(|v| v.len() == 3)
    {
        (offset, count) = (size(view[1])?, size(view[2])?);
    }
    Ok(Reference {
        key,
        dtype,
        count,
        offset,
    })
}

/// The tensor that the value `id` rebuilds, under `name`; `None` for other values.
pub(super) fn tensor(
    pickle: &Pickle,
    storages: &mut Storages,
    id: Id,
    name: &str,
) -> Result<Option<Named>, Fault> {
    let place = format!("tensor {name:?}");
    let Some((mut called, mut arguments)) = pickle.call(id) else {
        return Ok(None);
    };
    // Parameters hold a tensor, tensors of a subclass how it was made.
    for _ in 0..4 {
        let inner = match called {
            "torch._utils._rebuild_parameter" | "torch._utils._rebuild_parameter_with_state" => {
                arguments.first().and_then(|&id| pickle.call(id))
            }
            "torch.nn.parameter.Parameter" | "torch.nn.parameter.Buffer" => {
                arguments.first().and_then(|&id| pickle.call(id))
            }
            "torch._tensor._rebuild_from_type_v2" => match arguments {
                [function, _, inner, ..] => pickle.global(*function).zip(pickle.items(*inner)),
                _ => None,
            },
            _ => break,
        };
        let missing = || Fault::new(&place, "expected a tensor in it, found none");
        (called, arguments) = inner.ok_or_else(missing)?;
    }
    let fault = |problem: String| Fault::new(&place, problem);
    let sizes = |id: Id| -> Result<Vec<u64>, Fault> {
        let items = match pickle.call(id) {
            Some(("torch.Size", [inner])) => pickle.items(*inner),
            _ => pickle.items(id),
        };
        let all: Option<Vec<u64>> = items.and_then(|items| {
            items
                .iter()
                .map(|&i| pickle.int(i).and_then(|n| u64::try_from(n).ok()))
                .collect()
        });
        let all = all.ok_or_else(|| fault("expected sizes of 0 or more, found something else".into()))?;
        match all.len() {
            0..=MAX_AXES => Ok(all),
            n => Err(fault(format!("expected at most {MAX_AXES} axes, found {n}"))),
        }
    };
    match (called, arguments) {
        ("torch._utils._rebuild_meta_tensor_no_storage", [kind, shape, ..]) => {
            let kind = pickle.global(*kind).unwrap_or("");
            let dtype = dtype(kind).map_err(fault)?.unwrap_or(DType::Unknown);
            let shape = sizes(*shape)?;
            elements(&shape).map_err(fault)?;
            Ok(Some(Named {
                name: name.to_string(),
                spec: TensorSpec::fixed(dtype, &shape),
                data: None,
            }))
        }
        (
            "torch._utils._rebuild_tensor"
            | "torch._utils._rebuild_tensor_v2"
            | "torch._utils._rebuild_tensor_v3",
            [storage, offset, shape, strides, rest @ ..],
        ) => {
            let reference = reference(pickle, *storage).map_err(fault)?;
            let stated = match (called, rest) {
                ("torch._utils._rebuild_tensor_v3", [_, _, kind, ..]) => pickle.global(*kind),
                _ => None,
            };
            let kind = match stated {
                Some(kind) => dtype(kind).map_err(fault)?,
                None => reference.dtype,
            };
            let kind = kind.ok_or_else(|| fault("expected an element type, found none".into()))?;
            let offset = pickle.int(*offset).and_then(|n| u64::try_from(n).ok());
            let offset = offset.ok_or_else(|| fault("expected an offset of 0 or more".into()))?;
            let (shape, strides) = (sizes(*shape)?, sizes(*strides)?);
            let bytes = storages.bytes(&reference.key)?;
            let data = view(&bytes, &reference, kind, offset, &shape, &strides).map_err(fault)?;
            Ok(Some(Named {
                name: name.to_string(),
                spec: TensorSpec::fixed(kind, &shape),
                data: Some(Arc::new(data)),
            }))
        }
        _ => Ok(None),
    }
}

/// The elements of a tensor in its storage.
fn view(
    bytes: &Bytes,
    reference: &Reference,
    dtype: DType,
    offset: u64,
    shape: &[u64],
    strides: &[u64],
) -> Result<TensorData, String> {
    let width = dtype.bits() / 8;
    let own = reference.dtype.map_or(1, |d| d.bits() / 8);
    let (key, held) = (&reference.key, bytes.len() as u64);
    let end = reference
        .offset
        .checked_add(reference.count)
        .and_then(|n| n.checked_mul(own))
        .filter(|&end| end <= held);
    let Some(end) = end else {
        let count = reference.count;
        return Err(format!(
            "storage {key:?} is said to hold {count} elements, the file has {held} bytes of it"
        ));
    };
    let start = offset
        .checked_mul(width)
        .and_then(|n| n.checked_add(reference.offset.checked_mul(own)?))
        .filter(|&start| start <= end);
    let part = start.map(|start| bytes.slice(start as usize..end as usize));
    elements(shape)?;
    part.and_then(|part| TensorData::strided(dtype, shape, strides, part))
        .ok_or_else(|| {
            format!(
                "{} {shape:?} with strides {strides:?} from element {offset} reaches beyond storage \
                 {key:?} of {} elements",
                dtype.name(),
                reference.count
            )
        })
}
