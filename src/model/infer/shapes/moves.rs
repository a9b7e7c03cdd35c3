//! Sizes after operators that move, cut and join.

use super::{At, Dims, Specs, axis, broadcast, spec};
use crate::op::Op;
use crate::{DType, Dim};

/// The places that a slice of an axis of `size` elements picks; `None` for a step of 0.
pub(in crate::infer) fn places(size: i64, start: i64, end: i64, step: i64) -> Option<Vec<usize>> {
    if step == 0 {
        return None;
    }
    let wrap = |v: i64| if v < 0 { v.saturating_add(size) } else { v };
    let (low, high) = if step > 0 { (0, size) } else { (-1, size - 1) };
    let mut at = wrap(start).clamp(low.max(0), high.max(0));
    let end = wrap(end).clamp(low, high);
    let mut all = Vec::new();
    while size > 0 && if step > 0 { at < end } else { at > end } {
        all.push(at as usize);
        at = at.saturating_add(step);
    }
    Some(all)
}

/// How many elements a slice picks, without listing them.
fn sliced(size: i64, start: i64, end: i64, step: i64) -> Option<i64> {
    if step == 0 {
        return None;
    }
    let wrap = |v: i64| if v < 0 { v.saturating_add(size) } else { v };
    let (low, high) = if step > 0 { (0, size) } else { (-1, size - 1) };
    let (start, end) = (
        wrap(start).clamp(low.max(0), high.max(0)),
        wrap(end).clamp(low, high),
    );
    let room = if step > 0 { end - start } else { start - end };
    Some(if size == 0 || room <= 0 {
        0
    } else {
        (room - 1) / step.saturating_abs() + 1
    })
}

fn product(dims: &[Dim]) -> Dim {
    dims.iter().fold(Dim::Known(1), |p, d| p.mul(d))
}

