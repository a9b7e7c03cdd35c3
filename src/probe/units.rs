//! Which units of a layer answer, and which cannot any more.

use model::op::Unary;
use model::{Op, Role, TensorData, TensorSpec};

/// How often each unit of a layer was active, over all examples and all of its places: a channel of a
/// convolution has one place a pixel, a unit of a dense layer one in all.
#[derive(Clone, Debug, PartialEq)]
pub struct Units {
    /// Places at which each was: above 0 after a rectifier; not saturated after a function that is
    /// bounded on both sides.
    pub active: Vec<u64>,
    /// Places at which each was at a bound; empty for functions without an upper bound.
    pub saturated: Vec<u64>,
    /// Places of a unit in all examples.
    pub places: u64,
}

/// Where a function is flat.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// At 0 and below.
    Rectifier,
    /// At 0 and below, and from here on.
    Capped(f32),
    /// Outside of these bounds.
    Bounded(f32, f32),
}

/// How near to a bound counts as at it, of the distance of both.
const NEAR: f32 = 0.01;

fn kind(op: &Op) -> Option<Kind> {
    use Unary::*;
    let inside = |low: f32, high: f32| {
        let near = NEAR * (high - low);
        Kind::Bounded(low + near, high - near)
    };
    match op {
        Op::Unary(kind) if kind.rectifies() => Some(Kind::Rectifier),
        Op::PRelu => Some(Kind::Rectifier),
        Op::Clip {
            min: Some(low),
            max: Some(high),
        } if *low == 0.0 && *high > 0.0 => Some(Kind::Capped(*high)),
        Op::Unary(Sigmoid | HardSigmoid { .. }) => Some(inside(0.0, 1.0)),
        Op::Unary(Tanh | Softsign) => Some(inside(-1.0, 1.0)),
        Op::Recurrent(_) => Some(inside(-1.0, 1.0)),
        _ => None,
    }
}

impl Units {
    /// Of what a layer computed; `None` for layers that are no activation, or whose units cannot be
    /// told from the axes.
    pub fn of(op: &Op, spec: &TensorSpec, tensor: &TensorData) -> Option<Self> {
        let kind = kind(op)?;
        let axes = spec.axes.as_ref()?;
        let shape: Vec<usize> = tensor.shape.iter().map(|&d| d as usize).collect();
        if shape.len() < 2 || axes.len() != shape.len() {
            return None;
        }
        let of = |role: Role| axes.iter().position(|a| a.role == role);
        let batch = of(Role::Batch).unwrap_or(0);
        let unit = of(Role::Channel).or(of(Role::Feature)).unwrap_or(shape.len() - 1);
        if batch == unit {
            return None;
        }
        let values = tensor.to_f32()?;
        let stride = |axis: usize| shape[axis + 1..].iter().product::<usize>();
        let (units, by_unit) = (shape[unit], stride(unit));
        let mut active = vec![0; units];
        let mut flat = vec![0; units];
        for (i, &v) in values.iter().enumerate() {
            let unit = i / by_unit % units;
            let (on, bound) = match kind {
                Kind::Rectifier => (v > 0.0, false),
                Kind::Capped(high) => (v > 0.0, v >= high),
                Kind::Bounded(low, high) => (v > low && v < high, v <= low || v >= high),
            };
            active[unit] += u64::from(on);
            flat[unit] += u64::from(bound);
        }
        Some(Units {
            active,
            saturated: match kind {
                Kind::Rectifier => Vec::new(),
                _ => flat,
            },
            places: (values.len() / units.max(1)) as u64,
        })
    }

    /// The share of places at which each unit was active.
    pub fn shares(&self) -> Vec<f32> {
        let places = self.places.max(1) as f32;
        self.active.iter().map(|&c| c as f32 / places).collect()
    }
}

#[cfg(test)]
mod tests {
    use model::{Axis, Dim};

    use super::*;

    fn spec(roles: &[Role]) -> TensorSpec {
        let axis = |&role: &Role| Axis {
            role,
            size: Dim::Known(1),
        };
        TensorSpec {
            axes: Some(roles.iter().map(axis).collect()),
            ..TensorSpec::unknown()
        }
    }

    #[test]
    fn units_that_never_answer_are_counted() {
        use Role::{Batch, Channel, Feature, Width};
        // Two examples of three channels of two places: the second channel is dead.
        let values = [1.0, 0.0, 0.0, 0.0, 2.0, 2.0, 0.0, 0.0, -1.0, 0.0, 0.5, 0.0];
        let tensor = TensorData::from_f32(&[2, 3, 2], &values);
        let found = Units::of(&Op::Unary(Unary::Relu), &spec(&[Batch, Channel, Width]), &tensor).unwrap();
        assert_eq!((&found.active[..], found.places), (&[1, 0, 3][..], 4));
        assert!(found.saturated.is_empty());
        assert_eq!(found.shares(), [0.25, 0.0, 0.75]);
        // tanh: the second unit stands at its bounds.
        let tensor = TensorData::from_f32(&[2, 2], &[0.5, -0.999, 0.1, 0.999]);
        let found = Units::of(&Op::Unary(Unary::Tanh), &spec(&[Batch, Feature]), &tensor).unwrap();
        assert_eq!((found.active, found.saturated), (vec![2, 0], vec![0, 2]));
        // ReLU6, with the batch behind.
        let op = Op::Clip {
            min: Some(0.0),
            max: Some(6.0),
        };
        let tensor = TensorData::from_f32(&[2, 2], &[6.0, 0.0, 1.0, 1.0]);
        let found = Units::of(&op, &spec(&[Feature, Batch]), &tensor).unwrap();
        assert_eq!((found.active, found.saturated), (vec![1, 2], vec![1, 0]));
        assert_eq!(Units::of(&Op::MatMul, &spec(&[Batch, Feature]), &tensor), None);
    }
}
