//! Fast paths for the CPU backend, whose tensors are slices of host memory.
//!
//! Each computes what the general operator beside it computes on any backend, with fewer passes
//! over memory and on all cores; the general one stays the reference that the test compares with.

use std::any::Any;

use burn_backend::Backend;
use burn_backend::tensor::FloatTensor;
use burn_flex::FlexTensor;
use model::op::Unary;
use rten_simd::SimdUnaryOp;

use crate::kernels::Activation;
use crate::threads::chunks;
use crate::value::{dims, float, strides};

/// The values of `t` where it lies in host memory, row-major.
pub fn slice<B: Backend>(t: &FloatTensor<B>) -> Option<&[f32]> {
    (t as &dyn Any).downcast_ref::<FlexTensor>()?.as_slice()
}

/// The values of `t` where it lies in host memory, whatever its layout: those of its first element
/// on, and the elements from one to the next along each axis.
pub fn strided<B: Backend>(t: &FloatTensor<B>) -> Option<(&[f32], Vec<usize>)> {
    let t = (t as &dyn Any).downcast_ref::<FlexTensor>()?;
    if t.dtype() != burn_backend::DType::F32 {
        return None;
    }
    let steps = t.layout().strides().iter().map(|&s| usize::try_from(s));
    let steps = steps.collect::<Result<_, _>>().ok()?;
    Some((t.storage::<f32>().get(t.layout().start_offset()..)?, steps))
}

/// `t` copied row by row, where it lies in host memory in another order.
pub fn contiguous<B: Backend>(t: &FloatTensor<B>) -> Option<FloatTensor<B>> {
    if slice::<B>(t).is_some() {
        return None;
    }
    let (values, steps) = strided::<B>(t)?;
    let shape = dims::<B>(t);
    let mut out = vec![0f32; shape.iter().product()];
    // Axes that run on in each other are one, those of one element none.
    let mut axes: Vec<(usize, usize)> = Vec::new();
    for (&size, &step) in shape.iter().zip(&steps).filter(|(s, _)| **s != 1) {
        match axes.last_mut() {
            Some(last) if last.1 == size * step => *last = (last.0 * size, step),
            _ => axes.push((size, step)),
        }
    }
    let (width, across) = axes.pop().unwrap_or((1, 1));
    // The axis whose elements are neighbours is gone through beside the last one, in blocks that
    // stay in the cache.
    const SIDE: usize = 16;
    let beside = axes.iter().rposition(|a| a.1 == 1).or(axes.len().checked_sub(1));
    let own = &strides(&[&axes.iter().map(|a| a.0).collect::<Vec<_>>()[..], &[width]].concat());
    let (rows, down, apart) = match beside {
        Some(i) => (axes[i].0, axes[i].1, own[i]),
        None => (1, 0, width),
    };
    let mut starts = vec![(0, 0)];
    for (i, &(size, step)) in axes.iter().enumerate() {
        if Some(i) != beside {
            let all = starts.iter();
            starts = all
                .flat_map(|&(f, t)| (0..size).map(move |k| (f + k * step, t + k * own[i])))
                .collect();
        }
    }
    for (from, to) in starts {
        let side = if across == 1 { width } else { SIDE };
        for left in (0..width).step_by(side.max(1)) {
            let count = side.min(width - left);
            for row in 0..rows {
                let line = &mut out[to + row * apart + left..][..count];
                let source = &values[from + row * down + left * across..];
                match across {
                    1 => line.copy_from_slice(&source[..count]),
                    0 => line.fill(source[0]),
                    _ => (line.iter_mut().zip(source.iter().step_by(across))).for_each(|(o, &v)| *o = v),
                }
            }
        }
    }
    Some(float::<B>(out, &shape, &B::float_device(t)))
}

/// What a fast path has done of what follows it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Done {
    /// The sum has been added.
    pub summed: bool,
    /// The activation has been applied.
    pub activated: bool,
}

/// What a kernel for a result of `shape` can do of what follows it: no activation before a sum that
/// it cannot do.
pub fn follow<'a, B: Backend>(
    sum: Option<&'a FloatTensor<B>>,
    activation: Option<Unary>,
    shape: &[usize],
) -> (Option<&'a [f32]>, Option<Activation>) {
    let given = sum.is_some();
    let sum = sum.filter(|s| dims::<B>(s) == shape).and_then(slice::<B>);
    let activation = activation.filter(|_| sum.is_some() || !given);
    (sum, activation.and_then(Activation::of))
}

