use analyze::{Smoothing, smooth};

use super::{all_close, references, scattered};

fn check(name: &str, values: &[f64], tolerance: f64, make: impl Fn(&[f64]) -> Smoothing) {
    for (parameters, expected) in references(&format!("smoothing/{name}")) {
        let given: Vec<f64> = parameters.split(' ').map(|p| p.parse().unwrap()).collect();
        let smoothed = smooth(values, &make(&given));
        println!("{name} {parameters}");
        all_close(&smoothed, &expected, tolerance);
    }
}

#[test]
fn exponential_is_tensorboards() {
    check("exponential", &scattered(60), 1e-12, |p| Smoothing::Exponential {
        weight: p[0],
    });
}

#[test]
fn gaussian_is_scipys() {
    check("gaussian", &scattered(60), 1e-12, |p| Smoothing::Gaussian {
        sigma: p[0],
    });
}

#[test]
fn median_is_pandas() {
    check("median", &scattered(60), 1e-15, |p| Smoothing::Median {
        window: p[0] as usize,
    });
}

#[test]
fn polynomials_are_scipys() {
    check("polynomial", &scattered(60), 1e-10, |p| {
        Smoothing::SavitzkyGolay {
            window: p[0] as usize,
            degree: p[1] as usize,
        }
    });
}

#[test]
fn wide_windows_are_scipys_and_pandas() {
    let x = scattered(3000);
    for (what, expected) in references("smoothing/long") {
        let words: Vec<&str> = what.split(' ').collect();
        let first: f64 = words[1].parse().unwrap();
        // SciPy cuts Gaussians off at 4 standard deviations, and so does the filter in three steps,
        // up to the part of 6e-5 beyond; the values range over 70.
        let (smoothing, tolerance) = match words[0] {
            "gaussian" => (Smoothing::Gaussian { sigma: first }, 1e-3),
            "median" => (
                Smoothing::Median {
                    window: first as usize,
                },
                1e-15,
            ),
            _ => {
                let (window, degree) = (first as usize, words[2].parse().unwrap());
                (Smoothing::SavitzkyGolay { window, degree }, 1e-10)
            }
        };
        let every: Vec<f64> = smooth(&x, &smoothing).into_iter().step_by(97).collect();
        println!("{what}");
        all_close(&every, &expected, tolerance);
        let worst = every.iter().zip(&expected).map(|(a, b)| (a - b).abs());
        println!("largest difference {:.1e}", worst.fold(0.0, f64::max));
    }
}

const ALL: [Smoothing; 7] = [
    Smoothing::None,
    Smoothing::Exponential { weight: 0.6 },
    Smoothing::Gaussian { sigma: 3.0 },
    Smoothing::Gaussian { sigma: 20.0 },
    Smoothing::Median { window: 7 },
    Smoothing::Median { window: 300 },
    Smoothing::SavitzkyGolay { window: 9, degree: 2 },
];

#[test]
fn what_is_not_finite_passes_through_and_harms_nothing() {
    let finite = scattered(400);
    for smoothing in ALL {
        let expected = smooth(&finite, &smoothing);
        let mut with = finite.clone();
        for (at, odd) in [
            (399, f64::NAN),
            (200, f64::INFINITY),
            (7, f64::NEG_INFINITY),
            (0, f64::NAN),
        ] {
            with.insert(at, odd);
        }
        let got = smooth(&with, &smoothing);
        let kept: Vec<f64> = got.iter().copied().filter(|v| v.is_finite()).collect();
        assert_eq!(kept, expected, "{smoothing:?}");
        let same = |(g, w): (&f64, &f64)| w.is_finite() || g.to_bits() == w.to_bits();
        assert!(got.iter().zip(&with).all(same), "{smoothing:?}");
        for few in [
            &[][..],
            &[f64::NAN],
            &[2.0],
            &[2.0, f64::INFINITY, 3.0],
            &[0.1; 5],
        ] {
            let got = smooth(few, &smoothing);
            assert_eq!(got.len(), few.len());
            assert!(got.iter().zip(few).all(same), "{smoothing:?} of {few:?}: {got:?}");
        }
        assert_eq!(smooth(&[0.1; 5], &smoothing), [0.1; 5]);
    }
}

#[test]
fn a_spike_harms_its_neighbourhood_alone() {
    let mut values = scattered(4000);
    let clean = values.clone();
    values[3000] = 1e30;
    for smoothing in &ALL[2..] {
        let (got, expected) = (smooth(&values, smoothing), smooth(&clean, smoothing));
        all_close(&got[..2500], &expected[..2500], 1e-12);
        all_close(&got[3500..], &expected[3500..], 1e-12);
    }
}

#[test]
fn senseless_parameters_act_as_the_nearest_sensible() {
    let x = scattered(50);
    let weight = |weight| smooth(&x, &Smoothing::Exponential { weight });
    assert_eq!(weight(f64::NAN), x);
    assert_eq!(weight(-3.0), x);
    assert_eq!(weight(7.0), [0.0; 50]);
    let sigma = |sigma| smooth(&x, &Smoothing::Gaussian { sigma });
    assert_eq!(sigma(f64::NAN), x);
    assert_eq!(sigma(-1.0), x);
    assert_eq!(sigma(f64::INFINITY), sigma(50.0));
    let median = |window| smooth(&x, &Smoothing::Median { window });
    assert_eq!((median(0), median(1)), (x.clone(), x.clone()));
    assert_eq!(median(usize::MAX), median(100));
    let fit = |window, degree| smooth(&x, &Smoothing::SavitzkyGolay { window, degree });
    assert_eq!(fit(0, 2), x);
    assert_eq!(fit(5, 4), x);
    assert_eq!(fit(4, 2), fit(5, 2));
    assert_eq!(fit(usize::MAX, 3), fit(49, 3));
    assert_eq!(fit(49, usize::MAX), fit(49, 16));
}
