//! Weights of recurrent cells, from Keras's order of gates to ONNX's.

use model::op::Cell;
use model::{TensorData, TensorId};

use super::Settings;
use crate::channels::{permute, reshaped};
use crate::error::Fault;
use crate::keras::at::{At, Reader};

/// The gates of `[rows, gates * units]` in ONNX's order, turned: `[gates * units, rows]`.
fn turned(at: &At, data: &TensorData, s: &Settings) -> Result<TensorData, Fault> {
    let (rows, units) = (data.shape[0], s.units as u64);
    if data.shape[1] != units.saturating_mul(s.gates as u64) {
        let found = data.spec();
        return Err(at.fault(format!(
            "expected weights for {} gates of {units} units, found {found}",
            s.gates
        )));
    }
    let gates = permute(&reshaped(data, &[rows, s.gates as u64, units]), &[1, 2, 0]);
    let ordered = match s.cell {
        // i, f, c, o to i, o, f, c.
        Cell::Lstm => pick(&gates, &[0, 3, 1, 2]),
        _ => gates,
    };
    Ok(reshaped(&ordered, &[s.gates as u64 * units, rows]))
}

/// Rows of the first axis in another order.
fn pick(data: &TensorData, places: &[usize]) -> TensorData {
    let bytes = data.to_bytes();
    let each = bytes.len() / data.shape[0].max(1) as usize;
    let out: Vec<u8> = places
        .iter()
        .flat_map(|&p| bytes[p * each..(p + 1) * each].to_vec())
        .collect();
    TensorData {
        payload: model::Payload::Bytes(out.into()),
        ..data.clone()
    }
}

/// One after the other along a new first axis.
fn stacked(at: &At, parts: Vec<TensorData>) -> Result<TensorData, Fault> {
    let first = &parts[0];
    if parts
        .iter()
        .any(|p| p.shape != first.shape || p.dtype != first.dtype)
    {
        return Err(at.fault("the weights of its two directions differ in shape"));
    }
    let shape: Vec<u64> = std::iter::once(parts.len() as u64)
        .chain(first.shape.iter().copied())
        .collect();
    let bytes: Vec<u8> = parts.iter().flat_map(|p| p.to_bytes().into_owned()).collect();
    Ok(TensorData {
        dtype: first.dtype,
        shape,
        payload: model::Payload::Bytes(bytes.into()),
    })
}

/// `W`, `R` and `B` of the directions whose weights stand behind `parts`.
pub(super) fn weights(
    r: &mut Reader,
    at: &At,
    s: &Settings,
    parts: &[&str],
) -> Result<Vec<Option<TensorId>>, Fault> {
    let role = |part: &str, name: &str| format!("{part}{name}");
    let missing = parts.iter().any(|p| {
        let has = |name: &str| {
            r.weights
                .get(&at.path, &format!("{}{}", at.part, role(p, name)))
                .is_some()
        };
        !has("kernel") || !has("recurrent_kernel") || (s.bias && !has("bias"))
    });
    if missing {
        let names = ["kernel", "recurrent_kernel", "bias"];
        let names = &names[..if s.bias { 3 } else { 2 }];
        return names
            .iter()
            .map(|n| Ok(Some(r.stored(at, &role(parts[0], n), 2)?)))
            .collect();
    }
    let weights = r.weights;
    let mut given = Vec::new();
    for name in ["kernel", "recurrent_kernel"] {
        let mut all = Vec::new();
        for part in parts {
            if let Some(data) = at.weight(weights, &role(part, name), 2)? {
                all.push(turned(at, data, s)?);
            }
        }
        let data = stacked(at, all)?;
        given.push(Some(
            r.b.stored(&format!("{}/{}{name}", at.path, at.part), || Ok(data))?,
        ));
    }
    if s.bias {
        let mut all = Vec::new();
        for part in parts {
            all.push(bias(r, at, s, &role(part, "bias"))?);
        }
        let data = stacked(at, all)?;
        given.push(Some(
            r.b.stored(&format!("{}/{}bias", at.path, at.part), || Ok(data))?,
        ));
    }
    Ok(given)
}

/// Input and recurrent bias as one list of `2 * gates * units`.
fn bias(r: &Reader, at: &At, s: &Settings, role: &str) -> Result<TensorData, Fault> {
    let rank = if s.reset_after { 2 } else { 1 };
    let data = at.weight(r.weights, role, rank)?;
    let data = data.ok_or_else(|| at.fault(format!("expected a weight {role:?}, found none")))?;
    let wide = s.gates as u64 * s.units as u64;
    let rows = match rank {
        2 => data.clone(),
        _ => reshaped(data, &[1, data.shape[0]]),
    };
    if rows.shape[1] != wide || rows.shape[0] > 2 {
        let found = data.spec();
        return Err(at.fault(format!("weight {role:?}: expected {wide} values, found {found}")));
    }
    let mut bytes = Vec::new();
    let all = rows.to_bytes();
    let each = all.len() / rows.shape[0].max(1) as usize;
    for row in all.chunks_exact(each.max(1)) {
        let gates = TensorData {
            dtype: rows.dtype,
            shape: vec![s.gates as u64, s.units as u64],
            payload: model::Payload::Bytes(row.to_vec().into()),
        };
        let ordered = match s.cell {
            Cell::Lstm => pick(&gates, &[0, 3, 1, 2]),
            _ => gates,
        };
        bytes.extend_from_slice(&ordered.to_bytes());
    }
    bytes.resize(2 * each, 0);
    Ok(TensorData {
        dtype: rows.dtype,
        shape: vec![2 * wide],
        payload: model::Payload::Bytes(bytes.into()),
    })
}
