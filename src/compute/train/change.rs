//! What can be changed while a network learns.

use burn_backend::Backend;
use model::{Layer, Network, TensorId};
use serde::{Deserialize, Serialize};

use super::optimizer::{Optimizer, State};
use super::plan::{Clip, Plan};
use super::schedule::{Memory, Schedule, Unit};
use super::work::Parameter;

/// An intervention, between two steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Change {
    /// The next step's learning rate; the schedule goes on in proportion.
    LearningRate(f64),
    /// Another optimizer; what the old one remembers is forgotten.
    Optimizer(Optimizer),
    /// Another schedule, which begins now, from the plan's learning rate.
    Schedule(Schedule, Unit),
    /// Examples a step.
    Batch(usize),
    /// Weight decay.
    WeightDecay(f64),
    /// A bound on gradients.
    Clip(Clip),
    /// The parameters of a layer or scope, or one parameter, stay as they are from now on.
    Freeze(String),
    /// They learn again.
    Unfreeze(String),
    /// Trains so many epochs in all.
    Epochs(u64),
}

/// What the schedule says of the step to come.
pub(super) struct Now {
    pub rate: f64,
    pub step: u64,
    pub epoch: u64,
}

impl Change {
    /// Changes `plan` and `memory`, and says so in a line for the user.
    ///
    /// # Errors
    /// A sentence for numbers that make no sense and for names that no parameter has; nothing is
    /// changed then.
    pub(super) fn apply<B: Backend>(
        &self,
        plan: &mut Plan,
        memory: &mut Memory,
        now: Now,
        network: &Network,
        parameters: &mut [Parameter<B>],
    ) -> Result<String, String> {
        let mut new = plan.clone();
        let mut schedule = *memory;
        let text = match self {
            Change::LearningRate(rate) => {
                new.learning_rate = *rate;
                if now.rate > 0.0 {
                    schedule.rate *= rate / now.rate;
                } else {
                    // A schedule that has come to zero cannot be scaled.
                    new.schedule = Schedule::Constant;
                    schedule = Memory::new(*rate, [now.step, now.epoch]);
                    new.warmup = None;
                }
                format!("learning rate {} to {rate}", brief(now.rate))
            }
            Change::Optimizer(optimizer) => {
                new.optimizer = *optimizer;
                format!("{} to {}", plan.optimizer.name(), optimizer.name())
            }
            Change::Schedule(next, unit) => {
                (new.schedule, new.schedule_by, new.warmup) = (*next, *unit, None);
                schedule = Memory::new(plan.learning_rate, [now.step, now.epoch]);
                format!("schedule {} to {}", plan.schedule.name(), next.name())
            }
            Change::Batch(batch) => {
                new.batch = *batch;
                format!("batch {} to {batch}", plan.batch)
            }
            Change::WeightDecay(decay) => {
                new.weight_decay = *decay;
                format!("weight decay {} to {decay}", plan.weight_decay)
            }
            Change::Clip(clip) => {
                new.clip = *clip;
                match clip {
                    Clip::None => "gradients without a bound".into(),
                    Clip::Norm(most) => format!("gradients up to a norm of {most}"),
                    Clip::Value(most) => format!("gradients up to {most} each"),
                }
            }
            Change::Freeze(name) => {
                let names = parameters.iter().map(|p| (p.id, p.name.as_str()));
                let count = matching(network, names, name)?.len();
                new.frozen.retain(|n| n != name);
                new.frozen.push(name.clone());
                format!("{name} frozen, {count} parameter{}", plural(count))
            }
            Change::Unfreeze(name) => {
                let names = parameters.iter().map(|p| (p.id, p.name.as_str()));
                let freed = matching(network, names, name)?;
                // What is frozen under other names is named anew without these.
                let frozen = |p: &&Parameter<B>| p.frozen && !freed.contains(&p.id);
                new.frozen = parameters.iter().filter(frozen).map(|p| p.name.clone()).collect();
                format!(
                    "{name} learns again, {} parameter{}",
                    freed.len(),
                    plural(freed.len())
                )
            }
            Change::Epochs(epochs) => {
                new.epochs = *epochs;
                format!("epochs {} to {epochs}", plan.epochs)
            }
        };
        new.check()?;
        freeze(network, &new.frozen, parameters)?;
        if let Change::Optimizer(_) = self {
            parameters.iter_mut().for_each(|p| p.state = State::default());
        }
        (*plan, *memory) = (new, schedule);
        Ok(text)
    }
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// A rate with as many digits as say something.
fn brief(rate: f64) -> f64 {
    format!("{rate:.4e}").parse().unwrap_or(rate)
}

/// Freezes what `names` name and nothing else.
///
/// # Errors
/// A sentence for a name that no parameter has.
pub(super) fn freeze<B: Backend>(
    network: &Network,
    names: &[String],
    parameters: &mut [Parameter<B>],
) -> Result<(), String> {
    let mut frozen = std::collections::HashSet::new();
    for name in names {
        let all = parameters.iter().map(|p| (p.id, p.name.as_str()));
        frozen.extend(matching(network, all, name)?);
    }
    if frozen.len() == parameters.len() {
        return Err("every parameter is frozen: nothing would learn".into());
    }
    parameters
        .iter_mut()
        .for_each(|p| p.frozen = frozen.contains(&p.id));
    Ok(())
}

/// The parameters that `name` names: one of that name, those that a layer of that name reads, those
/// in a scope of that name.
fn matching<'a>(
    network: &Network,
    parameters: impl Iterator<Item = (TensorId, &'a str)>,
    name: &str,
) -> Result<Vec<TensorId>, String> {
    let below = |own: &str| {
        let rest = own.strip_prefix(name);
        rest.is_some_and(|r| r.is_empty() || r.starts_with(['/', '.', ':']))
    };
    let layers: Vec<&Layer> = network.layers.iter().filter(|l| below(&l.name)).collect();
    let read = |id: TensorId| layers.iter().any(|l| l.inputs.contains(&Some(id)));
    let all: Vec<(TensorId, &str)> = parameters.collect();
    let found: Vec<TensorId> = all
        .iter()
        .filter(|(id, own)| below(own) || read(*id))
        .map(|(id, _)| *id)
        .collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let some: Vec<&str> = all.iter().take(8).map(|(_, n)| *n).collect();
    let more = if all.len() > some.len() { ", ..." } else { "" };
    Err(format!(
        "no parameter, layer or scope with parameters is called {name:?}; there are {}{more}",
        some.join(", ")
    ))
}