/// Elements that an element-wise task takes.
const PIECE: usize = 1 << 13;

/// `f` of each element.
pub fn map<B: Backend>(
    x: &FloatTensor<B>,
    f: impl Fn(f32) -> f32 + Sync + Send,
    device: &B::Device,
) -> Option<FloatTensor<B>> {
    let values = slice::<B>(x)?;
    let mut out = vec![0f32; values.len()];
    chunks(&mut out, PIECE, |i, out| {
        let from = &values[i * PIECE..][..out.len()];
        out.iter_mut().zip(from).for_each(|(o, &v)| *o = f(v));
    });
    Some(float::<B>(out, &dims::<B>(x), device))
}

/// A vectorised function of each element.
pub fn apply<B: Backend>(
    x: &FloatTensor<B>,
    f: &(impl SimdUnaryOp<f32> + Sync),
    device: &B::Device,
) -> Option<FloatTensor<B>> {
    let values = slice::<B>(x)?;
    let mut out = vec![0f32; values.len()];
    chunks(&mut out, PIECE, |i, out| {
        out.copy_from_slice(&values[i * PIECE..][..out.len()]);
        f.map_mut(out);
    });
    Some(float::<B>(out, &dims::<B>(x), device))
}

/// `f` of each pair of elements of two tensors of one rank that broadcast to `shape`.
pub fn zip<B: Backend>(
    a: &FloatTensor<B>,
    b: &FloatTensor<B>,
    shape: &[usize],
    f: impl Fn(f32, f32) -> f32 + Sync + Send,
    device: &B::Device,
) -> Option<FloatTensor<B>> {
    let (sides, values) = ([dims::<B>(a), dims::<B>(b)], [slice::<B>(a)?, slice::<B>(b)?]);
    if sides.iter().any(|s| s.len() != shape.len()) {
        return None;
    }
    // The last axes that each side has in full, or not at all.
    let (mut split, mut whole) = (shape.len(), [None; 2]);
    while split > 0 {
        let axis = split - 1;
        let full = [0, 1].map(|i| (shape[axis] > 1).then_some(sides[i][axis] == shape[axis]));
        if (0..2).any(|i| whole[i].is_some() && full[i].is_some() && whole[i] != full[i]) {
            break;
        }
        whole = [0, 1].map(|i| whole[i].or(full[i]));
        split = axis;
    }
    let inner: usize = shape[split..].iter().product();
    let steps = sides.each_ref().map(|side| {
        let own = strides(side);
        let step = |axis: usize| if side[axis] == 1 { 0 } else { own[axis] };
        (0..split).map(step).collect::<Vec<_>>()
    });
    let mut out = vec![0f32; shape.iter().product()];
    // One long run is cut up; many short ones are taken as they come.
    let piece = if split == 0 { PIECE } else { inner };
    chunks(&mut out, piece, |task, out| {
        let mut at = [0; 2];
        let mut rest = task;
        for axis in (0..split).rev() {
            let index = rest % shape[axis];
            rest /= shape[axis];
            at = [0, 1].map(|i| at[i] + index * steps[i][axis]);
        }
        let within = if split == 0 { task * PIECE } else { 0 };
        let [a, b] = [0, 1].map(|i| match whole[i] {
            Some(true) => &values[i][at[i] + within..][..out.len()],
            _ => &values[i][at[i]..=at[i]],
        });
        match (a, b) {
            (&[a], &[b]) => out.fill(f(a, b)),
            (&[a], b) => out.iter_mut().zip(b).for_each(|(o, &b)| *o = f(a, b)),
            (a, &[b]) => out.iter_mut().zip(a).for_each(|(o, &a)| *o = f(a, b)),
            (a, b) => out
                .iter_mut()
                .zip(a.iter().zip(b))
                .for_each(|(o, (&a, &b))| *o = f(a, b)),
        }
    });
    Some(float::<B>(out, shape, device))
}

/// `x * gain + offset` by channel, axis 1.
pub fn scale_and_shift<B: Backend>(
    x: &FloatTensor<B>,
    gain: &FloatTensor<B>,
    offset: &FloatTensor<B>,
    device: &B::Device,
) -> Option<FloatTensor<B>> {
    let shape = dims::<B>(x);
    let (values, gain, offset) = (slice::<B>(x)?, slice::<B>(gain)?, slice::<B>(offset)?);
    let plane: usize = shape[2..].iter().product();
    let mut out = vec![0f32; values.len()];
    chunks(&mut out, plane, |i, out| {
        let (g, o) = (gain[i % shape[1]], offset[i % shape[1]]);
        let from = &values[i * plane..][..plane];
        out.iter_mut().zip(from).for_each(|(y, &v)| *y = v * g + o);
    });
    Some(float::<B>(out, &shape, device))
}

