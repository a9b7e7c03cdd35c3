//! Integrated gradients: from a baseline to the example, what each cell adds on the way.

use super::averaged::Averaged;
use super::{Kind, Method, Setting, Settings, Subject, Work, baseline};
use crate::ProbeError;

pub(super) const METHOD: Method = Method {
    id: "integrated",
    name: "Integrated gradients",
    about: "What a cell adds to the score on the straight way from the baseline; all cells together add \
            the difference of both scores.",
    source: "Sundararajan, Taly, Yan: Axiomatic Attribution for Deep Networks, 2017 (arXiv:1703.01365)",
    settings: &[
        baseline::SETTING,
        Setting {
            id: "steps",
            name: "Steps",
            about: "Places on the way where the gradient is taken (Gauss and Legendre's).",
            kind: Kind::Whole {
                default: 50,
                low: 1,
                high: 1024,
            },
        },
    ],
    layered: false,
    start,
};

fn start(subject: &Subject, settings: &Settings) -> Result<Box<dyn Work>, ProbeError> {
    let from = baseline::of(subject, settings, settings.of(&METHOD, "baseline"))?;
    let way: Vec<f32> = subject.example().iter().zip(&from).map(|(a, b)| a - b).collect();
    let nodes = gauss_legendre(settings.whole(&METHOD, "steps"));
    let (count, factor) = (nodes.len(), way.clone());
    let sample = move |i: usize| {
        let (at, weight) = nodes[i];
        let there = from.iter().zip(&way).map(|(b, w)| b + at as f32 * w);
        (there.collect(), weight as f32)
    };
    Ok(Box::new(Averaged::new(count, Box::new(sample)).times(factor)))
}

/// Places between 0 and 1 and their weights, which add up to 1: exact for polynomials of degree
/// `2 count - 1` (`numpy.polynomial.legendre.leggauss`).
fn gauss_legendre(count: usize) -> Vec<(f64, f64)> {
    let n = count as f64;
    let one = |i: usize| {
        // A root of the Legendre polynomial, from Tricomi's estimate by Newton's steps.
        let mut x = (std::f64::consts::PI * (i as f64 + 0.75) / (n + 0.5)).cos();
        let mut slope = 1.0;
        for _ in 0..100 {
            let (mut before, mut now) = (1.0, x);
            for k in 2..=count {
                let k = k as f64;
                (before, now) = (now, ((2.0 * k - 1.0) * x * now - (k - 1.0) * before) / k);
            }
            slope = n * (x * now - before) / (x * x - 1.0);
            let step = now / slope;
            x -= step;
            if step.abs() < 1e-15 {
                break;
            }
        }
        (0.5 * (1.0 - x), 1.0 / ((1.0 - x * x) * slope * slope))
    };
    (0..count).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polynomials_are_integrated_exactly() {
        for count in [1, 2, 5, 50] {
            let nodes = gauss_legendre(count);
            for power in 0..(2 * count).min(12) {
                let sum: f64 = nodes.iter().map(|(x, w)| w * x.powi(power as i32)).sum();
                assert!(
                    (sum - 1.0 / (power as f64 + 1.0)).abs() < 1e-12,
                    "{count} {power}: {sum}"
                );
            }
        }
    }
}
