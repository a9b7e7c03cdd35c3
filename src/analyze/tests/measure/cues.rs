//! Every detector on many generated curves with and without its fault: how often it is wrong.
//! `cargo test -p analyze --test measure cues -- --nocapture` prints the rates.

use analyze::*;

use super::Uniform;

const SEEDS: u64 = 25;

/// What a curve is made with.
struct Make {
    random: Uniform,
    /// Number of steps.
    n: usize,
    /// Standard deviation of the noise, as a part of the gain.
    noise: f64,
    /// Correlation of the noise with itself one step later.
    drag: f64,
}

impl Make {
    /// The noise-free curve of `f` over 0..1, with noise.
    fn curve(&mut self, f: impl Fn(f64) -> f64) -> Vec<f64> {
        let mut drift = self.random.normal();
        let n = self.n;
        let value = |i: usize| {
            let fresh = (1.0 - self.drag * self.drag).sqrt() * self.random.normal();
            drift = self.drag * drift + fresh;
            f(i as f64 / (n - 1) as f64) + self.noise * drift
        };
        (0..n).map(value).collect()
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.random.next()
    }
}

/// The share of curves for which `seen` is true, over noise levels, lengths and seeds; printed for
/// each length and noise.
fn share(what: &str, lengths: &[usize], noises: &[f64], mut seen: impl FnMut(&mut Make) -> bool) -> f64 {
    let (mut count, mut total) = (0, 0);
    let mut parts = Vec::new();
    for &n in lengths {
        for &noise in noises {
            let before = (count, total);
            for drag in [0.0, 0.5] {
                for seed in 0..SEEDS {
                    let random = Uniform(seed * 7919 + n as u64 * 31 + (noise * 1e4) as u64);
                    let mut make = Make {
                        random,
                        n,
                        noise,
                        drag,
                    };
                    count += u32::from(seen(&mut make));
                    total += 1;
                }
            }
            let part = f64::from(count - before.0) / f64::from(total - before.1);
            if part > 0.0 {
                parts.push(format!("{n} steps, noise {noise}: {:.0} %", 100.0 * part));
            }
        }
    }
    let share = f64::from(count) / f64::from(total);
    println!(
        "{what}: {:.2} % of {total}  [{}]",
        100.0 * share,
        parts.join("; ")
    );
    share
}

/// No sort of curve may be worse than that.
#[track_caller]
fn at_most(bound: f64, shares: &[f64]) {
    assert!(shares.iter().all(|s| *s <= bound), "{shares:?}");
}

/// Steps that are not 0, 1, 2, ...
fn steps(n: usize) -> Vec<f64> {
    (0..n).map(|i| 100.0 + 10.0 * i as f64).collect()
}

fn run<'a>(steps: &'a [f64], values: &'a [f64]) -> RunCurve<'a> {
    RunCurve { steps, values }
}

fn fall(t: f64, tau: f64) -> f64 {
    0.1 + (-t / tau).exp()
}

const LENGTHS: [usize; 4] = [20, 50, 200, 1000];
const NOISES: [f64; 3] = [0.01, 0.03, 0.1];
/// Curves on which a person sees the fault at once.
const CLEAR: ([usize; 3], [f64; 2]) = ([50, 200, 1000], [0.01, 0.03]);
/// And others.
const HARD: ([usize; 3], [f64; 1]) = ([20, 50, 200], [0.1]);

fn overfits(train: &[f64], validation: &[f64]) -> bool {
    let steps = steps(train.len());
    let cue = overfitting(&run(&steps, train), &run(&steps, validation));
    if let Some(cue) = &cue {
        assert_eq!(cue.kind, CueKind::Overfitting);
        assert!((0.0..=1.0).contains(&cue.strength), "{cue:?}");
    }
    cue.is_some()
}

