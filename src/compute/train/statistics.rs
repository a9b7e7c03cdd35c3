//! What goes on in each layer while it learns: norms, moments and distributions of weights,
//! gradients, updates and activations.

use std::sync::Arc;

use burn_backend::Backend;
use burn_backend::tensor::FloatTensor;
use model::run::{At, Bucket, Histogram};
use model::{Network, Point, Record, TensorId};

use crate::ops::host::slice;
use crate::value::read_async;

/// Buckets of a histogram, all of one width.
pub const BUCKETS: usize = 48;

/// Share of the time of all steps that looks may take under [`super::Cadence::Auto`].
pub const SHARE: f64 = 0.07;

/// Statistics of a tensor's finite values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Moments {
    /// Mean.
    pub mean: f64,
    /// Population standard deviation.
    pub std: f64,
    /// Share of elements that are exactly zero.
    pub zeros: f64,
    /// Root of the sum of squares.
    pub norm: f64,
    /// How many values fell where.
    pub histogram: Histogram,
}

impl Moments {
    /// Of `values`; what is not finite is left out.
    pub fn of(values: &[f32]) -> Self {
        let (mut min, mut max) = (f32::INFINITY, f32::NEG_INFINITY);
        let (mut sum, mut squares, mut zeros, mut count) = (0f64, 0f64, 0u64, 0u64);
        const LANES: usize = 16;
        for piece in values.chunks(4096) {
            let (mut s, mut q) = ([0f32; LANES], [0f32; LANES]);
            let (mut low, mut high) = ([f32::INFINITY; LANES], [f32::NEG_INFINITY; LANES]);
            let (mut none, mut all) = ([0u32; LANES], [0u32; LANES]);
            let mut take = |group: &[f32]| {
                for (i, &v) in group.iter().enumerate() {
                    let finite = v.abs() < f32::INFINITY;
                    let w = if finite { v } else { 0.0 };
                    s[i] += w;
                    q[i] += w * w;
                    low[i] = low[i].min(if finite { v } else { f32::INFINITY });
                    high[i] = high[i].max(if finite { v } else { f32::NEG_INFINITY });
                    none[i] += u32::from(v == 0.0);
                    all[i] += u32::from(finite);
                }
            };
            let whole = piece.chunks_exact(LANES);
            let rest = whole.remainder();
            // A fixed length lets the compiler use vectors.
            whole.for_each(|group| take(&group[..LANES]));
            take(rest);
            sum += s.iter().map(|&v| f64::from(v)).sum::<f64>();
            squares += q.iter().map(|&v| f64::from(v)).sum::<f64>();
            min = low.iter().copied().fold(min, f32::min);
            max = high.iter().copied().fold(max, f32::max);
            zeros += none.iter().map(|&n| u64::from(n)).sum::<u64>();
            count += all.iter().map(|&n| u64::from(n)).sum::<u64>();
        }
        if count == 0 {
            return Moments::default();
        }
        let mean = sum / count as f64;
        Moments {
            mean,
            std: (squares / count as f64 - mean * mean).max(0.0).sqrt(),
            zeros: zeros as f64 / values.len() as f64,
            norm: squares.sqrt(),
            histogram: Histogram {
                min: f64::from(min),
                max: f64::from(max),
                count: count as f64,
                sum,
                squares,
                buckets: buckets(values, min, max),
            },
        }
    }
}

fn buckets(values: &[f32], min: f32, max: f32) -> Vec<Bucket> {
    // In double precision: the width of the range of float32 overflows it.
    let (low, width) = (f64::from(min), (f64::from(max) - f64::from(min)) / BUCKETS as f64);
    if width == 0.0 {
        let count = values.iter().filter(|v| v.is_finite()).count() as f64;
        let (left, right) = (low, low);
        return vec![Bucket { left, right, count }];
    }
    // Two tallies that take turns, so that equal neighbours do not wait for each other.
    let mut tallies = [[0u32; BUCKETS + 2]; 2];
    let (scale, shift) = ((1.0 / width) as f32, (-low / width) as f32);
    for (i, &v) in values.iter().enumerate() {
        let at = v * scale + shift;
        // What is not finite falls into the last place, which is not shown.
        let at = match v.abs() < f32::INFINITY {
            true => (at as usize).min(BUCKETS - 1),
            false => BUCKETS + 1,
        };
        tallies[i % 2][at] += 1;
    }
    let bucket = |i: usize| Bucket {
        left: low + width * i as f64,
        right: if i + 1 == BUCKETS {
            f64::from(max)
        } else {
            low + width * (i + 1) as f64
        },
        count: f64::from(tallies[0][i]) + f64::from(tallies[1][i]),
    };
    (0..BUCKETS).map(bucket).collect()
}

