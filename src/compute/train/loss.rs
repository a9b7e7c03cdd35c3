//! What is minimised.

use burn_backend::Backend;
use burn_backend::tensor::FloatTensor;
use model::op::Unary;
use model::{Network, Op, Targets, TensorId};
use serde::{Deserialize, Serialize};

use super::batch::Answers;
use super::plan::within;
use crate::value::{dims, float, reshape};

/// What is minimised: means over the batch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Loss {
    /// Negative log-likelihood of classes, axis 1 of the first output. A network that ends in a
    /// softmax is judged by what goes into it.
    CrossEntropy {
        /// Share of the probability that all classes have in common (Szegedy et al. 2016).
        #[serde(default)]
        smoothing: f64,
    },
    /// Mean squared error of the first output.
    Mse {},
    /// Binary cross-entropy of the first output, of logits, or of what goes into a last sigmoid.
    Binary {
        /// Whether an output that no sigmoid makes is probabilities all the same.
        #[serde(default)]
        probabilities: bool,
    },
    /// Minus the evidence's lower bound (Kingma and Welling 2014): what the reconstruction costs,
    /// summed over each example, and `beta` (Higgins et al. 2017) times the divergence of the
    /// posterior from a standard normal one.
    Vae {
        /// The reconstruction's error: `binary` or `squared`.
        #[serde(default)]
        reconstruction: Reconstruction,
        /// Weight of the divergence.
        #[serde(default = "one")]
        beta: f64,
        /// Names of reconstruction, mean and log variance; the first three outputs without them.
        #[serde(default)]
        outputs: Option<[String; 3]>,
    },
}

/// Errors of a reconstruction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reconstruction {
    /// Cross-entropy of values from 0 to 1.
    #[default]
    Binary,
    /// Squared error.
    Squared,
}

fn one() -> f64 {
    1.0
}

impl Default for Loss {
    fn default() -> Self {
        Loss::CrossEntropy { smoothing: 0.0 }
    }
}

/// The tensors that a loss reads.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reads {
    /// The judged output, then those of a VAE's posterior.
    pub tensors: Vec<TensorId>,
    /// Whether the first is logits.
    pub logits: bool,
}

/// A loss on the device.
pub(crate) struct Judged<B: Backend> {
    /// `[1]`.
    pub loss: FloatTensor<B>,
    /// Its terms by name, `[1]` each, where there are several.
    pub terms: Vec<(&'static str, FloatTensor<B>)>,
}

impl Loss {
    /// Its name as people write it.
    pub fn name(&self) -> &'static str {
        match self {
            Loss::CrossEntropy { .. } => "cross-entropy",
            Loss::Mse {} => "mean squared error",
            Loss::Binary { .. } => "binary cross-entropy",
            Loss::Vae { .. } => "VAE",
        }
    }

    /// Checks its numbers.
    ///
    /// # Errors
    /// A sentence that names what is wrong.
    pub fn check(&self) -> Result<(), String> {
        match self {
            Loss::CrossEntropy { smoothing } => within("loss.smoothing", *smoothing, 0.0, 1.0),
            Loss::Vae { beta, .. } => within("loss.beta", *beta, 0.0, f64::MAX),
            Loss::Mse {} | Loss::Binary { .. } => Ok(()),
        }
    }

    /// Checks that the targets are what it compares with.
    ///
    /// # Errors
    /// A sentence that says which are expected.
    pub(crate) fn suits(&self, targets: &Targets) -> Result<(), String> {
        match (self, targets) {
            (Loss::CrossEntropy { .. }, Targets::Classes(_)) => Ok(()),
            (Loss::CrossEntropy { .. }, _) => {
                Err("loss: cross-entropy wants classes as targets, the data set has numbers".into())
            }
            (Loss::Vae { .. }, Targets::Inputs) => Ok(()),
            (Loss::Vae { .. }, _) => {
                Err("loss: a VAE wants the inputs as targets, the data set has others".into())
            }
            _ => Ok(()),
        }
    }

