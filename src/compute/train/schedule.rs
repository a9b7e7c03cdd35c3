//! Learning rates over time, defined as PyTorch's `torch.optim.lr_scheduler` defines them.

use serde::{Deserialize, Serialize};

use super::plan::within;

/// How the learning rate changes. `t` counts steps or epochs ([`Unit`]) since the warm-up's end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Schedule {
    /// It stays.
    #[default]
    Constant,
    /// Times `gamma` after each `every` (`StepLR`).
    Step {
        /// Steps or epochs between falls.
        every: u64,
        /// What is left after each.
        #[serde(default = "tenth")]
        gamma: f64,
    },
    /// Half a cosine down to `minimum` (Loshchilov and Hutter 2017; `CosineAnnealingLR`).
    Cosine {
        /// Steps or epochs to the minimum; the whole training without it.
        #[serde(default)]
        length: Option<u64>,
        /// The lowest rate.
        #[serde(default)]
        minimum: f64,
    },
    /// Up to the learning rate and down far below where it began (Smith and Topin 2018;
    /// `OneCycleLR`). Steps alone.
    OneCycle {
        /// Steps of the cycle; the whole training without it.
        #[serde(default)]
        length: Option<u64>,
        /// Share of the cycle that goes up.
        #[serde(default = "third")]
        rise: f64,
        /// It begins at the learning rate divided by this.
        #[serde(default = "twenty_five")]
        div_factor: f64,
        /// It ends at the first rate divided by this.
        #[serde(default = "ten_thousand")]
        final_div_factor: f64,
        /// In straight lines and not along cosines.
        #[serde(default)]
        linear: bool,
        /// Momentum (of Adam: `beta1`) at the rate's ends and at its top.
        #[serde(default)]
        momentum: Option<[f64; 2]>,
    },
    /// Times `factor` once validation (without one: training) has not become better for longer than
    /// `patience` epochs or validations (`ReduceLROnPlateau`, mode `min`, relative threshold).
    Plateau {
        /// What is left of the rate.
        #[serde(default = "tenth")]
        factor: f64,
        /// Looks without improvement that are borne.
        #[serde(default = "ten")]
        patience: u64,
        /// Share by which a loss must be lower to count.
        #[serde(default = "small")]
        threshold: f64,
        /// Looks after a fall that do not count.
        #[serde(default)]
        cooldown: u64,
        /// The lowest rate.
        #[serde(default)]
        minimum: f64,
    },
}

fn tenth() -> f64 {
    0.1
}

fn third() -> f64 {
    0.3
}

fn twenty_five() -> f64 {
    25.0
}

fn ten_thousand() -> f64 {
    1e4
}

fn ten() -> u64 {
    10
}

fn small() -> f64 {
    1e-4
}

/// What a schedule counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Unit {
    #[default]
    Step,
    Epoch,
}

/// A rate that rises in a straight line (Goyal et al. 2017; `LinearLR`, then the schedule from its
/// beginning: `SequentialLR`).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Warmup {
    /// Steps until the full rate.
    pub steps: u64,
    /// Share of the rate that it begins with.
    #[serde(default = "tenth")]
    pub start: f64,
}

impl Warmup {
    /// Checks its numbers.
    ///
    /// # Errors
    /// A sentence that names what is wrong.
    pub fn check(&self) -> Result<(), String> {
        within("warmup.start", self.start, 0.0, 1.0)
    }

    fn factor(&self, step: u64) -> f64 {
        self.start + (1.0 - self.start) * (step as f64 / self.steps.max(1) as f64).min(1.0)
    }
}

/// What a schedule remembers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// The rate that the schedule begins from: the plan's, or what it was set to by hand.
    pub rate: f64,
    /// Step and epoch at which it began.
    pub began: [u64; 2],
    /// What plateaus have left of the rate.
    pub factor: f64,
    /// The lowest loss; infinite before the first.
    pub best: f64,
    /// Looks since the lowest.
    pub waited: u64,
    /// Looks that do not count any more.
    pub cooling: u64,
}

/// Where training is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Place {
    /// Steps done.
    pub step: u64,
    /// Epochs done.
    pub epoch: u64,
    /// Steps and epochs of the whole training.
    pub total: [u64; 2],
}

impl Memory {
    /// Of a schedule that begins.
    pub(crate) fn new(rate: f64, began: [u64; 2]) -> Self {
        Memory {
            rate,
            began,
            factor: 1.0,
            best: f64::INFINITY,
            waited: 0,
            cooling: 0,
        }
    }
}

