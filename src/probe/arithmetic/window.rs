//! Convolutions and pooling: what lies under the window.

use compute::{Ends, window_padding};
use model::op::{Op, Padding, Window};
use model::{LayerId, TensorId};

use super::{Numbers, Pass, Rule, Terms, index, place};
use crate::ProbeError;

/// A window over one cell: along each spatial axis the first tap, the step between taps, their number, and
/// the size of what it slides over.
struct Taps {
    first: Vec<i64>,
    step: Vec<i64>,
    kernel: Vec<usize>,
    size: Vec<usize>,
}

impl Taps {
    fn new(
        window: &Window,
        kernel: &[usize],
        size: &[usize],
        at: &[usize],
    ) -> Result<(Self, Vec<Ends>), String> {
        let pads = window_padding(window, size, kernel)?;
        let along = |i: usize| at[i] as i64 * window.stride(i) - pads[i].0 as i64;
        let taps = Taps {
            first: (0..kernel.len()).map(along).collect(),
            step: (0..kernel.len()).map(|i| window.dilation(i)).collect(),
            kernel: kernel.to_vec(),
            size: size.to_vec(),
        };
        Ok((taps, pads))
    }

    fn len(&self) -> usize {
        self.kernel.iter().product()
    }

    /// Where tap `tap` stands, which may be outside.
    fn position(&self, tap: usize) -> Vec<i64> {
        let tap = index(tap, &self.kernel);
        let axes = tap.iter().zip(&self.first).zip(&self.step);
        axes.map(|((&k, &first), &step)| first + k as i64 * step)
            .collect()
    }

    /// The row-major place of tap `tap` in one channel; `None` in the padding.
    fn place(&self, tap: usize) -> Option<usize> {
        let at = self.position(tap);
        let inside = at.iter().zip(&self.size).all(|(&p, &n)| p >= 0 && p < n as i64);
        let at: Vec<usize> = at.iter().map(|&p| p as usize).collect();
        inside.then(|| place(&at, &self.size))
    }
}

fn fits(pass: &Pass, id: LayerId, fits: bool, told: impl FnOnce() -> String) -> Result<(), ProbeError> {
    if fits {
        Ok(())
    } else {
        Err(pass.problem(id, told()))
    }
}

/// Appends the channels `channels` of `x` under the taps.
fn under(
    x: &Numbers,
    item: usize,
    channels: std::ops::Range<usize>,
    taps: &[Option<usize>],
) -> (Vec<f32>, Vec<Option<usize>>) {
    let plane: usize = x.shape[2..].iter().product();
    let start = |c: usize| (item * x.shape[1] + c) * plane;
    let places: Vec<Option<usize>> = channels
        .flat_map(|c| taps.iter().map(move |tap| tap.map(|t| start(c) + t)))
        .collect();
    let inputs = places.iter().map(|p| p.map_or(0.0, |p| x.values[p])).collect();
    (inputs, places)
}

/// Input and weights of a convolution, where they have as many axes as `at` and `fit` by their shapes.
fn operands(
    pass: &Pass,
    id: LayerId,
    groups: usize,
    at: &[usize],
    fit: impl Fn(&[usize], &[usize]) -> bool,
) -> Result<(TensorId, Numbers, Numbers), ProbeError> {
    let ((source, x), (_, w)) = (pass.needed(id, 0)?, pass.needed(id, 1)?);
    let axes = x.shape.len() > 2 && w.shape.len() == x.shape.len() && at.len() == x.shape.len();
    let told = || format!("input {:?}, weights {:?}, {groups} groups", x.shape, w.shape);
    fits(pass, id, axes && fit(&x.shape, &w.shape), told)?;
    Ok((source, x, w))
}