/// What one look found: scalars and histograms by tag.
#[derive(Clone, Debug, Default)]
pub(crate) struct Look {
    scalars: Vec<(String, f64)>,
    histograms: Vec<(String, Histogram)>,
}

impl Look {
    /// As records of `step` at `wall`, seconds since 1970.
    pub fn records(self, step: i64, wall: f64, out: &mut Vec<Record>) {
        for (tag, value) in self.scalars {
            let point = Point { step, wall, value };
            out.push(Record::Scalar { tag, point });
        }
        for (tag, histogram) in self.histograms {
            let value = Arc::new(histogram);
            let at = At { step, wall, value };
            out.push(Record::Histogram { tag, at });
        }
    }
}

/// Looks into the layers in one step.
pub(crate) struct Looker<'a> {
    network: &'a Network,
    look: Look,
}

impl<'a> Looker<'a> {
    pub fn new(network: &'a Network) -> Self {
        Looker {
            network,
            look: Look::default(),
        }
    }

    /// What was found.
    pub fn done(self) -> Look {
        self.look
    }

    fn scalar(&mut self, tag: String, value: f64) {
        self.look.scalars.push((tag, value));
    }

    /// Takes in the tensors of a pass: of each layer the first output.
    pub async fn activations<B: Backend>(
        &mut self,
        seen: impl Iterator<Item = (TensorId, FloatTensor<B>)>,
    ) -> Result<(), String> {
        let mut seen: Vec<_> = seen.collect();
        seen.sort_by_key(|(id, _)| *id);
        for (id, t) in seen {
            let Some(producer) = self.network.tensor(id).producer else {
                continue;
            };
            let layer = self.network.layer(producer);
            if layer.outputs.first() != Some(&Some(id)) {
                continue;
            }
            let found = moments::<B>(t).await?;
            let name = &layer.name;
            self.scalar(format!("activations/{name}/mean"), found.mean);
            self.scalar(format!("activations/{name}/std"), found.std);
            self.scalar(format!("activations/{name}/zeros"), found.zeros);
            self.look
                .histograms
                .push((format!("activations/{name}"), found.histogram));
        }
        Ok(())
    }

    /// Takes in a parameter before and after its update, and its gradient before clipping: this
    /// step's, and that of the step before where there was one.
    pub async fn parameter<B: Backend>(
        &mut self,
        name: &str,
        before: FloatTensor<B>,
        (gradient, last): (FloatTensor<B>, Option<FloatTensor<B>>),
        after: FloatTensor<B>,
    ) -> Result<(), String> {
        let update = B::float_sub(after, before.clone());
        let norm = match super::host::squares::<B>(&update) {
            Some(squares) => squares.sqrt(),
            None => moments::<B>(update).await?.norm,
        };
        if let Some(last) = last {
            let cosine = cosine::<B>(&gradient, last).await?;
            self.scalar(format!("gradients/{name}/cosine"), cosine);
        }
        let (weights, gradients) = (moments::<B>(before).await?, moments::<B>(gradient).await?);
        self.scalar(format!("weights/{name}/norm"), weights.norm);
        self.scalar(format!("gradients/{name}/norm"), gradients.norm);
        if weights.norm > 0.0 {
            self.scalar(format!("updates/{name}/ratio"), norm / weights.norm);
        }
        let histograms = &mut self.look.histograms;
        histograms.push((format!("weights/{name}"), weights.histogram));
        histograms.push((format!("gradients/{name}"), gradients.histogram));
        Ok(())
    }
}

async fn moments<B: Backend>(t: FloatTensor<B>) -> Result<Moments, String> {
    Ok(match slice::<B>(&t) {
        Some(values) => Moments::of(values),
        None => Moments::of(&read_async::<B>(t).await?),
    })
}