#[cfg(test)]
pub mod tests {
    use burn_backend::ops::{ActivationOps, FloatTensorOps};
    use burn_flex::{Flex, FlexDevice};

    use super::*;
    use crate::value::read;

    pub fn noise(shape: &[usize], seed: u32) -> FloatTensor<Flex> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        let values = (0..shape.iter().product()).map(|_| next()).collect();
        float::<Flex>(values, shape, &FlexDevice)
    }

    pub fn same(what: &str, found: FloatTensor<Flex>, wanted: FloatTensor<Flex>) {
        assert_eq!(dims::<Flex>(&found), dims::<Flex>(&wanted), "{what}");
        let pairs = read::<Flex>(found)
            .unwrap()
            .into_iter()
            .zip(read::<Flex>(wanted).unwrap());
        for (i, (f, w)) in pairs.enumerate() {
            assert!(
                (f - w).abs() < 1e-4,
                "{what}: element {i} is {f}, the backend has {w}"
            );
        }
    }

    /// Permuted, cut out, broadcast, empty.
    #[test]
    fn copies_have_the_order_of_their_axes() {
        let x = noise(&[3, 5, 18, 20], 1);
        let mut cases = Vec::new();
        for axes in [
            [0, 2, 1, 3],
            [3, 2, 1, 0],
            [0, 1, 3, 2],
            [1, 0, 2, 3],
            [2, 3, 0, 1],
        ] {
            cases.push(Flex::float_permute(x.clone(), &axes));
        }
        let cut = crate::ops::shape::range::<Flex>(x.clone(), &[(0, 3), (1, 4), (2, 17), (3, 9)]);
        cases.push(Flex::float_permute(cut, &[3, 1, 0, 2]));
        let row = noise(&[1, 5, 1, 20], 2);
        cases.push(Flex::float_expand(
            row,
            burn_backend::Shape::from(vec![3, 5, 18, 20]),
        ));
        cases.push(Flex::float_permute(noise(&[3, 0, 2], 3), &[2, 1, 0]));
        for (i, case) in cases.into_iter().enumerate() {
            // The backend copies element by element.
            let wanted = float::<Flex>(
                read::<Flex>(case.clone()).unwrap(),
                &dims::<Flex>(&case),
                &FlexDevice,
            );
            let found = contiguous::<Flex>(&case).unwrap_or(case);
            same(&format!("case {i}"), found, wanted);
        }
    }

    #[test]
    fn elementwise_paths_reach_every_element() {
        // Larger than one task.
        let x = noise(&[2, 7, 60, 61], 7);
        let relu = map::<Flex>(&x, |v| v.max(0.0), &FlexDevice).unwrap();
        same("map", relu, Flex::relu(x.clone()));
        let all = dims::<Flex>(&x);
        for other in [
            &[2, 7, 60, 61][..],
            &[1, 7, 1, 1],
            &[1, 1, 1, 1],
            &[2, 1, 60, 1],
            &[1, 7, 1, 61],
            &[2, 7, 60, 1],
        ] {
            let y = noise(other, 8);
            let found = zip::<Flex>(&x, &y, &all, |a, b| a - b, &FlexDevice).unwrap();
            same("right", found, Flex::float_sub(x.clone(), y.clone()));
            let found = zip::<Flex>(&y, &x, &all, |a, b| a - b, &FlexDevice).unwrap();
            same("left", found, Flex::float_sub(y, x.clone()));
        }
        let (row, column) = (noise(&[1, 9], 11), noise(&[8, 1], 12));
        let found = zip::<Flex>(&row, &column, &[8, 9], |a, b| a * b, &FlexDevice).unwrap();
        same("both", found, Flex::float_mul(row, column));
        let (gain, offset) = (noise(&[1, 7, 1, 1], 9), noise(&[1, 7, 1, 1], 10));
        let found = scale_and_shift::<Flex>(&x, &gain, &offset, &FlexDevice).unwrap();
        same("scale", found, Flex::float_add(Flex::float_mul(x, gain), offset));
    }
}
