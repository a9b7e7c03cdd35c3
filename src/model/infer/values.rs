//! The elements of small integer tensors, followed through shape arithmetic.

use super::{Facts, MAX_FOLLOWED};
use crate::op::{Binary, Op, Reduction, Unary};
use crate::{DType, Dim, LayerId, TensorData, TensorId};

/// One element: a number, or a size that may be symbolic.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Item {
    Int(i64),
    Size(Dim),
}

impl Item {
    /// As a size; negative numbers are not.
    pub(super) fn dim(&self) -> Dim {
        match self {
            Item::Int(n) => u64::try_from(*n).map_or(Dim::Unknown, Dim::Known),
            Item::Size(d) => d.clone(),
        }
    }

    /// As a number.
    pub(super) fn int(&self) -> Option<i64> {
        match self {
            Item::Int(n) => Some(*n),
            Item::Size(d) => d.known().and_then(|n| i64::try_from(n).ok()),
        }
    }

    fn of(dim: &Dim) -> Item {
        match dim.known().and_then(|n| i64::try_from(n).ok()) {
            Some(n) => Item::Int(n),
            None => Item::Size(dim.clone()),
        }
    }
}

/// The elements of a stored integer tensor of rank 0 or 1 (or of a float one that holds whole
/// numbers, as some exporters compute sizes).
pub(super) fn of_data(data: &TensorData) -> Option<Vec<Item>> {
    if data.shape.len() > 1 || data.len() > MAX_FOLLOWED || data.dtype == DType::String {
        return None;
    }
    let ints = match data.dtype.is_float() {
        false => data.to_i64()?,
        true => data
            .to_f32()?
            .into_iter()
            .map(|v| (v.fract() == 0.0).then_some(v as i64))
            .collect::<Option<_>>()?,
    };
    Some(ints.into_iter().map(Item::Int).collect())
}

impl Facts<'_> {
    /// The input tensor at `place`.
    pub(super) fn input(&self, layer: LayerId, place: usize) -> Option<TensorId> {
        self.network.layer(layer).inputs.get(place).copied().flatten()
    }

    /// The elements of input `place`, where they are known.
    pub(super) fn items_at(&self, layer: LayerId, place: usize) -> Option<&Vec<Item>> {
        self.items.get(&self.input(layer, place)?)
    }

    /// The numbers in input `place`, where all are known.
    pub(super) fn ints_at(&self, layer: LayerId, place: usize) -> Option<Vec<i64>> {
        self.items_at(layer, place)?.iter().map(Item::int).collect()
    }
}

