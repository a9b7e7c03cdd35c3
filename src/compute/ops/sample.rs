//! Reads of places that the host knows: each output cell blends some input cells. Gradients reach
//! the input, not the places.

use burn_backend::Backend;
use burn_backend::tensor::FloatTensor;
use model::op::Window;

use super::conv::{bounded, padding, steps};
use super::{Context, Output};
use crate::value::{Ints, Value, dims, float, index, reshape, strides};

/// Most cells that all taps of one operator may read.
const LIMIT: usize = 1 << 28;

/// For each output cell some input cells with weights, all output cells the same number.
#[derive(Debug, Default)]
pub struct Taps {
    /// Tap by tap, one input cell each output cell.
    cells: Vec<Vec<i64>>,
    /// Tap by tap, their weights.
    weights: Vec<Vec<f32>>,
    outputs: usize,
}

impl Taps {
    /// `each` names the cells and weights of one output cell; missing taps weigh 0.
    pub fn new(outputs: usize, mut each: impl FnMut(usize, &mut Vec<(usize, f32)>)) -> Result<Self, String> {
        let mut taps = Taps {
            outputs,
            ..Taps::default()
        };
        let mut now = Vec::new();
        for output in 0..outputs {
            now.clear();
            each(output, &mut now);
            while taps.cells.len() < now.len() {
                if taps.cells.len().saturating_add(1).saturating_mul(outputs) > LIMIT {
                    return Err(format!(
                        "{outputs} cells with more than {} taps",
                        taps.cells.len()
                    ));
                }
                taps.cells.push(vec![0; outputs]);
                taps.weights.push(vec![0.0; outputs]);
            }
            for (k, &(cell, weight)) in now.iter().enumerate() {
                (taps.cells[k][output], taps.weights[k][output]) = (cell as i64, weight);
            }
        }
        Ok(taps)
    }

    /// The weighted sums `[rows, outputs]` of the cells of `x [rows, cells]`.
    pub fn sum<B: Backend>(&self, x: &FloatTensor<B>, device: &B::Device) -> FloatTensor<B> {
        let mut sum: Option<FloatTensor<B>> = None;
        // Without cells there is nothing to read.
        let taps = if dims::<B>(x)[1] == 0 { 0 } else { self.count() };
        for k in 0..taps {
            let part = self.part::<B>(x, k, device);
            sum = Some(match sum {
                Some(sum) => B::float_add(sum, part),
                None => part,
            });
        }
        sum.unwrap_or_else(|| {
            let rows = dims::<B>(x)[0];
            float::<B>(vec![0.0; rows * self.outputs], &[rows, self.outputs], device)
        })
    }

    /// Tap `k` of every output cell, weighted.
    pub fn part<B: Backend>(&self, x: &FloatTensor<B>, k: usize, device: &B::Device) -> FloatTensor<B> {
        let cells = Ints::new(vec![self.outputs], self.cells[k].clone());
        let part = B::float_select(x.clone(), 1, index::<B>(&cells, device));
        if self.weights[k].iter().all(|&w| w == 1.0) {
            return part;
        }
        let weights = float::<B>(self.weights[k].clone(), &[1, self.outputs], device);
        B::float_mul(part, weights)
    }

    /// How many taps there are.
    pub fn count(&self) -> usize {
        self.cells.len()
    }
}

/// `[N, C, ...]` as `[C, N * ...]`: the cells of all items in a row.
pub fn by_channel<B: Backend>(x: FloatTensor<B>) -> FloatTensor<B> {
    let s = dims::<B>(&x);
    let plane: usize = s[2..].iter().product();
    let x = B::float_permute(reshape::<B>(x, &[s[0], s[1], plane]), &[1, 0, 2]);
    reshape::<B>(x, &[s[1], s[0] * plane])
}

/// `[C, N * ...]` as `[N, C, ...]`.
pub fn by_item<B: Backend>(x: FloatTensor<B>, items: usize, space: &[usize]) -> FloatTensor<B> {
    let (channels, plane) = (dims::<B>(&x)[0], space.iter().product());
    let x = B::float_permute(reshape::<B>(x, &[channels, items, plane]), &[1, 0, 2]);
    reshape::<B>(x, &[&[items, channels], space].concat())
}

