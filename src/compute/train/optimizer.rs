//! Optimizers, defined as PyTorch's `torch.optim` defines them.

use burn_backend::Backend;
use burn_backend::tensor::FloatTensor;
use serde::{Deserialize, Serialize};

use super::plan::within;
use crate::value::{dims, float};

/// How gradients become updates. Constants have PyTorch's names and defaults.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Optimizer {
    /// Stochastic gradient descent (Robbins and Monro 1951).
    Sgd {},
    /// With a velocity (Polyak 1964), in the form of Sutskever et al. 2013.
    Momentum {
        /// Share of the velocity that stays.
        #[serde(default = "point_nine")]
        momentum: f64,
        /// Share of the gradient that does not enter the velocity.
        #[serde(default)]
        dampening: f64,
    },
    /// The gradient as it would be a step ahead (Nesterov 1983; Sutskever et al. 2013).
    Nesterov {
        /// Share of the velocity that stays.
        #[serde(default = "point_nine")]
        momentum: f64,
    },
    /// Kingma and Ba 2015. Weight decay is added to the gradient.
    Adam(Moments),
    /// Adam with decoupled weight decay (Loshchilov and Hutter 2019).
    AdamW(Moments),
    /// Tieleman and Hinton 2012; centred: Graves 2013.
    RmsProp {
        /// Share of the mean square that stays.
        #[serde(default = "point_nine_nine")]
        alpha: f64,
        /// Added to the root.
        #[serde(default = "tiny")]
        epsilon: f64,
        /// Share of the velocity that stays.
        #[serde(default)]
        momentum: f64,
        /// By the variance in place of the mean square.
        #[serde(default)]
        centered: bool,
    },
    /// Duchi et al. 2011.
    Adagrad {
        /// The rate falls as `1 / (1 + (step - 1) * lr_decay)`.
        #[serde(default)]
        lr_decay: f64,
        /// Added to the root.
        #[serde(default = "tinier")]
        epsilon: f64,
        /// The sum of squares begins there.
        #[serde(default)]
        initial: f64,
    },
}

/// Constants of Adam.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Moments {
    /// Share of the mean gradient that stays.
    pub beta1: f64,
    /// Share of the mean square that stays.
    pub beta2: f64,
    /// Added to the root.
    pub epsilon: f64,
}

impl Default for Moments {
    fn default() -> Self {
        Moments {
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
        }
    }
}

impl Default for Optimizer {
    fn default() -> Self {
        Optimizer::Adam(Moments::default())
    }
}

fn point_nine() -> f64 {
    0.9
}

fn point_nine_nine() -> f64 {
    0.99
}

fn tiny() -> f64 {
    1e-8
}

fn tinier() -> f64 {
    1e-10
}

/// What the update of one parameter depends on beside its gradient.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rates {
    /// Learning rate of this step.
    pub rate: f64,
    /// Weight decay of this parameter.
    pub decay: f64,
    /// In place of the optimizer's own momentum, or of Adam's `beta1`.
    pub momentum: Option<f64>,
}

/// What an optimizer remembers of one parameter: tensors of its shape, none before its first update.
#[derive(Clone, Debug)]
pub(crate) struct State<B: Backend> {
    /// In the order of [`Optimizer::states`].
    pub tensors: Vec<FloatTensor<B>>,
    /// Updates so far.
    pub updates: u64,
}

impl<B: Backend> Default for State<B> {
    fn default() -> Self {
        State {
            tensors: Vec::new(),
            updates: 0,
        }
    }
}

