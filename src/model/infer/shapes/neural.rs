//! Sizes after attention, quantised products, sampling and transforms.

use super::{At, Dims, Specs, axis, spec, windows};
use crate::op::{Attention, Op};
use crate::{DType, Dim};

fn known(n: i64) -> Dim {
    u64::try_from(n).map_or(Dim::Unknown, Dim::Known)
}

/// The spec of each output; `None` when other rules know the operator.
pub(super) fn outputs(at: &At) -> Option<Specs> {
    let op = &at.facts.network.layer(at.layer).op;
    let of = |dims: Result<Option<Dims>, String>, dtype: DType| Some(dims.map(|d| vec![spec(d, dtype)]));
    let same = |dims: Result<Option<Dims>, String>| of(dims, at.dtype(0));
    match op {
        Op::Attention(options) => Some(attention(at, options)),
        Op::FlexAttention { .. } => same(Ok(attended(at))),
        Op::LinearAttention(options) => Some(linear_attention(at, options.heads, options.kv_heads)),
        Op::RotaryEmbedding { .. } | Op::TensorScatter { .. } | Op::MeanVarianceNorm { .. } => {
            same(Ok(at.dims(0)))
        }
        Op::CausalConv { .. } => {
            let state = match (at.dims(0).as_deref(), at.dims(1).as_deref()) {
                (Some([n, c, _]), Some([.., k])) => Some(vec![n.clone(), c.clone(), k.sub(&Dim::Known(1))]),
                _ => None,
            };
            Some(Ok(vec![spec(at.dims(0), at.dtype(0)), spec(state, at.dtype(0))]))
        }
        Op::QuantizeLinear(q) => {
            let stated = if at.has(2) { at.dtype(2) } else { DType::U8 };
            of(Ok(at.dims(0)), q.to.unwrap_or(stated))
        }
        Op::DequantizeLinear(q) => of(Ok(at.dims(0)), q.to.unwrap_or(at.dtype(1))),
        Op::DynamicQuantizeLinear => Some(Ok(vec![
            spec(at.dims(0), DType::U8),
            spec(Some(vec![]), DType::F32),
            spec(Some(vec![]), DType::U8),
        ])),
        Op::QLinearConv { window, groups } => of(windows::conv(at, window, *groups, [0, 3]), at.dtype(7)),
        Op::ConvInteger { window, groups } => of(windows::conv(at, window, *groups, [0, 1]), DType::I32),
        Op::QLinearMatMul => of(super::matmul(at, [0, 3]), at.dtype(7)),
        Op::MatMulInteger => of(super::matmul(at, [0, 1]), DType::I32),
        Op::BatchNormTraining { .. } => {
            let running = |place| spec(at.dims(place), at.dtype(place));
            Some(Ok(vec![spec(at.dims(0), at.dtype(0)), running(3), running(4)]))
        }
        Op::GlobalLpPool { .. } => same(Ok(at.dims(0).map(|d| {
            let one = |(i, d)| if i < 2 { d } else { Dim::Known(1) };
            d.into_iter().enumerate().map(one).collect()
        }))),
        Op::MaxUnpool { window } => same(match at.has(2) {
            true => Ok(sizes(at, 2)),
            false => windows::unpool(at, window),
        }),
        Op::GridSample(_) => same(Ok(match (at.dims(0), at.dims(1)) {
            (Some(x), Some(grid)) if x.len() >= 2 && grid.len() == x.len() => {
                Some([&x[..2], &grid[1..grid.len() - 1]].concat())
            }
            _ => None,
        })),
        Op::AffineGrid { .. } => same(Ok(sizes(at, 1).filter(|s| s.len() > 2).map(|s| {
            let axes = Dim::Known(s.len() as u64 - 2);
            [&s[..1], &s[2..], &[axes]].concat()
        }))),
        Op::RoiAlign(options) => same(Ok(regions(at, options.size))),
        Op::MaxRoiPool { size, .. } => same(Ok(regions(at, *size))),
        Op::DeformConv(o) => same(windows::conv(at, &o.window, o.groups, [0, 1])),
        Op::Col2Im { .. } => same(Ok(columns(at))),
        Op::CenterCropPad { axes } => same(cropped(at, axes)),
        Op::Dft {
            axis,
            one_sided,
            inverse,
            ..
        } => same(dft(at, *axis, *inverse, *one_sided)),
        Op::Stft { .. } => same(Ok(at.dims(0).map(|x| {
            let n = x.first().cloned().unwrap_or(Dim::Unknown);
            vec![n, Dim::Unknown, Dim::Unknown, Dim::Known(2)]
        }))),
        Op::Taper { to, .. } => of(Ok(Some(vec![number(at, 0)])), *to),
        Op::MelWeights { to } => {
            let rows = number(at, 1).div(&Dim::Known(2)).add(&Dim::Known(1));
            of(Ok(Some(vec![rows, number(at, 0)])), *to)
        }
        _ => None,
    }
}

/// The sizes that integer input `place` lists.
fn sizes(at: &At, place: usize) -> Option<Dims> {
    let items = at.facts.items_at(at.layer, place)?;
    Some(items.iter().map(|i| i.dim()).collect())
}

/// The size that the single element of input `place` is.
fn number(at: &At, place: usize) -> Dim {
    match sizes(at, place).as_deref() {
        Some([one]) => one.clone(),
        _ => Dim::Unknown,
    }
}