pub(super) fn outputs(at: &At) -> Specs {
    let layer = at.facts.network.layer(at.layer);
    let dtype = at.dtype(0);
    let same = |dims: Option<Dims>| Ok(vec![spec(dims, dtype)]);
    let sizes = |place: usize| -> Option<Dims> {
        Some(
            at.facts
                .items_at(at.layer, place)?
                .iter()
                .map(|i| i.dim())
                .collect(),
        )
    };
    let x = at.dims(0);
    match &layer.op {
        Op::Reshape { shape, allow_zero } => same(reshape(at, shape, *allow_zero)?),
        Op::Flatten { axis } => same(match x {
            Some(x) => {
                let place = if *axis < 0 { axis + x.len() as i64 } else { *axis };
                let place = usize::try_from(place).ok().filter(|&p| p <= x.len());
                let place = place.ok_or_else(|| format!("axis {axis} of a tensor of rank {}", x.len()))?;
                Some(vec![product(&x[..place]), product(&x[place..])])
            }
            None => None,
        }),
        Op::Squeeze { axes } => same(match (x, at.list(axes, 1)) {
            (Some(x), Some(axes)) => {
                let gone = axes
                    .iter()
                    .map(|&a| axis(a, x.len()))
                    .collect::<Result<Vec<_>, _>>()?;
                Some(
                    x.into_iter()
                        .enumerate()
                        .filter(|(i, _)| !gone.contains(i))
                        .map(|(_, d)| d)
                        .collect(),
                )
            }
            (Some(x), None) if !at.has(1) => Some(x.into_iter().filter(|d| *d != Dim::Known(1)).collect()),
            _ => None,
        }),
        Op::Unsqueeze { axes } => same(match (x, at.list(axes, 1)) {
            (Some(x), Some(axes)) => {
                let rank = x.len() + axes.len();
                let new = axes
                    .iter()
                    .map(|&a| axis(a, rank))
                    .collect::<Result<Vec<_>, _>>()?;
                let mut rest = x.into_iter();
                let one = |i: usize| {
                    if new.contains(&i) {
                        Some(Dim::Known(1))
                    } else {
                        rest.next()
                    }
                };
                Some((0..rank).map(one).collect::<Option<_>>().ok_or("axes repeat")?)
            }
            _ => None,
        }),
        Op::Transpose { perm } => same(match (x, perm) {
            (Some(x), Some(perm)) => {
                if perm.len() != x.len() {
                    return Err(format!("permutation {perm:?} of a tensor of rank {}", x.len()));
                }
                Some(
                    perm.iter()
                        .map(|&p| Ok(x[axis(p, x.len())?].clone()))
                        .collect::<Result<_, String>>()?,
                )
            }
            (Some(x), None) => Some(x.into_iter().rev().collect()),
            _ => None,
        }),
        Op::Concat { axis: along } => {
            let parts: Option<Vec<Dims>> = (0..layer.inputs.len()).map(|i| at.dims(i)).collect();
            let Some(parts) = parts.filter(|p| !p.is_empty()) else {
                return same(None);
            };
            let along = axis(*along, parts[0].len())?;
            let mut dims = parts[0].clone();
            for part in &parts[1..] {
                if part.len() != dims.len() {
                    return Err(format!("ranks {} and {} are joined", dims.len(), part.len()));
                }
                for (i, (d, p)) in dims.iter_mut().zip(part).enumerate() {
                    match (i == along, &*d, p) {
                        (true, _, _) => *d = d.add(p),
                        (_, Dim::Known(a), Dim::Known(b)) if a != b => {
                            return Err(format!(
                                "sizes {a} and {b} of axis {i} are joined along axis {along}"
                            ));
                        }
                        (_, Dim::Known(_), _) => {}
                        _ => *d = p.clone(),
                    }
                }
            }
            same(Some(dims))
        }
        Op::Split {
            axis: along,
            sizes,
            outputs,
        } => {
            let Some(x) = x else { return Ok(vec![]) };
            let along = axis(*along, x.len())?;
            let count = outputs
                .map_or(layer.outputs.len() as u64, |n| n.max(1) as u64)
                .max(1);
            let parts: Vec<Dim> = match at.list(sizes, 1) {
                Some(s) => s
                    .iter()
                    .map(|&n| u64::try_from(n).map_or(Dim::Unknown, Dim::Known))
                    .collect(),
                None if sizes.is_none() && at.has(1) => vec![Dim::Unknown; layer.outputs.len()],
                None => match x[along].known() {
                    Some(n) => {
                        let each = n.div_ceil(count);
                        (0..count)
                            .map(|i| Dim::Known(each.min(n.saturating_sub(i * each))))
                            .collect()
                    }
                    None => vec![x[along].div(&Dim::Known(count)); layer.outputs.len()],
                },
            };
            let one = |part: Dim| {
                let mut dims = x.clone();
                dims[along] = part;
                spec(Some(dims), dtype)
            };
            Ok(parts.into_iter().take(layer.outputs.len()).map(one).collect())
        }
        Op::Slice { starts, ends, axes } => same(slice(at, starts, ends, axes)?),
        Op::Pad { pads, .. } => same(match x {
            Some(x) => {
                let pads = at.list(pads, 1).filter(|p| p.len() == 2 * x.len() && !at.has(3));
                let one = |(i, d): (usize, &Dim)| match &pads {
                    Some(p) => match p[i].checked_add(p[i + x.len()]) {
                        Some(n) if n >= 0 => d.add(&Dim::Known(n as u64)),
                        Some(n) => d.sub(&Dim::Known(n.unsigned_abs())),
                        None => Dim::Unknown,
                    },
                    None => Dim::Unknown,
                };
                Some(x.iter().enumerate().map(one).collect())
            }
            None => None,
        }),
        Op::Expand => same(match (x, sizes(1)) {
            (Some(x), Some(to)) => Some(broadcast(&x, &to)?),
            _ => None,
        }),
        Op::Tile => same(match (x, sizes(1)) {
            (Some(x), Some(times)) if x.len() == times.len() => {
                Some(x.iter().zip(&times).map(|(d, t)| d.mul(t)).collect())
            }
            (x, _) => x.map(|x| vec![Dim::Unknown; x.len()]),
        }),
        Op::ConstantOfShape { value } => {
            let stated = at.dims(0).and_then(|d| d.first().and_then(Dim::known));
            let dims = sizes(0).or_else(|| {
                Some(vec![
                    Dim::Unknown;
                    usize::try_from(stated?).ok().filter(|&r| r <= 64)?
                ])
            });
            Ok(vec![spec(dims, value.dtype)])
        }
        Op::Range => {
            let count = super::super::values::output(at.facts, at.layer).map(|v| Dim::Known(v.len() as u64));
            // Counting up from 0 by 1 ends at the limit, whatever it is.
            let counts = at.facts.ints_at(at.layer, 0).as_deref() == Some(&[0])
                && at.facts.ints_at(at.layer, 2).as_deref() == Some(&[1]);
            let limit = sizes(1).filter(|s| counts && s.len() == 1).map(|s| s[0].clone());
            same(Some(vec![count.or(limit).unwrap_or(Dim::Unknown)]))
        }
        Op::Gather { axis: along } => same(gathered(x, at.dims(1), *along)?),
        Op::Embedding => Ok(vec![spec(gathered(at.dims(1), x, 0)?, at.dtype(1))]),
        Op::GatherElements { .. } => same(at.dims(1)),
        Op::Resize(options) => same(match x {
            Some(x) => {
                let scales = if options.two_inputs { 1 } else { 2 };
                let sizes = if options.two_inputs {
                    None
                } else {
                    sizes(3).filter(|s| !s.is_empty())
                };
                let scales = at
                    .facts
                    .input(at.layer, scales)
                    .and_then(|t| at.facts.network.tensor(t).data.as_ref()?.to_f32());
                let axes: Vec<usize> = match &options.axes {
                    Some(axes) => axes.iter().map(|&a| axis(a, x.len())).collect::<Result<_, _>>()?,
                    None => (0..x.len()).collect(),
                };
                let stretch = options.aspect.is_empty() || options.aspect == "stretch";
                let mut dims = x.clone();
                for (k, &a) in axes.iter().enumerate() {
                    dims[a] = match (&sizes, &scales) {
                        (Some(s), _) if stretch && s.len() == axes.len() => s[k].clone(),
                        (None, Some(s)) if s.len() == axes.len() => scale(&x[a], s[k]),
                        _ => Dim::Unknown,
                    };
                }
                Some(dims)
            }
            None => None,
        }),
        Op::DepthToSpace { block, .. } | Op::SpaceToDepth { block } => {
            let Some([n, c, h, w]) = x.as_deref() else {
                return same(None);
            };
            let b = Dim::Known(u64::try_from(*block).map_err(|_| "negative block size")?);
            same(Some(match &layer.op {
                Op::DepthToSpace { .. } => vec![n.clone(), c.div(&b.mul(&b)), h.mul(&b), w.mul(&b)],
                _ => vec![n.clone(), c.mul(&b.mul(&b)), h.div(&b), w.div(&b)],
            }))
        }
        Op::OneHot { axis: along } => {
            let Some(mut x) = x else { return same(None) };
            let place = axis(*along, x.len() + 1)?;
            x.insert(
                place,
                sizes(1).and_then(|d| d.first().cloned()).unwrap_or(Dim::Unknown),
            );
            Ok(vec![spec(Some(x), at.dtype(2))])
        }
        Op::TopK { axis: along, k, .. } => {
            let Some(mut x) = x else { return Ok(vec![]) };
            let place = axis(*along, x.len())?;
            let k = k.map(|k| u64::try_from(k).map_or(Dim::Unknown, Dim::Known));
            x[place] = k.or_else(|| sizes(1)?.first().cloned()).unwrap_or(Dim::Unknown);
            Ok(vec![spec(Some(x.clone()), dtype), spec(Some(x), DType::I64)])
        }
        Op::NonZero => Ok(vec![spec(
            Some(vec![
                x.map_or(Dim::Unknown, |x| Dim::Known(x.len() as u64)),
                Dim::Unknown,
            ]),
            DType::I64,
        )]),
        _ => Ok(vec![]),
    }
}

