//! Colour ranges: which value is the low end of the map and which the high one.

use std::collections::HashMap;
use std::sync::Arc;

use model::{Network, TensorId, TraceTensor};
use session::{Document, Paint, Range, Session};

use crate::stage;

/// Values that a range is estimated from, at most; large tensors would take long to sort.
const SAMPLE: usize = 16_384;

/// Percent at each end that the quantiles of a summary leave out.
const SUMMARY_CUT: f32 = 0.5;

/// Both ends of a colour map.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// Value at the low end.
    pub low: f32,
    /// Value at the high end.
    pub high: f32,
    /// True when the map diverges at zero, its middle.
    pub signed: bool,
}

/// The scales of all that is shown.
#[derive(Default)]
pub struct Ranges {
    scales: Arc<HashMap<TensorId, Scale>>,
    shared: Option<Scale>,
    made_of: Option<Made>,
}

/// What scales depend on.
struct Made {
    network: Arc<Network>,
    placed: u64,
    passed: u64,
    backward: bool,
    paint: Paint,
}

impl Ranges {
    /// Measures again where the layout, the pass, the direction or the choice of range is new.
    pub fn update(&mut self, session: &Session, document: &Document) {
        let now = Made {
            network: document.source.clone(),
            placed: document.placed,
            passed: document.passed,
            backward: session.state.backward,
            paint: session.state.paint,
        };
        if self.made_of.as_ref().is_some_and(|made| made.same(&now)) {
            return;
        }
        self.shared = None;
        let paint = now.paint;
        self.made_of = Some(now);
        let mut scales: HashMap<TensorId, Scale> = HashMap::new();
        let Some(trace) = stage::trace(session, document) else {
            self.scales = scales.into();
            return;
        };
        let inputs = &document.network.main().inputs;
        for tensor in document.shown() {
            if let Some(traced) = trace.tensors.get(&tensor) {
                scales.entry(tensor).or_insert_with(|| measure(traced, paint));
            }
        }
        if paint.range == Range::Network {
            let inner = |(t, _): &(&TensorId, &Scale)| !inputs.contains(t);
            let all = scales.iter().filter(inner).map(|(_, s)| *s);
            self.shared = all.reduce(Scale::around);
            if let Some(shared) = self.shared {
                let inner = scales.iter_mut().filter(|(t, _)| !inputs.contains(t));
                inner.for_each(|(_, s)| *s = shared);
            }
        }
        self.scales = scales.into();
    }

    /// All of them; others are another map.
    pub(crate) fn scales(&self) -> &Arc<HashMap<TensorId, Scale>> {
        &self.scales
    }

    /// The one scale of the whole network, where that is the choice.
    pub fn shared(&self) -> Option<Scale> {
        self.shared
    }

    /// The scale of a tensor that is shown.
    pub fn of(&self, tensor: TensorId) -> Option<Scale> {
        self.scales.get(&tensor).copied()
    }
}

impl Made {
    fn same(&self, other: &Made) -> bool {
        let one = |m: &Made| {
            (
                m.placed,
                m.passed,
                m.backward,
                m.paint.range,
                m.paint.cut,
                m.paint.magnitude,
            )
        };
        Arc::ptr_eq(&self.network, &other.network) && one(self) == one(other)
    }
}

/// From the summary where it knows both ends, so that tensors look the same on the host and on a
/// graphics device.
fn measure(traced: &TraceTensor, paint: Paint) -> Scale {
    match (traced.summary, traced.host()) {
        (Some(s), _) if paint.cut <= 0.0 => ends(s.min, s.max, paint.magnitude),
        (Some(s), host) if host.is_none() || paint.cut == SUMMARY_CUT => match s.low < s.high {
            true => ends(s.low, s.high, paint.magnitude),
            false => ends(s.min, s.max, paint.magnitude),
        },
        (_, Some(values)) => scale(values, paint),
        (_, None) => ends(0.0, 0.0, false),
    }
}