/// `Col2Im(X [N, C * block, L], image shape, block shape)`: adds the columns of all windows back.
pub fn col2im<B: Backend>(c: &Context<B>, window: &Window) -> Output<B> {
    let x = c.float(0)?;
    let s = dims::<B>(&x);
    let sizes = |i: usize| -> Result<Vec<usize>, String> {
        let list = c.ints(i)?;
        let one = |&v: &i64| usize::try_from(v).ok().filter(|&v| v > 0 && v < 1 << 24);
        let sizes: Option<Vec<usize>> = list.data.iter().map(one).collect();
        sizes.ok_or_else(|| format!("sizes {:?}", list.data))
    };
    let (image, block) = (sizes(1)?, sizes(2)?);
    let axes = image.len();
    let (taps, cells) = (bounded(&block)?, bounded(&image)?);
    if s.len() != 3 || axes == 0 || block.len() != axes || !s[1].is_multiple_of(taps) {
        return Err(format!("columns {s:?} for image {image:?} and block {block:?}"));
    }
    let (steps, dilations) = steps(window, axes)?;
    let pads = padding(window, &image, &block)?;
    let mut across = Vec::new();
    for i in 0..axes {
        let room = (image[i] + pads[i].0 + pads[i].1).checked_sub((block[i] - 1) * dilations[i] + 1);
        across.push(room.ok_or_else(|| format!("block {block:?} does not fit {image:?}"))? / steps[i] + 1);
    }
    if bounded(&across)? != s[2] {
        return Err(format!("{} columns: {across:?} are expected", s[2]));
    }
    let (of, from, to) = (strides(&image), strides(&block), strides(&across));
    let plan = Taps::new(cells, |cell, now| {
        for tap in 0..taps {
            let column = (0..axes).try_fold(0usize, |sum, i| {
                let (at, k) = (cell / of[i] % image[i], tap / from[i] % block[i]);
                let begin = (at + pads[i].0).checked_sub(k * dilations[i])?;
                let place = begin / steps[i];
                (begin.is_multiple_of(steps[i]) && place < across[i]).then_some(sum + place * to[i])
            });
            if let Some(column) = column {
                now.push((tap * s[2] + column, 1.0));
            }
        }
    })?;
    let channels = s[1] / taps;
    let y = plan.sum::<B>(&reshape::<B>(x, &[s[0] * channels, taps * s[2]]), c.device);
    Ok(Value::Float(reshape::<B>(
        y,
        &[&[s[0], channels], &image[..]].concat(),
    )))
}

/// `MaxUnpool(X, places, shape)`: each value back to where the pooling found it, 0 elsewhere.
pub fn max_unpool<B: Backend>(c: &Context<B>, window: &Window) -> Output<B> {
    let x = c.float(0)?;
    let (s, places) = (dims::<B>(&x), c.ints(1)?);
    let axes = s.len().saturating_sub(2);
    if axes == 0 || window.kernel.len() != axes || places.shape != s {
        return Err(format!(
            "input {s:?} and places {:?} under a kernel {:?}",
            places.shape, window.kernel
        ));
    }
    let (steps, _) = steps(window, axes)?;
    let kernel: Vec<usize> = window.kernel.iter().map(|&k| k.max(1) as usize).collect();
    let pads = padding(window, &s[2..], &kernel)?;
    let mut shape = s[..2].to_vec();
    for i in 0..axes {
        let full = s[i + 2].saturating_sub(1) * steps[i] + kernel[i];
        let cut = full.checked_sub(pads[i].0 + pads[i].1);
        shape.push(cut.ok_or_else(|| format!("padding {pads:?} leaves nothing"))?);
    }
    let total = bounded(&shape)?;
    let mut source = vec![None; total];
    for (i, &p) in places.data.iter().enumerate() {
        let at = usize::try_from(p).ok().and_then(|p| source.get_mut(p));
        *at.ok_or_else(|| format!("place {p} in {shape:?}"))? = Some(i);
    }
    let plan = Taps::new(total, |cell, now| now.extend(source[cell].map(|i| (i, 1.0))))?;
    let y = plan.sum::<B>(&reshape::<B>(x, &[1, s.iter().product()]), c.device);
    let mut y = reshape::<B>(y, &shape);
    if let Some(wanted) = c.opt_ints(2)? {
        let wanted: Vec<usize> = wanted.iter().map(|&v| v.max(0) as usize).collect();
        let fits = wanted.len() == shape.len() && shape.iter().zip(&wanted).all(|(s, w)| w >= s);
        if !fits {
            return Err(format!("{shape:?} does not fit the wanted shape {wanted:?}"));
        }
        bounded(&wanted)?;
        let ends: Vec<_> = shape.iter().zip(&wanted).map(|(s, w)| (0, w - s)).collect();
        y = super::shape::pad::<B>(y, &ends, 0.0, c.device);
    }
    Ok(Value::Float(y))
}

#[cfg(test)]
mod tests {
    use burn_flex::{Flex, FlexDevice};

    use super::*;
    use crate::value::read;

    #[test]
    fn taps_of_unequal_number_blend() {
        let x = float::<Flex>(vec![1.0, 2.0, 3.0, 10.0, 20.0, 30.0], &[2, 3], &FlexDevice);
        let taps = Taps::new(2, |cell, now| match cell {
            0 => now.extend([(0, 0.5), (2, 0.5)]),
            _ => now.push((1, 2.0)),
        });
        let taps = taps.unwrap();
        assert_eq!(taps.count(), 2);
        let y = taps.sum::<Flex>(&x, &FlexDevice);
        assert_eq!(read::<Flex>(y).unwrap(), [2.0, 4.0, 20.0, 40.0]);
        let none = Taps::new(2, |_, _| {}).unwrap().sum::<Flex>(&x, &FlexDevice);
        assert_eq!(read::<Flex>(none).unwrap(), [0.0; 4]);
    }
}