fn attention(at: &At, o: &Attention) -> Specs {
    let dtype = at.dtype(0);
    let (Some(q), Some(k), Some(v)) = (at.dims(0), at.dims(1), at.dims(2)) else {
        return Ok(vec![spec(None, dtype)]);
    };
    if q.len() != k.len() || q.len() != v.len() || !(3..=4).contains(&q.len()) {
        return Err(format!("queries of rank {}: 3 or 4 axes are expected", q.len()));
    }
    // Batch, heads, length and width of each.
    let four = |d: &Dims, heads: i64| match &d[..] {
        [n, h, l, w] => [n, h, l, w].map(Clone::clone),
        [n, l, w] => [n.clone(), known(heads), l.clone(), w.div(&known(heads.max(1)))],
        _ => [Dim::Unknown, Dim::Unknown, Dim::Unknown, Dim::Unknown],
    };
    let shared = if o.kv_heads == 0 { o.heads } else { o.kv_heads };
    let ([n, h, length, _], [_, kv, keys, key], [.., value]) =
        (four(&q, o.heads), four(&k, shared), four(&v, shared));
    let y = match q.len() {
        4 => vec![n.clone(), h.clone(), length.clone(), value.clone()],
        _ => vec![n.clone(), length.clone(), value.mul(&h)],
    };
    let past = |place: usize| match at.has(place) {
        true => at
            .dims(place)
            .and_then(|p| p.get(2).cloned())
            .unwrap_or(Dim::Unknown),
        false => Dim::Known(0),
    };
    let total = keys.add(&past(4));
    let present = |width: Dim, place| vec![n.clone(), kv.clone(), keys.add(&past(place)), width];
    Ok(vec![
        spec(Some(y), dtype),
        spec(Some(present(key, 4)), at.dtype(1)),
        spec(Some(present(value, 5)), at.dtype(2)),
        spec(Some(vec![n.clone(), h, length, total]), dtype),
    ])
}

fn attended(at: &At) -> Option<Dims> {
    let (mut q, v) = (at.dims(0)?, at.dims(2)?);
    *q.last_mut()? = v.last()?.clone();
    Some(q)
}

fn linear_attention(at: &At, heads: i64, kv_heads: i64) -> Specs {
    let dtype = at.dtype(0);
    let (Some(q), Some(v)) = (at.dims(0), at.dims(2)) else {
        return Ok(vec![spec(None, dtype)]);
    };
    let ([n, length, width], [.., values]) = (&q[..], &v[..]) else {
        return Err(format!("queries of rank {}: 3 axes are expected", q.len()));
    };
    let (key, value) = (width.div(&known(heads)), values.div(&known(kv_heads)));
    let y = vec![n.clone(), length.clone(), value.mul(&known(heads))];
    let state = vec![n.clone(), known(kv_heads), key, value];
    Ok(vec![spec(Some(y), dtype), spec(Some(state), dtype)])
}

fn regions(at: &At, [height, width]: [i64; 2]) -> Option<Dims> {
    let (x, regions) = (at.dims(0)?, at.dims(1)?);
    Some(vec![
        regions.first()?.clone(),
        x.get(1)?.clone(),
        known(height),
        known(width),
    ])
}

fn columns(at: &At) -> Option<Dims> {
    let (x, image, block) = (at.dims(0)?, sizes(at, 1)?, sizes(at, 2)?);
    let cells = block.iter().fold(Dim::Known(1), |p, d| p.mul(d));
    let channels = x.get(1)?.div(&cells);
    Some([&[x.first()?.clone(), channels], &image[..]].concat())
}

fn cropped(at: &At, axes: &Option<Vec<i64>>) -> Result<Option<Dims>, String> {
    let Some(mut x) = at.dims(0) else { return Ok(None) };
    let all = || (0..x.len() as i64).collect();
    let axes = axes.clone().unwrap_or_else(all);
    let to = sizes(at, 1);
    for (k, &a) in axes.iter().enumerate() {
        let a = axis(a, x.len())?;
        x[a] = to
            .as_ref()
            .and_then(|t| t.get(k).cloned())
            .unwrap_or(Dim::Unknown);
    }
    Ok(Some(x))
}

fn dft(at: &At, along: Option<i64>, inverse: bool, one_sided: bool) -> Result<Option<Dims>, String> {
    let Some(mut x) = at.dims(0) else { return Ok(None) };
    let rank = x.len();
    let along = match along {
        Some(a) => Some(a),
        None if at.has(2) => at.facts.ints_at(at.layer, 2).and_then(|a| a.first().copied()),
        None => Some(-2),
    };
    let real = inverse && one_sided;
    let Some(along) = along else {
        x.fill(Dim::Unknown);
        x[rank - 1] = Dim::Known(if real { 1 } else { 2 });
        return Ok(Some(x));
    };
    let along = axis(along, rank)?;
    let length = match (at.has(1), real) {
        (true, _) => number(at, 1),
        (false, true) => x[along].sub(&Dim::Known(1)).mul(&Dim::Known(2)),
        (false, false) => x[along].clone(),
    };
    x[along] = match one_sided && !inverse {
        true => length.div(&Dim::Known(2)).add(&Dim::Known(1)),
        false => length,
    };
    x[rank - 1] = Dim::Known(if real { 1 } else { 2 });
    Ok(Some(x))
}
