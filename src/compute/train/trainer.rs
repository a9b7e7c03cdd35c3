//! The door to training: one step after the other, on any device.

use std::pin::Pin;
use std::sync::Arc;

use model::run::{Mark, MarkKind, Setting};
use model::{Dataset, Network, Point, Record};

use super::batch::{Batch, Feed, order};
use super::change::{Change, Now, freeze};
use super::checkpoint::{Best, Progress};
use super::judge::Judgement;
use super::plan::{Cadence, Every, OnProblem, Plan};
use super::schedule::{Memory, Place as At};
use super::statistics::Pace;
use super::work::{Job, Outcome, Work};
use crate::engine::Device;
use crate::gpu::Gpu;
use crate::place::Cpu;
use crate::run::RunError;

/// Boxed, so that the executor is compiled in this crate alone.
pub(super) type Task<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// Seconds since 1970.
fn wall() -> f64 {
    let now = web_time::SystemTime::now().duration_since(web_time::UNIX_EPOCH);
    now.map_or(f64::NAN, |d| d.as_secs_f64())
}

/// What one step came to.
#[derive(Clone, Debug, Default)]
pub struct Step {
    /// Steps done, this one too.
    pub step: u64,
    /// Epochs done.
    pub epoch: u64,
    /// Mean loss of its batch.
    pub loss: f64,
    /// Learning rate that it was taken with.
    pub learning_rate: f64,
    /// Norm of all gradients together, before clipping.
    pub gradient_norm: f64,
    /// Share of right answers in its batch, where they were counted.
    pub accuracy: Option<f64>,
    /// Mean loss over the epoch that ended with it.
    pub epoch_loss: Option<f64>,
    /// Where the validation part was judged after it.
    pub validation: Option<Judgement>,
    /// Wall time, seconds, without judging.
    pub seconds: f64,
    /// Everything that is to be written down.
    pub records: Vec<Record>,
    /// Whether the validation part was judged, with a lower loss than ever before.
    pub best: bool,
    /// What stopped it: neither weights nor statistics have changed in it.
    pub problem: Option<String>,
    /// Whether training has come to its end, or stands still for a problem.
    pub done: bool,
}

/// A network that learns. It holds everything between two steps; whoever holds it pauses by not
/// asking for the next one.
pub struct Trainer {
    pub(super) original: Arc<Network>,
    pub(super) feed: Feed,
    pub(super) plan: Plan,
    pub(super) device: Held,
    pub(super) progress: Progress,
    pub(super) order: (u64, Vec<u32>),
    pace: Pace,
    pub(super) stopped: bool,
}

pub(super) enum Held {
    Cpu(Box<Work<Cpu>>),
    Gpu(Box<Work<Gpu>>),
}

/// Does the same on either device.
macro_rules! on {
    ($held:expr, $work:ident => $body:expr) => {
        match $held {
            $crate::train::trainer::Held::Cpu($work) => $body,
            $crate::train::trainer::Held::Gpu($work) => $body,
        }
    };
}
pub(super) use on;

impl Trainer {
    /// Brings `network` to `device`, to learn from `data`.
    ///
    /// # Errors
    /// [`RunError::Input`] and [`RunError::Tensor`] for a plan, a network and a data set that do not
    /// fit each other.
    pub fn new(
        network: Arc<Network>,
        data: Arc<Dataset>,
        plan: Plan,
        device: &Device,
    ) -> Result<Self, RunError> {
        let wrong = |problem| RunError::Plan { problem };
        plan.check().map_err(wrong)?;
        plan.loss.suits(&data.targets).map_err(wrong)?;
        let feed = Feed::new(data, &network, &plan)?;
        let mut held = match device {
            Device::Cpu => Held::Cpu(Box::new(Work::new(Cpu, &network, &plan.loss)?)),
            Device::Gpu(gpu) => Held::Gpu(Box::new(Work::new(gpu.clone(), &network, &plan.loss)?)),
        };
        on!(&mut held, work => freeze(&network, &plan.frozen, &mut work.parameters).map_err(wrong)?);
        let first = order(&feed.data, &plan, 0);
        Ok(Trainer {
            original: network,
            order: (0, first),
            progress: Progress {
                step: 0,
                epoch: 0,
                fed: 0,
                sum: 0.0,
                last: 0.0,
                stale: 0,
                best: None,
                schedule: Memory::new(plan.learning_rate, [0, 0]),
                updates: Default::default(),
            },
            feed,
            plan,
            device: held,
            pace: Pace::default(),
            stopped: false,
        })
    }

