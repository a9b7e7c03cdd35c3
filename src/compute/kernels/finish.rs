//! What follows a product at once: bias, a tensor that is added, an activation.

use model::op::Unary;

/// Done to each element while it is in the cache.
#[derive(Clone, Copy, Default)]
pub struct Finish<'a> {
    /// Added to each row of the result.
    pub rows: Option<&'a [f32]>,
    /// Added to each column.
    pub columns: Option<&'a [f32]>,
    /// A tensor of the result's shape that is added.
    pub sum: Option<&'a [f32]>,
    /// The last step.
    pub activation: Option<Activation>,
    /// Whether the right factor's rows stand far apart.
    pub gathers: bool,
}

/// Activations that cost less than reading their input again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Activation {
    /// Between two bounds; ReLU without the upper one.
    Clip(f32, f32),
    /// Slope below 0.
    Leaky(f32),
    /// `alpha * x + beta` between 0 and 1.
    HardSigmoid(f32, f32),
    /// `x` times the hard sigmoid of slope 1/6 and offset 1/2.
    HardSwish,
}

impl Activation {
    /// `kind` as one of these.
    pub fn of(kind: Unary) -> Option<Self> {
        Some(match kind {
            Unary::Relu => Activation::Clip(0.0, f32::INFINITY),
            Unary::LeakyRelu { alpha } => Activation::Leaky(alpha),
            Unary::HardSigmoid { alpha, beta } => Activation::HardSigmoid(alpha, beta),
            Unary::HardSwish => Activation::HardSwish,
            _ => return None,
        })
    }

    #[inline(always)]
    fn apply(self, out: &mut [f32]) {
        match self {
            // Comparisons, so that what is no number stays so.
            Activation::Clip(low, high) => out.iter_mut().for_each(|v| {
                let raised = if *v < low { low } else { *v };
                *v = if raised > high { high } else { raised };
            }),
            Activation::Leaky(slope) => out
                .iter_mut()
                .for_each(|v| *v = if *v >= 0.0 { *v } else { slope * *v }),
            Activation::HardSigmoid(alpha, beta) => out
                .iter_mut()
                .for_each(|v| *v = (*v * alpha + beta).clamp(0.0, 1.0)),
            Activation::HardSwish => out
                .iter_mut()
                .for_each(|v| *v *= (*v / 6.0 + 0.5).clamp(0.0, 1.0)),
        }
    }
}

impl Finish<'_> {
    /// Puts `sums`, columns `at..` of row `row` of a result that is `width` wide, into `out`.
    #[inline(always)]
    pub fn put(&self, row: usize, at: usize, sums: &[f32], out: &mut [f32], width: usize) {
        let bias = self.rows.map_or(0.0, |b| b[row]);
        out.iter_mut().zip(sums).for_each(|(o, s)| *o = s + bias);
        if let Some(columns) = self.columns {
            out.iter_mut().zip(&columns[at..]).for_each(|(o, b)| *o += b);
        }
        if let Some(sum) = self.sum {
            out.iter_mut()
                .zip(&sum[row * width + at..])
                .for_each(|(o, b)| *o += b);
        }
        if let Some(activation) = self.activation {
            activation.apply(out);
        }
    }
}
