//! Multi-head attention (Vaswani et al. 2017), taken apart into products.

use model::op::{Binary, Op};
use model::{TensorData, TensorId};
use serde_json::Value;

use super::dense::finish;
use crate::channels::{Flow, Order, reshaped};
use crate::error::Fault;
use crate::keras::activation::Activation;
use crate::keras::at::{At, Made, Reader};

pub(super) fn layer(r: &mut Reader, at: &At, x: &[Flow]) -> Option<Made> {
    (at.class() == "MultiHeadAttention").then(|| attention(r, at, x))
}

/// Longest sequence whose causal mask is written out.
const MAX_CAUSAL: u64 = 2048;

/// `x` times a kernel `[width, heads, size]`, with its bias: `[N, T, heads * size]`.
fn project(
    r: &mut Reader,
    at: &At,
    part: &str,
    x: TensorId,
    kernel: [u64; 3],
    bias: bool,
) -> Result<TensorId, Fault> {
    let shaped = |data: &TensorData, shape: &[u64]| match data.shape.iter().product::<u64>() {
        n if n == shape.iter().product::<u64>() => Ok(reshaped(data, shape)),
        _ => Err(at.fault(format!(
            "weights of {part:?}: expected {shape:?}, found {}",
            data.spec()
        ))),
    };
    let [from, heads, size] = kernel;
    let to = [from, heads * size];
    let role = format!("{part}/kernel");
    let w = r.laid(at, &role, &role, 3, |data| shaped(data, &to))?;
    let y = r.step(at, part, Op::MatMul, &[x, w])?;
    if !bias {
        return Ok(y);
    }
    let role = format!("{part}/bias");
    let b = r.laid(at, &role, &role, 2, |data| shaped(data, &to[1..]))?;
    r.step(at, &format!("{part} bias"), Op::Binary(Binary::Add), &[y, b])
}

fn attention(r: &mut Reader, at: &At, x: &[Flow]) -> Made {
    let named = |name: &str| at.call.named.iter().position(|(n, _)| n == name);
    let masked = ["attention_mask", "query_mask", "value_mask", "key_mask"];
    let flag = |name: &str| {
        at.call
            .settings
            .get(name)
            .and_then(Value::as_bool)
            .unwrap_or(false)
    };
    let (Some(query), Some(value)) = (x.first(), x.get(1)) else {
        return Ok(None);
    };
    let key = x.get(2).unwrap_or(value);
    let plain = x.len() <= 3
        && masked.iter().all(|m| named(m).is_none())
        && !flag("return_attention_scores")
        && at
            .value("attention_axes")
            .is_none_or(|v| *v == Value::from(vec![1]))
        && at.value("output_shape").is_none();
    if !plain || [query, value, key].iter().any(|f| f.rank() != Some(3)) {
        return Ok(None);
    }
    let heads = at.size("num_heads", None)?;
    let key_size = at.size("key_dim", None)?;
    let value_size = at.size("value_dim", Some(key_size))?;
    let bias = at.flag("use_bias", true);
    let mut files = Vec::new();
    for flow in [query, key, value] {
        files.push(r.b.file(flow)?);
    }
    let [query, key, value] = [&files[0], &files[1], &files[2]];
    let (Some(q), Some(k), Some(v)) = (query.last(), key.last(), value.last()) else {
        return Ok(None);
    };
    let h = heads as u64;
    let reshape = |size: i64| Op::Reshape {
        shape: Some(vec![0, 0, heads, size]),
        allow_zero: false,
    };
    let turn = |perm: [i64; 4]| Op::Transpose {
        perm: Some(perm.to_vec()),
    };
    let split = |r: &mut Reader, part: &str, x: TensorId, from: u64, size: i64, perm| {
        let y = project(r, at, part, x, [from, h, size as u64], bias)?;
        let y = r.step(at, &format!("{part} heads"), reshape(size), &[y])?;
        r.step(at, &format!("{part} turned"), turn(perm), &[y])
    };
    let queries = split(r, "query", query.tensor, q, key_size, [0, 2, 1, 3])?;
    let keys = split(r, "key", key.tensor, k, key_size, [0, 2, 3, 1])?;
    let values = split(r, "value", value.tensor, v, value_size, [0, 2, 1, 3])?;
    let scale = r.scalar(at, "scale", 1.0 / (key_size as f32).sqrt());
    let queries = r.step(at, "scaled", Op::Binary(Binary::Mul), &[queries, scale])?;
    let mut scores = r.step(at, "scores", Op::MatMul, &[queries, keys])?;
    if flag("use_causal_mask") {
        let (Some(t), Some(s)) = (query.size(1), key.size(1)) else {
            return Ok(None);
        };
        if t.max(s) > MAX_CAUSAL {
            return Ok(None);
        }
        let ahead = (0..t).flat_map(|i| (0..s).map(move |j| if j > i { -1e9 } else { 0.0 }));
        let mask = TensorData::from_f32(&[t, s], &ahead.collect::<Vec<f32>>());
        let mask = r.b.constant(&format!("{}/causal mask", at.path), mask);
        scores = r.step(at, "causal", Op::Binary(Binary::Add), &[scores, mask])?;
    }
    let weights = r.step(
        at,
        "weights",
        Op::Softmax {
            axis: -1,
            coerce: false,
        },
        &[scores],
    )?;
    let mixed = r.step(at, "mixed", Op::MatMul, &[weights, values])?;
    let mixed = r.step(at, "mixed turned", turn([0, 2, 1, 3]), &[mixed])?;
    let wide = heads.saturating_mul(value_size);
    let op = Op::Reshape {
        shape: Some(vec![0, 0, wide]),
        allow_zero: false,
    };
    let mixed = r.step(at, "joined", op, &[mixed])?;
    let role = "output/kernel";
    let w = r.laid(at, role, role, 3, |data| {
        let rows = data.shape[0].saturating_mul(data.shape[1]);
        match rows == wide as u64 {
            true => Ok(reshaped(data, &[rows, data.shape[2]])),
            false => Err(at.fault(format!(
                "weight {role:?}: expected {wide} rows, found {}",
                data.spec()
            ))),
        }
    })?;
    let shape = Some(vec![query.size(0), query.size(1), Some(q)]);
    let inputs = vec![Some(mixed), Some(w)];
    let y = r.main(
        at,
        Op::MatMul,
        inputs,
        shape.clone(),
        Order::File,
        Activation::Linear,
    )?;
    if !bias {
        return Ok(Some(vec![y]));
    }
    let b = r.stored(at, "output/bias", 1)?;
    let op = Op::Binary(Binary::Add);
    finish(r, at, "bias", op, vec![y.tensor, b], shape, Activation::Linear)
}
