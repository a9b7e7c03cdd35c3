//! Writes into caches, and crops about a centre.

use burn_backend::Backend;

use super::conv::bounded;
use super::shape::{pad, range, take, with_shape};
use super::{Context, Output};
use crate::value::{Ints, Value, axis_of as resolve, strides};

/// `TensorScatter(cache, update, places)`: `update` goes into `cache` along `axis`, for each item of
/// the batch at its place; with `circular` the axis begins again after its end.
pub fn tensor_scatter<B: Backend>(c: &Context<B>, axis: i64, circular: bool) -> Output<B> {
    let (cache, update) = (c.value(0)?, c.value(1)?);
    let (s, u) = (cache.shape(), update.shape());
    let axis = resolve(axis, s.len())?;
    let fits =
        s.len() == u.len() && axis > 0 && (0..s.len()).all(|i| s[i] == u[i] || (i == axis && u[i] <= s[i]));
    let items = s.first().copied().unwrap_or(0);
    let places = c.opt_ints(2)?.unwrap_or_else(|| vec![0; items]);
    if !fits || places.len() != items {
        return Err(format!(
            "update {u:?} at {} places of a cache {s:?}",
            places.len()
        ));
    }
    let sources = sources(&s, u[axis], axis, &places, circular)?;
    let line = |v: &Value<B>| with_shape(v, vec![v.shape().iter().product()]);
    let (cache, update) = (line(cache)?, line(update)?);
    let both = match (&cache, &update) {
        (Value::Int(a), Value::Int(b)) => {
            let data: Vec<i64> = a.data.iter().chain(b.data.iter()).copied().collect();
            Value::Int(Ints::new(vec![data.len()], data).typed(a.dtype))
        }
        _ => Value::Float(B::float_cat(
            vec![cache.floats(c.device)?, update.floats(c.device)?],
            0,
        )),
    };
    with_shape(&take(&both, 0, &sources, c.device), s)
}

/// For each element of a cache of shape `s` where it comes from: the cache, or after it the update
/// with `length` places along `axis`.
fn sources(
    s: &[usize],
    length: usize,
    axis: usize,
    places: &[i64],
    circular: bool,
) -> Result<Vec<usize>, String> {
    let (total, size): (usize, usize) = (s.iter().product(), s[axis]);
    let last = (size - length) as i64;
    if let Some(p) = places.iter().find(|p| **p < 0 || (!circular && **p > last)) {
        return Err(format!("{length} values at place {p} of {size}"));
    }
    let inner: usize = s[axis + 1..].iter().product();
    let item = strides(s)[0];
    let source = |flat: usize| {
        let (line, at) = (flat / inner / size, flat / inner % size);
        let begin = places[flat / item] as usize % size;
        let k = (at + size - begin) % size;
        match k < length {
            true => total + (line * length + k) * inner + flat % inner,
            false => flat,
        }
    };
    Ok((0..total).map(source).collect())
}

/// `CenterCropPad(X, shape)`: both ends of each axis are cut or filled with 0 alike; an odd cell
/// more at the end.
pub fn centre_crop_pad<B: Backend>(c: &Context<B>, axes: &Option<Vec<i64>>) -> Output<B> {
    let mut x = c.value(0)?.clone();
    let s = x.shape();
    let wanted = c.ints(1)?.data.to_vec();
    let axes: Vec<usize> = match axes {
        Some(axes) => axes
            .iter()
            .map(|&a| resolve(a, s.len()))
            .collect::<Result<_, _>>()?,
        None => (0..s.len()).collect(),
    };
    if wanted.len() != axes.len() {
        return Err(format!("{} sizes for {} axes", wanted.len(), axes.len()));
    }
    let (mut cut, mut ends): (Vec<_>, Vec<_>) = s.iter().map(|&d| ((0, d), (0, 0))).unzip();
    for (&axis, &to) in axes.iter().zip(&wanted) {
        let to = usize::try_from(to).ok().filter(|&t| t < 1 << 28);
        let to = to.ok_or_else(|| format!("sizes {wanted:?}"))?;
        let begin = s[axis].abs_diff(to) / 2;
        match to <= s[axis] {
            true => cut[axis] = (begin, begin + to),
            false => ends[axis] = (begin, to - s[axis] - begin),
        }
    }
    let end = |(d, e): (&usize, &(usize, usize))| d + e.0 + e.1;
    bounded(&s.iter().zip(&ends).map(end).collect::<Vec<_>>())?;
    x = match x {
        Value::Float(t) => {
            let t = range::<B>(t, &cut);
            Value::Float(pad::<B>(t, &ends, 0.0, c.device))
        }
        other => {
            let mut y = other;
            for axis in 0..s.len() {
                let places: Vec<usize> = (cut[axis].0..cut[axis].1).collect();
                y = take(&y, axis, &places, c.device);
                if let Value::Int(i) = &y {
                    y = Value::Int(super::shape::surround(i, axis, ends[axis], 0));
                }
            }
            y
        }
    };
    Ok(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_may_pass_the_end_of_a_circular_cache() {
        let at = |places: &[i64], circular| sources(&[1, 3, 1], 2, 1, places, circular);
        assert_eq!(at(&[1], false).unwrap(), [0, 3, 4]);
        assert_eq!(at(&[2], true).unwrap(), [4, 1, 3]);
        assert!(at(&[2], false).is_err());
        assert!(at(&[-1], true).is_err());
    }
}
