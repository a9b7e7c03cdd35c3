//! The spec of a layer's outputs from those of its inputs.

mod moves;
mod neural;
mod windows;

pub(super) use moves::places;

use super::Facts;
use crate::op::{Binary, Cell, Direction, Op, Unary};
use crate::{DType, Dim, LayerId, TensorSpec};

pub(super) type Dims = Vec<Dim>;
type Specs = Result<Vec<Option<TensorSpec>>, String>;

/// One layer and what is known around it.
pub(super) struct At<'a> {
    pub(super) facts: &'a Facts<'a>,
    pub(super) layer: LayerId,
}

impl At<'_> {
    /// The spec of input `place`, where it is given.
    fn spec(&self, place: usize) -> Option<&TensorSpec> {
        Some(self.facts.spec(self.facts.input(self.layer, place)?))
    }

    /// The sizes of input `place`; `None` when its rank is unknown.
    pub(super) fn dims(&self, place: usize) -> Option<Dims> {
        self.spec(place)?.dims()
    }

    fn dtype(&self, place: usize) -> DType {
        self.spec(place).map_or(DType::Unknown, |s| s.dtype)
    }

    /// An attribute, or integer input `place` where the attribute is absent.
    pub(super) fn list(&self, given: &Option<Vec<i64>>, place: usize) -> Option<Vec<i64>> {
        given.clone().or_else(|| self.facts.ints_at(self.layer, place))
    }

    /// True when input `place` is given.
    pub(super) fn has(&self, place: usize) -> bool {
        self.facts.input(self.layer, place).is_some()
    }
}

/// A negative axis counts from the end.
pub(super) fn axis(axis: i64, rank: usize) -> Result<usize, String> {
    let at = if axis < 0 { axis + rank as i64 } else { axis };
    usize::try_from(at)
        .ok()
        .filter(|&a| a < rank)
        .ok_or_else(|| format!("axis {axis} of a tensor of rank {rank}"))
}

/// NumPy broadcasting.
pub(super) fn broadcast(a: &[Dim], b: &[Dim]) -> Result<Dims, String> {
    let rank = a.len().max(b.len());
    let of = |s: &[Dim], i: usize| {
        (i + s.len())
            .checked_sub(rank)
            .map_or(Dim::Known(1), |j| s[j].clone())
    };
    (0..rank)
        .map(|i| match (of(a, i), of(b, i)) {
            (x, y) if x == y => Ok(x),
            (Dim::Known(1), d) | (d, Dim::Known(1)) => Ok(d),
            (Dim::Known(x), Dim::Known(y)) => Err(format!("sizes {x} and {y} do not broadcast")),
            (Dim::Known(n), _) | (_, Dim::Known(n)) => Ok(Dim::Known(n)),
            _ => Ok(Dim::Unknown),
        })
        .collect()
}