    /// The tensors of `network` that it reads.
    ///
    /// # Errors
    /// A sentence for outputs that are missing.
    pub(crate) fn reads(&self, network: &Network) -> Result<Reads, String> {
        let outputs = &network.main().outputs;
        let first = outputs.first().copied().ok_or("the network has no output")?;
        // What goes into the layer that makes `id`, where that is one of `kind`.
        let before = |id: TensorId, kind: fn(&Op) -> bool| {
            let layer = network.layer(network.tensor(id).producer?);
            if !kind(&layer.op) || layer.outputs.first() != Some(&Some(id)) {
                return None;
            }
            layer.inputs.first().copied().flatten()
        };
        let sigmoid = |op: &Op| matches!(op, Op::Unary(Unary::Sigmoid));
        let softmax = |op: &Op| matches!(op, Op::Softmax { .. });
        let of = |id: TensorId, logits: bool| Reads {
            tensors: vec![id],
            logits,
        };
        Ok(match self {
            Loss::CrossEntropy { .. } => of(before(first, softmax).unwrap_or(first), true),
            Loss::Mse {} => of(first, false),
            Loss::Binary { probabilities } => match before(first, sigmoid) {
                Some(logits) => of(logits, true),
                None => of(first, !probabilities),
            },
            Loss::Vae {
                reconstruction,
                outputs: named,
                ..
            } => {
                let ids = match named {
                    Some(names) => names.each_ref().map(|n| network.tensor_named(n)),
                    None => [0, 1, 2].map(|i| outputs.get(i).copied()),
                };
                let [Some(made), Some(mean), Some(variance)] = ids else {
                    return Err(format!(
                        "loss: a VAE wants three outputs (reconstruction, mean, log variance); the network has {:?}",
                        outputs
                            .iter()
                            .map(|&o| &network.tensor(o).name)
                            .collect::<Vec<_>>()
                    ));
                };
                let binary = *reconstruction == Reconstruction::Binary;
                let logits = before(made, sigmoid).filter(|_| binary);
                Reads {
                    tensors: vec![logits.unwrap_or(made), mean, variance],
                    logits: logits.is_some(),
                }
            }
        })
    }

    /// The loss of `found`, the tensors that [`Loss::reads`] names.
    ///
    /// # Errors
    /// A sentence where answers and targets do not fit.
    pub(crate) fn judge<B: Backend>(
        &self,
        found: &[FloatTensor<B>],
        logits: bool,
        answers: &Answers,
        device: &B::Device,
    ) -> Result<Judged<B>, String> {
        let output = found.first().cloned().ok_or("no output")?;
        let shape = dims::<B>(&output);
        let rows = shape.first().copied().unwrap_or(1).max(1) as f64;
        let count = shape.iter().product::<usize>().max(1) as f64;
        let scaled = |t: FloatTensor<B>, by: f64| {
            let sum = reshape::<B>(B::float_sum(t), &[1]);
            B::float_mul_scalar(sum, (by as f32).into())
        };
        let alone = |loss| Judged {
            loss,
            terms: Vec::new(),
        };
        Ok(match self {
            Loss::CrossEntropy { smoothing } => {
                let (hot, places) = answers.hot(&shape, *smoothing)?;
                let hot = float::<B>(hot, &shape, device);
                let logs = B::log_softmax(output, 1);
                alone(scaled(B::float_mul(logs, hot), -1.0 / places as f64))
            }
            Loss::Mse {} => {
                let wanted = float::<B>(answers.values(&shape)?, &shape, device);
                let off = B::float_sub(output, wanted);
                alone(scaled(B::float_mul(off.clone(), off), 1.0 / count))
            }
            Loss::Binary { .. } => {
                let wanted = float::<B>(answers.values(&shape)?, &shape, device);
                alone(scaled(binary::<B>(output, wanted, logits), 1.0 / count))
            }
            Loss::Vae {
                reconstruction, beta, ..
            } => {
                let [_, mean, variance] = found else {
                    return Err("mean and log variance are missing".into());
                };
                if dims::<B>(mean) != dims::<B>(variance) {
                    return Err(format!(
                        "mean {:?} and log variance {:?} differ",
                        dims::<B>(mean),
                        dims::<B>(variance)
                    ));
                }
                let wanted = float::<B>(answers.values(&shape)?, &shape, device);
                let error = match reconstruction {
                    Reconstruction::Binary => binary::<B>(output, wanted, logits),
                    Reconstruction::Squared => {
                        let off = B::float_sub(output, wanted);
                        B::float_mul(off.clone(), off)
                    }
                };
                let reconstruction = scaled(error, 1.0 / rows);
                // -1/2 sum(1 + log v - m^2 - v), appendix B there.
                let square = B::float_mul(mean.clone(), mean.clone());
                let spread = B::float_sub(B::float_exp(variance.clone()), variance.clone());
                let inner = B::float_add_scalar(B::float_add(square, spread), (-1f32).into());
                let divergence = scaled(inner, 0.5 / rows);
                let weighed = B::float_mul_scalar(divergence.clone(), (*beta as f32).into());
                Judged {
                    loss: B::float_add(reconstruction.clone(), weighed),
                    terms: vec![("reconstruction", reconstruction), ("divergence", divergence)],
                }
            }
        })
    }