    /// Lets others have their turn after each layer of a pass, where a thread is shared with what draws.
    pub fn give_way(&mut self, give_way: Option<crate::run::GiveWay>) {
        on!(&mut self.device, work => work.give_way = give_way);
    }

    /// How it is trained, with what was changed on the way.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The network as it came; the weights in it are not those that it has now.
    pub fn source(&self) -> &Arc<Network> {
        &self.original
    }

    /// Where it is.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// What it learns from.
    pub fn data(&self) -> &Arc<Dataset> {
        &self.feed.data
    }

    /// Steps of an epoch with the present batch.
    pub fn steps_per_epoch(&self) -> u64 {
        let (count, batch) = (self.feed.data.training.len(), self.plan.batch);
        let steps = match self.whole_batches() {
            true => count / batch,
            false => count.div_ceil(batch),
        };
        steps.max(1) as u64
    }

    /// Steps of the whole training, as far as is known now.
    pub fn total_steps(&self) -> u64 {
        let count = self.feed.data.training.len() as u64;
        let left = count.saturating_sub(self.progress.fed);
        let batch = self.plan.batch as u64;
        let rest = match self.whole_batches() {
            true => left / batch,
            false => left.div_ceil(batch),
        };
        let epochs = self.plan.epochs.saturating_sub(self.progress.epoch);
        let open = match epochs {
            0 => 0,
            n => rest + (n - 1) * self.steps_per_epoch(),
        };
        let all = self.progress.step + open;
        self.plan.steps.map_or(all, |steps| all.min(steps))
    }

    fn whole_batches(&self) -> bool {
        self.plan.drop_last && self.feed.data.training.len() >= self.plan.batch
    }

    /// Whether training has come to its end.
    pub fn done(&self) -> bool {
        let all = self.plan.steps.is_some_and(|s| self.progress.step >= s);
        let stale = self.plan.patience.is_some_and(|p| self.progress.stale >= p);
        all || stale || self.progress.epoch >= self.plan.epochs
    }

    /// Learning rate, and momentum where the schedule sets it, of the next step.
    pub fn rates(&self) -> (f64, Option<f64>) {
        let place = At {
            step: self.progress.step,
            epoch: self.progress.epoch,
            total: [self.total_steps(), self.plan.epochs],
        };
        let plan = &self.plan;
        plan.schedule.rates(
            plan.schedule_by,
            plan.warmup.as_ref(),
            &self.progress.schedule,
            place,
        )
    }

    /// What was chosen, as records for the beginning of a run.
    pub fn hyperparameters(&self) -> Vec<Record> {
        let plan = &self.plan;
        let text = |s: &str| Setting::Text(s.into());
        let all = [
            ("network", text(&self.original.name)),
            ("data", text(&self.feed.data.name)),
            ("loss", text(plan.loss.name())),
            ("optimizer", text(plan.optimizer.name())),
            ("schedule", text(plan.schedule.name())),
            ("learning rate", Setting::Number(plan.learning_rate)),
            ("weight decay", Setting::Number(plan.weight_decay)),
            ("batch", Setting::Number(plan.batch as f64)),
            ("epochs", Setting::Number(plan.epochs as f64)),
            ("seed", Setting::Number(plan.seed as f64)),
        ];
        let record = |(name, value): (&str, Setting)| Record::Hyperparameter {
            name: name.into(),
            value,
        };
        all.into_iter().map(record).collect()
    }

