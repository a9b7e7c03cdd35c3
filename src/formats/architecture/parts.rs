//! Parts that several architectures share.

use model::op::Attribute;
use model::{DType, Dim, TensorId};

use super::Made;
use super::build::Build;

/// `[N, T]`: a batch of token sequences.
pub(super) fn tokens() -> [Dim; 2] {
    ["N", "T"].map(|s| Dim::Symbol(s.to_string()))
}

/// Most negative float32: what a masked score is set to.
pub(super) const MASKED: f32 = f32::MIN;

/// Bytes of an ONNX element type, as `Cast` wants it.
pub(super) fn to(dtype: DType) -> Attribute {
    Attribute::Int(match dtype {
        DType::I64 => 7,
        DType::Bool => 9,
        _ => 1,
    })
}

/// `x W' + b` along the last axis, from a matrix `[to, from]` and a bias where there is one.
pub(super) fn linear(
    b: &mut Build,
    name: &str,
    weight: &str,
    x: TensorId,
    from: u64,
    to: u64,
) -> Made<TensorId> {
    let matrix = b.transposed(&format!("{weight}.weight"), &[to, from])?;
    let y = b.op("MatMul", name, &[x, matrix], &[])?;
    bias(b, name, weight, y, to)
}

/// `x W + b` from a matrix `[from, to]`: GPT-2's `Conv1D`.
pub(super) fn conv1d(
    b: &mut Build,
    name: &str,
    weight: &str,
    x: TensorId,
    from: u64,
    to: u64,
) -> Made<TensorId> {
    let matrix = b.weight(&format!("{weight}.weight"), &[from, to])?;
    let y = b.op("MatMul", name, &[x, matrix], &[])?;
    bias(b, name, weight, y, to)
}

fn bias(b: &mut Build, name: &str, weight: &str, y: TensorId, to: u64) -> Made<TensorId> {
    let own = format!("{weight}.bias");
    if !b.has(&own) {
        return Ok(y);
    }
    let bias = b.weight(&own, &[to])?;
    b.op("Add", &format!("{name}.bias"), &[y, bias], &[])
}

/// Layer normalisation over the last axis of `width` elements.
pub(super) fn layer_norm(
    b: &mut Build,
    name: &str,
    weight: &str,
    x: TensorId,
    width: u64,
    epsilon: f64,
) -> Made<TensorId> {
    let scale = b.weight(&format!("{weight}.weight"), &[width])?;
    let bias = b.weight(&format!("{weight}.bias"), &[width])?;
    let with = [
        ("axis", Attribute::Int(-1)),
        ("epsilon", Attribute::Float(epsilon as f32)),
    ];
    b.op("LayerNormalization", name, &[x, scale, bias], &with)
}

/// The rows of the table `weight` that `ids` name.
pub(super) fn embedding(
    b: &mut Build,
    name: &str,
    weight: &str,
    ids: TensorId,
    width: u64,
) -> Made<TensorId> {
    let weight = format!("{weight}.weight");
    let rows = b.shape(&weight)?.first().copied().unwrap_or(0);
    let table = b.weight(&weight, &[rows, width])?;
    b.op("Gather", name, &[table, ids], &[("axis", Attribute::Int(0))])
}

/// `[0, 1, ...]` along axis 1 of `ids`: `[T]`, int64.
pub(super) fn positions(b: &mut Build, ids: TensorId) -> Made<TensorId> {
    let with = [("start", Attribute::Int(1)), ("end", Attribute::Int(2))];
    let length = b.op("Shape", "length", &[ids], &with)?;
    let first = b.ints(&[0]);
    let length = b.op("Squeeze", "length_scalar", &[length, first], &[])?;
    let (zero, one) = (b.int(0), b.int(1));
    b.op("Range", "positions", &[zero, length, one], &[])
}

/// What is added to the scores of attention: 0 where `mask` `[N, T]` is 1, [`MASKED`] where it is
/// 0: `[N, 1, 1, T]`.
pub(super) fn padding_mask(b: &mut Build, mask: TensorId) -> Made<TensorId> {
    b.within("mask", |b| {
        let mask = b.op("Cast", "float", &[mask], &[("to", to(DType::F32))])?;
        let axes = b.ints(&[1, 2]);
        let mask = b.op("Unsqueeze", "axes", &[mask, axes], &[])?;
        let (one, least) = (b.float(1.0), b.float(MASKED));
        let masked = b.op("Sub", "masked", &[one, mask], &[])?;
        b.op("Mul", "bias", &[masked, least], &[])
    })
}

