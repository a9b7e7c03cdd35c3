//! Surveys and surfaces of trainings that are run here.

use std::sync::Arc;

use compute::train::{Cadence, Optimizer, Plan, Trainer};
use compute::{Device, wait};
use data::Generated;
use model::Run;
use probe::{Explorer, Plane, Surveyor};

fn trainer(plan: Plan) -> Trainer {
    let set = Generated::Spirals {
        count: 300,
        noise: 0.02,
        classes: 3,
    };
    let data = Arc::new(set.make(0.2, 1).unwrap());
    let network = Arc::new(model::templates::mlp("net", &[2], &[16, 16], 3, 0.0, 5));
    Trainer::new(network, data, plan, &Device::Cpu).unwrap()
}

fn plan() -> Plan {
    Plan {
        batch: 20,
        learning_rate: 0.1,
        optimizer: Optimizer::Sgd {},
        statistics: Cadence::Steps(2),
        ..Plan::default()
    }
}

fn get<T>(task: impl Future<Output = Result<T, compute::RunError>>) -> T {
    wait(task).expect("the processor waits").unwrap()
}

#[test]
fn gradients_are_the_slopes_of_losses() {
    let mut trainer = trainer(plan());
    let picks: Vec<u32> = trainer.data().training[..40].to_vec();
    let before = get(trainer.values());
    let slopes = get(trainer.gradients(&picks));
    assert!((get(trainer.loss_at(&before, &picks)) - slopes.loss).abs() < 1e-6);
    let square: f64 = slopes
        .gradients
        .iter()
        .flat_map(|(_, g)| g)
        .map(|&g| f64::from(g).powi(2))
        .sum();
    let mut moved = |by: f32| {
        let mut weights = before.clone();
        for (place, gradient) in &slopes.gradients {
            weights[*place]
                .iter_mut()
                .zip(gradient)
                .for_each(|(w, g)| *w += by * g);
        }
        get(trainer.loss_at(&weights, &picks))
    };
    let step = 0.05;
    let slope = (moved(step) - moved(-step)) / f64::from(2.0 * step);
    assert!((slope / square - 1.0).abs() < 0.02, "{slope} {square}");
    assert_eq!(get(trainer.values()), before, "nothing has changed");
}

#[test]
fn a_survey_says_what_gradients_weights_and_units_do() {
    let mut trainer = trainer(plan());
    let (mut surveyor, mut run) = (Surveyor::default(), Run::new("run"));
    for _ in 0..40 {
        let step = get(trainer.step());
        let records = get(surveyor.after(&mut trainer, &step));
        step.records.into_iter().chain(records).for_each(|r| run.take(r));
    }
    let names: Vec<String> = trainer.parameters().into_iter().map(|(n, _)| n).collect();
    let matrix = names.iter().find(|n| n.ends_with("weight")).unwrap();
    for what in ["agreement", "noise"] {
        let tag = format!("gradients/{matrix}/{what}");
        assert!(run.series.contains_key(&tag), "{tag}: {:?}", run.series.keys());
    }
    let cosines = &run.series[&format!("gradients/{matrix}/agreement")];
    assert_eq!(cosines.len(), 4, "each tenth step: each fifth look");
    // Unbiased noise, so the mean of eight has a cosine with each of at least about 1 / sqrt(8).
    assert!(cosines.points().all(|p| (0.2..=1.0).contains(&p.value)));
    // A look has the direction of the step before.
    let turns = &run.series[&format!("gradients/{matrix}/cosine")];
    assert!(turns.len() >= 19 && turns.points().all(|p| p.value.abs() <= 1.0 + 1e-9));
    let rank = run.series[&format!("weights/{matrix}/stable rank")]
        .last()
        .unwrap();
    assert!((1.0..=16.0).contains(&rank.value));
    let units: Vec<_> = run
        .tensors
        .iter()
        .filter(|(t, _)| t.starts_with("units/"))
        .collect();
    assert_eq!(units.len(), 2, "two hidden layers");
    for (tag, track) in units {
        let shares = track.last().unwrap().value.to_f32().unwrap();
        assert_eq!(shares.len(), 16);
        let layer = &tag["units/".len()..];
        let dead = run.series[&format!("activations/{layer}/dead")].last().unwrap();
        let none = shares.iter().filter(|&&s| s == 0.0).count() as f64;
        assert_eq!(dead.value, none / 16.0);
        let used = run.series[&format!("activations/{layer}/used")].last().unwrap();
        assert!(used.value > 0.0 && used.value <= 1.0);
    }
}

#[test]
fn a_survey_changes_nothing_of_the_training() {
    let losses = |surveyed: bool| {
        let mut trainer = trainer(plan());
        let mut surveyor = Surveyor::default();
        let mut losses = Vec::new();
        for _ in 0..25 {
            let step = get(trainer.step());
            if surveyed {
                get(surveyor.after(&mut trainer, &step));
            }
            losses.push(step.loss);
        }
        losses
    };
    assert_eq!(losses(true), losses(false));
}

#[test]
fn the_loss_is_lowest_near_where_training_went() {
    let mut trainer = trainer(plan());
    let mut path = vec![(0, get(trainer.values()))];
    for step in 1..=120 {
        get(trainer.step());
        if step % 20 == 0 {
            path.push((step, get(trainer.values())));
        }
    }
    let picks = trainer.data().training.clone();
    let last = path.last().unwrap().clone();
    let losses: Vec<f64> = path
        .iter()
        .map(|(_, w)| get(trainer.loss_at(w, &picks)))
        .collect();
    let paths = [("run".to_string(), path)];
    let shapes = trainer.parameters();
    let mut explorer = Explorer::new(&shapes, last, &paths, Plane::Path, 9, picks).unwrap();
    get(explorer.go(&mut trainer, 0.0));
    assert_eq!(explorer.surface().done, 1, "it stops when its time is over");
    while !explorer.finished() {
        get(explorer.go(&mut trainer, 1.0));
    }
    let surface = explorer.surface();
    assert!(surface.losses.iter().all(|l| l.is_finite()) && surface.done == 81);
    let explained: f64 = surface.explained.iter().sum();
    assert!(explained > 0.9 && explained < 1.0 + 1e-9, "{explained}");
    // The ends of the path lie in the plane, or almost; the surface is coarse.
    let spots = &surface.traces[0].spots;
    let (begin, end) = (surface.at(spots[0].at).unwrap(), surface.at([0.0, 0.0]).unwrap());
    assert!(end < begin, "{begin} to {end}");
    assert!(
        (end - losses[6]).abs() < 0.2 * losses[6] + 0.05,
        "{end} {losses:?}"
    );
    let spot = spots.last().unwrap();
    assert_eq!((spot.step, spot.at), (120, [0.0, 0.0]));
}