#[test]
fn overfitting_is_told_from_noise() {
    let miss = |m: &mut Make| {
        let (start, rise, power) = (m.between(0.25, 0.6), m.between(0.2, 0.8), m.between(0.7, 1.5));
        let train = m.curve(|t| fall(t, 0.12));
        let validation =
            m.curve(|t| 0.1 + fall(t, 0.12) + rise * ((t - start).max(0.0) / (1.0 - start)).powf(power));
        !overfits(&train, &validation)
    };
    let missed = share("overfitting missed", &CLEAR.0, &CLEAR.1, miss);
    let hard = share(
        "overfitting missed in short or noisy curves",
        &HARD.0,
        &HARD.1,
        miss,
    );
    let settled = share("false: both settled", &LENGTHS, &NOISES, |m| {
        let tau = m.between(0.05, 0.2);
        let train = m.curve(|t| fall(t, tau));
        overfits(&train, &m.curve(|t| 0.1 + fall(t, tau)))
    });
    let falling = share("false: both falling", &LENGTHS, &NOISES, |m| {
        let tau = m.between(0.3, 1.0);
        let train = m.curve(|t| fall(t, tau));
        overfits(&train, &m.curve(|t| 0.1 + fall(t, tau)))
    });
    let gap = share("false: a gap opens, validation level", &LENGTHS, &NOISES, |m| {
        let train = m.curve(|t| fall(t, 0.4));
        overfits(&train, &m.curve(|t| 0.3 + fall(t, 0.1)))
    });
    let both = share("false: both rise", &LENGTHS, &NOISES, |m| {
        let up = |t: f64| (t - 0.4).max(0.0);
        let train = m.curve(|t| fall(t, 0.1) + up(t));
        overfits(&train, &m.curve(|t| 0.1 + fall(t, 0.1) + up(t)))
    });
    let wrong = (settled + falling + gap + both) / 4.0;
    println!("overfitting: {:.2} % false", 100.0 * wrong);
    at_most(0.02, &[settled, falling, gap, both]);
    assert!(
        missed <= 0.05 && hard <= 0.25 && wrong <= 0.01,
        "{missed} {hard} {wrong}"
    );
}

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
fn plateaus_are_told_from_noise() {
    let flat = |values: &[f64]| plateau(&run(&steps(values.len()), values), Goal::Less).is_some();
    let miss = |m: &mut Make| {
        let (tau, start) = (m.between(0.03, 0.08), m.between(0.2, 0.6));
        // Either it settles, or it falls straight and stops.
        let values = match m.random.next() < 0.5 {
            true => m.curve(|t| fall(t, tau)),
            false => m.curve(|t| 1.0 - t.min(start) / start),
        };
        !flat(&values)
    };
    let missed = share("plateau missed", &LENGTHS, &[0.003, 0.01], miss);
    share("plateau missed at more noise", &LENGTHS, &[0.03, 0.1], miss);
    let never = share("plateau from the beginning missed", &LENGTHS, &NOISES, |m| {
        !flat(&m.curve(|_| 2.3))
    });
    let straight = share("false: straight", &LENGTHS, &NOISES, |m| {
        flat(&m.curve(|t| 1.0 - t))
    });
    let slow = share("false: slower and slower", &LENGTHS, &NOISES, |m| {
        let tau = m.between(0.6, 1.5);
        flat(&m.curve(|t| 1.0 / (1.0 + t / tau)))
    });
    let rising = share("false: rises again", &LENGTHS, &NOISES, |m| {
        let rise = m.between(0.2, 0.8);
        flat(&m.curve(|t| fall(t, 0.1) + rise * (t - 0.5).max(0.0) * 2.0))
    });
    let strong = share("false: straight, in strong noise", &[200, 1000], &[0.5], |m| {
        flat(&m.curve(|t| 1.0 - t))
    });
    let wrong = (straight + slow + rising + strong) / 4.0;
    println!("plateau: {:.2} % false", 100.0 * wrong);
    at_most(0.02, &[straight, slow, rising, strong]);
    assert!(
        missed <= 0.02 && never <= 0.12 && wrong <= 0.01,
        "{missed} {never} {wrong}"
    );
    // An accuracy.
    let mut make = Make {
        random: Uniform(4),
        n: 200,
        noise: 0.01,
        drag: 0.0,
    };
    let accuracy = make.curve(|t| 1.0 - fall(t, 0.05));
    let cue = plateau(&run(&steps(200), &accuracy), Goal::More).unwrap();
    println!("{}", cue.why);
    let Place::Steps(from, to) = cue.place else {
        panic!("{cue:?}")
    };
    assert!((150.0..900.0).contains(&from) && to == 2090.0, "{cue:?}");
    assert!(plateau(&run(&steps(5), &accuracy[..5]), Goal::More).is_none());
}

