//! Work in several parts: a picture that is sought beside the examples of a data set, and every method in
//! turn.

use std::sync::Arc;

use compute::{Device, RunOptions};
use model::{Column, Network, Role, TensorData};
use probe::attribution::{Attribution, METHODS, Method, Settings, Subject, Target};
use probe::maximize::{Aim, Maximizer, Objective};
use web_time::Instant;

use super::answers::{Explained, Maximized, News, Placed};
use super::work::{Given, SLICE, explained, share, told};

/// Every method in turn.
pub(super) struct Surveying {
    pub(super) subject: Subject,
    pub(super) given: Given,
    pub(super) settings: Settings,
    pub(super) done: Vec<Placed>,
    pub(super) now: Option<Attribution>,
}

/// A picture that is sought.
pub(super) struct Seeking {
    pub(super) network: Arc<Network>,
    pub(super) objective: Objective,
    pub(super) maximizer: Maximizer,
    pub(super) steps: u64,
    pub(super) found: Maximized,
    /// The data set and how much of it is judged.
    pub(super) judge: Option<(Subject, Arc<Column>, usize)>,
}

impl Surveying {
    /// A slice of the method whose turn it is. One that cannot be asked stops no other.
    pub(super) async fn go(&mut self) -> (News, f32) {
        let begin = Instant::now();
        let mut part = None;
        while let Some(&method) = METHODS.get(self.done.len()) {
            let left = SLICE - begin.elapsed().as_secs_f64();
            if left <= 0.0 {
                break;
            }
            match self.step(method, left).await {
                Ok((map, true)) => {
                    self.now = None;
                    self.done.push((method, Ok(map)));
                    part = None;
                }
                Ok((map, false)) => part = Some((method, Ok(map))),
                Err(problem) => {
                    self.now = None;
                    self.done.push((method, Err(problem)));
                    part = None;
                }
            }
        }
        let within = self.now.as_ref().map_or(0.0, share);
        let progress = (self.done.len() as f32 + within) / METHODS.len() as f32;
        let shown = self.done.iter().cloned().chain(part).collect();
        (News::Every(shown), progress)
    }

    async fn step(
        &mut self,
        method: &'static Method,
        seconds: f64,
    ) -> Result<(Arc<Explained>, bool), String> {
        let mut settings = Settings::default();
        if method.layered {
            settings.layer = self.settings.layer;
        }
        let mut attribution = match self.now.take() {
            Some(now) => now,
            None => Attribution::new(&self.subject, method, &settings).map_err(told)?,
        };
        attribution.go(&mut self.subject, seconds).await.map_err(told)?;
        let map = attribution.map(&self.subject).unwrap_or_default();
        let finished = attribution.finished();
        self.now = Some(attribution);
        Ok((explained(method, &self.subject, map, &self.given), finished))
    }
}

/// What tells the objective of examples of the data set.
pub(super) async fn judge(
    network: &Arc<Network>,
    objective: Objective,
    data: &Column,
    device: &Device,
    options: &RunOptions,
) -> Result<Subject, String> {
    let name = network
        .main()
        .inputs
        .first()
        .map(|&t| network.tensor(t).name.clone());
    let mut shape = vec![1];
    shape.extend(data.shape.iter().map(|&d| d as u64));
    let first = TensorData::from_f32(&shape, &data.floats(&[0]));
    let target = Target {
        tensor: Some(objective.tensor),
        element: Some(0),
    };
    let inputs = vec![(name.unwrap_or_default(), first)];
    Subject::open(network, inputs, target, device, options)
        .await
        .map_err(told)
}

impl Seeking {
    /// Judges a batch of examples, or takes steps.
    pub(super) async fn go(&mut self) -> Result<(News, f32), String> {
        let begin = Instant::now();
        while begin.elapsed().as_secs_f64() < SLICE {
            if self.judge.is_some() {
                self.judge().await?;
            } else if self.maximizer.steps() < self.steps {
                let progress = self.maximizer.step().await.map_err(told)?;
                self.found.history.push(progress.values);
            } else {
                self.found.now = Some(self.maximizer.values_now().await.map_err(told)?);
                break;
            }
        }
        self.found.pictures = self.maximizer.pixels();
        let done = self.maximizer.steps() as f32 / self.steps as f32;
        let progress = if self.found.now.is_some() {
            1.0
        } else {
            done.min(0.999)
        };
        Ok((News::Maximize(Arc::new(self.found.clone())), progress))
    }

    /// The objective of the next examples.
    async fn judge(&mut self) -> Result<(), String> {
        let Some((subject, data, done)) = &mut self.judge else {
            return Ok(());
        };
        let last = (*done + subject.together()).min(data.len());
        let picks: Vec<u32> = (*done as u32..last as u32).collect();
        let found = subject
            .run(&data.floats(&picks), picks.len())
            .await
            .map_err(told)?;
        let shape = subject.shape().to_vec();
        for (example, outputs) in (*done..).zip(&found) {
            let value = value(&self.network, self.objective, &shape, outputs);
            if let Some(value) = value.filter(|v| self.found.best.is_none_or(|(_, best)| *v > best)) {
                self.found.best = Some((example, value));
            }
        }
        *done = last;
        if last == data.len() {
            self.judge = None;
        }
        Ok(())
    }
}

/// The objective for one example, as [`Maximizer`] has it; `shape` with a batch of one.
fn value(network: &Network, objective: Objective, shape: &[usize], outputs: &[f32]) -> Option<f32> {
    let mean = |values: &mut dyn Iterator<Item = f32>| {
        let (sum, count) = values.fold((0.0, 0u32), |(s, n), v| (s + v, n + 1));
        (count > 0).then(|| sum / count as f32)
    };
    match objective.aim {
        Aim::Element(i) => outputs.get(i).copied(),
        Aim::All => mean(&mut outputs.iter().copied()),
        Aim::Channel(c) => {
            let axes = network.tensor(objective.tensor).spec.axes.as_ref();
            let axes = axes.filter(|a| a.len() == shape.len());
            let role = axes.and_then(|a| a.iter().position(|a| a.role == Role::Channel));
            let axis = role.filter(|&a| a > 0).unwrap_or(1);
            let channels = shape.get(axis).copied().unwrap_or(1);
            let inner: usize = shape.get(axis + 1..).map_or(1, |rest| rest.iter().product());
            let of = |i: &usize| i / inner.max(1) % channels.max(1) == c;
            mean(&mut (0..outputs.len()).filter(of).map(|i| outputs[i]))
        }
    }
}
