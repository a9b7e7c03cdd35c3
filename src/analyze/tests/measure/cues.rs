//! Every detector on many generated curves with and without its fault: how often it is wrong.
//! `cargo test -p analyze --test measure cues -- --nocapture` prints the rates.

use analyze::*;

use super::Uniform;

/// Others than those that the detectors were tuned on.
const SEEDS: u64 = 50;

/// What a curve is made with.
pub(super) struct Make {
    pub(super) random: Uniform,
    /// Number of steps.
    pub(super) n: usize,
    /// Standard deviation of the noise, as a part of the gain.
    pub(super) noise: f64,
    /// Correlation of the noise with itself one step later.
    pub(super) drag: f64,
}

impl Make {
    /// The noise-free curve of `f` over 0..1, with noise.
    pub(super) fn curve(&mut self, f: impl Fn(f64) -> f64) -> Vec<f64> {
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
                    let random = Uniform(2_000_003 + seed * 7919 + n as u64 * 31 + (noise * 1e4) as u64);
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
pub(super) fn steps(n: usize) -> Vec<f64> {
    (0..n).map(|i| 100.0 + 10.0 * i as f64).collect()
}

pub(super) fn run<'a>(steps: &'a [f64], values: &'a [f64]) -> RunCurve<'a> {
    RunCurve { steps, values }
}

pub(super) fn fall(t: f64, tau: f64) -> f64 {
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
    let overfit = share("false: overfits", &lengths, &NOISES, |m| {
        let rise = m.between(0.2, 0.8);
        jumps(&m.curve(|t| fall(t, 0.1) + rise * (t - 0.4).max(0.0)))
    });
    let missed = (spikes + swings) / 2.0;
    let wrong = (noise + heavy + one + drop + overfit) / 5.0;
    println!(
        "unstable: {:.2} % missed, {:.2} % false",
        100.0 * missed,
        100.0 * wrong
    );
    at_most(0.02, &[noise, heavy, one, drop, overfit]);
    assert!(missed <= 0.02 && wrong <= 0.01, "{missed} {wrong}");
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