impl Optimizer {
    /// Its name as people write it.
    pub fn name(&self) -> &'static str {
        match self {
            Optimizer::Sgd {} => "SGD",
            Optimizer::Momentum { .. } => "momentum",
            Optimizer::Nesterov { .. } => "Nesterov momentum",
            Optimizer::Adam(_) => "Adam",
            Optimizer::AdamW(_) => "AdamW",
            Optimizer::RmsProp { .. } => "RMSprop",
            Optimizer::Adagrad { .. } => "Adagrad",
        }
    }

    /// Names of the tensors that it keeps for each parameter.
    pub fn states(&self) -> &'static [&'static str] {
        match self {
            Optimizer::Sgd {} => &[],
            Optimizer::Momentum { .. } | Optimizer::Nesterov { .. } => &["velocity"],
            Optimizer::Adam(_) | Optimizer::AdamW(_) => &["mean", "square"],
            Optimizer::RmsProp { .. } => &["square", "mean", "velocity"],
            Optimizer::Adagrad { .. } => &["sum"],
        }
    }

    /// Checks its constants.
    ///
    /// # Errors
    /// A sentence that names the constant, what it is and what it should be.
    pub fn check(&self) -> Result<(), String> {
        let share = |name: &str, value| within(&format!("optimizer.{name}"), value, 0.0, 1.0 - 1e-12);
        let positive = |name: &str, value| within(&format!("optimizer.{name}"), value, 0.0, f64::MAX);
        match *self {
            Optimizer::Sgd {} => Ok(()),
            Optimizer::Momentum { momentum, dampening } => {
                share("momentum", momentum)?;
                within("optimizer.dampening", dampening, 0.0, 1.0)
            }
            Optimizer::Nesterov { momentum } => share("momentum", momentum),
            Optimizer::Adam(m) | Optimizer::AdamW(m) => {
                share("beta1", m.beta1)?;
                share("beta2", m.beta2)?;
                positive("epsilon", m.epsilon)
            }
            Optimizer::RmsProp {
                alpha,
                epsilon,
                momentum,
                ..
            } => {
                share("alpha", alpha)?;
                share("momentum", momentum)?;
                positive("epsilon", epsilon)
            }
            Optimizer::Adagrad {
                lr_decay,
                epsilon,
                initial,
            } => {
                positive("lr_decay", lr_decay)?;
                positive("epsilon", epsilon)?;
                positive("initial", initial)
            }
        }
    }

    /// The parameter after a step along `gradient`, which has its shape.
    pub(crate) fn update<B: Backend>(
        &self,
        now: FloatTensor<B>,
        gradient: FloatTensor<B>,
        state: &mut State<B>,
        rates: Rates,
    ) -> FloatTensor<B> {
        if let Some(new) = super::host::update::<B>(self, &now, &gradient, state, rates) {
            return new;
        }
        let scaled = |t: FloatTensor<B>, by: f64| B::float_mul_scalar(t, (by as f32).into());
        let plus = |t: FloatTensor<B>, by: f64| B::float_add_scalar(t, (by as f32).into());
        let square = |t: &FloatTensor<B>| B::float_mul(t.clone(), t.clone());
        // `t` moved toward `to` by a share of `1 - keep`.
        let mixed = |t: FloatTensor<B>, keep: f64, to: FloatTensor<B>| {
            B::float_add(scaled(t, keep), scaled(to, 1.0 - keep))
        };
        let filled = |value: f32| {
            let shape = dims::<B>(&now);
            let count = shape.iter().product();
            float::<B>(vec![value; count], &shape, &B::float_device(&now))
        };
        state.updates += 1;
        let step = state.updates as i32;
        let coupled = !matches!(self, Optimizer::AdamW(_));
        let gradient = match coupled && rates.decay != 0.0 {
            true => B::float_add(gradient, scaled(now.clone(), rates.decay)),
            false => gradient,
        };
        let change = match *self {
            Optimizer::Sgd {} => scaled(gradient, rates.rate),
            Optimizer::Momentum { momentum, dampening } => {
                let keep = rates.momentum.unwrap_or(momentum);
                let velocity = match state.tensors.pop() {
                    Some(v) => B::float_add(scaled(v, keep), scaled(gradient, 1.0 - dampening)),
                    None => gradient,
                };
                state.tensors.push(velocity.clone());
                scaled(velocity, rates.rate)
            }
            Optimizer::Nesterov { momentum } => {
                let keep = rates.momentum.unwrap_or(momentum);
                let velocity = match state.tensors.pop() {
                    Some(v) => B::float_add(scaled(v, keep), gradient.clone()),
                    None => gradient.clone(),
                };
                state.tensors.push(velocity.clone());
                scaled(B::float_add(gradient, scaled(velocity, keep)), rates.rate)
            }
            Optimizer::Adam(m) | Optimizer::AdamW(m) => {
                let beta1 = rates.momentum.unwrap_or(m.beta1);
                if state.tensors.is_empty() {
                    state.tensors = vec![filled(0.0), filled(0.0)];
                }
                let (mean, squares) = (state.tensors[0].clone(), state.tensors[1].clone());
                let mean = mixed(mean, beta1, gradient.clone());
                let squares = mixed(squares, m.beta2, square(&gradient));
                state.tensors = vec![mean.clone(), squares.clone()];
                let root = scaled(B::float_sqrt(squares), 1.0 / (1.0 - m.beta2.powi(step)).sqrt());
                scaled(
                    B::float_div(mean, plus(root, m.epsilon)),
                    rates.rate / (1.0 - beta1.powi(step)),
                )
            }
            Optimizer::RmsProp {
                alpha,
                epsilon,
                momentum,
                centered,
            } => {
                if state.tensors.is_empty() {
                    state.tensors = vec![filled(0.0), filled(0.0), filled(0.0)];
                }
                let squares = mixed(state.tensors[0].clone(), alpha, square(&gradient));
                let mut spread = squares.clone();
                state.tensors[0] = squares;
                if centered {
                    let mean = mixed(state.tensors[1].clone(), alpha, gradient.clone());
                    spread = B::float_sub(spread, square(&mean));
                    state.tensors[1] = mean;
                }
                let ratio = B::float_div(gradient, plus(B::float_sqrt(spread), epsilon));
                let keep = rates.momentum.unwrap_or(momentum);
                if keep == 0.0 {
                    scaled(ratio, rates.rate)
                } else {
                    let velocity = B::float_add(scaled(state.tensors[2].clone(), keep), ratio);
                    state.tensors[2] = velocity.clone();
                    scaled(velocity, rates.rate)
                }
            }
            Optimizer::Adagrad {
                lr_decay,
                epsilon,
                initial,
            } => {
                let sum = match state.tensors.pop() {
                    Some(sum) => sum,
                    None => filled(initial as f32),
                };
                let sum = B::float_add(sum, square(&gradient));
                state.tensors.push(sum.clone());
                let rate = rates.rate / (1.0 + (step - 1) as f64 * lr_decay);
                scaled(B::float_div(gradient, plus(B::float_sqrt(sum), epsilon)), rate)
            }
        };
        let now = match coupled {
            true => now,
            false => scaled(now, 1.0 - rates.rate * rates.decay),
        };
        B::float_sub(now, change)
    }
}
