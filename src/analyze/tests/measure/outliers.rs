use analyze::{TENSORBOARD_OUTLIERS, clip_outliers};

use super::{references, scattered};

fn values() -> Vec<f64> {
    let mut x = scattered(500);
    (x[3], x[40], x[77]) = (1e6, -1e5, 900.0);
    x
}

#[test]
fn ranges_are_tensorboards() {
    let x = values();
    for (fractions, expected) in references("outliers") {
        let keep: Vec<f64> = fractions.split(' ').map(|f| f.parse().unwrap()).collect();
        let clip = clip_outliers(&[&x], (keep[0], keep[1]), 0.0).unwrap();
        let got = [clip.low, clip.high, clip.below as f64, clip.above as f64];
        assert_eq!(got[..], expected[..], "{fractions}");
        // Curves together are as one.
        let split = clip_outliers(&[&x[..100], &[], &x[100..]], (keep[0], keep[1]), 0.0);
        assert_eq!(split, Some(clip));
    }
}

#[test]
fn margins_stop_at_the_values() {
    let x = values();
    let tight = clip_outliers(&[&x], TENSORBOARD_OUTLIERS, 0.0).unwrap();
    let wide = clip_outliers(&[&x], TENSORBOARD_OUTLIERS, 0.5).unwrap();
    let span = tight.high - tight.low;
    assert_eq!(
        (wide.low, wide.high),
        (tight.low - span / 2.0, tight.high + span / 2.0)
    );
    assert!(wide.below < tight.below && wide.above < tight.above);
    let all = clip_outliers(&[&x], TENSORBOARD_OUTLIERS, f64::INFINITY).unwrap();
    assert_eq!((all.low, all.high, all.below, all.above), (-1e5, 1e6, 0, 0));
}

#[test]
fn odd_values_are_counted() {
    let x = [f64::NAN, 1.0, f64::INFINITY, 2.0, f64::NEG_INFINITY];
    let clip = clip_outliers(&[&x], TENSORBOARD_OUTLIERS, 0.1).unwrap();
    assert_eq!(
        (clip.low, clip.high, clip.odd, clip.below, clip.above),
        (1.0, 2.0, 3, 0, 0)
    );
    assert_eq!(clip_outliers(&[&x[..1]], TENSORBOARD_OUTLIERS, 0.1), None);
    assert_eq!(clip_outliers(&[], TENSORBOARD_OUTLIERS, 0.1), None);
    // Nearly all equal: quantiles that say nothing.
    let mut flat = [3.0; 100];
    flat[5] = 7.0;
    let clip = clip_outliers(&[&flat], TENSORBOARD_OUTLIERS, 0.0).unwrap();
    assert_eq!((clip.low, clip.high, clip.above), (3.0, 7.0, 0));
    for keep in [(0.9, 0.1), (f64::NAN, f64::NAN), (-5.0, 5.0), (0.501, 0.502)] {
        let clip = clip_outliers(&[&scattered(10)], keep, f64::NAN).unwrap();
        assert!(clip.low <= clip.high, "{keep:?}");
    }
    let huge = clip_outliers(&[&[-f64::MAX, 0.0, f64::MAX]], (0.0, 1.0), 1.0).unwrap();
    assert_eq!((huge.low, huge.high), (-f64::MAX, f64::MAX));
}
