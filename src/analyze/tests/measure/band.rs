use analyze::{RunCurve, band, common_steps};

use super::{all_close, references, scattered};

#[test]
fn means_and_intervals_are_scipys() {
    let values = scattered(40);
    let runs: Vec<(Vec<f64>, Vec<f64>)> = [1, 2, 3, 5]
        .iter()
        .map(|&k| {
            let at: Vec<usize> = (0..40).step_by(k).collect();
            let run = at.iter().map(|&i| values[i] + k as f64).collect();
            (at.iter().map(|&i| i as f64).collect(), run)
        })
        .collect();
    let runs: Vec<RunCurve> = runs
        .iter()
        .map(|(steps, values)| RunCurve { steps, values })
        .collect();
    for (step, expected) in references("band") {
        let got = band(&runs, &[step.parse().unwrap()], 0.95)[0];
        let numbers = [
            got.count as f64,
            got.mean,
            got.deviation,
            got.error,
            got.low,
            got.high,
            got.min,
            got.max,
        ];
        println!("step {step}");
        all_close(&numbers, &expected, 1e-9);
    }
    let steps = common_steps(&runs, 1000);
    assert_eq!(steps, (0..40).map(f64::from).collect::<Vec<_>>());
    assert_eq!(common_steps(&runs, 4), [0.0, 13.0, 26.0, 39.0]);
    // Where nobody is, nothing is.
    assert_eq!(band(&runs, &[-1.0, 5.0, 40.0, f64::NAN], 0.95).len(), 1);
}

#[test]
fn nothing_is_drawn_across_gaps_or_from_what_was_superseded() {
    let steps = [0.0, 1.0, 2.0, 3.0, 2.0, 3.0, 4.0];
    let values = [5.0, f64::NAN, 7.0, 8.0, 2.0, 3.0, 4.0];
    let run = RunCurve {
        steps: &steps,
        values: &values,
    };
    let at = |step| band(&[run], &[step], 0.9).first().map(|p| p.mean);
    assert_eq!(
        (at(0.0), at(0.5), at(1.0), at(1.5)),
        (Some(5.0), None, None, None)
    );
    assert_eq!(
        (at(2.0), at(2.5), at(4.0), at(4.1)),
        (Some(2.0), Some(2.5), Some(4.0), None)
    );
    assert_eq!(common_steps(&[run], 9), [0.0, 1.0, 2.0, 3.0, 4.0]);
    let one = band(&[run], &[2.0], 0.9)[0];
    assert!(one.count == 1 && one.deviation.is_nan() && one.low.is_nan());
    for confidence in [0.0, 1.0, -1.0, f64::NAN] {
        let two = band(&[run, run], &[2.0], confidence)[0];
        assert!(two.high.is_nan() && two.deviation == 0.0);
    }
    assert!(band(&[], &[1.0], 0.9).is_empty() && common_steps(&[], 5).is_empty());
}
