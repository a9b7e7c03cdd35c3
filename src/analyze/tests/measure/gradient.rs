use analyze::{NoiseScale, NoiseScaleAverage, UnitUse, cosines_with_mean, successive_cosines};

use super::{Uniform, all_close, close, reference};

fn parts() -> Vec<Vec<f32>> {
    let numbers: Vec<f32> = reference("gradient", "parts").iter().map(|v| *v as f32).collect();
    numbers.chunks(9).map(<[f32]>::to_vec).collect()
}

#[test]
fn estimates_and_cosines_are_numpys() {
    let parts = parts();
    let parts: Vec<&[f32]> = parts.iter().map(Vec::as_slice).collect();
    let got = NoiseScale::of_gradients(&parts, 4.0).unwrap();
    all_close(&[got.variance], &reference("gradient", "variance"), 1e-6);
    all_close(&[got.gradient], &reference("gradient", "gradient"), 1e-6);
    assert!(got.simple().is_nan(), "a negative estimate has no scale");
    let got = successive_cosines(&parts).unwrap();
    all_close(&got, &reference("gradient", "successive"), 1e-6);
    let got = cosines_with_mean(&parts).unwrap();
    all_close(&got, &reference("gradient", "with mean"), 1e-6);
    for bad in [&parts[..1], &[&[1.0][..], &[1.0, 2.0]], &[]] {
        assert_eq!(NoiseScale::of_gradients(bad, 1.0), None);
        assert_eq!(cosines_with_mean(bad), None);
    }
    assert_eq!(successive_cosines(&[&[1.0], &[1.0, 2.0]]), None);
    assert!(cosines_with_mean(&[&[0.0], &[0.0]]).unwrap()[0].is_nan());
    for (small, large) in [
        (0.0, 4.0),
        (4.0, 4.0),
        (5.0, 4.0),
        (f64::NAN, 4.0),
        (1.0, f64::INFINITY),
    ] {
        assert_eq!(NoiseScale::of_norms((small, 1.0), (large, 1.0)), None);
    }
    assert!(
        NoiseScale::of_norms((1.0, f64::NAN), (2.0, 1.0))
            .unwrap()
            .simple()
            .is_nan()
    );
}

#[test]
fn averages_come_to_the_true_scale() {
    // |G|^2 = 50 * 0.04 = 2 and S = 50 * 9 = 450: a scale of 225 samples.
    let mut random = Uniform(5);
    let mut average = NoiseScaleAverage::new(0.999);
    assert_eq!(average.estimate(), None);
    average.add(&NoiseScale {
        gradient: f64::NAN,
        variance: 1.0,
    });
    assert_eq!(average.estimate(), None);
    for step in 0..3000 {
        let part = |_| {
            (0..50)
                .map(|_| (0.2 + 3.0 * random.normal() / 4.0) as f32)
                .collect()
        };
        // Means of 16 samples, twice.
        let parts: [Vec<f32>; 2] = [0, 1].map(part);
        let one = NoiseScale::of_gradients(&[&parts[0], &parts[1]], 16.0).unwrap();
        average.add(&one);
        if step == 0 {
            let first = average.estimate().unwrap();
            close(first.variance, one.variance, 1e-12);
        }
    }
    let got = average.estimate().unwrap();
    assert!((got.variance / 450.0 - 1.0).abs() < 0.03, "{got:?}");
    assert!((got.simple() / 225.0 - 1.0).abs() < 0.1, "{got:?}");
}

#[test]
fn units_are_told_apart() {
    let active = [0, 3, 100, 50, 7, 0, 100];
    let got = UnitUse::of(&active, &[95, 94, 100, 0, 0, 0, 0], 100).unwrap();
    assert_eq!(
        (got.dead, got.always, got.saturated),
        (2.0 / 7.0, 2.0 / 7.0, 2.0 / 7.0)
    );
    all_close(&[got.effective], &reference("gradient", "effective"), 1e-12);
    close(UnitUse::of(&[9; 16], &[], 10).unwrap().effective, 16.0, 1e-12);
    let none = UnitUse::of(&[0, 0], &[], 10).unwrap();
    assert!(none.dead == 1.0 && none.effective == 0.0 && none.saturated.is_nan());
    assert_eq!(UnitUse::of(&[11], &[], 10), None);
    assert_eq!(UnitUse::of(&[1, 2], &[1], 10), None);
    assert!(UnitUse::of(&[0], &[], 0).unwrap().dead.is_nan());
    assert!(UnitUse::of(&[], &[], 5).unwrap().always.is_nan());
}