fn scale(size: &Dim, by: f32) -> Dim {
    if by.fract() == 0.0 && by >= 1.0 {
        return size.mul(&Dim::Known(by as u64));
    }
    size.known().map_or(Dim::Unknown, |n| {
        Dim::Known((n as f64 * by as f64).floor().max(0.0) as u64)
    })
}

fn gathered(x: Option<Dims>, indices: Option<Dims>, along: i64) -> Result<Option<Dims>, String> {
    let (Some(x), Some(i)) = (x, indices) else {
        return Ok(None);
    };
    let along = axis(along, x.len())?;
    Ok(Some([&x[..along], &i, &x[along + 1..]].concat()))
}

fn reshape(at: &At, shape: &Option<Vec<i64>>, allow_zero: bool) -> Result<Option<Dims>, String> {
    let x = at.dims(0);
    let wanted: Vec<super::super::values::Item> = match shape {
        Some(s) => s.iter().map(|&n| super::super::values::Item::Int(n)).collect(),
        None => match at.facts.items_at(at.layer, 1) {
            Some(items) => items.clone(),
            None => {
                let rank = at
                    .dims(1)
                    .and_then(|d| d.first().and_then(Dim::known))
                    .filter(|&r| r <= 64);
                return Ok(rank.map(|r| vec![Dim::Unknown; r as usize]));
            }
        },
    };
    let mut open = None;
    let mut dims = Vec::with_capacity(wanted.len());
    for (i, w) in wanted.iter().enumerate() {
        dims.push(match w.int() {
            Some(0) if !allow_zero => match &x {
                Some(x) => x
                    .get(i)
                    .cloned()
                    .ok_or_else(|| format!("size {i} of a tensor of rank {}", x.len()))?,
                None => Dim::Unknown,
            },
            Some(-1) if open.is_none() => {
                open = Some(i);
                Dim::Known(1)
            }
            Some(n) if n < 0 => return Err(format!("{n} in the new shape")),
            _ => w.dim(),
        });
    }
    let Some(x) = x else {
        open.into_iter().for_each(|i| dims[i] = Dim::Unknown);
        return Ok(Some(dims));
    };
    if let Some(i) = open {
        // What is equal on both sides cancels, so symbols need not divide.
        let (mut above, mut below) = (x.clone(), dims.clone());
        below.retain(
            |d| match above.iter().position(|a| a == d && *d != Dim::Unknown) {
                Some(at) => {
                    above.remove(at);
                    false
                }
                None => true,
            },
        );
        dims[i] = product(&above).div(&product(&below));
    } else if let (Some(a), Some(b)) = (product(&x).known(), product(&dims).known())
        && a != b
    {
        return Err(format!("{a} elements become {b}"));
    }
    Ok(Some(dims))
}