impl Schedule {
    /// Its name as people write it.
    pub fn name(&self) -> &'static str {
        match self {
            Schedule::Constant => "constant",
            Schedule::Step { .. } => "step",
            Schedule::Cosine { .. } => "cosine",
            Schedule::OneCycle { .. } => "one cycle",
            Schedule::Plateau { .. } => "plateau",
        }
    }

    /// Checks its numbers.
    ///
    /// # Errors
    /// A sentence that names what is wrong.
    pub fn check(&self) -> Result<(), String> {
        let least = |name: &str, value: u64| match value {
            0 => Err(format!("schedule.{name} is 0: at least 1 is expected")),
            _ => Ok(()),
        };
        match *self {
            Schedule::Constant => Ok(()),
            Schedule::Step { every, gamma } => {
                least("every", every)?;
                within("schedule.gamma", gamma, 0.0, f64::MAX)
            }
            Schedule::Cosine { length, minimum } => {
                least("length", length.unwrap_or(1))?;
                within("schedule.minimum", minimum, 0.0, f64::MAX)
            }
            Schedule::OneCycle {
                length,
                rise,
                div_factor,
                final_div_factor,
                momentum,
                ..
            } => {
                least("length", length.unwrap_or(1))?;
                within("schedule.rise", rise, 0.0, 1.0)?;
                within("schedule.div_factor", div_factor, 1.0, f64::MAX)?;
                within("schedule.final_div_factor", final_div_factor, 1.0, f64::MAX)?;
                let mut shares = momentum.into_iter().flatten();
                shares.try_for_each(|m| within("schedule.momentum", m, 0.0, 1.0))
            }
            Schedule::Plateau {
                factor,
                threshold,
                minimum,
                ..
            } => {
                within("schedule.factor", factor, 0.0, 1.0)?;
                within("schedule.threshold", threshold, 0.0, 1.0)?;
                within("schedule.minimum", minimum, 0.0, f64::MAX)
            }
        }
    }

    /// Learning rate, and momentum where the schedule sets it, of the step after `place`.
    pub(crate) fn rates(
        &self,
        unit: Unit,
        warmup: Option<&Warmup>,
        memory: &Memory,
        place: Place,
    ) -> (f64, Option<f64>) {
        let since = place.step.saturating_sub(memory.began[0]);
        let rate = memory.rate;
        let (warm, after) = match warmup {
            Some(warmup) if since < warmup.steps => return (rate * warmup.factor(since), None),
            Some(warmup) => (warmup.steps, since - warmup.steps),
            None => (0, since),
        };
        let (t, total) = match unit {
            Unit::Step => (after, place.total[0].saturating_sub(memory.began[0] + warm)),
            Unit::Epoch => (
                place.epoch.saturating_sub(memory.began[1]),
                place.total[1].saturating_sub(memory.began[1]),
            ),
        };
        match *self {
            Schedule::Constant => (rate, None),
            Schedule::Step { every, gamma } => {
                let falls = i32::try_from(t / every.max(1)).unwrap_or(i32::MAX);
                (rate * gamma.powi(falls), None)
            }
            Schedule::Cosine { length, minimum } => {
                let length = length.unwrap_or(total).max(1);
                let done = t.min(length) as f64 / length as f64;
                let share = 0.5 * (1.0 + (std::f64::consts::PI * done).cos());
                (minimum + (rate - minimum) * share, None)
            }
            Schedule::OneCycle {
                length,
                rise,
                div_factor,
                final_div_factor,
                linear,
                momentum,
            } => {
                let steps = place.total[0].saturating_sub(memory.began[0] + warm);
                let length = length.unwrap_or(steps).max(1) as f64;
                let top = rise * length - 1.0;
                let (at, first) = (after as f64, rate / div_factor);
                let between = |from: f64, to: f64, share: f64| match linear {
                    true => from + (to - from) * share,
                    false => to + (from - to) / 2.0 * (1.0 + (std::f64::consts::PI * share).cos()),
                };
                let ends = momentum.unwrap_or_default();
                let (rate, moved) = if at <= top {
                    let share = at / top;
                    (between(first, rate, share), between(ends[0], ends[1], share))
                } else {
                    let share = ((at - top) / (length - 1.0 - top)).min(1.0);
                    let last = first / final_div_factor;
                    (between(rate, last, share), between(ends[1], ends[0], share))
                };
                (rate, momentum.map(|_| moved))
            }
            Schedule::Plateau { minimum, .. } => ((rate * memory.factor).max(minimum.min(rate)), None),
        }
    }

    /// Takes in a loss that the rate may follow; says whether the rate fell.
    pub(crate) fn see(&self, memory: &mut Memory, loss: f64) -> bool {
        let Schedule::Plateau {
            factor,
            patience,
            threshold,
            cooldown,
            minimum,
        } = *self
        else {
            return false;
        };
        if loss < memory.best * (1.0 - threshold) || (memory.best.is_infinite() && loss.is_finite()) {
            memory.best = loss;
            memory.waited = 0;
        } else {
            memory.waited += 1;
        }
        if memory.cooling > 0 {
            memory.cooling -= 1;
            memory.waited = 0;
        }
        if memory.waited <= patience {
            return false;
        }
        memory.cooling = cooldown;
        memory.waited = 0;
        let before = memory.rate * memory.factor;
        let after = (before * factor).max(minimum);
        // Falls that nobody would see are left out, as PyTorch does.
        if before - after <= 1e-8 {
            return false;
        }
        memory.factor = after / memory.rate;
        true
    }
}