    /// Whether it has an accuracy.
    pub fn counts(&self) -> bool {
        matches!(self, Loss::CrossEntropy { .. } | Loss::Binary { .. })
    }

    /// How many of `found`, values of the first tensor that it reads, of `shape`, are right, of how
    /// many.
    pub(crate) fn right(
        &self,
        found: &[f32],
        shape: &[usize],
        logits: bool,
        answers: &Answers,
    ) -> Option<(u64, u64)> {
        match self {
            Loss::CrossEntropy { .. } => {
                let Answers::Classes(wanted) = answers else {
                    return None;
                };
                let classes = *shape.get(1)?;
                let inner: usize = shape[2..].iter().product();
                let right = wanted.iter().enumerate().filter(|&(k, &class)| {
                    let at = |c: usize| found[(k / inner * classes + c) * inner + k % inner];
                    // The first of equal ones, as argmax has it.
                    let best = (0..classes).reduce(|a, b| if at(b) > at(a) { b } else { a });
                    best.map(|b| b as i64) == Some(class)
                });
                Some((right.count() as u64, wanted.len() as u64))
            }
            Loss::Binary { .. } => {
                let wanted = answers.values(shape).ok()?;
                let middle = if logits { 0.0 } else { 0.5 };
                let pairs = found.iter().zip(&wanted);
                let right = pairs.filter(|&(&f, &w)| (f > middle) == (w > 0.5));
                Some((right.count() as u64, wanted.len() as u64))
            }
            _ => None,
        }
    }
}

/// Element-wise cross-entropy of two outcomes.
fn binary<B: Backend>(output: FloatTensor<B>, wanted: FloatTensor<B>, logits: bool) -> FloatTensor<B> {
    let opposite = |t: FloatTensor<B>| B::float_add_scalar(B::float_neg(t), 1f32.into());
    if logits {
        // (1 - t) x - log sigmoid(x), which is finite everywhere and has its slope at 0 too.
        let linear = B::float_mul(opposite(wanted), output.clone());
        return B::float_sub(linear, B::log_sigmoid(output));
    }
    // Logarithms end at -100, as PyTorch's do.
    let log = |t: FloatTensor<B>| B::float_clamp_min(B::float_log(t), (-100f32).into());
    let yes = B::float_mul(wanted.clone(), log(output.clone()));
    let no = B::float_mul(opposite(wanted), log(opposite(output)));
    B::float_neg(B::float_add(yes, no))
}
