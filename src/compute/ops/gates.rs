//! Activations of the gates of recurrent layers.

use burn_backend::Backend;
use burn_backend::tensor::FloatTensor;
use model::op::{Recurrent, Unary};

use super::elementwise::unary;

/// A gate's activation: `gain * function(slope * x) + offset`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gate {
    slope: f32,
    function: Option<Unary>,
    gain: f32,
    offset: f32,
}

impl Gate {
    fn of(function: Unary) -> Self {
        Gate {
            slope: 1.0,
            function: Some(function),
            gain: 1.0,
            offset: 0.0,
        }
    }

    /// Of every element of `t`.
    pub fn apply<B: Backend>(&self, mut t: FloatTensor<B>) -> FloatTensor<B> {
        if self.slope != 1.0 {
            t = B::float_mul_scalar(t, self.slope.into());
        }
        if let Some(function) = self.function {
            t = unary::<B>(t, function);
        }
        if self.gain != 1.0 {
            t = B::float_mul_scalar(t, self.gain.into());
        }
        if self.offset != 0.0 {
            t = B::float_add_scalar(t, self.offset.into());
        }
        t
    }
}

/// The activations of direction `d`, with the parameters that the layer states for those that have
/// one, in their order.
pub fn functions(cell: &Recurrent, defaults: &[&str], d: usize) -> Result<Vec<Gate>, String> {
    let (mut alphas, mut betas) = (cell.alphas.iter(), cell.betas.iter());
    let mut all = Vec::new();
    for k in 0..(d + 1) * defaults.len() {
        let given = cell.activations.get(k).map(String::as_str);
        let name = given.unwrap_or(defaults[k % defaults.len()]).to_ascii_lowercase();
        let mut alpha = |default: f32| alphas.next().copied().unwrap_or(default);
        let mut beta = |default: f32| betas.next().copied().unwrap_or(default);
        let plain = match name.as_str() {
            "sigmoid" => Unary::Sigmoid,
            "tanh" => Unary::Tanh,
            "relu" => Unary::Relu,
            "softplus" => Unary::Softplus,
            "softsign" => Unary::Softsign,
            "leakyrelu" => Unary::LeakyRelu { alpha: alpha(0.01) },
            "thresholdedrelu" => Unary::ThresholdedRelu { alpha: alpha(1.0) },
            "elu" => Unary::Elu { alpha: alpha(1.0) },
            "hardsigmoid" => {
                let (alpha, beta) = (alpha(0.2), beta(0.5));
                Unary::HardSigmoid { alpha, beta }
            }
            "scaledtanh" => {
                all.push(Gate {
                    gain: alpha(1.0),
                    slope: beta(1.0),
                    ..Gate::of(Unary::Tanh)
                });
                continue;
            }
            "affine" => {
                all.push(Gate {
                    slope: 1.0,
                    function: None,
                    gain: alpha(1.0),
                    offset: beta(0.0),
                });
                continue;
            }
            other => return Err(format!("gate activation {other:?} is unknown")),
        };
        all.push(Gate::of(plain));
    }
    Ok(all.split_off(d * defaults.len()))
}

#[cfg(test)]
mod tests {
    use model::op::Cell;

    use super::*;

    #[test]
    fn activations_take_their_parameters_in_order() {
        let cell = Recurrent {
            activations: ["Affine", "Tanh", "ScaledTanh", "Elu"].map(String::from).to_vec(),
            alphas: vec![2.0, 3.0],
            betas: vec![0.5],
            ..Recurrent::new(Cell::Gru, 1)
        };
        let first = functions(&cell, &["Sigmoid", "Tanh"], 0).unwrap();
        assert_eq!(
            (first[0].gain, first[0].offset, first[0].function),
            (2.0, 0.5, None)
        );
        assert_eq!(first[1], Gate::of(Unary::Tanh));
        let second = functions(&cell, &["Sigmoid", "Tanh"], 1).unwrap();
        assert_eq!((second[0].gain, second[0].slope), (3.0, 1.0));
        assert_eq!(second[1], Gate::of(Unary::Elu { alpha: 1.0 }));
        let unknown = Recurrent {
            activations: vec!["Cosine".into()],
            ..cell
        };
        assert!(functions(&unknown, &["Tanh"], 0).is_err());
    }
}