    /// The next step; without effect once training is [`Trainer::done`]. It gives way only where
    /// numbers come from the device, and changes nothing where it is dropped before it is done.
    ///
    /// # Errors
    /// [`RunError`] for operators and shapes that cannot be executed or have no gradient.
    pub fn step(&mut self) -> Task<'_, Result<Step, RunError>> {
        Box::pin(async move {
            let mut step = Step {
                step: self.progress.step,
                epoch: self.progress.epoch,
                loss: self.progress.last,
                done: true,
                ..Step::default()
            };
            if self.done() || self.stopped {
                return Ok(step);
            }
            let start = web_time::Instant::now();
            let (rate, momentum) = self.rates();
            let picks = self.picks();
            let draw = [self.progress.epoch, self.progress.fed];
            let batch = self.feed.batch(&picks, &self.plan, Some(draw[0]), draw);
            let next = self.progress.step + 1;
            let recorded = next.is_multiple_of(self.plan.record_every);
            let look = match self.plan.statistics {
                Cadence::Auto => self.pace.due(),
                Cadence::Steps(n) => self.progress.step.is_multiple_of(n),
                Cadence::Off => false,
            };
            let job = Job {
                plan: &self.plan,
                rate,
                momentum,
                seed: model::Random::new(&[self.plan.seed, 4, self.progress.step]).bits(),
                look,
                count: recorded,
            };
            let outcome = on!(&mut self.device, work => work.step(&batch, &job).await)?;
            (step.loss, step.learning_rate, step.gradient_norm) = (outcome.loss, rate, outcome.norm);
            step.accuracy = outcome.right.map(|(right, of)| right as f64 / of.max(1) as f64);
            if !outcome.updated {
                let cause = on!(&mut self.device, work => work.trace_problem(&batch, &job).await)?;
                self.problem(&mut step, &cause);
            }
            step.seconds = start.elapsed().as_secs_f64();
            self.pace.took(step.seconds, look);
            if step.problem.is_none() || self.plan.on_problem == OnProblem::Skip {
                self.advance(&mut step, &batch, &picks);
            }
            if recorded || look {
                self.record(&mut step, outcome, recorded);
            }
            let due = match self.plan.validate {
                Every::Epoch => step.epoch_loss.is_some() || self.done(),
                Every::Steps(n) => self.progress.step.is_multiple_of(n) || self.done(),
                Every::Never => false,
            };
            if due && !self.stopped && !self.feed.data.validation.is_empty() {
                let judged = self.validate().await?;
                self.judged(&mut step, judged);
            } else if let Some(loss) = step.epoch_loss
                && self.feed.data.validation.is_empty()
            {
                self.follow(loss);
            }
            // The validation may have been the last that patience had.
            step.done = self.done() || self.stopped;
            Ok(step)
        })
    }

    /// The examples of the next step.
    fn picks(&mut self) -> Vec<u32> {
        if self.order.0 != self.progress.epoch {
            self.order = (
                self.progress.epoch,
                order(&self.feed.data, &self.plan, self.progress.epoch),
            );
        }
        let order = &self.order.1;
        let from = (self.progress.fed as usize).min(order.len());
        order[from..(from + self.plan.batch).min(order.len())].to_vec()
    }

    /// Goes on to the place after `picks`.
    fn advance(&mut self, step: &mut Step, batch: &Batch, picks: &[u32]) {
        let all = self.feed.data.training.len() as u64;
        let whole = self.whole_batches();
        let p = &mut self.progress;
        p.step += 1;
        p.last = step.loss;
        p.fed += picks.len() as u64;
        if step.problem.is_none() {
            p.sum += step.loss * batch.count as f64;
        }
        let left = all.saturating_sub(p.fed);
        if left == 0 || (whole && left < self.plan.batch as u64) {
            step.epoch_loss = Some(p.sum / p.fed.max(1) as f64);
            p.epoch += 1;
            (p.fed, p.sum) = (0, 0.0);
        }
        (step.step, step.epoch) = (p.step, p.epoch);
    }

    fn problem(&mut self, step: &mut Step, cause: &str) {
        let what = match step.loss.is_finite() {
            true => "the gradients are no numbers",
            false if step.loss.is_nan() => "the loss is NaN",
            false => "the loss is infinite",
        };
        let at = self.progress.step + 1;
        let text = format!("{what} at step {at}: {cause}");
        step.records.push(Record::Mark(Mark {
            step: at as i64,
            wall: wall(),
            kind: MarkKind::Problem,
            text: text.clone(),
        }));
        step.problem = Some(text);
        self.stopped = self.plan.on_problem == OnProblem::Stop;
    }

    fn record(&self, step: &mut Step, outcome: Outcome, scalars: bool) {
        let (at, wall) = (self.progress.step as i64, wall());
        let mut push = |tag: String, value: f64| {
            let point = Point {
                step: at,
                wall,
                value,
            };
            step.records.push(Record::Scalar { tag, point });
        };
        if scalars {
            push("loss/train".into(), outcome.loss);
            for (name, value) in &outcome.terms {
                push(format!("{name}/train"), *value);
            }
            if let Some(accuracy) = step.accuracy {
                push("accuracy/train".into(), accuracy);
            }
            push("learning rate".into(), step.learning_rate);
            push("gradients/norm".into(), outcome.norm);
        }
        if let Some(look) = outcome.look {
            look.records(at, wall, &mut step.records);
        }
    }

    /// Takes in a judgement of the validation part.
    fn judged(&mut self, step: &mut Step, judged: Judgement) {
        let (at, wall) = (self.progress.step as i64, wall());
        let mut all = vec![("loss/validation".to_string(), judged.loss)];
        all.extend(judged.accuracy.map(|a| ("accuracy/validation".to_string(), a)));
        all.extend(
            judged
                .terms
                .iter()
                .map(|(name, v)| (format!("{name}/validation"), *v)),
        );
        step.records
            .extend(all.into_iter().map(|(tag, value)| Record::Scalar {
                tag,
                point: Point {
                    step: at,
                    wall,
                    value,
                },
            }));
        self.follow(judged.loss);
        let progress = &mut self.progress;
        step.best = progress.best.is_none_or(|b| judged.loss < b.loss);
        if step.best {
            let (step, loss) = (progress.step, judged.loss);
            progress.best = Some(Best { step, loss });
        }
        progress.stale = if step.best { 0 } else { progress.stale + 1 };
        step.validation = Some(judged);
    }

    /// Lets the schedule see a loss.
    fn follow(&mut self, loss: f64) {
        self.plan.schedule.see(&mut self.progress.schedule, loss);
    }

    /// Changes how it goes on, and gives the mark for the charts.
    ///
    /// # Errors
    /// [`RunError::Plan`] for what makes no sense; nothing is changed then.
    pub fn change(&mut self, change: &Change) -> Result<Mark, RunError> {
        let now = Now {
            rate: self.rates().0,
            step: self.progress.step,
            epoch: self.progress.epoch,
        };
        let (plan, memory) = (&mut self.plan, &mut self.progress.schedule);
        let network = &self.original;
        let text = on!(&mut self.device, work => {
            work.recheck();
            change.apply(plan, memory, now, network, &mut work.parameters)
        });
        let text = text.map_err(|problem| RunError::Plan { problem })?;
        self.stopped = false;
        Ok(self.mark(MarkKind::Intervention, text))
    }

    pub(super) fn mark(&self, kind: MarkKind, text: String) -> Mark {
        Mark {
            step: self.progress.step as i64,
            wall: wall(),
            kind,
            text,
        }
    }
}