/// Cosine of the angle between two tensors; NaN where one is 0.
async fn cosine<B: Backend>(a: &FloatTensor<B>, b: FloatTensor<B>) -> Result<f64, String> {
    let of = |a: &[f32], b: &[f32]| {
        let (mut dot, mut aa, mut bb) = (0f64, 0f64, 0f64);
        for (&a, &b) in a.iter().zip(b) {
            let (a, b) = (f64::from(a), f64::from(b));
            (dot, aa, bb) = (dot + a * b, aa + a * a, bb + b * b);
        }
        dot / (aa * bb).sqrt()
    };
    Ok(match (slice::<B>(a), slice::<B>(&b)) {
        (Some(a), Some(b)) => of(a, b),
        _ => of(&read_async::<B>(a.clone()).await?, &read_async::<B>(b).await?),
    })
}

/// When the next look is due, by what the last ones cost.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pace {
    /// Seconds of a step without a look, smoothed.
    step: f64,
    /// Seconds that a look adds, smoothed.
    look: f64,
    /// Steps since the last look.
    since: u64,
}

impl Pace {
    /// Whether a look costs no more than [`SHARE`] of the time since the last one. The first steps
    /// warm up: they are not looked into, but the very first.
    pub fn due(&self) -> bool {
        if self.look == 0.0 {
            return self.since == 0 || self.step > 0.0 && self.since > 4;
        }
        self.since as f64 * self.step * SHARE >= self.look
    }

    /// Takes in what a step took.
    pub fn took(&mut self, seconds: f64, looked: bool) {
        let smooth = |old: f64, new: f64| if old == 0.0 { new } else { 0.8 * old + 0.2 * new };
        if looked {
            // The first look comes before a plain step has been timed.
            if self.step > 0.0 {
                self.look = smooth(self.look, (seconds - self.step).max(1e-9));
            }
            self.since = 0;
        } else {
            self.step = smooth(self.step, seconds);
        }
        self.since += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_the_finite_values() {
        let mut values: Vec<f32> = (0..10_001)
            .map(|i| ((i * 7919) % 1000) as f32 / 100.0 - 3.0)
            .collect();
        let plain = values.clone();
        values.extend([f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0]);
        let found = Moments::of(&values);
        let all: Vec<f64> = plain.iter().chain(&[0.0]).map(|&v| f64::from(v)).collect();
        let count = all.len() as f64;
        let mean = all.iter().sum::<f64>() / count;
        let std = (all.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / count).sqrt();
        assert!((found.mean - mean).abs() < 1e-5 && (found.std - std).abs() < 1e-5);
        let zeros = all.iter().filter(|&&v| v == 0.0).count() as f64;
        assert_eq!(found.zeros, zeros / values.len() as f64);
        let h = &found.histogram;
        assert_eq!((h.min as f32, h.max as f32, h.count), (-3.0, 6.99, count));
        assert_eq!(h.buckets.iter().map(|b| b.count).sum::<f64>(), count);
        assert_eq!((h.buckets[0].left, h.buckets[BUCKETS - 1].right), (h.min, h.max));
        // Each bucket holds what lies between its edges, but for what lies on one.
        for bucket in &h.buckets {
            let inside = all
                .iter()
                .filter(|&&v| bucket.left + 1e-4 < v && v < bucket.right - 1e-4);
            let around = all
                .iter()
                .filter(|&&v| bucket.left - 1e-4 < v && v < bucket.right + 1e-4);
            assert!(inside.count() as f64 <= bucket.count && bucket.count <= around.count() as f64);
        }
        assert_eq!(Moments::of(&[f32::NAN]), Moments::default());
        assert_eq!(Moments::of(&[2.0; 5]).histogram.buckets.len(), 1);
        let wide = Moments::of(&[f32::MIN, 0.0, f32::MAX]).histogram;
        assert_eq!(wide.buckets.iter().map(|b| b.count).sum::<f64>(), 3.0);
    }

    #[test]
    fn looks_keep_to_their_share() {
        let mut pace = Pace::default();
        let (mut plain, mut looks, mut count) = (0.0, 0.0, 0);
        for _ in 0..1000 {
            let due = pace.due();
            pace.took(if due { 0.35 } else { 0.1 }, due);
            plain += 0.1;
            if due {
                looks += 0.25;
                count += 1;
            }
        }
        assert!(
            looks / plain <= SHARE + 0.01 && count > 20,
            "{looks} {plain} {count}"
        );
    }
}
