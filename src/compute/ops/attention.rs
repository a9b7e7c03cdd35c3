//! Scaled dot-product attention and rotary embeddings.

use burn_backend::Backend;
use burn_backend::tensor::FloatTensor;
use model::op::{Attention, Scores};

use super::matmul::product;
use super::shape::{pad, range};
use super::{Context, Output, Outputs};
use crate::value::{Ints, Value, broadcast, dims, expand, float, index, reshape};

/// `[N, L, H*D]` as `[N, H, L, D]`; four axes stay.
pub fn heads<B: Backend>(t: FloatTensor<B>, heads: i64) -> Result<FloatTensor<B>, String> {
    let shape = dims::<B>(&t);
    let count = usize::try_from(heads).unwrap_or(0);
    match shape[..] {
        [_, _, _, _] => Ok(t),
        [n, l, width] if count > 0 && width.is_multiple_of(count) => {
            let split = reshape::<B>(t, &[n, l, count, width / count]);
            Ok(B::float_permute(split, &[0, 2, 1, 3]))
        }
        _ => Err(format!("{shape:?} does not split into {heads} heads")),
    }
}

/// `[N, H, L, D]` as `[N, L, H*D]`.
pub fn joined<B: Backend>(t: FloatTensor<B>) -> FloatTensor<B> {
    let s = dims::<B>(&t);
    reshape::<B>(B::float_permute(t, &[0, 2, 1, 3]), &[s[0], s[2], s[1] * s[3]])
}

/// Each head of `[N, H, ...]` as often as query heads share it, `wanted` in all.
pub fn shared<B: Backend>(t: FloatTensor<B>, wanted: usize) -> Result<FloatTensor<B>, String> {
    let s = dims::<B>(&t);
    if s[1] == wanted {
        return Ok(t);
    }
    if s[1] == 0 || !wanted.is_multiple_of(s[1]) {
        return Err(format!("{wanted} query heads cannot share {} heads", s[1]));
    }
    let repeats = wanted / s[1];
    let t = reshape::<B>(t, &[s[0], s[1], 1, s[2], s[3]]);
    let t = expand::<B>(t, &[s[0], s[1], repeats, s[2], s[3]]);
    Ok(reshape::<B>(t, &[s[0], wanted, s[2], s[3]]))
}

/// The scaled scores `[N, H, L, T]` of queries and keys that share their heads.
pub fn scores<B: Backend>(
    q: FloatTensor<B>,
    k: FloatTensor<B>,
    scale: Option<f32>,
) -> Result<FloatTensor<B>, String> {
    let (qs, ks) = (dims::<B>(&q), dims::<B>(&k));
    if qs[0] != ks[0] || qs[3] != ks[3] {
        return Err(format!("queries {qs:?} and keys {ks:?} do not fit"));
    }
    let scale = scale.unwrap_or(1.0 / (qs[3] as f32).sqrt());
    // The scale goes on the smaller factor.
    let q = B::float_mul_scalar(q, scale.into());
    product::<B>(q, B::float_swap_dims(shared::<B>(k, qs[1])?, 2, 3))
}

/// `Attention`: `Q`, `K`, `V` of 3 or 4 axes, a mask that is added or chooses, keys and values of
/// the past, the number of keys that are no padding. Out: `Y`, keys and values so far, scores.
pub fn attention<B: Backend>(c: &Context<B>, o: &Attention) -> Outputs<B> {
    let flat = c.value(0)?.shape().len() == 3;
    let kv_heads = if o.kv_heads == 0 { o.heads } else { o.kv_heads };
    let q = heads::<B>(c.float(0)?, o.heads)?;
    let k = heads::<B>(c.float(1)?, kv_heads)?;
    let v = heads::<B>(c.float(2)?, kv_heads)?;
    let (mut past, mut both) = (0, [k, v]);
    for (i, now) in both.iter_mut().enumerate() {
        let Some(before) = c.opt_float(4 + i)? else {
            continue;
        };
        let (b, n) = (dims::<B>(&before), dims::<B>(now));
        if b.len() != 4 || [b[0], b[1], b[3]] != [n[0], n[1], n[3]] {
            return Err(format!("the past {b:?} does not go before {n:?}"));
        }
        past = b[2];
        *now = B::float_cat(vec![before, now.clone()], 2);
    }
    let [k, v] = both;
    let (qs, ks, vs) = (dims::<B>(&q), dims::<B>(&k), dims::<B>(&v));
    if ks[..3] != vs[..3] {
        return Err(format!("keys {ks:?} and values {vs:?} do not fit"));
    }
    let mut s = scores::<B>(q, k.clone(), o.scale)?;
    let mut shown = s.clone();
    if o.softcap > 0.0 {
        let tanh = B::float_tanh(B::float_mul_scalar(s, (1.0 / o.softcap).into()));
        s = B::float_mul_scalar(tanh, o.softcap.into());
    }
    if o.scores == Scores::Softcap {
        shown = s.clone();
    }
    let full = [qs[0], qs[1], qs[2], ks[2]];
    for mask in masks(c, o, &full, past)? {
        s = B::float_add(s, mask);
    }
    if o.scores == Scores::Mask {
        shown = s.clone();
    }
    let share = B::softmax(s, 3);
    if o.scores == Scores::Softmax {
        shown = share.clone();
    }
    let y = product::<B>(share, shared::<B>(v.clone(), qs[1])?)?;
    let y = if flat { joined::<B>(y) } else { y };
    Ok([y, k, v, shown].map(Value::Float).to_vec())
}