/// The scale of `values`: without `paint.cut` percent at each end, so that single outliers do not
/// flatten the rest. Finite values only.
pub fn scale(values: &[f32], paint: Paint) -> Scale {
    let finite = |v: &f32| v.is_finite();
    let whole = |values: &mut dyn Iterator<Item = f32>| {
        values.fold((f32::INFINITY, f32::NEG_INFINITY), |(a, b), v| {
            (a.min(v), b.max(v))
        })
    };
    if paint.cut <= 0.0 {
        let (low, high) = whole(&mut values.iter().copied().filter(finite));
        return if low <= high {
            ends(low, high, paint.magnitude)
        } else {
            ends(0.0, 0.0, false)
        };
    }
    let step = values.len().div_ceil(SAMPLE).max(1);
    let mut sample: Vec<f32> = values.iter().step_by(step).copied().filter(finite).collect();
    if sample.is_empty() {
        return ends(0.0, 0.0, false);
    }
    sample.sort_by(f32::total_cmp);
    let last = sample.len() - 1;
    let at = |share: f32| sample[(last as f32 * share).round() as usize];
    let cut = (paint.cut / 100.0).min(0.49);
    let (mut low, mut high) = (at(cut), at(1.0 - cut));
    if low == high {
        (low, high) = (sample[0], sample[last]);
    }
    ends(low, high, paint.magnitude)
}

/// Symmetric around zero when both signs matter; from zero when that is near the low end.
fn ends(low: f32, high: f32, magnitude: bool) -> Scale {
    let plain = |low, high| Scale {
        low,
        high,
        signed: false,
    };
    let reach = high.abs().max(low.abs());
    if magnitude {
        return plain(0.0, if reach > 0.0 { reach } else { 1.0 });
    }
    if low < 0.0 && high > 0.0 && -low > 0.05 * high && high > -0.05 * low {
        return Scale {
            low: -reach,
            high: reach,
            signed: true,
        };
    }
    if low == high {
        return match low {
            0.0 => plain(0.0, 1.0),
            _ => plain(low - 1.0, high + 1.0),
        };
    }
    // Activations that start at zero read best when zero is the darkest.
    plain(if low > 0.0 && low < 0.5 * high { 0.0 } else { low }, high)
}

impl Scale {
    /// The least scale around both; it diverges when one of them does.
    fn around(self, other: Scale) -> Scale {
        let (low, high) = (self.low.min(other.low), self.high.max(other.high));
        match self.signed || other.signed {
            true => {
                let reach = high.max(-low);
                Scale {
                    low: -reach,
                    high: reach,
                    signed: true,
                }
            }
            false => Scale {
                low,
                high,
                signed: false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paint(cut: f32) -> Paint {
        Paint {
            cut,
            ..Paint::default()
        }
    }

    fn found(values: &[f32], cut: f32) -> (f32, f32, bool) {
        let scale = scale(values, paint(cut));
        (scale.low, scale.high, scale.signed)
    }

    #[test]
    fn ranges_keep_zero_where_it_means_something() {
        let ramp: Vec<f32> = (0..1001).map(|i| i as f32 / 1000.0).collect();
        let (low, high, signed) = found(&ramp, 0.5);
        assert_eq!((low, signed), (0.0, false));
        assert!((high - 0.995).abs() < 1e-3);
        assert!((found(&ramp, 5.0).1 - 0.95).abs() < 1e-3);
        assert_eq!(found(&ramp, 0.0), (0.0, 1.0, false));
        assert_eq!(found(&[-1.0, 0.5, 2.0, f32::NAN], 0.5), (-2.0, 2.0, true));
        assert_eq!(found(&[3.0; 4], 0.5), (2.0, 4.0, false));
        assert_eq!(found(&[f32::NAN], 0.5), (0.0, 1.0, false));
        let magnitude = Paint {
            magnitude: true,
            ..Paint::default()
        };
        let scale = scale(&[-3.0, 1.0], magnitude);
        assert_eq!((scale.low, scale.high, scale.signed), (0.0, 3.0, false));
    }

    #[test]
    fn one_scale_around_several() {
        let plain = Scale {
            low: 0.0,
            high: 5.0,
            signed: false,
        };
        let signed = Scale {
            low: -2.0,
            high: 2.0,
            signed: true,
        };
        assert_eq!(
            plain.around(signed),
            Scale {
                low: -5.0,
                high: 5.0,
                signed: true
            }
        );
        assert_eq!(plain.around(plain), plain);
    }
}