/// What is added to the scores of attention so that no token looks ahead, and none further back
/// than `window`: `[T, T]`.
pub(super) fn causal_mask(b: &mut Build, positions: TensorId, window: Option<u64>) -> Made<TensorId> {
    b.within("mask", |b| {
        let (rows, columns) = (b.ints(&[1]), b.ints(&[0]));
        let query = b.op("Unsqueeze", "query", &[positions, rows], &[])?;
        let key = b.op("Unsqueeze", "key", &[positions, columns], &[])?;
        let mut hidden = b.op("Greater", "ahead", &[key, query], &[])?;
        if let Some(window) = window {
            let reach = b.int(window as i64);
            let away = b.op("Sub", "distance", &[query, key], &[])?;
            let far = b.op("GreaterOrEqual", "far", &[away, reach], &[])?;
            hidden = b.op("Or", "hidden", &[hidden, far], &[])?;
        }
        let hidden = b.op("Cast", "float", &[hidden], &[("to", to(DType::F32))])?;
        let least = b.float(MASKED);
        b.op("Mul", "bias", &[hidden, least], &[])
    })
}

/// `[N, T, heads * size]` to `[N, heads, T, size]`.
pub(super) fn split_heads(b: &mut Build, name: &str, x: TensorId, heads: u64, size: u64) -> Made<TensorId> {
    let shape = b.ints(&[0, 0, heads as i64, size as i64]);
    let x = b.op("Reshape", &format!("{name}_heads"), &[x, shape], &[])?;
    let perm = [("perm", Attribute::Ints(vec![0, 2, 1, 3]))];
    b.op("Transpose", &format!("{name}_by_head"), &[x], &perm)
}

/// Attention (Vaswani et al. 2017) of queries, keys and values `[N, heads, T, size]`: the scores
/// are multiplied by `scale` and `biases` added to them. `[N, T, heads * size]`.
pub(super) fn attention(
    b: &mut Build,
    [query, key, value]: [TensorId; 3],
    width: u64,
    scale: f32,
    biases: &[TensorId],
) -> Made<TensorId> {
    let perm = [("perm", Attribute::Ints(vec![0, 1, 3, 2]))];
    let key = b.op("Transpose", "key_transposed", &[key], &perm)?;
    let mut scores = b.op("MatMul", "scores", &[query, key], &[])?;
    if scale != 1.0 {
        let scale = b.float(scale);
        scores = b.op("Mul", "scaled", &[scores, scale], &[])?;
    }
    for &bias in biases {
        scores = b.op("Add", "masked", &[scores, bias], &[])?;
    }
    let weights = b.op("Softmax", "weights", &[scores], &[("axis", Attribute::Int(-1))])?;
    let context = b.op("MatMul", "context", &[weights, value], &[])?;
    let perm = [("perm", Attribute::Ints(vec![0, 2, 1, 3]))];
    let context = b.op("Transpose", "context_by_token", &[context], &perm)?;
    let shape = b.ints(&[0, 0, width as i64]);
    b.op("Reshape", "context_joined", &[context, shape], &[])
}

/// The activation that transformers calls `kind`.
pub(super) fn activation(b: &mut Build, kind: &str, x: TensorId) -> Made<TensorId> {
    let tanh = [("approximate", Attribute::String("tanh".into()))];
    match kind {
        "gelu" | "gelu_python" => b.op("Gelu", "gelu", &[x], &[]),
        "gelu_new" | "gelu_fast" | "gelu_pytorch_tanh" => b.op("Gelu", "gelu", &[x], &tanh),
        "relu" => b.op("Relu", "relu", &[x], &[]),
        "tanh" => b.op("Tanh", "tanh", &[x], &[]),
        "silu" | "swish" => {
            let gate = b.op("Sigmoid", "sigmoid", &[x], &[])?;
            b.op("Mul", "silu", &[x, gate], &[])
        }
        _ => Err(format!("the activation {kind:?} is not built yet")),
    }
}

/// Size of each of `heads` that share `width`.
pub(super) fn head_size(width: u64, heads: u64) -> Made<u64> {
    match width.is_multiple_of(heads) {
        true => Ok(width / heads),
        false => Err(format!("a width of {width} has no {heads} heads of one size")),
    }
}

/// Root mean square normalisation over the last axis of `width` elements.
pub(super) fn rms_norm(
    b: &mut Build,
    name: &str,
    weight: &str,
    x: TensorId,
    width: u64,
    epsilon: f64,
) -> Made<TensorId> {
    let scale = b.weight(&format!("{weight}.weight"), &[width])?;
    let with = [
        ("axis", Attribute::Int(-1)),
        ("epsilon", Attribute::Float(epsilon as f32)),
    ];
    b.op("RMSNormalization", name, &[x, scale], &with)
}

/// Scores of the vocabulary: from the matrix `own` where it is there, else from the table of
/// embeddings.
pub(super) fn vocabulary(b: &mut Build, x: TensorId, own: &str, table: &str, width: u64) -> Made<TensorId> {
    let matrix = match b.has(&format!("{own}.weight")) {
        true => format!("{own}.weight"),
        false => format!("{table}.weight"),
    };
    let words = b.shape(&matrix)?.first().copied().unwrap_or(0);
    let matrix = b.transposed(&matrix, &[words, width])?;
    let y = b.op("MatMul", "vocabulary", &[x, matrix], &[])?;
    bias(b, "vocabulary", own, y, words)
}
