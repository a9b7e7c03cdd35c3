use analyze::{interquartile_interval, interquartile_mean};

use super::{Uniform, all_close, reference, scattered};

#[test]
fn means_are_scipys() {
    let x = scattered(60);
    let got = [1, 3, 4, 7, 60].map(|n| interquartile_mean(&x[..n]));
    all_close(&got, &reference("interquartile", "mean"), 1e-12);
    let mut with = x.clone();
    with.extend([f64::NAN, f64::INFINITY]);
    assert_eq!(interquartile_mean(&with), got[4]);
    assert!(interquartile_mean(&[f64::NAN]).is_nan());
}

#[test]
fn intervals_are_rliables() {
    let x = scattered(60);
    let tripled: Vec<f64> = x[10..30].iter().map(|v| v * 3.0).collect();
    let tasks = [&x[..10], &tripled, &x[30..]];
    let got = interquartile_interval(&tasks, 0.95, 20_000, 1).unwrap();
    let expected = reference("interquartile", "interval");
    all_close(&[got.estimate], &expected[..1], 1e-12);
    // Both ends are random; 20,000 draws place them to about 0.02.
    assert!((got.low - expected[1]).abs() < 0.06, "{got:?}");
    assert!((got.high - expected[2]).abs() < 0.06, "{got:?}");
    assert_eq!(
        interquartile_interval(&tasks, 0.95, 500, 7),
        interquartile_interval(&tasks, 0.95, 500, 7)
    );
    let (narrow, wide) = (0.5, 0.99);
    let width = |c| interquartile_interval(&tasks, c, 2000, 1).map(|i| i.high - i.low);
    assert!(width(narrow) < width(wide));
    for (tasks, confidence, repetitions) in [
        (&[][..], 0.9, 10),
        (&[&[f64::NAN][..]][..], 0.9, 10),
        (&tasks[..], 0.9, 0),
        (&tasks[..], f64::NAN, 10),
        (&tasks[..], 1.5, 10),
    ] {
        assert_eq!(interquartile_interval(tasks, confidence, repetitions, 0), None);
    }
}

#[test]
fn intervals_hold_the_true_mean_about_as_often_as_they_say() {
    let mut random = Uniform(11);
    let trials = 300;
    let holds = |_: &i32| {
        let tasks: Vec<Vec<f64>> = (0..3)
            .map(|_| (0..10).map(|_| random.normal()).collect())
            .collect();
        let tasks: Vec<&[f64]> = tasks.iter().map(Vec::as_slice).collect();
        let got = interquartile_interval(&tasks, 0.9, 400, 3).unwrap();
        got.low <= 0.0 && got.high >= 0.0
    };
    let share = (0..trials).filter(holds).count() as f64 / f64::from(trials);
    assert!((0.84..=0.96).contains(&share), "{share}");
}
