//! What detectors say and where, and their parts against reference packages.

use analyze::*;

use super::cues::{Make, fall, run, steps};
use super::{Uniform, all_close, references, scattered};

#[test]
fn overfitting_names_its_place() {
    let mut make = Make {
        random: Uniform(1),
        n: 100,
        noise: 0.01,
        drag: 0.0,
    };
    let train = make.curve(|t| fall(t, 0.1));
    let validation = make.curve(|t| fall(t, 0.1) + (t - 0.5).max(0.0));
    let at = steps(100);
    let cue = overfitting(&run(&at, &train), &run(&at, &validation)).unwrap();
    let Place::Steps(from, to) = cue.place else {
        panic!("{cue:?}")
    };
    assert!((500.0..700.0).contains(&from) && to == 1090.0, "{cue:?}");
    assert!((0.35..0.65).contains(&cue.strength), "{cue:?}");
    println!("{}", cue.why);
    assert!(cue.why.contains("validation loss rose by 0.") && cue.why.contains("z = "));
    // Recorded ten times as rarely, and with gaps.
    let every = |v: &[f64]| v.iter().copied().step_by(5).collect::<Vec<_>>();
    let mut rare = every(&validation);
    rare[3] = f64::NAN;
    assert!(overfitting(&run(&at, &train), &run(&every(&at), &rare)).is_some());
}

#[test]
fn unstable_rates_are_put_beside_the_learning_rate() {
    let mut random = Uniform(8);
    let at = steps(400);
    let values: Vec<f64> = (0..400)
        .map(|i| {
            let spike = if i < 200 && i % 10 == 5 { 2.0 } else { 0.0 };
            1.0 + spike + 0.01 * random.normal()
        })
        .collect();
    let rate_at = [100.0, 2100.0];
    let rate = RunCurve {
        steps: &rate_at,
        values: &[0.1, 0.001],
    };
    let cue = unstable_rate(&run(&at, &values), Some(&rate)).unwrap();
    println!("{}", cue.why);
    assert!(cue.why.contains("20 spikes"), "{}", cue.why);
    assert!(
        cue.why.contains("at rates from 0.01 on: 20 values in spikes"),
        "{}",
        cue.why
    );
    assert!(cue.why.contains("below: 0,"), "{}", cue.why);
    let Place::Steps(from, to) = cue.place else {
        panic!("{cue:?}")
    };
    assert_eq!((from, to), (150.0, 2050.0));
    let constant = RunCurve {
        steps: &rate_at,
        values: &[0.1, 0.1],
    };
    let cue = unstable_rate(&run(&at, &values), Some(&constant)).unwrap();
    assert!(!cue.why.contains("rates"), "{}", cue.why);
}

#[test]
fn the_first_value_that_is_not_finite_is_named() {
    let values = [1.0, 0.5, f64::NAN, 0.4, f64::INFINITY];
    let cue = not_finite(&run(&steps(5), &values)).unwrap();
    assert_eq!((cue.place, cue.strength), (Place::Steps(120.0, 140.0), 2.0 / 3.0));
    let expected = "The value is NaN at step 120 after 0.5 at step 110; 2 of the 3 values from there \
                    are not finite.";
    assert_eq!(cue.why, expected);
    assert!(
        not_finite(&run(&[5.0], &[f64::INFINITY]))
            .unwrap()
            .why
            .contains("inf at step 5 from")
    );
    assert_eq!(not_finite(&run(&steps(2), &values[..2])), None);
    assert_eq!(not_finite(&run(&[], &[])), None);
}

#[test]
fn early_stopping_is_keras() {
    for (name, expected) in references("stopping") {
        let words: Vec<&str> = name.split(' ').collect();
        let mut random = Uniform(words[1].parse().unwrap());
        let value = |i: i32| {
            let v = 1.0 / f64::from(i + 1) + 0.3 * random.next();
            if v > 0.5 && random.next() < 0.1 {
                f64::NAN
            } else {
                v
            }
        };
        let values: Vec<f64> = (0..30).map(value).collect();
        let goal = if words[0] == "min" { Goal::Less } else { Goal::More };
        let (patience, delta) = (words[2].parse().unwrap(), words[3].parse().unwrap());
        let got = early_stopping(&values, patience, delta, goal).unwrap();
        let stopped = got.stopped.map_or(-1.0, |s| s as f64);
        assert_eq!([got.best as f64, stopped][..], expected[..], "{name}");
    }
    assert_eq!(early_stopping(&[], 3, 0.0, Goal::Less), None);
    assert_eq!(early_stopping(&[f64::NAN; 5], 3, 0.0, Goal::Less), None);
    let late = early_stopping(&[f64::NAN, 1.0, 2.0], 9, f64::NAN, Goal::Less).unwrap();
    assert_eq!((late.best, late.stopped), (1, None));
}