/// The spec of each output; `None` where nothing can be said.
///
/// # Errors
/// A sentence about inputs that do not fit the operator.
pub(super) fn outputs(facts: &Facts, layer: LayerId) -> Specs {
    let at = At { facts, layer };
    let l = facts.network.layer(layer);
    let same = |dims: Option<Dims>| Ok(vec![spec(dims, at.dtype(0))]);
    let typed = |dims: Option<Dims>, dtype| Ok(vec![spec(dims, dtype)]);
    match &l.op {
        Op::Conv { window, groups } => same(windows::conv(&at, window, *groups, [0, 1])?),
        Op::ConvTranspose {
            window,
            groups,
            output_padding,
            output_shape,
        } => same(windows::transpose(
            &at,
            window,
            *groups,
            output_padding,
            output_shape.as_deref(),
        )?),
        Op::MaxPool { window, ceil, .. } => {
            let dims = windows::pool(&at, window, *ceil)?;
            Ok(vec![spec(dims.clone(), at.dtype(0)), spec(dims, DType::I64)])
        }
        Op::AveragePool { window, ceil, .. } => same(windows::pool(&at, window, *ceil)?),
        Op::LpPool { window, ceil, .. } => same(windows::pool(&at, window, *ceil)?),
        Op::GlobalAveragePool | Op::GlobalMaxPool => same(at.dims(0).map(|d| {
            d.iter()
                .enumerate()
                .map(|(i, d)| if i < 2 { d.clone() } else { Dim::Known(1) })
                .collect()
        })),
        Op::Gemm { trans_a, trans_b, .. } => same(gemm(&at, *trans_a, *trans_b)?),
        Op::MatMul => same(matmul(&at, [0, 1])?),
        Op::Unary(Unary::Not | Unary::IsNan | Unary::IsInf) => typed(at.dims(0), DType::Bool),
        Op::Unary(_)
        | Op::PRelu
        | Op::Clip { .. }
        | Op::BatchNorm { .. }
        | Op::InstanceNorm { .. }
        | Op::GroupNorm { .. }
        | Op::RmsNorm { .. }
        | Op::Lrn { .. }
        | Op::LpNorm { .. }
        | Op::Softmax { .. }
        | Op::LogSoftmax { .. }
        | Op::Identity
        | Op::CumSum { .. }
        | Op::Trilu { .. }
        | Op::ScatterNd
        | Op::ScatterElements { .. } => same(at.dims(0)),
        Op::Other { name, .. }
            if matches!(name.as_str(), "RandomNormalLike" | "RandomUniformLike")
                && !l.attributes.contains_key("dtype") =>
        {
            same(at.dims(0))
        }
        Op::LayerNorm { axis: from, .. } => layer_norm(&at, *from),
        Op::Dropout { .. } => Ok(vec![spec(at.dims(0), at.dtype(0)), spec(at.dims(0), DType::Bool)]),
        Op::Binary(kind) => {
            let dims = pair(&at, 0, 1)?;
            let arithmetic = matches!(
                kind,
                Binary::Add | Binary::Sub | Binary::Mul | Binary::Div | Binary::Pow | Binary::Mod { .. }
            );
            typed(dims, if arithmetic { at.dtype(0) } else { DType::Bool })
        }
        Op::Variadic(_) => {
            let mut dims = at.dims(0);
            for place in 1..l.inputs.len() {
                dims = match (dims, at.dims(place)) {
                    (Some(a), Some(b)) => Some(broadcast(&a, &b)?),
                    _ => None,
                };
            }
            same(dims)
        }
        Op::Where => {
            let rest = pair(&at, 1, 2)?;
            let dims = match (at.dims(0), rest) {
                (Some(a), Some(b)) => Some(broadcast(&a, &b)?),
                _ => None,
            };
            typed(dims, at.dtype(1))
        }
        Op::Cast { to } => typed(at.dims(0), *to),
        Op::CastLike => typed(at.dims(0), at.dtype(1)),
        Op::Reduce {
            axes,
            keep_dims,
            noop_if_empty,
            ..
        } => same(reduce(&at, axes, *keep_dims, *noop_if_empty)?),
        Op::ArgMax { axis, keep_dims, .. } | Op::ArgMin { axis, keep_dims, .. } => {
            typed(reduce(&at, &Some(vec![*axis]), *keep_dims, false)?, DType::I64)
        }
        Op::Recurrent(cell) => recurrent(&at, cell),
        Op::If => branches(&at),
        Op::Shape { .. } => {
            let len = super::values::output(facts, layer).map(|v| v.len() as u64);
            typed(Some(vec![len.map_or(Dim::Unknown, Dim::Known)]), DType::I64)
        }
        Op::Size => typed(Some(vec![]), DType::I64),
        Op::Constant { value } => Ok(vec![Some(value.spec())]),
        _ => neural::outputs(&at).unwrap_or_else(|| moves::outputs(&at)),
    }
}

/// A spec, or nothing where neither shape nor type is known.
pub(super) fn spec(dims: Option<Dims>, dtype: DType) -> Option<TensorSpec> {
    match dims {
        Some(dims) => Some(TensorSpec::new(dtype, dims)),
        None if dtype == DType::Unknown => None,
        None => Some(TensorSpec { axes: None, dtype }),
    }
}

fn pair(at: &At, a: usize, b: usize) -> Result<Option<Dims>, String> {
    match (at.dims(a), at.dims(b)) {
        (Some(a), Some(b)) => broadcast(&a, &b).map(Some),
        _ => Ok(None),
    }
}

fn agree(a: &Dim, b: &Dim, what: &str) -> Result<(), String> {
    match (a, b) {
        (Dim::Known(x), Dim::Known(y)) if x != y => Err(format!("{what}: {x} meets {y}")),
        _ => Ok(()),
    }
}

fn gemm(at: &At, trans_a: bool, trans_b: bool) -> Result<Option<Dims>, String> {
    let (Some(a), Some(b)) = (at.dims(0), at.dims(1)) else {
        return Ok(None);
    };
    let ([a0, a1], [b0, b1]) = (&a[..], &b[..]) else {
        return Err(format!(
            "ranks {} and {}: matrices are expected",
            a.len(),
            b.len()
        ));
    };
    let (m, k) = if trans_a { (a1, a0) } else { (a0, a1) };
    let (k2, n) = if trans_b { (b1, b0) } else { (b0, b1) };
    agree(k, k2, "inner sizes of the product")?;
    Ok(Some(vec![m.clone(), n.clone()]))
}

fn matmul(at: &At, [left, right]: [usize; 2]) -> Result<Option<Dims>, String> {
    let (Some(mut a), Some(mut b)) = (at.dims(left), at.dims(right)) else {
        return Ok(None);
    };
    if a.is_empty() || b.is_empty() {
        return Err("a scalar has no matrix product".into());
    }
    let (row, column) = (a.len() == 1, b.len() == 1);
    if row {
        a.insert(0, Dim::Known(1));
    }
    if column {
        b.push(Dim::Known(1));
    }
    agree(&a[a.len() - 1], &b[b.len() - 2], "inner sizes of the product")?;
    let mut dims = broadcast(&a[..a.len() - 2], &b[..b.len() - 2])?;
    if !row {
        dims.push(a[a.len() - 2].clone());
    }
    if !column {
        dims.push(b[b.len() - 1].clone());
    }
    Ok(Some(dims))
}

