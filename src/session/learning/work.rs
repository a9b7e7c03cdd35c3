//! What the worker does of a training.

use std::collections::BTreeMap;
use std::sync::Arc;

use compute::train::{Change, Checkpoint, Plan, Trainer};
use compute::{Device, GiveWay};
use model::{Dataset, Network, Random, Record};
use probe::{Explorer, Plane, Surface, Surveyor, Weights};
use web_time::Instant;

use super::{Data, SLICE};

/// Examples that each loss of a surface is the mean of, at most.
const EXAMPLES: usize = 256;

/// An order to the worker.
#[derive(Clone)]
pub(crate) enum Order {
    Begin {
        network: Arc<Network>,
        plans: Vec<Plan>,
        data: Data,
    },
    /// Steps for about so many seconds, at most so many each; then the weights of the one at `shown`,
    /// where they are wanted, and snapshots.
    Go {
        seconds: f64,
        most: u64,
        shown: usize,
        weights: bool,
        snapshot: bool,
    },
    /// The weights of this one.
    Show(usize),
    Change(usize, Change),
    /// All go back; the weights of one are shown.
    Back(Vec<Arc<Checkpoint>>, usize),
    /// Begins a surface around the present weights of one.
    Explore {
        plane: Plane,
        size: usize,
        paths: Vec<(String, BTreeMap<u64, Arc<Checkpoint>>)>,
        shown: usize,
    },
    /// Goes on with it.
    Look,
    End,
}

/// What came of it.
pub(crate) struct Learned {
    /// The plans of trainings that have begun with it.
    pub(super) begun: Option<Vec<Plan>>,
    /// Of each training.
    pub(super) heats: Vec<Heat>,
    pub(super) weights: Option<Network>,
    pub(super) surface: Option<Arc<Surface>>,
}

/// What became of one training.
pub(super) struct Heat {
    pub(super) records: Vec<Record>,
    pub(super) plan: Plan,
    pub(super) steps: [u64; 2],
    pub(super) epoch: u64,
    pub(super) rate: f64,
    /// Seconds a step, and the last loss, where steps were taken.
    pub(super) took: Option<(f64, f64)>,
    pub(super) done: bool,
    pub(super) problem: Option<String>,
    pub(super) snapshot: Option<(u64, Arc<Checkpoint>)>,
}

/// The trainings that the worker holds.
#[derive(Default)]
pub(crate) struct Tutor {
    seats: Vec<Seat>,
    explorer: Option<(Explorer, usize)>,
}

struct Seat {
    trainer: Trainer,
    surveyor: Surveyor,
    problem: Option<String>,
}

fn told(e: compute::RunError) -> String {
    e.to_string()
}

/// What the worker does for `order`; `None` once the training has ended.
pub(crate) async fn work(
    tutor: &mut Tutor,
    device: &Device,
    give_way: Option<GiveWay>,
    order: &Order,
) -> Result<Option<Learned>, String> {
    let mut learned = Learned {
        begun: None,
        heats: Vec::new(),
        weights: None,
        surface: None,
    };
    let (mut records, mut took) = (Vec::new(), Vec::new());
    let (mut shown, mut snapshot) = (None, false);
    match order {
        Order::Begin { network, plans, data } => {
            let data = Arc::new(data.load(plans.first().map_or(0, |p| p.seed))?);
            *tutor = Tutor::default();
            for plan in plans {
                tutor.seats.push(seat(network, &data, plan, device, give_way)?);
            }
            records = tutor.seats.iter().map(|s| s.trainer.hyperparameters()).collect();
            (learned.begun, snapshot) = (Some(plans.clone()), true);
        }
        Order::End => {
            *tutor = Tutor::default();
            return Ok(None);
        }
        _ if tutor.seats.is_empty() => return Err("no training has been begun".into()),
        Order::Go {
            seconds,
            most,
            shown: place,
            weights,
            snapshot: kept,
        } => {
            (records, took) = go(&mut tutor.seats, *seconds, *most).await?;
            let all = tutor
                .seats
                .iter()
                .all(|s| s.trainer.done() || s.problem.is_some());
            shown = (*weights || all).then_some(*place);
            snapshot = *kept || all;
        }
        Order::Show(place) => shown = Some(*place),
        Order::Change(place, change) => {
            records = vec![Vec::new(); tutor.seats.len()];
            let seat = tutor.seats.get_mut(*place).ok_or("no such training")?;
            records[*place].push(Record::Mark(seat.trainer.change(change).map_err(told)?));
            seat.problem = None;
        }
        Order::Back(checkpoints, place) => {
            for (seat, checkpoint) in tutor.seats.iter_mut().zip(checkpoints) {
                let mark = seat.trainer.resume(checkpoint).map_err(told)?;
                (seat.surveyor, seat.problem) = (Surveyor::default(), None);
                records.push(vec![Record::Mark(mark)]);
            }
            shown = Some(*place);
        }
        Order::Explore {
            plane,
            size,
            paths,
            shown: place,
        } => tutor.explorer = Some((explore(tutor, *plane, *size, paths, *place).await?, *place)),
        Order::Look => (),
    }
    if let (Order::Look | Order::Explore { .. }, Some((explorer, place))) = (order, &mut tutor.explorer)
        && let Some(seat) = tutor.seats.get_mut(*place)
    {
        explorer.go(&mut seat.trainer, SLICE).await.map_err(told)?;
        learned.surface = Some(Arc::new(explorer.surface().clone()));
    }
    records.resize(tutor.seats.len(), Vec::new());
    took.resize(tutor.seats.len(), None);
    for ((seat, records), took) in tutor.seats.iter().zip(records).zip(took) {
        learned.heats.push(seat.heat(records, took, snapshot).await?);
    }
    if let Some(seat) = shown.and_then(|place| tutor.seats.get(place)) {
        learned.weights = Some(seat.trainer.network().await.map_err(told)?);
    }
    Ok(Some(learned))
}