fn slice(
    at: &At,
    starts: &Option<Vec<i64>>,
    ends: &Option<Vec<i64>>,
    axes: &Option<Vec<i64>>,
) -> Result<Option<Dims>, String> {
    let Some(mut dims) = at.dims(0) else {
        return Ok(None);
    };
    let given = (at.list(starts, 1), at.list(ends, 2));
    let axes = match at.list(axes, 3) {
        Some(axes) => axes,
        None if axes.is_none() && at.has(3) => return Ok(Some(vec![Dim::Unknown; dims.len()])),
        None => {
            let count = given.0.as_ref().map(Vec::len);
            let stated = at
                .dims(1)
                .and_then(|d| d.first().and_then(Dim::known))
                .map(|n| n as usize);
            (0..count.or(stated).unwrap_or(dims.len()).min(dims.len()) as i64).collect()
        }
    };
    let steps = if starts.is_some() || !at.has(4) {
        Some(vec![1; axes.len()])
    } else {
        at.facts.ints_at(at.layer, 4)
    };
    for (k, &a) in axes.iter().enumerate() {
        let place = axis(a, dims.len())?;
        let of = |list: &Option<Vec<i64>>| list.as_ref().and_then(|l| l.get(k).copied());
        let (start, end, step) = (of(&given.0), of(&given.1), of(&steps));
        dims[place] = match (start, end, step, dims[place].known()) {
            (Some(s), Some(e), Some(t), Some(n)) => {
                let n = i64::try_from(n).map_err(|_| "an axis too large to slice")?;
                let count = sliced(n, s, e, t).ok_or("a slice step is 0")?;
                Dim::Known(count as u64)
            }
            (Some(0), Some(i64::MAX), Some(1), None) => dims[place].clone(),
            // A fixed begin from the front, and nothing cut at the end.
            (Some(s), Some(e), Some(1), None) if s > 0 && e >= i32::MAX as i64 => {
                dims[place].sub(&Dim::Known(s as u64))
            }
            (Some(0), Some(e), Some(1), None) if e < 0 => dims[place].sub(&Dim::Known(e.unsigned_abs())),
            _ => Dim::Unknown,
        };
    }
    Ok(Some(dims))
}
