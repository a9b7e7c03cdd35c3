//! Fast paths along one axis for the CPU backend, as in [`super::host`]; the general operators stay
//! the reference that the test compares with.

use burn_backend::Backend;
use burn_backend::tensor::FloatTensor;
use rten_simd::SimdOp;
use rten_vecmath::{LogSoftmax, Normalize, NormalizeOptions, Softmax, Sum, SumSquareSub};

use super::host::slice;
use crate::threads::chunks;
use crate::value::{dims, float};

/// Each cell of `axis` as a weighted sum of some input cells, which must lie within the axis.
pub fn blend<B: Backend>(
    x: &FloatTensor<B>,
    axis: usize,
    cells: &[Vec<(usize, f32)>],
    device: &B::Device,
) -> Option<FloatTensor<B>> {
    let values = slice::<B>(x)?;
    let mut shape = dims::<B>(x);
    let (inner, size): (usize, usize) = (shape[axis + 1..].iter().product(), shape[axis]);
    shape[axis] = cells.len();
    let mut out = vec![0f32; shape.iter().product()];
    // Cells that are copies of one input cell each.
    let copied = |c: &Vec<(usize, f32)>| match c[..] {
        [(i, w)] => (w == 1.0).then_some(i),
        _ => None,
    };
    let copies: Option<Vec<usize>> = cells.iter().map(copied).collect();
    chunks(&mut out, cells.len() * inner, |line, out| {
        let from = &values[line * size * inner..][..size * inner];
        match (&copies, inner) {
            (Some(copies), 1) => out.iter_mut().zip(copies).for_each(|(o, &i)| *o = from[i]),
            (Some(copies), _) => {
                let rows = out.chunks_mut(inner).zip(copies);
                rows.for_each(|(o, &i)| o.copy_from_slice(&from[i * inner..][..inner]));
            }
            (None, _) => {
                for (out, taps) in out.chunks_mut(inner).zip(cells) {
                    for &(i, w) in taps {
                        let row = &from[i * inner..][..inner];
                        out.iter_mut().zip(row).for_each(|(o, &v)| *o += w * v);
                    }
                }
            }
        }
    });
    Some(float::<B>(out, &shape, device))
}

/// Softmax along the last axis, or its logarithm.
pub fn softmax<B: Backend>(x: &FloatTensor<B>, log: bool, device: &B::Device) -> Option<FloatTensor<B>> {
    let values = slice::<B>(x)?;
    let shape = dims::<B>(x);
    let width = *shape.last().filter(|&&w| w > 0)?;
    let mut out = vec![0f32; values.len()];
    chunks(&mut out, width, |row, out| {
        out.copy_from_slice(&values[row * width..][..width]);
        match log {
            true => drop(LogSoftmax::new_mut(out).dispatch()),
            false => drop(Softmax::new_mut(out).dispatch()),
        }
    });
    Some(float::<B>(out, &shape, device))
}

/// Zero mean and unit variance along the last axis, then a product with `gain` and a sum with
/// `shift`, which are as long as it.
pub fn normalize<B: Backend>(
    x: &FloatTensor<B>,
    [gain, shift]: [Option<&FloatTensor<B>>; 2],
    epsilon: f32,
    device: &B::Device,
) -> Option<FloatTensor<B>> {
    let values = slice::<B>(x)?;
    let shape = dims::<B>(x);
    let width = *shape.last().filter(|&&w| w > 0)?;
    let whole = |t: &[f32]| t.len() == width;
    let gain = match gain {
        Some(gain) => Some(slice::<B>(gain).filter(|s| whole(s))?),
        None => None,
    };
    let shift = match shift {
        Some(shift) => Some(slice::<B>(shift).filter(|s| whole(s))?),
        None => None,
    };
    let mut out = vec![0f32; values.len()];
    chunks(&mut out, width, |row, out| {
        let row = &values[row * width..][..width];
        let mean = Sum::new(row).dispatch() / width as f32;
        let variance = SumSquareSub::new(row, mean).dispatch() / width as f32;
        out.copy_from_slice(row);
        let options = NormalizeOptions {
            pre_scale_bias: mean,
            scale: 1.0 / (variance + epsilon).sqrt(),
            element_scale: gain,
            element_bias: shift,
            ..NormalizeOptions::default()
        };
        Normalize::new_mut(out, options).dispatch();
    });
    Some(float::<B>(out, &shape, device))
}

#[cfg(test)]
mod tests {
    use burn_backend::ops::ActivationOps;
    use burn_flex::{Flex, FlexDevice};

    use super::*;
    use crate::value::read;

    #[test]
    fn cells_are_copied_or_blended() {
        let x = float::<Flex>((0..12).map(|v| v as f32).collect(), &[2, 3, 2], &FlexDevice);
        let of = |axis, cells: &[Vec<(usize, f32)>]| {
            read::<Flex>(blend::<Flex>(&x, axis, cells, &FlexDevice).unwrap()).unwrap()
        };
        let twice = [vec![(2, 1.0)], vec![(0, 1.0)]];
        assert_eq!(of(1, &twice), [4.0, 5.0, 0.0, 1.0, 10.0, 11.0, 6.0, 7.0]);
        assert_eq!(of(2, &[vec![(1, 1.0)]]), [1.0, 3.0, 5.0, 7.0, 9.0, 11.0]);
        let mean = [vec![(0, 0.5), (1, 0.5)], vec![]];
        let y = of(0, &mean);
        assert_eq!(&y[..6], [3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
        assert_eq!(&y[6..], [0.0; 6]);
    }

    #[test]
    fn softmax_is_that_of_the_backend() {
        let values: Vec<f32> = (0..60).map(|v| ((v * 37) % 23) as f32 / 3.0 - 4.0).collect();
        let x = float::<Flex>(values, &[3, 4, 5], &FlexDevice);
        for log in [false, true] {
            let found = read::<Flex>(softmax::<Flex>(&x, log, &FlexDevice).unwrap()).unwrap();
            let wanted = match log {
                true => Flex::log_softmax(x.clone(), 2),
                false => Flex::softmax(x.clone(), 2),
            };
            let pairs = found.into_iter().zip(read::<Flex>(wanted).unwrap());
            assert!(pairs.into_iter().all(|(f, w)| (f - w).abs() < 1e-5));
        }
    }
}
