//! Mean, spread and shape of many values.

use serde::{Deserialize, Serialize};

/// A description of many values. All numbers but the counts are of the finite values, and NaN
/// when there is none.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Moments {
    /// Number of values, whatever they are.
    pub count: u64,
    /// How many are not a number.
    pub nan: u64,
    /// How many are infinite.
    pub infinite: u64,
    /// How many are exactly 0.
    pub zeros: u64,
    /// The least value.
    pub min: f64,
    /// The greatest value.
    pub max: f64,
    /// The mean.
    pub mean: f64,
    /// The mean squared distance from the mean (divided by N, as `numpy.var`).
    pub variance: f64,
    /// Third standardised moment (`scipy.stats.skew`); NaN where the variance is 0.
    pub skewness: f64,
    /// Fourth standardised moment less 3 (`scipy.stats.kurtosis`): 0 for a normal
    /// distribution; NaN where the variance is 0.
    pub kurtosis: f64,
    /// Square root of the mean square.
    pub rms: f64,
}

impl Moments {
    /// Describes `values`, in two passes of float64.
    pub fn of(values: &[f32]) -> Moments {
        let mut m = Moments {
            count: values.len() as u64,
            nan: 0,
            infinite: 0,
            zeros: 0,
            min: f64::NAN,
            max: f64::NAN,
            mean: f64::NAN,
            variance: f64::NAN,
            skewness: f64::NAN,
            kurtosis: f64::NAN,
            rms: f64::NAN,
        };
        let (mut sum, mut squares) = (0.0, 0.0);
        for &value in values {
            m.nan += u64::from(value.is_nan());
            m.infinite += u64::from(value.is_infinite());
            m.zeros += u64::from(value == 0.0);
            if value.is_finite() {
                let value = f64::from(value);
                sum += value;
                squares += value * value;
                m.min = m.min.min(value);
                m.max = m.max.max(value);
            }
        }
        let finite = m.finite();
        if finite == 0 {
            return m;
        }
        let n = finite as f64;
        m.mean = sum / n;
        m.rms = (squares / n).sqrt();
        let mut powers = [0.0; 3];
        for value in values.iter().copied().filter(|v| v.is_finite()) {
            let d = f64::from(value) - m.mean;
            let d2 = d * d;
            powers[0] += d2;
            powers[1] += d2 * d;
            powers[2] += d2 * d2;
        }
        let [second, third, fourth] = powers.map(|p| p / n);
        m.variance = second;
        // Equal values, whose mean may be off by a rounding, have no shape.
        if m.min < m.max {
            m.skewness = third / second.powf(1.5);
            m.kurtosis = fourth / (second * second) - 3.0;
        } else {
            m.variance = 0.0;
        }
        m
    }

    /// Number of finite values.
    pub fn finite(&self) -> u64 {
        self.count - self.nan - self.infinite
    }

    /// Standard deviation, the square root of `variance`.
    pub fn std(&self) -> f64 {
        self.variance.sqrt()
    }

    /// The part of all values that is exactly 0, from 0 to 1; NaN without values.
    pub fn sparsity(&self) -> f64 {
        self.zeros as f64 / self.count as f64
    }
}