fn seat(
    network: &Arc<Network>,
    data: &Arc<Dataset>,
    plan: &Plan,
    device: &Device,
    give_way: Option<GiveWay>,
) -> Result<Seat, String> {
    let made = Trainer::new(network.clone(), data.clone(), plan.clone(), device);
    let mut trainer = made.map_err(told)?;
    trainer.give_way(give_way);
    Ok(Seat {
        trainer,
        surveyor: Surveyor::default(),
        problem: None,
    })
}

type Steps = (Vec<Vec<Record>>, Vec<Option<(f64, f64)>>);

/// A step of each in turn, until the time is over or each has taken `most`.
async fn go(seats: &mut [Seat], seconds: f64, most: u64) -> Result<Steps, String> {
    let begin = Instant::now();
    let mut records = vec![Vec::new(); seats.len()];
    let mut sums = vec![(0.0, 0u32, f64::NAN); seats.len()];
    for _ in 0..most {
        let mut any = false;
        for (i, seat) in seats.iter_mut().enumerate() {
            if seat.trainer.done() || seat.problem.is_some() {
                continue;
            }
            any = true;
            let start = Instant::now();
            let step = seat.trainer.step().await.map_err(told)?;
            let more = seat
                .surveyor
                .after(&mut seat.trainer, &step)
                .await
                .map_err(told)?;
            let (sum, count, loss) = &mut sums[i];
            *sum += start.elapsed().as_secs_f64();
            *count += 1;
            *loss = step.loss;
            records[i].extend(step.records);
            records[i].extend(more);
            // One that was skipped is marked, and stops nothing.
            seat.problem = step.problem.filter(|_| step.done);
        }
        if !any || begin.elapsed().as_secs_f64() > seconds {
            break;
        }
    }
    let mean = |(sum, count, loss)| (count > 0).then(|| (sum / f64::from(count), loss));
    Ok((records, sums.into_iter().map(mean).collect()))
}

impl Seat {
    async fn heat(
        &self,
        records: Vec<Record>,
        took: Option<(f64, f64)>,
        snapshot: bool,
    ) -> Result<Heat, String> {
        let trainer = &self.trainer;
        let step = trainer.progress().step;
        let snapshot = match snapshot {
            true => Some((step, Arc::new(trainer.checkpoint().await.map_err(told)?))),
            false => None,
        };
        Ok(Heat {
            records,
            plan: trainer.plan().clone(),
            steps: [step, trainer.total_steps()],
            epoch: trainer.progress().epoch,
            rate: trainer.rates().0,
            took,
            done: trainer.done(),
            problem: self.problem.clone(),
            snapshot,
        })
    }
}

/// A surface around the present weights of the training at `place`, with the ways that all took.
async fn explore(
    tutor: &Tutor,
    plane: Plane,
    size: usize,
    paths: &[(String, BTreeMap<u64, Arc<Checkpoint>>)],
    place: usize,
) -> Result<Explorer, String> {
    let trainer = &tutor.seats.get(place).ok_or("no such training")?.trainer;
    let shapes = trainer.parameters();
    let weights = |kept: &Checkpoint| -> Option<Weights> {
        let of = |(name, _): &(String, Vec<usize>)| {
            let (_, tensor) = kept.weights.iter().find(|(n, _)| n == name)?;
            tensor.to_f32()
        };
        shapes.iter().map(of).collect()
    };
    let mut known = Vec::new();
    for ((name, kept), seat) in paths.iter().zip(&tutor.seats) {
        let path = kept
            .iter()
            .filter_map(|(step, kept)| Some((*step, weights(kept)?)));
        let mut path: Vec<(u64, Weights)> = path.collect();
        // Up to where it is now.
        let step = seat.trainer.progress().step;
        path.retain(|(at, _)| *at < step);
        path.push((step, seat.trainer.values().await.map_err(told)?));
        known.push((name.clone(), path));
    }
    let mut picks = trainer.data().training.clone();
    Random::new(&[trainer.plan().seed, 6]).shuffle(&mut picks);
    picks.truncate(EXAMPLES);
    let middle = (trainer.progress().step, trainer.values().await.map_err(told)?);
    Explorer::new(&shapes, middle, &known, plane, size, picks)
}