/// `X [N, C, ...]`, `W [M, C / groups, ...]`, optional `B [M]`; `at` is `[n, m, ...]`.
pub(super) fn convolution(
    pass: &Pass,
    id: LayerId,
    window: &Window,
    groups: i64,
    at: &[usize],
) -> Result<Terms, ProbeError> {
    let groups = groups.max(1) as usize;
    let (source, x, w) = operands(pass, id, groups, at, |x, w| w[1] * groups == x[1] && at[1] < w[0])?;
    let taps = Taps::new(window, &w.shape[2..], &x.shape[2..], &at[2..]);
    let (taps, _) = taps.map_err(|e| pass.problem(id, e))?;
    let found: Vec<Option<usize>> = (0..taps.len()).map(|t| taps.place(t)).collect();
    let (wide, filter) = (w.shape[1], w.shape[1] * taps.len());
    let group = at[1] / (w.shape[0] / groups).max(1);
    let (inputs, places) = under(&x, at[0], group * wide..(group + 1) * wide, &found);
    Ok(Terms {
        rule: Rule::WeightedSum,
        shape: w.shape[1..].to_vec(),
        source,
        inputs,
        places,
        weights: w.values[at[1] * filter..][..filter].to_vec(),
        factor: None,
        bias: bias(pass, id, 2, at[1])?,
    })
}

fn bias(pass: &Pass, id: LayerId, slot: usize, at: usize) -> Result<Option<f32>, ProbeError> {
    match pass.input(id, slot) {
        Some(tensor) => Ok(pass.numbers(tensor)?.values.get(at).copied()),
        None => Ok(None),
    }
}

/// `X [N, C, ...]`, `W [C, M / groups, ...]`, optional `B [M]`: the input cells that paint the cell `at`.
pub(super) fn transposed(
    pass: &Pass,
    id: LayerId,
    window: &Window,
    groups: i64,
    at: &[usize],
) -> Result<Terms, ProbeError> {
    let groups = groups.max(1) as usize;
    let (source, x, w) = operands(pass, id, groups, at, |x, w| w[0] == x[1] && at[1] < w[1] * groups)?;
    let (kernel, size) = (&w.shape[2..], &x.shape[2..]);
    let begin = begins(pass, id, window, kernel, size)?;
    let cells: usize = kernel.iter().product();
    let tap = |tap: usize| {
        let tap = index(tap, kernel);
        let along = |i: usize| {
            let from = at[i + 2] as i64 + begin[i] - tap[i] as i64 * window.dilation(i);
            let stride = window.stride(i).max(1);
            let fits = from >= 0 && from % stride == 0 && from / stride < size[i] as i64;
            fits.then_some((from / stride) as usize)
        };
        let found: Option<Vec<usize>> = (0..kernel.len()).map(along).collect();
        found.map(|found| place(&found, size))
    };
    let taps: Vec<Option<usize>> = (0..cells).map(tap).collect();
    let (wide, filters) = (x.shape[1] / groups, w.shape[1]);
    let (group, filter) = (at[1] / filters, at[1] % filters);
    let (inputs, places) = under(&x, at[0], group * wide..(group + 1) * wide, &taps);
    let own = |c: usize| {
        w.values[(c * filters + filter) * cells..][..cells]
            .iter()
            .copied()
    };
    Ok(Terms {
        rule: Rule::WeightedSum,
        shape: [&[wide], kernel].concat(),
        source,
        inputs,
        places,
        weights: (group * wide..(group + 1) * wide).flat_map(own).collect(),
        factor: None,
        bias: bias(pass, id, 2, at[1])?,
    })
}

/// Cells that are cropped at the beginning of each axis of a transposed convolution.
fn begins(
    pass: &Pass,
    id: LayerId,
    window: &Window,
    kernel: &[usize],
    size: &[usize],
) -> Result<Vec<i64>, ProbeError> {
    let Op::ConvTranspose {
        output_padding,
        output_shape,
        ..
    } = &pass.layer(id).op
    else {
        return Ok(vec![0; kernel.len()]);
    };
    let same = matches!(window.padding, Padding::SameUpper | Padding::SameLower);
    if output_shape.is_none() && !same {
        let pads = window_padding(window, size, kernel).map_err(|e| pass.problem(id, e))?;
        return Ok(pads.iter().map(|p| p.0 as i64).collect());
    }
    let shape = pass.output(id).and_then(|t| pass.shape(t)).unwrap_or_default();
    let along = |i: usize| {
        let extra = output_padding.get(i).copied().unwrap_or(0);
        let full = (size[i] as i64 - 1) * window.stride(i) + (kernel[i] as i64 - 1) * window.dilation(i) + 1;
        let total = (full + extra - shape.get(i + 2).map_or(0, |&d| d as i64)).max(0);
        match window.padding {
            Padding::SameUpper => total / 2,
            _ => total - total / 2,
        }
    };
    Ok((0..kernel.len()).map(along).collect())
}

