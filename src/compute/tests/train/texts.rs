//! A Transformer on texts: its gradients, padding, patience, and the same numbers again.

use compute::train::{Cadence, Checkpoint, Moments, Optimizer, Plan, Trainer};
use compute::wait;
use model::templates::{Transformer, transformer};
use model::{Cells, Column, Dataset, Network, Random, Targets};

use super::{plain, step, steps, trainer};

/// Texts of 2 to 6 of 20 words, padded to `width`; the class says whether word 3 is among them.
fn texts(width: usize) -> Dataset {
    const COUNT: usize = 120;
    let mut random = Random::new(&[5]);
    let (mut ids, mut mask, mut classes) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..COUNT {
        let length = 2 + random.below(5);
        let mut words: Vec<i64> = (0..length).map(|_| 4 + random.below(16) as i64).collect();
        let class = (random.bits() & 1) as i64;
        if class == 1 {
            words[random.below(length)] = 3;
        }
        classes.push(class);
        let rest = width - length;
        ids.extend(words.into_iter().chain(std::iter::repeat_n(0, rest)));
        mask.extend(std::iter::repeat_n(1, length).chain(std::iter::repeat_n(0, rest)));
    }
    let column = |name: &str, shape: &[usize], cells| Column {
        name: name.into(),
        shape: shape.to_vec(),
        cells: Cells::Ints(cells),
    };
    Dataset {
        name: "texts".into(),
        inputs: vec![
            column("input_ids", &[width], ids),
            column("attention_mask", &[width], mask),
        ],
        targets: Targets::Classes(column("class", &[], classes)),
        training: (0..80).collect(),
        validation: (80..100).collect(),
        test: (100..COUNT as u32).collect(),
        ..Dataset::default()
    }
}

fn network(dropout: f32) -> Network {
    let sizes = Transformer {
        width: 16,
        heads: 2,
        layers: 2,
        dropout,
        vocabulary: 20,
    };
    transformer("texts", &sizes, 8, 2, 3)
}

fn plan() -> Plan {
    Plan {
        epochs: 30,
        steps: None,
        batch: 16,
        shuffle: true,
        learning_rate: 5e-3,
        optimizer: Optimizer::AdamW(Moments::default()),
        statistics: Cadence::Off,
        ..plain()
    }
}

#[test]
fn it_learns_which_word_counts() {
    let mut trainer = trainer(network(0.1), texts(8), plan());
    let all = steps(&mut trainer);
    assert!(all[0].loss > 0.4 && all[all.len() - 1].loss < 0.2);
    let judged = wait(trainer.validate()).unwrap().unwrap();
    let tested = wait(trainer.test()).unwrap().unwrap();
    assert_eq!((judged.count, tested.count), (20, 20));
    // Some texts of the other class may have been drawn with few words; nearly all are told.
    assert!(judged.accuracy.unwrap() >= 0.9, "{judged:?}");
    assert!(tested.accuracy.unwrap() >= 0.9, "{tested:?}");
}

/// Lookups, layer normalisation, softmax, masks, GELU and means, all at once.
#[test]
fn its_gradients_are_the_slopes_of_the_loss() {
    let mut trainer = trainer(network(0.0), texts(8), plan());
    // Away from the beginning, where attention is even.
    for _ in 0..20 {
        step(&mut trainer);
    }
    let picks: Vec<u32> = (0..12).collect();
    let found = wait(trainer.gradients(&picks)).unwrap().unwrap();
    let names = trainer.parameters();
    let values = wait(trainer.values()).unwrap().unwrap();
    assert_eq!(found.gradients.len(), names.len(), "every parameter learns");
    let mut checked = 0;
    for (at, gradient) in &found.gradients {
        // The number that counts most.
        let largest = |i: &usize, j: &usize| gradient[*i].abs().total_cmp(&gradient[*j].abs());
        let place = (0..gradient.len()).max_by(largest).unwrap();
        // The softmax is the same whatever is added to all keys: nothing to compare there.
        if gradient[place].abs() < 1e-4 {
            assert!(names[*at].0.ends_with("key.bias"), "{}", names[*at].0);
            continue;
        }
        let move_by = 5e-3;
        let mut loss = |by: f32| {
            let mut values = values.clone();
            values[*at][place] += by;
            wait(trainer.loss_at(&values, &picks)).unwrap().unwrap()
        };
        let slope = (loss(move_by) - loss(-move_by)) / f64::from(2.0 * move_by);
        let own = f64::from(gradient[place]);
        assert!(
            (slope - own).abs() < 1e-3 + 0.03 * slope.abs(),
            "{}[{place}]: the gradient is {own}, the slope {slope}",
            names[*at].0
        );
        checked += 1;
    }
    assert!(checked >= 30, "{checked}");
}

#[test]
fn padding_changes_nothing() {
    let picks: Vec<u32> = (0..10).collect();
    let losses = [6, 8].map(|width| {
        let mut trainer = trainer(network(0.0), texts(width), plan());
        wait(trainer.gradients(&picks)).unwrap().unwrap()
    });
    assert_eq!(losses[0], losses[1]);
    // One text alone, and the same beside a longer one.
    let mut trainer = trainer(network(0.0), texts(8), plan());
    let mut loss = |picks: &[u32]| wait(trainer.gradients(picks)).unwrap().unwrap().loss;
    let apart = (loss(&[0]) + loss(&[1])) / 2.0;
    assert!((apart - loss(&[0, 1])).abs() < 1e-5);
}

#[test]
fn the_same_seed_and_a_resumed_training_have_the_same_numbers() {
    let run = |trainer: &mut Trainer, count: usize| -> Vec<u64> {
        (0..count).map(|_| step(trainer).loss.to_bits()).collect()
    };
    let fresh = || trainer(network(0.2), texts(8), plan());
    let wanted = run(&mut fresh(), 24);
    let mut first = fresh();
    let mut found = run(&mut first, 11);
    let bytes = wait(first.checkpoint()).unwrap().unwrap().to_bytes().unwrap();
    let mut second = fresh();
    second.resume(&Checkpoint::from_bytes(&bytes).unwrap()).unwrap();
    found.extend(run(&mut second, 13));
    assert_eq!(found, wanted);
    let mut other = trainer(network(0.2), texts(8), Plan { seed: 9, ..plan() });
    assert_ne!(run(&mut other, 24), wanted);
}

#[test]
fn patience_ends_a_training_that_gets_no_better() {
    let patient = Plan {
        patience: Some(2),
        // So large that the loss rises.
        learning_rate: 0.5,
        ..plan()
    };
    let mut patient = trainer(network(0.0), texts(8), patient);
    let all = steps(&mut patient);
    let judged: Vec<_> = all.iter().filter_map(|s| s.validation.as_ref()).collect();
    assert!(judged.len() < 30 && all[all.len() - 1].done, "{}", judged.len());
    let best = patient.progress().best.unwrap();
    let lowest = judged.iter().map(|j| j.loss).fold(f64::INFINITY, f64::min);
    assert_eq!(best.loss, lowest);
    assert!(judged[judged.len() - 2..].iter().all(|j| j.loss >= lowest));
    let last_best = all.iter().rfind(|s| s.best).unwrap();
    assert_eq!(last_best.step, best.step);
    // It is remembered by a checkpoint.
    let bytes = wait(patient.checkpoint()).unwrap().unwrap().to_bytes().unwrap();
    let kept = Checkpoint::from_bytes(&bytes).unwrap();
    assert_eq!(kept.progress.best, Some(best));
    assert_eq!(kept.progress.stale, 2);
}
