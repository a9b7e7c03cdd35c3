//! From a tensor's shape to cells and the size of its box.

use glam::Vec3;
use model::{Axis, Bindings, Dim, Role, TensorSpec};

use crate::{Cells, Form};

/// Cells of a column of a [`Form::Vector`] before it continues in the next one.
pub const COLUMN: u32 = 128;

/// Stand-in for a size that is not known, in cells.
const STAND_IN: u64 = 16;

/// Edge of one cell standing alone, scene units; no box is thinner.
const UNIT: f32 = 0.36;

/// Length of a row of `count` cells, scene units: `0.36 sqrt(count)` up to 256 cells, from there
/// on logarithmic with the same slope. Never shrinks as `count` grows. 1 cell is 0.36 long, 7 are
/// 0.95, 224 are 5.4, 1,000 are 9.7, a million are 29.6.
pub fn extent(count: u32) -> f32 {
    let n = count.max(1) as f32;
    if n <= 256.0 {
        UNIT * n.sqrt()
    } else {
        UNIT * (16.0 + 8.0 * (n / 256.0).ln())
    }
}

/// Size of the box for `cells`, scene units. Along z a row is 0.6 times as long as elsewhere, so
/// that hundreds of channels stay graspable. Within one form, more cells never make it smaller.
pub fn size(cells: &Cells) -> Vec3 {
    if cells.form == Form::Unknown {
        return Vec3::new(1.0, 1.0, 1.0);
    }
    let [x, y, z] = cells.counts;
    Vec3::new(extent(x), extent(y), (0.6 * extent(z)).max(UNIT))
}

/// The axis that counts batch items. Where the roles are not known it is the first of three or
/// more axes, or of two when it is symbolic or 1.
pub fn batch_axis(spec: &TensorSpec) -> Option<usize> {
    let axes = spec.axes.as_deref()?;
    if let Some(i) = axes.iter().position(|a| a.role == Role::Batch) {
        return Some(i);
    }
    if axes.iter().any(|a| a.role != Role::Other) {
        return None;
    }
    let first = &axes.first()?.size;
    let one = !matches!(first, Dim::Known(n) if *n != 1);
    (axes.len() > 2 || axes.len() == 2 && one).then_some(0)
}

/// One axis with what its cells need: role, size, and distance of neighbours in elements.
#[derive(Clone, Copy)]
struct Run {
    role: Role,
    count: u64,
    stride: u64,
}

/// An axis that the tensor does not have.
const NONE: Run = Run {
    role: Role::Other,
    count: 1,
    stride: 0,
};

/// How a tensor of `spec` is spread over its box.
pub fn cells(spec: &TensorSpec, bindings: &Bindings) -> Cells {
    let Some(axes) = &spec.axes else {
        return Cells {
            form: Form::Unknown,
            counts: [1; 3],
            strides: [0; 3],
            concrete: false,
        };
    };
    let batch = batch_axis(spec);
    let (runs, concrete) = runs(axes, batch, bindings);
    let (form, [x, y, z]) = arrange(&runs, batch.is_some());
    Cells {
        form,
        counts: [x.count, y.count, z.count].map(clamp),
        strides: [x.stride, y.stride, z.stride].map(clamp),
        concrete,
    }
}

fn clamp(n: u64) -> u32 {
    n.min(u32::MAX as u64) as u32
}

/// The axes besides the batch with sizes and strides, and whether all of these are certain.
fn runs(axes: &[Axis], batch: Option<usize>, bindings: &Bindings) -> (Vec<Run>, bool) {
    let (mut runs, mut stride, mut known, mut concrete) = (Vec::new(), 1u64, true, true);
    for (i, axis) in axes.iter().enumerate().rev() {
        let size = axis.size.eval(bindings);
        if batch != Some(i) {
            concrete &= known && size.is_some();
            runs.push(Run {
                role: axis.role,
                count: size.unwrap_or(STAND_IN),
                stride,
            });
        }
        known &= size.is_some();
        let batch_default = if batch == Some(i) { 1 } else { STAND_IN };
        stride = stride.saturating_mul(size.unwrap_or(batch_default));
    }
    runs.reverse();
    (runs, concrete)
}

/// The form, and the axes along x, y and z.
fn arrange(runs: &[Run], batch: bool) -> (Form, [Run; 3]) {
    if runs.iter().all(|r| r.count == 1) {
        return (Form::Scalar, [NONE; 3]);
    }
    let last = runs.len() - 1;
    match runs.len() {
        1 => (Form::Vector, column(runs[0])),
        2 if is_signal(runs) => {
            let channel = runs.iter().position(|r| r.role == Role::Channel);
            let c = channel.unwrap_or(0);
            (Form::Matrix, [runs[1 - c], runs[c], NONE])
        }
        2 if is_plane(runs) || !batch && runs.iter().all(|r| r.role == Role::Other) => {
            (Form::Matrix, [runs[1], runs[0], NONE])
        }
        2 => {
            let token = usize::from(runs[1].role == Role::Token && runs[0].role != Role::Token);
            (Form::Tokens, [NONE, runs[1 - token], runs[token]])
        }
        _ => {
            let mut long = runs.iter().filter(|r| r.count != 1);
            if let (Some(&only), None) = (long.next(), long.next()) {
                return (Form::Vector, column(only));
            }
            let find = |role| runs.iter().position(|r| r.role == role);
            let y = find(Role::Height);
            let x = find(Role::Width);
            let (y, x) = match (y, x) {
                (Some(y), Some(x)) => (y, x),
                _ => (last - 1, last),
            };
            let form = if runs.len() == 4 && find(Role::Depth).is_some() {
                Form::Volume3d
            } else {
                Form::FeatureMap
            };
            (form, [runs[x], runs[y], slabs(runs, x, y)])
        }
    }
}

/// Channels and positions of a 1D convolution.
fn is_signal(runs: &[Run]) -> bool {
    runs.iter().any(|r| r.role == Role::Channel)
}

/// One image plane.
fn is_plane(runs: &[Run]) -> bool {
    let spatial = |r: &Run| matches!(r.role, Role::Height | Role::Width);
    runs.iter().any(spatial)
}

/// A vector as columns of at most [`COLUMN`] cells.
fn column(run: Run) -> [Run; 3] {
    let column = COLUMN as u64;
    if run.count <= column {
        return [NONE, run, NONE];
    }
    let y = Run { count: column, ..run };
    let z = Run {
        count: run.count.div_ceil(column),
        stride: run.stride.saturating_mul(column),
        ..run
    };
    [NONE, y, z]
}

/// All axes but `x` and `y` as one: they follow each other in memory, or only the largest is shown.
fn slabs(runs: &[Run], x: usize, y: usize) -> Run {
    let rest: Vec<Run> = (0..runs.len())
        .filter(|&i| i != x && i != y)
        .map(|i| runs[i])
        .filter(|r| r.count != 1)
        .collect();
    let joined = rest
        .windows(2)
        .all(|w| w[0].stride == w[1].stride.saturating_mul(w[1].count));
    match rest.last() {
        None => NONE,
        Some(inner) if joined => Run {
            count: rest.iter().fold(1, |n, r| n.saturating_mul(r.count)),
            ..*inner
        },
        Some(inner) => rest
            .iter()
            .rev()
            .fold(*inner, |best, &r| if r.count > best.count { r } else { best }),
    }
}