#[test]
fn divergence_is_told_from_noise_spikes_and_overfitting() {
    let leaves = |values: &[f64]| divergence(&run(&steps(values.len()), values)).is_some();
    let missed = share("divergence missed", &LENGTHS, &NOISES, |m| {
        let (start, times, tau) = (m.between(0.0, 0.8), m.between(3.0, 1e4), m.between(0.05, 0.3));
        let rate = times.ln() / (1.0 - start);
        let values = m.curve(|t| fall(t.min(start), tau) * (rate * (t - start).max(0.0)).exp());
        // What grows by so little that it never got worse than at first is none.
        values[m.n - 1] > 3.0 * values[0] && !leaves(&values)
    });
    let noise = share("false: settles", &LENGTHS, &NOISES, |m| {
        let tau = m.between(0.05, 0.5);
        leaves(&m.curve(|t| fall(t, tau)))
    });
    let level = share("false: level", &LENGTHS, &NOISES, |m| leaves(&m.curve(|_| 1.0)));
    let spikes = share("false: spikes that return", &LENGTHS, &NOISES, |m| {
        let mut values = m.curve(|t| fall(t, 0.1));
        for v in &mut values {
            if m.random.next() < 0.05 {
                *v *= 30.0;
            }
        }
        leaves(&values)
    });
    let overfit = share("false: overfits", &LENGTHS, &NOISES, |m| {
        let rise = m.between(0.2, 0.8);
        leaves(&m.curve(|t| fall(t, 0.1) + rise * (t - 0.4).max(0.0) / 0.6))
    });
    let wrong = (noise + level + spikes + overfit) / 4.0;
    println!("divergence: {:.2} % false", 100.0 * wrong);
    at_most(0.02, &[noise, level, spikes, overfit]);
    assert!(missed <= 0.02 && wrong <= 0.01, "{missed} {wrong}");
    let mut values: Vec<f64> = (0..60).map(|i| 2.0 - f64::from(i) / 40.0).collect();
    values.extend((0..40).map(|i| 0.5 * 1.3f64.powi(i)));
    let cue = divergence(&run(&steps(100), &values)).unwrap();
    println!("{}", cue.why);
    let Place::Steps(from, to) = cue.place else {
        panic!("{cue:?}")
    };
    assert!((650.0..770.0).contains(&from) && to == 1090.0, "{cue:?}");
}

