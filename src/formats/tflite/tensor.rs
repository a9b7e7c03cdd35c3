//! Tensors of a TFLite graph: shapes, stored values, quantisation undone.

use bytes::Bytes;
use model::{DType, Payload, TensorData};

use super::flat::{List, Table};
use crate::channels::Sizes;
use crate::error::Fault;

/// A tensor as the file states it.
pub(super) struct Entry {
    pub(super) name: String,
    /// Sizes; `None` where the signature leaves them open.
    pub(super) shape: Sizes,
    pub(super) dtype: DType,
    /// Stored values, floats where they were quantised.
    pub(super) data: Option<TensorData>,
    /// Scale and zero point of each channel, or of all.
    pub(super) scales: Vec<(f32, i64)>,
    /// Why stored values cannot be used.
    pub(super) unusable: Option<&'static str>,
}

fn dtype(code: u8) -> DType {
    match code {
        0 => DType::F32,
        1 => DType::F16,
        2 => DType::I32,
        3 => DType::U8,
        4 => DType::I64,
        5 => DType::String,
        6 => DType::Bool,
        7 => DType::I16,
        8 => DType::Complex64,
        9 => DType::I8,
        10 => DType::F64,
        11 => DType::Complex128,
        12 => DType::U64,
        15 => DType::U32,
        16 => DType::U16,
        17 => DType::I4,
        _ => DType::Unknown,
    }
}

pub(super) fn read(tensor: &Table, buffers: &List, file: &Bytes, budget: &mut u64) -> Result<Entry, Fault> {
    let name = tensor.text(3)?;
    let place = || format!("tensor {name:?}");
    let code = tensor.byte(1)?;
    let stored = dtype(code);
    let fixed = tensor.ints(0)?;
    let signature = tensor.ints(7)?;
    let open = if signature.len() == fixed.len() {
        signature
    } else {
        fixed.clone()
    };
    if fixed.len() > 8 {
        let found = fixed.len();
        return Err(Fault::new(
            place(),
            format!("expected at most 8 axes, found {found}"),
        ));
    }
    let shape: Sizes = open.iter().map(|&n| u64::try_from(n).ok()).collect();
    let mut entry = Entry {
        dtype: stored,
        shape,
        data: None,
        scales: Vec::new(),
        unusable: None,
        name: name.clone(),
    };
    let mut axis = 0;
    if let Some(quantization) = tensor.table(4)? {
        let (scales, zeros) = (quantization.floats(2)?, quantization.longs(3)?);
        let zero = |i: usize| zeros.get(i).or(zeros.first()).copied().unwrap_or(0);
        entry.scales = scales.iter().enumerate().map(|(i, &s)| (s, zero(i))).collect();
        axis = usize::try_from(quantization.int(6, 0)?).unwrap_or(0);
    }
    let quantised = !entry.scales.is_empty() && !stored.is_float() && stored.bits() > 0;
    if quantised {
        entry.dtype = DType::F32;
    }
    let buffer = usize::try_from(tensor.int(2, 0)?).unwrap_or(0);
    // Buffer 0 is empty by agreement.
    let Some(found) = buffers.get(buffer)?.filter(|_| buffer > 0) else {
        return Ok(entry);
    };
    let range = match (found.long(1)?, found.long(2)?) {
        // Values of files above 2 GiB stand after the tables.
        (offset, size) if offset > 1 => {
            let end = offset.checked_add(size).filter(|&e| e <= file.len() as u64);
            let end = end.ok_or_else(|| Fault::new(place(), "its values reach beyond the file"))?;
            offset as usize..end as usize
        }
        _ => found.data(0)?,
    };
    if range.is_empty() {
        return Ok(entry);
    }
    let shape: Option<Vec<u64>> = fixed.iter().map(|&n| u64::try_from(n).ok()).collect();
    let shape = shape.ok_or_else(|| Fault::new(place(), "stored values of an open shape"))?;
    let elements = shape.iter().try_fold(1u64, |p, &d| p.checked_mul(d));
    let wanted = elements.map(|n| stored.bytes(n));
    if stored.bits() == 0 || stored == DType::Complex64 || stored == DType::Complex128 {
        entry.unusable = Some("values of this type are not read");
        return Ok(entry);
    }
    if let Some(sparsity) = tensor.table(6)? {
        let values = TensorData {
            dtype: stored,
            shape: vec![range.len() as u64 / (stored.bits() / 8).max(1)],
            payload: Payload::Bytes(file.slice(range)),
        };
        entry.data = Some(super::sparse::dense(&sparsity, values, &shape).map_err(|f| f.within(&place()))?);
        return Ok(entry);
    }
    if wanted != Some(range.len() as u64) {
        let (found, name) = (range.len(), stored.name());
        return Err(Fault::new(place(), format!("{found} bytes for {name} {shape:?}")));
    }
    let data = TensorData {
        dtype: stored,
        shape,
        payload: Payload::Bytes(file.slice(range)),
    };
    entry.data = Some(match quantised {
        true => dequantised(&entry, &data, axis, budget).map_err(|f| f.within(&place()))?,
        false => data,
    });
    Ok(entry)
}

/// `scale * (q - zero)`, the scale one for all or one for each place along `axis`.
fn dequantised(entry: &Entry, data: &TensorData, axis: usize, budget: &mut u64) -> Result<TensorData, Fault> {
    let count = data.len() as u64;
    *budget = budget
        .checked_sub(count)
        .ok_or_else(|| Fault::new("", "more quantised values than a file of this size holds"))?;
    let channels = entry.scales.len();
    let (size, inner) = match data.shape.get(axis) {
        Some(&size) if channels > 1 => (
            size as usize,
            data.shape[axis + 1..].iter().product::<u64>() as usize,
        ),
        _ => (1, 1),
    };
    if channels > 1 && size != channels {
        let problem = format!("expected a scale for each of {size} places of axis {axis}, found {channels}");
        return Err(Fault::new("", problem));
    }
    let values = data
        .to_i64()
        .ok_or_else(|| Fault::new("", "quantised values of another type than integer"))?;
    let one = |(i, q): (usize, &i64)| {
        let (scale, zero) = entry.scales[if channels > 1 { i / inner.max(1) % size } else { 0 }];
        scale * (q.wrapping_sub(zero)) as f32
    };
    let floats: Vec<f32> = values.iter().enumerate().map(one).collect();
    Ok(TensorData::from_f32(&data.shape, &floats))
}

/// How many values of a file may be written out as floats: many tensors may share one buffer.
pub(super) fn budget(file: &Bytes) -> u64 {
    4 * file.len() as u64
}
