//! What one pass through a network left behind: tensors by id, with summaries.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use crate::{DType, LayerId, TensorId};

/// Statistics of a tensor's finite values.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[allow(missing_docs)]
pub struct Summary {
    pub min: f32,
    pub max: f32,
    pub mean: f32,
    /// Population standard deviation.
    pub std: f32,
    /// Fraction of elements that are exactly zero.
    pub zeros: f32,
    /// Elements that are NaN or infinite.
    pub non_finite: u64,
    /// About the 0.5 % quantile, from a sample ([`sample`]).
    pub low: f32,
    /// About the 99.5 % quantile.
    pub high: f32,
}

/// Where a traced tensor's values sit.
#[derive(Clone)]
pub enum Values {
    /// Host memory, as float32, row-major.
    Host(Arc<[f32]>),
    /// Device memory, with room for a host copy that comes when it is asked for.
    Device(Arc<Remote>),
}

/// Values in the memory of another device.
pub struct Remote {
    /// The device's tensor, opaque here; `compute` knows its type.
    pub handle: Box<dyn Any + Send + Sync>,
    /// Its host copy, once it has been fetched.
    pub host: OnceLock<Arc<[f32]>>,
}

/// One tensor of a pass.
#[derive(Clone)]
pub struct TraceTensor {
    /// Concrete shape.
    pub shape: Vec<usize>,
    /// Element type in the network; values are float32 whatever it is.
    pub dtype: DType,
    /// The values.
    pub values: Values,
    /// Statistics.
    pub summary: Option<Summary>,
}

impl TraceTensor {
    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// True when an axis is 0.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values, when they are in host memory or their copy has come.
    pub fn host(&self) -> Option<&Arc<[f32]>> {
        match &self.values {
            Values::Host(values) => Some(values),
            Values::Device(remote) => remote.host.get(),
        }
    }

    /// Values in host memory, with their statistics.
    pub fn on_host(shape: Vec<usize>, dtype: DType, values: Vec<f32>) -> Self {
        TraceTensor {
            shape,
            dtype,
            summary: Some(Summary::of(&values)),
            values: Values::Host(values.into()),
        }
    }
}

/// One pass: every tensor that was kept, by id.
#[derive(Clone, Default)]
pub struct Trace {
    /// The kept tensors.
    pub tensors: BTreeMap<TensorId, TraceTensor>,
    /// Tensors that the memory budget did not allow to keep.
    pub dropped: Vec<TensorId>,
    /// Wall time of the pass, seconds.
    pub seconds: f64,
    /// Seconds that each layer of the main graph took, with the branches inside it. Empty where a
    /// device only takes orders and computes later: when it was done with each is not known there.
    pub times: BTreeMap<LayerId, f64>,
    /// What it ran on, in words.
    pub device: String,
    /// Bytes that had to be read from the device for it: numbers that operators look at, and
    /// summaries.
    pub read_back: u64,
}

/// Elements that stand for a tensor where all of them would take too long.
pub const SAMPLE: usize = 2048;

/// Place of sample `i` among `len` elements: all of them up to [`SAMPLE`], else spread by the
/// golden ratio, which keeps clear of the strides of rows and channels.
pub fn sample(i: usize, len: usize) -> usize {
    if len <= SAMPLE {
        return i;
    }
    let spread = (i as u32).wrapping_mul(2_654_435_769);
    ((spread as u64 * len as u64) >> 32) as usize
}

impl Summary {
    /// Statistics of `values`. An empty slice gives zeros.
    pub fn of(values: &[f32]) -> Self {
        let (mut min, mut max) = (f32::INFINITY, f32::NEG_INFINITY);
        let (mut sum, mut squares, mut zeros, mut finite) = (0f64, 0f64, 0u64, 0u64);
        for &v in values {
            if v.is_finite() {
                min = min.min(v);
                max = max.max(v);
                sum += v as f64;
                zeros += (v == 0.0) as u64;
                finite += 1;
            }
        }
        if finite == 0 {
            return Summary {
                non_finite: values.len() as u64,
                ..Summary::default()
            };
        }
        let mean = sum / finite as f64;
        for &v in values.iter().filter(|v| v.is_finite()) {
            squares += (v as f64 - mean).powi(2);
        }
        let (low, high) = quantiles(values).unwrap_or((min, max));
        Summary {
            min,
            max,
            mean: mean as f32,
            std: (squares / finite as f64).sqrt() as f32,
            zeros: zeros as f32 / values.len() as f32,
            non_finite: values.len() as u64 - finite,
            low,
            high,
        }
    }
}

/// The 0.5 % and 99.5 % quantiles of the sample's finite values.
fn quantiles(values: &[f32]) -> Option<(f32, f32)> {
    let picks = (0..values.len().min(SAMPLE)).map(|i| values[sample(i, values.len())]);
    let mut picks: Vec<f32> = picks.filter(|v| v.is_finite()).collect();
    let last = picks.len().checked_sub(1)?;
    let (low, high) = ends(last);
    let low = *picks.select_nth_unstable_by(low, f32::total_cmp).1;
    let high = *picks.select_nth_unstable_by(high, f32::total_cmp).1;
    Some((low, high))
}

/// Places of both quantiles among sorted elements whose last has index `last`, rounded.
fn ends(last: usize) -> (usize, usize) {
    let at = |per_mille: usize| (last * per_mille + 500) / 1000;
    (at(5), at(995))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_hold_moments_and_quantiles() {
        let ramp: Vec<f32> = (0..1001).map(|i| i as f32).collect();
        let s = Summary::of(&ramp);
        assert_eq!(
            (s.min, s.max, s.mean, s.low, s.high),
            (0.0, 1000.0, 500.0, 5.0, 995.0)
        );
        assert!((s.zeros - 1.0 / 1001.0).abs() < 1e-6);
        let s = Summary::of(&[f32::NAN, -1.0, f32::INFINITY, 3.0]);
        assert_eq!((s.min, s.max, s.mean, s.non_finite), (-1.0, 3.0, 1.0, 2));
        assert_eq!((s.low, s.high), (-1.0, 3.0));
        assert_eq!(Summary::of(&[]), Summary::default());
    }

    /// Rows of a feature map, each of its own value: a strided sample would see few of them.
    #[test]
    fn samples_spread_over_the_whole_tensor() {
        let len = 512 * 64 * 64;
        let mut rows = vec![0u32; 512];
        (0..SAMPLE).for_each(|i| rows[sample(i, len) / 4096] += 1);
        assert!(rows.iter().all(|&n| (2..=6).contains(&n)), "{rows:?}");
        let mut columns = vec![0u32; 64];
        (0..SAMPLE).for_each(|i| columns[sample(i, len) % 64] += 1);
        assert!(columns.iter().all(|&n| (8..=80).contains(&n)), "{columns:?}");
    }
}