#[test]
fn unstable_rates_are_told_from_noise() {
    let jumps = |values: &[f64]| unstable_rate(&run(&steps(values.len()), values), None).is_some();
    let lengths = [50, 200, 1000];
    let spikes = share("spikes missed", &lengths, &NOISES[..2], |m| {
        let mut values = m.curve(|t| fall(t, 0.15));
        let every = 8 + (m.random.next() * 5.0) as usize;
        for i in (3..m.n).step_by(every) {
            values[i] += m.between(0.5, 3.0);
        }
        !jumps(&values)
    });
    let swings = share("overshooting missed", &lengths, &NOISES, |m| {
        let size = m.between(2.0, 6.0) * m.noise;
        let values = m.curve(|t| fall(t, 0.15));
        let swing = |(i, v): (usize, &f64)| v + if i % 2 == 0 { size } else { -size };
        !jumps(&values.iter().enumerate().map(swing).collect::<Vec<_>>())
    });
    let noise = share("false: noise", &lengths, &NOISES, |m| {
        let tau = m.between(0.03, 0.6);
        jumps(&m.curve(|t| fall(t, tau)))
    });
    let heavy = share("false: noise of heavy tails (t, 5)", &lengths, &NOISES, |m| {
        let smooth = m.curve(|t| fall(t, 0.15));
        let heavy = |v: &f64| {
            let square: f64 = (0..5).map(|_| m.random.normal().powi(2)).sum();
            v + m.noise * m.random.normal() / (square / 5.0).sqrt()
        };
        jumps(&smooth.iter().map(heavy).collect::<Vec<_>>())
    });
    let one = share("false: two spikes", &lengths, &NOISES, |m| {
        let mut values = m.curve(|t| fall(t, 0.15));
        (values[m.n / 3], values[m.n / 2]) = (5.0, 9.0);
        jumps(&values)
    });
    let drop = share("false: the rate falls in steps", &lengths, &NOISES, |m| {
        jumps(&m.curve(|t| fall(t, 0.15) / (1.0 + (3.0 * t).floor())))
    });
    let missed = (spikes + swings) / 2.0;
    let wrong = (noise + heavy + one + drop) / 4.0;
    println!(
        "unstable: {:.2} % missed, {:.2} % false",
        100.0 * missed,
        100.0 * wrong
    );
    at_most(0.02, &[noise, heavy, one, drop]);
    assert!(missed <= 0.02 && wrong <= 0.01, "{missed} {wrong}");
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
fn exploding_gradients_are_told_from_noise() {
    let grows = |values: &[f64]| exploding_gradient(&run(&steps(values.len()), values)).is_some();
    // Decades of noise.
    let noises = [0.1, 0.3];
    let missed = share("explosion missed", &LENGTHS, &noises, |m| {
        let (start, decades) = (m.between(0.5, 0.9), m.between(2.5, 8.0));
        let logs = m.curve(|t| decades * (t - start).max(0.0) / (1.0 - start));
        // The last values, too, have to be far away.
        let count = (m.n / 20).max(3);
        let far = decades * (1.0 - count as f64 / m.n as f64 / (1.0 - start)) > 2.0;
        far && !grows(&logs.iter().map(|l| 10f64.powf(*l)).collect::<Vec<_>>())
    });
    let noise = share("false: noise and drift", &LENGTHS, &noises, |m| {
        let drift = m.between(-1.0, 0.5);
        let logs = m.curve(|t| drift * t);
        grows(&logs.iter().map(|l| 10f64.powf(*l)).collect::<Vec<_>>())
    });
    let spikes = share("false: spikes", &LENGTHS, &noises, |m| {
        let mut logs = m.curve(|_| 0.0);
        for l in &mut logs {
            *l += if m.random.next() < 0.05 { 3.0 } else { 0.0 };
        }
        grows(&logs.iter().map(|l| 10f64.powf(*l)).collect::<Vec<_>>())
    });
    let wrong = (noise + spikes) / 2.0;
    println!("explosion: {:.2} % false", 100.0 * wrong);
    at_most(0.02, &[noise, spikes]);
    assert!(missed <= 0.02 && wrong <= 0.01, "{missed} {wrong}");
    let mut values = vec![1.0; 40];
    values.extend([f64::INFINITY; 5]);
    let cue = exploding_gradient(&run(&steps(45), &values)).unwrap();
    assert_eq!((cue.strength, cue.place), (1.0, Place::Steps(490.0, 540.0)));
}

#[test]
fn gradients_by_depth_are_told_from_noise() {
    let depths = [5, 10, 30, 100];
    // Decades of noise between neighbouring layers.
    let noises = [0.1, 0.3];
    let kind = |logs: &[f64]| {
        let norms: Vec<f64> = logs.iter().map(|l| 10f64.powf(*l)).collect();
        gradient_by_depth(&norms).map(|c| c.kind)
    };
    let vanishing = share("vanishing missed", &depths, &noises, |m| {
        let decades = m.between(4.0, 15.0);
        kind(&m.curve(|t| decades * (t - 1.0))) != Some(CueKind::VanishingGradient)
    });
    let exploding = share("exploding by depth missed", &depths, &noises, |m| {
        let decades = m.between(4.0, 15.0);
        kind(&m.curve(|t| decades * (1.0 - t))) != Some(CueKind::ExplodingGradient)
    });
    let wrong = share("false: healthy", &depths, &noises, |m| {
        let decades = m.between(-2.0, 2.0);
        kind(&m.curve(|t| decades * t)).is_some()
    });
    let missed = (vanishing + exploding) / 2.0;
    println!("depth: {:.2} % missed", 100.0 * missed);
    assert!(missed <= 0.02 && wrong <= 0.01, "{missed} {wrong}");
    let cue = gradient_by_depth(&[0.0, f64::NAN, 1e-30, 1e-20, 1e-10, 1.0]).unwrap();
    println!("{}", cue.why);
    assert_eq!((cue.place, cue.strength), (Place::Layers(0, 5), 1.0));
    assert_eq!(gradient_by_depth(&[1e-9, 1.0, 1.0]), None);
    assert_eq!(gradient_by_depth(&[f64::NAN; 9]), None);
    let deep: Vec<f64> = (0..2000).map(|i| 0.99f64.powi(i)).collect();
    assert_eq!(gradient_by_depth(&deep).unwrap().kind, CueKind::ExplodingGradient);
}

#[test]
fn dead_units_are_told_from_rare_ones() {
    let sizes = [16, 64, 512];
    let counts = |m: &mut Make, dead: f64, samples: u64| -> Vec<u64> {
        let n = m.n;
        let unit = |i: usize| {
            if (i as f64) < dead * n as f64 {
                return 0;
            }
            let active = m.between(0.02, 0.9);
            (0..samples).filter(|_| m.random.next() < active).count() as u64
        };
        (0..n).map(unit).collect()
    };
    let missed = share("dead units missed", &sizes, &[0.0], |m| {
        let dead = m.between(0.15, 0.9);
        dead_units(&counts(m, dead, 200), 200, 3).is_none()
    });
    let wrong = share("false: rare units", &sizes, &[0.0], |m| {
        dead_units(&counts(m, 0.0, 200), 200, 3).is_some()
    });
    assert!(missed == 0.0 && wrong == 0.0, "{missed} {wrong}");
    let cue = dead_units(&[0, 0, 7, 100], 100, 3).unwrap();
    assert_eq!((cue.strength, cue.place), (0.5, Place::Layers(3, 3)));
    assert_eq!(
        cue.why,
        "2 of 4 units (50 %) were not active for any of 100 samples."
    );
    assert_eq!(
        (dead_units(&[0; 4], 99, 0), dead_units(&[], 100, 0)),
        (None, None)
    );
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
    for (name, expected) in super::references("stopping") {
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
    for (name, expected) in super::references("trend") {
        let (n, slope) = name.split_once(' ').unwrap();
        let slope: f64 = slope.parse().unwrap();
        let value = |(i, v): (usize, f64)| (v * 4.0).round_ties_even() + slope * i as f64;
        let n: usize = n.parse().unwrap();
        let values: Vec<f64> = super::scattered(n).into_iter().enumerate().map(value).collect();
        let got = mann_kendall(&values).unwrap();
        super::all_close(&[got.z, got.p, got.slope], &expected, 1e-9);
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
