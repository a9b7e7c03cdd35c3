//! The network as it was at a step: weights that a training kept, of this session or beside a log,
//! take the place of the present ones while the step of the timeline is an earlier one.

use std::collections::HashMap;
use std::sync::Arc;

use compute::train::Checkpoint;
use model::{Network, TensorData};
use runs::Kept;

use crate::dynamics::plain;
use crate::learning::Lesson;
use crate::worker::Job;
use crate::{Command, Level, Session, Source};

/// Earlier weights that are on show.
pub(crate) struct Replay {
    /// Run and step of the weights.
    pub(crate) at: (String, i64),
    /// The network before.
    present: Arc<Network>,
    /// They are being read.
    waiting: bool,
}

/// Weights that are to be read.
#[derive(Clone)]
pub(crate) struct Wanted {
    at: (String, i64),
    source: Source,
    network: Arc<Network>,
}

/// The network with weights that were read.
pub(crate) struct Replayed {
    at: (String, i64),
    network: Result<Network, String>,
}

/// Where weights of a step are.
enum Place {
    Memory(Arc<Checkpoint>),
    Source(Source),
}

impl Wanted {
    pub(crate) fn words(&self) -> String {
        format!("reading {}", self.source.name())
    }

    /// Reads the file, whatever its format.
    pub(crate) fn read(&self) -> Replayed {
        let file = crate::document::read(&self.source);
        let network = file.and_then(|file| {
            let stored = file.tensors.into_iter().filter_map(|t| Some((t.name, t.data?)));
            let dressed = dress(&self.network, stored);
            dressed.ok_or_else(|| format!("{}: it holds no weights of the open network", self.source.name()))
        });
        Replayed {
            at: self.at.clone(),
            network,
        }
    }
}

/// `network` with the values of those tensors that have its names and sizes; `None` where none has.
fn dress(network: &Network, values: impl Iterator<Item = (String, Arc<TensorData>)>) -> Option<Network> {
    let values: HashMap<String, Arc<TensorData>> = values.map(|(name, v)| (plain(&name), v)).collect();
    let mut dressed = network.clone();
    let mut any = false;
    for tensor in &mut dressed.tensors {
        let (Some(own), Some(new)) = (&tensor.data, values.get(&plain(&tensor.name))) else {
            continue;
        };
        if own.shape != new.shape {
            continue;
        }
        let floats = || TensorData::from_floats(own.dtype, &own.shape, &new.to_f32()?).map(Arc::new);
        let new = if own.dtype == new.dtype {
            Some(new.clone())
        } else {
            floats()
        };
        if let Some(new) = new {
            tensor.data = Some(new);
            any = true;
        }
    }
    any.then_some(dressed)
}

impl Session {
    /// The run and step whose weights are on show, where these are not the present ones.
    pub fn replayed(&self) -> Option<(&str, i64)> {
        let replay = self.document.as_ref()?.replay.as_ref()?;
        Some((&replay.at.0, replay.at.1))
    }

    pub(crate) fn replaying(&self) -> bool {
        self.replayed().is_some()
    }

    /// The weights kept at the chosen step or last before it, of the run that the scene shows.
    fn kept(&self) -> Option<((String, i64), Place)> {
        let moment = self.state.board.moment?;
        let (run, _) = self.document.as_ref()?.recorded.as_ref()?;
        let at = |step: i64| (run.name.clone(), step);
        let racers = self.training.iter().flat_map(|t| &t.racers);
        if let Some(racer) = racers.into_iter().find(|r| r.name == run.name) {
            let until = u64::try_from(moment).ok()?;
            let (step, kept) = racer.snapshots.range(..=until).next_back()?;
            return Some((at(*step as i64), Place::Memory(kept.clone())));
        }
        let files = self.histories.as_ref()?.snapshots.get(&run.name)?;
        let (step, kept) = files.iter().rev().find(|(step, _)| *step <= moment)?;
        let source = match kept.clone() {
            Kept::File(path) => Source::File(path),
            Kept::Bytes(name, bytes) => Source::Bytes { name, bytes },
        };
        Some((at(*step), Place::Source(source)))
    }

    /// Shows the weights of the step that was scrubbed to, or the present ones again.
    pub(crate) fn follow_replay(&mut self) {
        let wanted = self.kept();
        let Some(document) = &mut self.document else {
            return;
        };
        let Some((at, place)) = wanted else {
            let Some(replay) = document.replay.take() else {
                return;
            };
            match &self.training {
                // It may have learned since.
                Some(training) => {
                    let place = training.place();
                    self.take_weights(Network::clone(&replay.present));
                    self.apply(Command::Learn(Lesson::Show(place)));
                }
                None => self.take_weights(Network::clone(&replay.present)),
            }
            return;
        };
        if document.replay.as_ref().is_some_and(|r| r.at == at || r.waiting) {
            return;
        }
        let present = match &document.replay {
            Some(replay) => replay.present.clone(),
            None => document.source.clone(),
        };
        let mut waiting = false;
        let mut shown = None;
        match place {
            Place::Memory(kept) => {
                let values = kept.weights.iter();
                shown = dress(
                    &present,
                    values.map(|(name, v)| (name.clone(), Arc::new(v.clone()))),
                );
            }
            Place::Source(source) => {
                waiting = true;
                let (at, network) = (at.clone(), present.clone());
                let job = Job::Replay(Wanted { at, source, network });
                self.worker.submit(self.ticket, self.budget, job);
            }
        }
        document.replay = Some(Replay { at, present, waiting });
        if let Some(network) = shown {
            self.take_weights(network);
        }
    }

    /// Takes in weights that were read.
    pub(crate) fn take_replayed(&mut self, found: Replayed) {
        let replay = self.document.as_mut().and_then(|d| d.replay.as_mut());
        let Some(replay) = replay.filter(|r| r.at == found.at) else {
            return;
        };
        replay.waiting = false;
        match found.network {
            Ok(network) => self.take_weights(network),
            Err(problem) => self.say(Level::Error, problem),
        }
    }
}