/// The elements of a layer's first output, where they can be followed.
pub(super) fn output(facts: &Facts, layer: LayerId) -> Option<Vec<Item>> {
    let of = |place| facts.items_at(layer, place).cloned();
    let items = match &facts.network.layer(layer).op {
        Op::Constant { value } => of_data(value)?,
        Op::Shape { start, end } => {
            let dims = facts.spec(facts.input(layer, 0)?).dims()?;
            let rank = dims.len() as i64;
            let clamp = |v: i64| (if v < 0 { v + rank } else { v }).clamp(0, rank) as usize;
            let (from, to) = (clamp(*start), clamp(end.unwrap_or(rank)));
            dims.get(from..to)
                .unwrap_or_default()
                .iter()
                .map(Item::of)
                .collect()
        }
        Op::Size => {
            let dims = facts.spec(facts.input(layer, 0)?).dims()?;
            vec![Item::of(&dims.iter().fold(Dim::Known(1), |p, d| p.mul(d)))]
        }
        Op::ConstantOfShape { value } => {
            let count = facts.ints_at(layer, 0)?;
            let [count] = count[..] else { return None };
            let one = of_data(value)?.first()?.clone();
            vec![one; usize::try_from(count).ok().filter(|&c| c <= MAX_FOLLOWED)?]
        }
        Op::Identity
        | Op::Cast { .. }
        | Op::Squeeze { .. }
        | Op::Unsqueeze { .. }
        | Op::Reshape { .. }
        | Op::Flatten { .. } => of(0)?,
        Op::Unary(Unary::Floor | Unary::Ceil | Unary::Relu) => of(0)?,
        Op::Unary(Unary::Neg) => facts
            .ints_at(layer, 0)?
            .into_iter()
            .map(|v| Item::Int(-v))
            .collect(),
        Op::Gather { .. } => {
            let (data, places) = (of(0)?, facts.ints_at(layer, 1)?);
            let at = |p: i64| {
                data.get(usize::try_from(if p < 0 { p + data.len() as i64 } else { p }).ok()?)
                    .cloned()
            };
            places.into_iter().map(at).collect::<Option<_>>()?
        }
        Op::Concat { .. } => {
            let count = facts.network.layer(layer).inputs.len();
            (0..count).map(of).collect::<Option<Vec<_>>>()?.concat()
        }
        Op::Slice {
            starts,
            ends,
            axes: _,
        } => {
            let data = of(0)?;
            let list =
                |given: &Option<Vec<i64>>, place| given.clone().or_else(|| facts.ints_at(layer, place));
            let (start, end) = (*list(starts, 1)?.first()?, *list(ends, 2)?.first()?);
            let step = if starts.is_some() {
                1
            } else {
                facts.ints_at(layer, 4).map_or(Some(1), |s| s.first().copied())?
            };
            super::shapes::places(data.len() as i64, start, end, step)?
                .into_iter()
                .map(|p| data[p].clone())
                .collect()
        }
        Op::Range => {
            let bound = |place| facts.ints_at(layer, place)?.first().copied();
            let (start, limit, step) = (bound(0)?, bound(1)?, bound(2)?);
            let mut at = start;
            let mut all = Vec::new();
            while step != 0 && (if step > 0 { at < limit } else { at > limit }) && all.len() <= MAX_FOLLOWED {
                all.push(Item::Int(at));
                at = at.checked_add(step)?;
            }
            all
        }
        Op::Reduce {
            kind: Reduction::Prod,
            ..
        } => {
            vec![Item::of(
                &of(0)?.iter().fold(Dim::Known(1), |p, d| p.mul(&d.dim())),
            )]
        }
        Op::Where => {
            let (condition, x, y) = (facts.ints_at(layer, 0)?, of(1)?, of(2)?);
            let count = condition.len().max(x.len()).max(y.len());
            let at = |i: usize| {
                let c = pick(&condition, i)?;
                if *c != 0 { pick(&x, i) } else { pick(&y, i) }.cloned()
            };
            (0..count).map(at).collect::<Option<_>>()?
        }
        Op::Expand => {
            let (data, shape) = (of(0)?, facts.ints_at(layer, 1)?);
            let ([one], [count]) = (&data[..], &shape[..]) else {
                return None;
            };
            vec![one.clone(); usize::try_from(*count).ok().filter(|&c| c <= MAX_FOLLOWED)?]
        }
        Op::Binary(kind) => {
            let (a, b) = (of(0)?, of(1)?);
            let count = a.len().max(b.len());
            (0..count)
                .map(|i| binary(*kind, pick(&a, i)?, pick(&b, i)?))
                .collect::<Option<_>>()?
        }
        _ => return None,
    };
    (items.len() <= MAX_FOLLOWED).then_some(items)
}

/// Element `i` of a list that broadcasts.
fn pick<T>(list: &[T], i: usize) -> Option<&T> {
    if list.len() == 1 {
        list.first()
    } else {
        list.get(i)
    }
}

fn binary(kind: Binary, a: &Item, b: &Item) -> Option<Item> {
    if let (Some(x), Some(y)) = (a.int(), b.int()) {
        let n = match kind {
            Binary::Add => x.checked_add(y)?,
            Binary::Sub => x.checked_sub(y)?,
            Binary::Mul => x.checked_mul(y)?,
            Binary::Div => x.checked_div(y)?,
            Binary::Mod { .. } => x.checked_rem(y)?,
            Binary::Equal => (x == y) as i64,
            Binary::Greater => (x > y) as i64,
            Binary::GreaterOrEqual => (x >= y) as i64,
            Binary::Less => (x < y) as i64,
            Binary::LessOrEqual => (x <= y) as i64,
            Binary::And => (x != 0 && y != 0) as i64,
            Binary::Or => (x != 0 || y != 0) as i64,
            _ => return None,
        };
        return Some(Item::Int(n));
    }
    let (x, y) = (a.dim(), b.dim());
    let dim = match kind {
        Binary::Add => x.add(&y),
        Binary::Sub => x.sub(&y),
        Binary::Mul => x.mul(&y),
        Binary::Div => x.div(&y),
        // A size is never negative.
        Binary::Equal if a.int().or(b.int()).is_some_and(|n| n < 0) => return Some(Item::Int(0)),
        _ => return None,
    };
    (dim != Dim::Unknown).then_some(Item::Size(dim))
}
