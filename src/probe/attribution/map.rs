//! What a method says of an example.

/// A number for each cell of the example, or for each place.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Map {
    /// Planes: those of the example, or one where a method knows places only.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Cells of a row.
    pub width: usize,
    /// `[C, H, W]`, row-major. What is positive speaks for the target.
    pub values: Vec<f32>,
}

impl Map {
    /// The sum over the planes, `[H, W]`.
    pub fn places(&self) -> Vec<f32> {
        self.over_planes(|v| v)
    }

    /// The sum of magnitudes over the planes, `[H, W]`.
    pub fn magnitudes(&self) -> Vec<f32> {
        self.over_planes(f32::abs)
    }

    fn over_planes(&self, f: impl Fn(f32) -> f32) -> Vec<f32> {
        let mut sums = vec![0.0; self.height * self.width];
        for plane in self.values.chunks(sums.len().max(1)) {
            sums.iter_mut().zip(plane).for_each(|(s, &v)| *s += f(v));
        }
        sums
    }
}

/// Linear interpolation between the centres of cells (`torch.nn.functional.interpolate`, `bilinear`,
/// `align_corners = False`) of `[from]` to `[to]`, rows and columns.
pub(crate) fn enlarged(values: &[f32], from: [usize; 2], to: [usize; 2]) -> Vec<f32> {
    let taps = |axis: usize| -> Vec<(usize, usize, f32)> {
        let scale = from[axis] as f32 / to[axis] as f32;
        let one = |i: usize| {
            let at = ((i as f32 + 0.5) * scale - 0.5).max(0.0);
            let low = (at as usize).min(from[axis] - 1);
            (low, (low + 1).min(from[axis] - 1), at - low as f32)
        };
        (0..to[axis]).map(one).collect()
    };
    if from.contains(&0) {
        return vec![0.0; to[0] * to[1]];
    }
    let columns = taps(1);
    let mut out = Vec::with_capacity(to[0] * to[1]);
    for (top, bottom, y) in taps(0) {
        for &(left, right, x) in &columns {
            let row = |r: usize| {
                let (a, b) = (values[r * from[1] + left], values[r * from[1] + right]);
                a + (b - a) * x
            };
            out.push(row(top) + (row(bottom) - row(top)) * y);
        }
    }
    out
}