/// The terms of a pooling, the taps that they lie under, and the padding.
type Pooled = (Terms, Taps, Vec<Ends>);

fn pool(pass: &Pass, id: LayerId, window: &Window, at: &[usize]) -> Result<Pooled, ProbeError> {
    let (source, x) = pass.needed(id, 0)?;
    let kernel: Vec<usize> = window.kernel.iter().map(|&k| k.max(1) as usize).collect();
    let told = || format!("input {:?}, kernel {kernel:?}", x.shape);
    let fitting = x.shape.len() == kernel.len() + 2 && at.len() == x.shape.len();
    fits(pass, id, fitting, told)?;
    let taps = Taps::new(window, &kernel, &x.shape[2..], &at[2..]);
    let (taps, pads) = taps.map_err(|e| pass.problem(id, e))?;
    let found: Vec<Option<usize>> = (0..taps.len()).map(|t| taps.place(t)).collect();
    let (inputs, places) = under(&x, at[0], at[1]..at[1] + 1, &found);
    let terms = Terms {
        rule: Rule::Sum,
        shape: [&[1], &kernel[..]].concat(),
        source,
        inputs,
        places,
        weights: Vec::new(),
        factor: None,
        bias: None,
    };
    Ok((terms, taps, pads))
}

/// The largest number, or the norm of those, under the window of a pooling of `X [N, C, ...]`.
pub(super) fn pooled(
    pass: &Pass,
    id: LayerId,
    window: &Window,
    rule: Rule,
    at: &[usize],
) -> Result<Terms, ProbeError> {
    let (terms, ..) = pool(pass, id, window, at)?;
    Ok(Terms { rule, ..terms })
}

/// The mean under the window; `include`: padding counts, but not what only `ceil` reaches.
pub(super) fn averaged(
    pass: &Pass,
    id: LayerId,
    window: &Window,
    include: bool,
    ceil: bool,
    at: &[usize],
) -> Result<Terms, ProbeError> {
    let (terms, taps, pads) = pool(pass, id, window, at)?;
    let inside = terms.places.iter().flatten().count();
    let padded = |tap: &usize| {
        let axes = taps.position(*tap).into_iter().zip(&taps.size).zip(&pads);
        axes.into_iter().all(|((p, &n), pads)| p < (n + pads.1) as i64)
    };
    let count = match (include, ceil) {
        (false, _) => inside,
        (true, false) => taps.len(),
        (true, true) => (0..taps.len()).filter(padded).count(),
    };
    let rule = Rule::Mean(count);
    Ok(Terms { rule, ..terms })
}

/// A whole channel of `X [N, C, ...]`.
pub(super) fn global(pass: &Pass, id: LayerId, rule: Rule, at: &[usize]) -> Result<Terms, ProbeError> {
    let (source, x) = pass.needed(id, 0)?;
    fits(pass, id, x.shape.len() > 2 && at.len() > 1, || {
        format!("input {:?}", x.shape)
    })?;
    let plane: usize = x.shape[2..].iter().product();
    let all: Vec<Option<usize>> = (0..plane).map(Some).collect();
    let (inputs, places) = under(&x, at[0], at[1]..at[1] + 1, &all);
    Ok(Terms {
        rule: match rule {
            Rule::Mean(_) => Rule::Mean(plane),
            rule => rule,
        },
        shape: [&[1], &x.shape[2..]].concat(),
        source,
        inputs,
        places,
        weights: Vec::new(),
        factor: None,
        bias: None,
    })
}