#[test]
fn trends_are_pymannkendalls() {
    for (name, expected) in references("trend") {
        let (n, slope) = name.split_once(' ').unwrap();
        let slope: f64 = slope.parse().unwrap();
        let value = |(i, v): (usize, f64)| (v * 4.0).round_ties_even() + slope * i as f64;
        let n: usize = n.parse().unwrap();
        let values: Vec<f64> = scattered(n).into_iter().enumerate().map(value).collect();
        let got = mann_kendall(&values).unwrap();
        all_close(&[got.z, got.p, got.slope], &expected, 1e-9);
    }
    assert_eq!(mann_kendall(&[1.0, f64::NAN, 2.0]), None);
    assert_eq!(mann_kendall(&[0.0; 513]), None);
    let same = mann_kendall(&[3.0; 10]).unwrap();
    assert_eq!((same.z, same.p, same.slope), (0.0, 1.0, 0.0));
}

#[test]
fn detectors_take_anything() {
    let inf = f64::INFINITY;
    let odd: Vec<Vec<f64>> = vec![
        vec![],
        vec![1.0],
        vec![f64::NAN; 40],
        vec![inf; 40],
        vec![0.0; 40],
        vec![f64::MAX; 40],
        (0..40)
            .map(|i| if i % 2 == 0 { f64::MAX } else { f64::MIN })
            .collect(),
        (0..40)
            .map(|i| [f64::NAN, inf, -inf, 0.0, 1e300, -1e-300][i % 6])
            .collect(),
        (0..40).map(|i| f64::from(i) * 1e307).collect(),
    ];
    for values in &odd {
        for other in &odd {
            for at in [steps(values.len()), vec![f64::NAN; values.len()], vec![3.0; 17]] {
                let (a, b) = (run(&at, values), run(&at, other));
                let cues = [
                    overfitting(&a, &b),
                    plateau(&a, Goal::Less),
                    plateau(&b, Goal::More),
                    divergence(&a),
                    exploding_gradient(&a),
                    unstable_rate(&a, Some(&b)),
                    not_finite(&a),
                    gradient_by_depth(values),
                ];
                for cue in cues.into_iter().flatten() {
                    assert!(
                        (0.0..=1.0).contains(&cue.strength),
                        "{cue:?} of {values:?} and {other:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn bursts_are_no_warm_restarts() {
    let mut random = Uniform(12);
    let at = steps(240);
    // Climbs over 6 steps and comes back over 14, four times.
    let values: Vec<f64> = (0..240)
        .map(|i| {
            let t = f64::from(i % 60);
            let hump = (t / 6.0).min((20.0 - t) / 14.0).max(0.0);
            fall(f64::from(i) / 240.0, 0.2) + 0.5 * hump + 0.002 * random.normal()
        })
        .collect();
    let cue = unstable_rate(&run(&at, &values), None).unwrap();
    println!("{}", cue.why);
    assert!(cue.why.contains("climbs and comes back"), "{}", cue.why);
    let rates: Vec<f64> = (0..240)
        .map(|i| {
            if i % 60 < 3 {
                0.01
            } else {
                0.1 / (1.0 + f64::from(i % 60) / 20.0)
            }
        })
        .collect();
    let restarts = run(&at, &rates);
    assert_eq!(unstable_rate(&run(&at, &values), Some(&restarts)), None);
    let constant = [0.1; 240];
    assert!(unstable_rate(&run(&at, &values), Some(&run(&at, &constant))).is_some());
}

/// Real trainings, small ones: nothing is seen but what their name says.
#[test]
fn real_trainings_are_judged_as_a_person_would() {
    let curves = references("real");
    let of = |name: &str| -> Vec<f64> {
        let found = curves.iter().find(|(n, _)| *n == name);
        found.unwrap_or_else(|| panic!("no {name}")).1.clone()
    };
    let names = curves.iter().filter_map(|(n, _)| n.strip_suffix(" training"));
    let mut wrong = Vec::new();
    for name in names {
        let (train, validation) = (of(&format!("{name} training")), of(&format!("{name} validation")));
        let at = steps(train.len());
        let (train, validation) = (run(&at, &train), run(&at, &validation));
        let cues: Vec<Cue> = [
            overfitting(&train, &validation),
            divergence(&train),
            unstable_rate(&train, None),
            plateau(&train, Goal::Less),
            not_finite(&train),
        ]
        .into_iter()
        .flatten()
        .collect();
        let kinds: Vec<CueKind> = cues.iter().map(|c| c.kind).collect();
        let expected: &[CueKind] = match name.split(' ').next().unwrap() {
            "overfits" => &[CueKind::Overfitting],
            "diverges" => &[CueKind::Divergence],
            "bursts" => &[CueKind::UnstableRate],
            _ => &[],
        };
        // A training loss that rests near 0 rests, whatever else is wrong.
        let rests = match name.split(' ').next().unwrap() {
            "settles" | "never" => Some(true),
            "still" | "diverges" => Some(false),
            _ => None,
        };
        println!("{name}: {kinds:?}");
        cues.iter().for_each(|c| println!("    {}", c.why));
        let plateau = kinds.contains(&CueKind::Plateau);
        let others = kinds.iter().filter(|k| **k != CueKind::Plateau);
        if !others.eq(expected) || rests.is_some_and(|r| r != plateau) {
            wrong.push(name);
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}