/// What is added to scores of shape `full`: 0, or minus infinity where a query must not look.
fn masks<B: Backend>(
    c: &Context<B>,
    o: &Attention,
    full: &[usize; 4],
    past: usize,
) -> Result<Vec<FloatTensor<B>>, String> {
    let [batch, _, length, keys] = *full;
    let mut all = Vec::new();
    if let Some(mask) = c.opt(3) {
        let mut t = match mask {
            Value::Int(chosen) => {
                let hidden = |&v: &i64| if v != 0 { 0.0 } else { f32::NEG_INFINITY };
                float::<B>(chosen.data.iter().map(hidden).collect(), &chosen.shape, c.device)
            }
            _ => c.float(3)?,
        };
        let own = dims::<B>(&t);
        let missing = own.last().map_or(0, |&n| keys.saturating_sub(n));
        if missing > 0 && own.last() != Some(&1) {
            let mut ends = vec![(0, 0); own.len()];
            ends[own.len() - 1].1 = missing;
            t = pad::<B>(t, &ends, f32::NEG_INFINITY, c.device);
        }
        let own = dims::<B>(&t);
        if own.len() > 4 || broadcast(&own, full)? != full {
            return Err(format!("a mask {own:?} for scores {full:?}"));
        }
        all.push(crate::value::raise::<B>(t, 4));
    }
    if o.causal {
        let seen = |i: usize| {
            if i % keys <= past + i / keys {
                0.0
            } else {
                f32::NEG_INFINITY
            }
        };
        let values = (0..length * keys).map(seen).collect();
        all.push(float::<B>(values, &[1, 1, length, keys], c.device));
    }
    if let Some(counts) = c.opt_ints(6)? {
        if counts.len() != batch {
            return Err(format!("{} numbers of keys for a batch of {batch}", counts.len()));
        }
        let given = |i: usize| match ((i % keys) as i64) < counts[i / keys] {
            true => 0.0,
            false => f32::NEG_INFINITY,
        };
        let values = (0..batch * keys).map(given).collect();
        all.push(float::<B>(values, &[batch, 1, 1, keys], c.device));
    }
    Ok(all)
}

/// `RotaryEmbedding` of `X [N, H, L, D]` or `[N, L, H*D]`: pairs of features turn by angles whose
/// cosines and sines are inputs 1 and 2, `[places, D/2]` with places in input 3, or `[N, L, D/2]`.
pub fn rotary<B: Backend>(c: &Context<B>, interleaved: bool, width: i64, count: i64) -> Output<B> {
    let flat = c.value(0)?.shape().len() == 3;
    let x = heads::<B>(c.float(0)?, count)?;
    let s = dims::<B>(&x);
    let width = match usize::try_from(width) {
        Ok(0) | Err(_) => s[3],
        Ok(w) => w,
    };
    let half = width / 2;
    if width > s[3] || !width.is_multiple_of(2) {
        return Err(format!("{width} of {} features cannot be paired", s[3]));
    }
    let turns = |i: usize| -> Result<FloatTensor<B>, String> {
        let mut t = c.float(i)?;
        if c.opt(3).is_some() {
            let (places, table) = (c.ints(3)?, dims::<B>(&t));
            let rows = places.data.len();
            let fits = |&p: &i64| usize::try_from(p).is_ok_and(|p| p < table[0]);
            if table.len() != 2 || !places.data.iter().all(fits) || rows != s[0] * s[2] {
                return Err(format!("places {:?} in a table {table:?}", places.shape));
            }
            let line = Ints::new(vec![rows], places.data.to_vec());
            t = B::float_select(t, 0, index::<B>(&line, c.device));
        }
        let own = dims::<B>(&t);
        if own.iter().product::<usize>() != s[0] * s[2] * half {
            return Err(format!("angles {own:?} for {s:?}: {half} a token are expected"));
        }
        Ok(reshape::<B>(t, &[s[0], 1, s[2], half]))
    };
    let (cos, sin) = (turns(1)?, turns(2)?);
    let cut = |from, to| range::<B>(x.clone(), &[(0, s[0]), (0, s[1]), (0, s[2]), (from, to)]);
    let split = [s[0], s[1], s[2], half];
    let [a, b] = match interleaved {
        false => [cut(0, half), cut(half, width)],
        true => [0, 1].map(|k| {
            let pairs = reshape::<B>(cut(0, width), &[s[0], s[1], s[2], half, 2]);
            let ranges = [(0, s[0]), (0, s[1]), (0, s[2]), (0, half), (k, k + 1)];
            reshape::<B>(range::<B>(pairs, &ranges), &split)
        }),
    };
    let real = B::float_sub(
        B::float_mul(a.clone(), cos.clone()),
        B::float_mul(b.clone(), sin.clone()),
    );
    let imaginary = B::float_add(B::float_mul(a, sin), B::float_mul(b, cos));
    let mut parts = match interleaved {
        false => vec![real, imaginary],
        true => {
            let five = [&split[..], &[1]].concat();
            let both = [real, imaginary].map(|t| reshape::<B>(t, &five)).to_vec();
            vec![reshape::<B>(B::float_cat(both, 4), &[s[0], s[1], s[2], width])]
        }
    };
    if width < s[3] {
        parts.push(cut(width, s[3]));
    }
    let y = B::float_cat(parts, 3);
    Ok(Value::Float(if flat { joined::<B>(y) } else { y }))
}
