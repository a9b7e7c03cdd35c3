//! Values between two ends, for colours.

/// Both ends of what is shown of a quantity, and how values lie between them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The least value, or 0 where that is near.
    pub low: f64,
    /// The greatest value.
    pub high: f64,
    /// Equal factors are equal steps: where the greatest is more than a hundred times the least.
    pub log: bool,
}

/// Greatest over least value from which on steps are factors.
const WIDE: f64 = 100.0;

impl Spread {
    /// Around `values`; `None` without any.
    pub fn of(values: impl Iterator<Item = f64> + Clone) -> Option<Self> {
        let high = values.clone().reduce(f64::max)?;
        let least = values.clone().reduce(f64::min)?;
        let positive = values.filter(|v| *v > 0.0).reduce(f64::min);
        match positive {
            Some(low) if high / low > WIDE => Some(Spread { low, high, log: true }),
            _ => Some(Spread {
                low: if least < 0.5 * high || least == high {
                    0.0
                } else {
                    least
                },
                high: if high > 0.0 { high } else { 1.0 },
                log: false,
            }),
        }
    }

    /// Where `value` lies: 0 at the low end, 1 at the high one.
    pub fn place(&self, value: f64) -> f32 {
        let share = match self.log {
            true if value <= 0.0 => 0.0,
            true => (value / self.low).ln() / (self.high / self.low).ln(),
            false => (value - self.low) / (self.high - self.low),
        };
        share.clamp(0.0, 1.0) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_spreads_are_logarithmic() {
        let spread = |v: &[f64]| Spread::of(v.iter().copied());
        let near = spread(&[10.0, 40.0, 20.0]).unwrap();
        assert_eq!((near.low, near.high, near.log), (0.0, 40.0, false));
        assert_eq!(near.place(10.0), 0.25);
        let far = spread(&[0.0, 10.0, 100_000.0]).unwrap();
        assert_eq!((far.low, far.high, far.log), (10.0, 100_000.0, true));
        assert_eq!(
            [0.0, 10.0, 1000.0, 1e5].map(|v| far.place(v)),
            [0.0, 0.0, 0.5, 1.0]
        );
        assert_eq!(spread(&[30.0, 40.0]).unwrap().low, 30.0);
        // All alike, or all zero: a bar with two ends all the same.
        assert_eq!(spread(&[5.0, 5.0]).unwrap().place(5.0), 1.0);
        assert_eq!(spread(&[0.0]).unwrap().place(0.0), 0.0);
        assert_eq!(spread(&[]), None);
    }
}
