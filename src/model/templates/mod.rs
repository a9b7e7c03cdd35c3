//! Networks that layerscope can build by itself, one file each, in ONNX's operators.

mod build;
mod forecaster;
mod mlp;
mod residual;
mod transformer;
mod vae;

pub use build::Build;
pub use forecaster::forecaster;
pub use mlp::mlp;
pub use residual::{residual, residual_cnn};
pub use transformer::{Transformer, series_transformer, transformer};
pub use vae::vae;

use serde::{Deserialize, Serialize};

use crate::Network;
use crate::op::Cell;

/// A template with its sizes; those that are left out follow from the data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "template", rename_all = "snake_case", deny_unknown_fields)]
pub enum Template {
    /// [`residual_cnn`], for square pictures and classes.
    ResidualCnn {
        /// Channels of the stem.
        #[serde(default = "sixteen")]
        width: u64,
        /// Whether it normalises; else each normalisation is a bias.
        #[serde(default = "yes")]
        norm: bool,
    },
    /// [`mlp`].
    Mlp {
        /// Width of each hidden layer.
        #[serde(default = "two_of_64")]
        hidden: Vec<u64>,
        /// Share of hidden values that fall away while it learns.
        #[serde(default)]
        dropout: f32,
    },
    /// [`vae`].
    Vae {
        /// Width of encoder and decoder.
        #[serde(default = "two_hundred")]
        hidden: u64,
        /// Latent variables.
        #[serde(default = "eight")]
        latent: u64,
    },
    /// [`forecaster`] with an LSTM (Hochreiter and Schmidhuber 1997).
    Lstm {
        /// Units of the state.
        #[serde(default = "thirty_two")]
        hidden: u64,
    },
    /// [`forecaster`] with gated recurrent units (Cho et al. 2014).
    Gru {
        /// Units of the state.
        #[serde(default = "thirty_two")]
        hidden: u64,
    },
    /// [`transformer`] for texts and classes, [`series_transformer`] for series.
    Transformer(Transformer),
}

fn yes() -> bool {
    true
}

fn sixteen() -> u64 {
    16
}

fn two_of_64() -> Vec<u64> {
    vec![64, 64]
}

fn two_hundred() -> u64 {
    200
}

fn eight() -> u64 {
    8
}

fn thirty_two() -> u64 {
    32
}

/// One of each, for menus and tests.
pub fn templates() -> Vec<(&'static str, Template)> {
    vec![
        (
            "Residual CNN",
            Template::ResidualCnn {
                width: sixteen(),
                norm: true,
            },
        ),
        (
            "Perceptron",
            Template::Mlp {
                hidden: two_of_64(),
                dropout: 0.0,
            },
        ),
        (
            "Variational autoencoder",
            Template::Vae {
                hidden: two_hundred(),
                latent: eight(),
            },
        ),
        ("LSTM forecaster", Template::Lstm { hidden: thirty_two() }),
        ("GRU forecaster", Template::Gru { hidden: thirty_two() }),
        ("Transformer", Template::Transformer(Transformer::default())),
    ]
}

/// Most elements of a template's largest weight.
const LARGEST: u64 = 1 << 28;

impl Template {
    /// The network for examples of `shape` and `outputs` classes or numbers.
    ///
    /// # Errors
    /// A sentence for shapes that it is not for and sizes beyond all reason.
    pub fn build(&self, name: &str, shape: &[u64], outputs: u64, seed: u64) -> Result<Network, String> {
        let size = shape.iter().try_fold(1u64, |n, &d| n.checked_mul(d)).unwrap_or(0);
        let mut widths = vec![size, outputs];
        match self {
            Template::ResidualCnn { width, .. } => widths.push(*width),
            Template::Mlp { hidden, .. } => widths.extend(hidden),
            Template::Vae { hidden, latent } => widths.extend([*hidden, *latent]),
            Template::Lstm { hidden } | Template::Gru { hidden } => widths.push(hidden.saturating_mul(8)),
            Template::Transformer(t) => {
                t.check(shape)?;
                widths.extend([t.width, 4 * t.width, t.width, t.vocabulary]);
            }
        }
        let products = widths.windows(2).map(|w| w[0].checked_mul(w[1]));
        if widths.contains(&0) || products.into_iter().any(|p| p.is_none_or(|p| p > LARGEST)) {
            return Err(format!(
                "sizes {widths:?}: each from 1, and weights of at most {LARGEST} elements are expected"
            ));
        }
        Ok(match *self {
            Template::ResidualCnn { width, norm } => match *shape {
                [channels, height, side] if height == side && width <= 1024 => {
                    residual(name, [channels, side, side], outputs, width, norm, seed)
                }
                _ => {
                    return Err(format!(
                        "residual_cnn is for square pictures [channels, size, size] and a width up to 1024, \
                         the examples are {shape:?} each"
                    ));
                }
            },
            Template::Mlp { ref hidden, dropout } => {
                if !(0.0..1.0).contains(&dropout) {
                    return Err(format!("dropout is {dropout}: from 0 to below 1 is expected"));
                }
                mlp(name, shape, hidden, outputs, dropout, seed)
            }
            Template::Vae { hidden, latent } => vae(name, shape, hidden, latent, seed),
            Template::Lstm { hidden } | Template::Gru { hidden } => {
                let cell = match self {
                    Template::Lstm { .. } => Cell::Lstm,
                    _ => Cell::Gru,
                };
                let &[window, features] = shape else {
                    return Err(format!(
                        "a forecaster is for series [window, features], the examples are {shape:?} each"
                    ));
                };
                forecaster(name, cell, window, features, hidden, outputs, seed)
            }
            Template::Transformer(ref t) => match *shape {
                [window, features] => series_transformer(name, t, [window, features], outputs, seed),
                _ => transformer(name, t, size, outputs, seed),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::Op;

    #[test]
    fn every_template_has_known_shapes_and_nothing_odd() {
        for (title, template) in templates() {
            let shape: &[u64] = match template {
                Template::Lstm { .. } | Template::Gru { .. } => &[24, 3],
                Template::Transformer(_) => &[24],
                _ => &[1, 12, 12],
            };
            let network = template.build("t", shape, 5, 3).unwrap();
            assert_eq!(network.warnings, Vec::<String>::new(), "{title}");
            for layer in &network.layers {
                let out = layer.outputs[0].unwrap();
                let spec = &network.tensor(out).spec;
                assert!(spec.rank().is_some(), "{title}: {}", layer.name);
            }
            let noise = network.layers.iter().any(|l| matches!(l.op, Op::Other { .. }));
            assert_eq!(noise, matches!(template, Template::Vae { .. }));
            let first = &network.tensor(network.main().outputs[0]).spec;
            let wanted = match template {
                Template::Vae { .. } => "float32 [N, 1, 12, 12]",
                _ => "float32 [N, 5]",
            };
            assert_eq!(first.to_string(), wanted, "{title}");
        }
    }

    #[test]
    fn shapes_that_a_template_is_not_for_are_named() {
        let cnn = Template::ResidualCnn { width: 4, norm: true };
        assert!(cnn.build("t", &[3], 2, 1).unwrap_err().contains("[3]"));
        let lstm = Template::Lstm { hidden: 4 };
        assert!(lstm.build("t", &[3, 4, 5], 2, 1).is_err());
        let wide = Template::Mlp {
            hidden: vec![1 << 40],
            dropout: 0.0,
        };
        assert!(wide.build("t", &[3], 2, 1).unwrap_err().contains("elements"));
    }
}
