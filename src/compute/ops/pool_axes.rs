//! Pooling over any number of spatial axes, one axis after another: the largest of the largest is
//! the largest, and sums are sums of sums.

use burn_backend::Backend;
use burn_backend::tensor::FloatTensor;
use model::op::Window;

use super::conv::{Ends, bounded, padding, steps};
use crate::value::{Ints, float, index};

/// A window along one spatial axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Axis {
    /// Cells of the input.
    pub input: usize,
    /// Cells of the output.
    pub output: usize,
    kernel: usize,
    stride: usize,
    dilation: usize,
    pad: Ends,
}

impl Axis {
    /// The input cells under output cell `o`.
    pub fn cells(&self, o: usize) -> impl Iterator<Item = usize> + Clone {
        let axis = *self;
        (0..axis.kernel).filter_map(move |k| axis.cell(o, k))
    }

    fn cell(&self, o: usize, k: usize) -> Option<usize> {
        let at = (o * self.stride + k * self.dilation).checked_sub(self.pad.0)?;
        (at < self.input).then_some(at)
    }

    /// What a mean over output cell `o` divides by: with `padding`, cells of padding count too.
    fn count(&self, o: usize, padding: bool) -> usize {
        if !padding {
            return self.cells(o).count();
        }
        let end = self.input + self.pad.0 + self.pad.1;
        (0..self.kernel)
            .filter(|k| o * self.stride + k * self.dilation < end)
            .count()
    }
}

/// The windows along the spatial axes of an input of `shape`.
pub fn axes(window: &Window, shape: &[usize], ceil: bool) -> Result<Vec<Axis>, String> {
    let count = shape.len().saturating_sub(2);
    if count == 0 || window.kernel.len() != count || shape[2..].contains(&0) {
        return Err(format!("kernel {:?} over input {shape:?}", window.kernel));
    }
    let kernel: Vec<usize> = window.kernel.iter().map(|&k| k.max(1) as usize).collect();
    let (strides, dilations) = steps(window, count)?;
    let pads = padding(window, &shape[2..], &kernel)?;
    let one = |i: usize| {
        let extent = (kernel[i] - 1) * dilations[i] + 1;
        let room = (shape[i + 2] + pads[i].0 + pads[i].1).checked_sub(extent);
        let room = room.ok_or_else(|| {
            format!("a window of {extent} does not fit input {shape:?} with padding {pads:?}")
        })?;
        let mut output = if ceil {
            room.div_ceil(strides[i])
        } else {
            room / strides[i]
        } + 1;
        // The last window must begin inside the input or its begin padding.
        if ceil && (output - 1) * strides[i] >= shape[i + 2] + pads[i].0 {
            output -= 1;
        }
        Ok(Axis {
            input: shape[i + 2],
            output,
            kernel: kernel[i],
            stride: strides[i],
            dilation: dilations[i],
            pad: pads[i],
        })
    };
    let axes: Vec<Axis> = (0..count).map(one).collect::<Result<_, String>>()?;
    bounded(&[&shape[..2], &axes.iter().map(|a| a.output).collect::<Vec<_>>()].concat())?;
    Ok(axes)
}

/// The larger of both, element by element; not `a + relu(b - a)`, which would round.
pub fn larger<B: Backend>(a: FloatTensor<B>, b: FloatTensor<B>) -> FloatTensor<B> {
    let kind = burn_backend::get_device_settings::<B>(&B::float_device(&a)).bool_dtype;
    let swap = B::float_lower(a.clone(), b.clone(), kind);
    B::float_mask_where(a, swap, b)
}

/// The largest cell of each window of `x [N, C, ...]`.
pub fn max<B: Backend>(mut x: FloatTensor<B>, axes: &[Axis], device: &B::Device) -> FloatTensor<B> {
    for (i, axis) in axes.iter().enumerate() {
        // A cell of padding gives way to another of the same window.
        let part = |k: usize| {
            let place = |o: usize| axis.cell(o, k).or_else(|| axis.cells(o).next());
            let places = (0..axis.output).map(|o| place(o).unwrap_or(0) as i64).collect();
            B::float_select(
                x.clone(),
                i + 2,
                index::<B>(&Ints::new(vec![axis.output], places), device),
            )
        };
        let top = (1..axis.kernel).fold(part(0), |top, k| larger::<B>(top, part(k)));
        let empty = |o: usize| axis.cells(o).next().is_none();
        let nothing: Vec<f32> = (0..axis.output)
            .map(|o| if empty(o) { f32::NEG_INFINITY } else { 0.0 })
            .collect();
        x = match nothing.iter().all(|&v| v == 0.0) {
            true => top,
            false => B::float_add(top, along::<B>(nothing, i + 2, axes.len() + 2, device)),
        };
    }
    x
}

/// The sum of each window of `x [N, C, ...]`.
pub fn sum<B: Backend>(mut x: FloatTensor<B>, axes: &[Axis], device: &B::Device) -> FloatTensor<B> {
    for (i, axis) in axes.iter().enumerate() {
        let part = |k: usize| {
            let cells: Vec<Option<usize>> = (0..axis.output).map(|o| axis.cell(o, k)).collect();
            let places = cells.iter().map(|c| c.unwrap_or(0) as i64).collect();
            let places = Ints::new(vec![axis.output], places);
            let part = B::float_select(x.clone(), i + 2, index::<B>(&places, device));
            if cells.iter().all(Option::is_some) {
                return part;
            }
            let weights = cells.iter().map(|c| f32::from(u8::from(c.is_some()))).collect();
            B::float_mul(part, along::<B>(weights, i + 2, axes.len() + 2, device))
        };
        x = (1..axis.kernel).fold(part(0), |sum, k| B::float_add(sum, part(k)));
    }
    x
}