/// The normalised tensor, then mean and inverse deviation with the normalised axes as 1.
fn layer_norm(at: &At, from: i64) -> Specs {
    let dtype = at.dtype(0);
    let Some(x) = at.dims(0) else {
        return Ok(vec![spec(None, dtype)]);
    };
    let from = axis(from, x.len())?;
    let one = |(i, d): (usize, &Dim)| if i < from { d.clone() } else { Dim::Known(1) };
    let statistics: Dims = x.iter().enumerate().map(one).collect();
    // float32 unless the file asks for another, which only its attribute says.
    let statistics = TensorSpec::new(DType::F32, statistics);
    Ok(vec![
        spec(Some(x), dtype),
        Some(statistics.clone()),
        Some(statistics),
    ])
}

fn reduce(at: &At, axes: &Option<Vec<i64>>, keep: bool, noop: bool) -> Result<Option<Dims>, String> {
    let Some(dims) = at.dims(0) else { return Ok(None) };
    let given = at.list(axes, 1);
    if given.is_none() && axes.is_none() && at.has(1) {
        // Axes that are only known when the network runs.
        return Ok(keep.then(|| vec![Dim::Unknown; dims.len()]));
    }
    let mut gone = Vec::new();
    for a in given.unwrap_or_default() {
        gone.push(axis(a, dims.len())?);
    }
    if gone.is_empty() {
        if noop {
            return Ok(Some(dims));
        }
        gone = (0..dims.len()).collect();
    }
    let kept = dims
        .into_iter()
        .enumerate()
        .filter_map(|(i, d)| match gone.contains(&i) {
            false => Some(d),
            true => keep.then_some(Dim::Known(1)),
        });
    Ok(Some(kept.collect()))
}

fn recurrent(at: &At, cell: &crate::op::Recurrent) -> Specs {
    let Some(x) = at.dims(0) else { return Ok(vec![]) };
    let [first, second, _] = &x[..] else {
        return Err(format!("rank {}: time, batch and features are expected", x.len()));
    };
    let (time, batch) = if cell.batch_first {
        (second, first)
    } else {
        (first, second)
    };
    let directions = Dim::Known(if cell.direction == Direction::Bidirectional {
        2
    } else {
        1
    });
    let from_weights = at.dims(2).and_then(|r| r.last().cloned());
    let hidden = match u64::try_from(cell.hidden_size) {
        Ok(n) if n > 0 => Dim::Known(n),
        _ => from_weights.unwrap_or(Dim::Unknown),
    };
    let of = |parts: [&Dim; 3]| parts.map(Clone::clone).to_vec();
    let (y, state) = if cell.batch_first {
        let y = vec![batch.clone(), time.clone(), directions.clone(), hidden.clone()];
        (y, of([batch, &directions, &hidden]))
    } else {
        let y = vec![time.clone(), directions.clone(), batch.clone(), hidden.clone()];
        (y, of([&directions, batch, &hidden]))
    };
    let dtype = at.dtype(0);
    let mut specs = vec![spec(Some(y), dtype), spec(Some(state.clone()), dtype)];
    if cell.cell == Cell::Lstm {
        specs.push(spec(Some(state), dtype));
    }
    Ok(specs)
}

/// What both branches of an `If` agree on, or what the only possible one gives.
fn branches(at: &At) -> Specs {
    let network = at.facts.network;
    let layer = network.layer(at.layer);
    let named = |name: &str| {
        layer
            .subgraphs
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, g)| network.graph(*g))
    };
    let (Some(yes), Some(no)) = (named("then_branch"), named("else_branch")) else {
        return Ok(vec![]);
    };
    let taken = at.facts.ints_at(at.layer, 0).and_then(|v| v.first().copied());
    let specs = |g: &crate::Graph| {
        g.outputs
            .iter()
            .map(|&t| at.facts.spec(t).clone())
            .collect::<Vec<_>>()
    };
    let (a, b) = (specs(yes), specs(no));
    let both = |(a, b): (&TensorSpec, &TensorSpec)| {
        let dtype = if a.dtype == b.dtype {
            a.dtype
        } else {
            DType::Unknown
        };
        let dims = match (a.dims(), b.dims()) {
            (Some(x), Some(y)) if x.len() == y.len() => Some(
                x.into_iter()
                    .zip(y)
                    .map(|(x, y)| if x == y { x } else { Dim::Unknown })
                    .collect(),
            ),
            _ => None,
        };
        spec(dims, dtype)
    };
    Ok(match taken {
        Some(0) => b.into_iter().map(Some).collect(),
        Some(_) => a.into_iter().map(Some).collect(),
        None => a.iter().zip(&b).map(both).collect(),
    })
}
