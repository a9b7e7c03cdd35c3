//! How to train: plain data, the same in recipes, checkpoints and panels.

use serde::{Deserialize, Serialize};

use super::augment::Augmentation;
use super::loss::Loss;
use super::optimizer::Optimizer;
use super::schedule::{Schedule, Unit, Warmup};

/// How to train. Defaults are those of the fields' types, or as stated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Plan {
    /// Passes over the training part.
    pub epochs: u64,
    /// Ends training after so many steps, whatever the epochs say.
    pub steps: Option<u64>,
    /// Examples a step.
    pub batch: usize,
    /// Whether the examples left over at the end of an epoch are left out.
    pub drop_last: bool,
    /// Whether each epoch has an order of its own.
    pub shuffle: bool,
    /// Of the order, of augmentation, of dropout and of noise; below 2^63.
    pub seed: u64,
    /// The learning rate that the schedule begins from.
    pub learning_rate: f64,
    /// What the optimizer's `weight_decay` is in PyTorch: added to the gradient, or with AdamW taken
    /// off the weight.
    pub weight_decay: f64,
    /// Whether biases, scales and other parameters of rank below 2 decay too.
    pub decay_all: bool,
    /// What is minimised.
    pub loss: Loss,
    /// How gradients become updates.
    pub optimizer: Optimizer,
    /// How the learning rate changes.
    pub schedule: Schedule,
    /// What the schedule counts.
    pub schedule_by: Unit,
    /// A slow beginning, before the schedule.
    pub warmup: Option<Warmup>,
    /// A bound on gradients.
    pub clip: Clip,
    /// How examples are varied.
    pub augmentation: Augmentation,
    /// Parameters, layers or scopes whose parameters stay as they are.
    pub frozen: Vec<String>,
    /// Inputs that the data set does not have, filled with noise of mean 0 and deviation 1.
    pub noise: Vec<String>,
    /// When to judge by the validation part.
    pub validate: Every,
    /// Training ends once the validation loss was judged so many times in a row without being lower
    /// than ever before (early stopping: Prechelt 1998).
    pub patience: Option<u64>,
    /// How often losses are recorded, steps.
    pub record_every: u64,
    /// How often layers are looked into.
    pub statistics: Cadence,
    /// What to do where the loss is no number.
    pub on_problem: OnProblem,
}

impl Default for Plan {
    fn default() -> Self {
        Plan {
            epochs: 10,
            steps: None,
            batch: 64,
            drop_last: false,
            shuffle: true,
            seed: 1,
            learning_rate: 1e-3,
            weight_decay: 0.0,
            decay_all: true,
            loss: Loss::default(),
            optimizer: Optimizer::default(),
            schedule: Schedule::default(),
            schedule_by: Unit::default(),
            warmup: None,
            clip: Clip::default(),
            augmentation: Augmentation::default(),
            frozen: Vec::new(),
            noise: Vec::new(),
            validate: Every::default(),
            patience: None,
            record_every: 1,
            statistics: Cadence::default(),
            on_problem: OnProblem::default(),
        }
    }
}

/// A bound on gradients, before the optimizer sees them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clip {
    /// None.
    #[default]
    None,
    /// On the norm of all gradients together: what is longer is scaled down (Pascanu et al. 2013;
    /// `torch.nn.utils.clip_grad_norm_`).
    Norm(f64),
    /// On the magnitude of each number (`clip_grad_value_`).
    Value(f64),
}

/// When something happens again and again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Every {
    /// After each epoch, and at the end.
    #[default]
    Epoch,
    /// After so many steps, and at the end.
    Steps(u64),
    /// Only when it is asked for.
    Never,
}

/// How often the layers' statistics are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cadence {
    /// As often as costs at most 15 % of the time.
    #[default]
    Auto,
    /// Each so many steps.
    Steps(u64),
    /// Never.
    Off,
}

/// What to do where loss or gradients are no numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnProblem {
    /// The step changes nothing, and training stands still there.
    #[default]
    Stop,
    /// The step changes nothing, and training goes on with the next one.
    Skip,
}

impl Plan {
    /// Checks every number.
    ///
    /// # Errors
    /// A sentence that names the field, what it is and what it should be.
    pub fn check(&self) -> Result<(), String> {
        let least = |name: &str, value: u64| match value {
            0 => Err(format!("{name} is 0: at least 1 is expected")),
            _ => Ok(()),
        };
        least("epochs", self.epochs)?;
        least("batch", self.batch as u64)?;
        least("record_every", self.record_every)?;
        least("steps", self.steps.unwrap_or(1))?;
        least("patience", self.patience.unwrap_or(1))?;
        if self.patience.is_some() && self.validate == Every::Never {
            return Err("patience counts validations, and validate is \"never\"".into());
        }
        if let Every::Steps(n) = self.validate {
            least("validate", n)?;
        }
        if let Cadence::Steps(n) = self.statistics {
            least("statistics", n)?;
        }
        if i64::try_from(self.seed).is_err() {
            return Err(format!("seed is {}: a number below 2^63 is expected", self.seed));
        }
        within("learning_rate", self.learning_rate, 0.0, f64::MAX)?;
        within("weight_decay", self.weight_decay, 0.0, f64::MAX)?;
        match self.clip {
            Clip::Norm(v) | Clip::Value(v) if v.is_nan() || v <= 0.0 => {
                return Err(format!("clip is {v}: a number above 0 is expected"));
            }
            _ => {}
        }
        self.loss.check()?;
        self.optimizer.check()?;
        self.schedule.check()?;
        if let Some(warmup) = &self.warmup {
            warmup.check()?;
        }
        self.augmentation.check()
    }
}

/// An error where `value` is not from `low` to `high`.
pub(crate) fn within(name: &str, value: f64, low: f64, high: f64) -> Result<(), String> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    let high = if high == f64::MAX {
        "infinity".into()
    } else {
        high.to_string()
    };
    Err(format!(
        "{name} is {value}: a number from {low} to {high} is expected"
    ))
}