/// The mean of each window of `x [N, C, ...]`; with `padding`, cells of padding count as 0.
pub fn mean<B: Backend>(
    x: FloatTensor<B>,
    axes: &[Axis],
    padding: bool,
    device: &B::Device,
) -> FloatTensor<B> {
    let mut y = sum::<B>(x, axes, device);
    for (i, axis) in axes.iter().enumerate() {
        let share = |o: usize| 1.0 / axis.count(o, padding).max(1) as f32;
        let shares = (0..axis.output).map(share).collect();
        y = B::float_mul(y, along::<B>(shares, i + 2, axes.len() + 2, device));
    }
    y
}

/// A vector along `axis` of a tensor of `rank`.
fn along<B: Backend>(values: Vec<f32>, axis: usize, rank: usize, device: &B::Device) -> FloatTensor<B> {
    let mut shape = vec![1; rank];
    shape[axis] = values.len();
    float::<B>(values, &shape, device)
}

/// `|x|^p`.
pub fn power<B: Backend>(x: FloatTensor<B>, p: i64) -> FloatTensor<B> {
    match p {
        1 => B::float_abs(x),
        2 => B::float_mul(x.clone(), x),
        p => B::float_powf_scalar(B::float_abs(x), (p as f32).into()),
    }
}

/// `x^(1/p)` of what is not negative.
pub fn root<B: Backend>(x: FloatTensor<B>, p: i64) -> FloatTensor<B> {
    match p {
        1 => x,
        2 => B::float_sqrt(x),
        p => B::float_powf_scalar(x, (1.0 / p as f32).into()),
    }
}

/// The largest cells of a host tensor `[N, C, ...]` and their places in it, row-major or with the
/// first spatial axis running fastest. Ties go to the first cell.
pub fn max_places(x: &[f32], shape: &[usize], axes: &[Axis], column_major: bool) -> (Vec<f32>, Vec<i64>) {
    let rank = axes.len();
    let output: Vec<usize> = axes.iter().map(|a| a.output).collect();
    let (from, to) = (crate::value::strides(&shape[2..]), crate::value::strides(&output));
    let (plane, cells): (usize, usize) = (shape[2..].iter().product(), output.iter().product());
    let total = shape[0] * shape[1] * cells;
    let (mut top, mut places) = (Vec::with_capacity(total), Vec::with_capacity(total));
    // Strides of the axes in the order that places count.
    let mut counted = from.clone();
    if column_major {
        for i in 0..rank {
            counted[i] = shape[2..2 + i].iter().product();
        }
    }
    for flat in 0..total {
        let (first, cell) = (flat / cells * plane, flat % cells);
        let mut window = vec![(0usize, 0usize)];
        for i in 0..rank {
            let along = axes[i].cells(cell / to[i] % output[i]);
            window = window
                .iter()
                .flat_map(|&(p, q)| along.clone().map(move |c| (p, q, c)))
                .map(|(p, q, c)| (p + c * from[i], q + c * counted[i]))
                .collect();
        }
        let (mut best, mut place) = (f32::NEG_INFINITY, 0);
        for (k, &(p, q)) in window.iter().enumerate() {
            let v = x[first + p];
            if k == 0 || v > best || (v.is_nan() && !best.is_nan()) {
                (best, place) = (v, first + q);
            }
        }
        top.push(best);
        places.push(place as i64);
    }
    (top, places)
}

#[cfg(test)]
mod tests {
    use burn_flex::{Flex, FlexDevice};
    use model::op::Padding;

    use super::*;
    use crate::value::read;

    fn window(kernel: &[i64], strides: &[i64], dilations: &[i64], pads: &[i64]) -> Window {
        Window {
            kernel: kernel.to_vec(),
            strides: strides.to_vec(),
            dilations: dilations.to_vec(),
            padding: Padding::Explicit(pads.to_vec()),
        }
    }

    #[test]
    fn padding_counts_only_where_it_is_asked_for() {
        let x = float::<Flex>(vec![1.0, 2.0, 3.0, 4.0], &[1, 1, 4], &FlexDevice);
        let axes = axes(&window(&[3], &[2], &[], &[1, 1]), &[1, 1, 4], true).unwrap();
        assert_eq!(axes[0].output, 3);
        let of = |padding| read::<Flex>(mean::<Flex>(x.clone(), &axes, padding, &FlexDevice)).unwrap();
        assert_eq!(of(false), [1.5, 3.0, 4.0]);
        assert_eq!(of(true), [1.0, 3.0, 2.0]);
        let top = read::<Flex>(max::<Flex>(x, &axes, &FlexDevice)).unwrap();
        assert_eq!(top, [2.0, 4.0, 4.0]);
    }

    #[test]
    fn places_count_rows_or_columns_first() {
        let x: Vec<f32> = (0..6).map(|v| v as f32).collect();
        let axes = axes(&window(&[2, 2], &[], &[], &[]), &[1, 1, 2, 3], false).unwrap();
        assert_eq!(
            max_places(&x, &[1, 1, 2, 3], &axes, false),
            (vec![4.0, 5.0], vec![4, 5])
        );
        assert_eq!(
            max_places(&x, &[1, 1, 2, 3], &axes, true),
            (vec![4.0, 5.0], vec![3, 5])
        );
    }

    #[test]
    fn a_window_larger_than_its_input_is_an_error() {
        assert!(axes(&window(&[3], &[], &[2], &[]), &[1, 1, 4], false).is_err());
        assert!(axes(&window(&[3, 3], &[], &[], &[]), &[1, 1, 4], false).is_err());
        assert!(axes(&window(&[1], &[], &[], &[]), &[1, 1, 0], false).is_err());
    }
}
