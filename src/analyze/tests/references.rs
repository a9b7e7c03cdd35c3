//! Every number against NumPy, SciPy and scikit-learn: tests/analyze_references.py prints them.

use analyze::*;

/// `((i * 7919) % 1009) / float32(100) - float32(3)`, every fiftieth 0.
fn values() -> Vec<f32> {
    let value = |i: u32| match i % 50 {
        0 => 0.0,
        _ => ((i * 7919 % 1009) as f64 / 100.0 - 3.0) as f32,
    };
    (0..1000).map(value).collect()
}

#[track_caller]
fn close(got: f64, expected: f64, relative: f64) {
    let scale = expected.abs().max(1e-30);
    assert!(
        (got - expected).abs() <= relative * scale,
        "{got} is not {expected}"
    );
}

#[track_caller]
fn all_close(got: &[f32], expected: &[f64], relative: f64) {
    assert_eq!(got.len(), expected.len());
    for (&g, &e) in got.iter().zip(expected) {
        close(f64::from(g), e, relative);
    }
}

#[test]
fn histogram_is_numpys() {
    let x = values();
    let bins = Bins::of(&x, 12).unwrap();
    let counted = histogram(&x, &bins);
    // np.histogram(f, 12)[0]
    assert_eq!(counted.counts, [82, 81, 82, 101, 82, 81, 82, 82, 82, 82, 81, 82]);
    assert_eq!(
        (counted.below, counted.above, counted.nan, counted.peak()),
        (0, 0, 0, 101)
    );
    // np.histogram(f, 10, (0, 1))[0]
    let unit = Bins {
        low: 0.0,
        high: 1.0,
        count: 10,
    };
    let counted = histogram(&x, &unit);
    assert_eq!(counted.total() + counted.below + counted.above, 1000);
    assert_eq!(counted.counts, NUMPY_UNIT);
    // Values that stand on the edges: np.histogram(np.linspace(0, 1, 11) as float32, 10, (0, 1))[0]
    let edges: Vec<f32> = unit.edges().iter().map(|&e| e as f32).collect();
    assert_eq!(histogram(&edges, &unit).counts, NUMPY_EDGES);
}

#[test]
fn histogram_counts_every_value_once() {
    let unit = Bins {
        low: 0.0,
        high: 1.0,
        count: 2,
    };
    let odd = [
        f32::NAN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        -0.1,
        1.1,
        0.0,
        0.5,
        1.0,
    ];
    let counted = histogram(&odd, &unit);
    assert_eq!((counted.below, counted.above, counted.nan), (2, 2, 1));
    assert_eq!(counted.counts, [1, 2]);
    assert_eq!(Bins::of(&[f32::NAN, f32::INFINITY], 4), None);
    assert_eq!(Bins::of(&odd, 0), None);
    // np.histogram([3., 3.], 2) is ([0, 2], [2.5, 3. , 3.5])
    let same = Bins::of(&[3.0, 3.0], 2).unwrap();
    assert_eq!(
        (same.edges(), histogram(&[3.0, 3.0], &same).counts),
        (vec![2.5, 3.0, 3.5], vec![0, 2])
    );
    for senseless in [
        Bins {
            low: 1.0,
            high: 0.0,
            count: 3,
        },
        Bins {
            low: f64::NAN,
            high: 1.0,
            count: 3,
        },
        Bins {
            low: 0.0,
            high: 1.0,
            count: 0,
        },
    ] {
        let counted = histogram(&[0.5, 2.0], &senseless);
        assert_eq!(counted.total(), 0);
        assert_eq!(counted.below + counted.above + counted.nan, 2);
    }
}

#[test]
fn quantiles_are_numpys() {
    let x = values();
    // np.quantile(f, at)
    let at = [0.0, 0.005, 0.1, 0.25, 0.5, 0.9, 0.995, 1.0];
    let expected = [
        -2.990000009536743,
        -2.9400500571727752,
        -1.9610000371932983,
        -0.4124999940395355,
        1.9550000429153442,
        6.051000165939331,
        7.030050208568573,
        7.079999923706055,
    ];
    let few = quantiles(&x, &at).unwrap();
    let many = quantiles(&x, &[&at[..], &[0.5, 0.1]].concat()).unwrap();
    for (i, &e) in expected.iter().enumerate() {
        close(few[i], e, 1e-12);
        close(many[i], e, 1e-12);
    }
    assert_eq!(quantiles(&[f32::NAN], &at), None);
    assert_eq!(quantiles(&[], &at), None);
    assert_eq!(
        quantiles(&[f32::NAN, 2.0, f32::INFINITY], &[-1.0, f64::NAN, 7.0]),
        Some(vec![2.0; 3])
    );
}

#[test]
fn colour_ranges_leave_outliers_out() {
    let mut x = values();
    x[1] = 1e30;
    x[2] = f32::INFINITY;
    x[3] = f32::NAN;
    let (low, high) = robust_range(&x, ROBUST.0, ROBUST.1).unwrap();
    assert!(
        low > -3.0 && low < -2.9 && high > 7.0 && high < 7.1,
        "{low} {high}"
    );
    let (low, high) = symmetric_range(&x, ROBUST.0, ROBUST.1).unwrap();
    assert_eq!(low, -high);
    assert!(high > 7.0);
    let mut sparse = vec![0.0; 1000];
    sparse[7] = 3.0;
    assert_eq!(robust_range(&sparse, ROBUST.0, ROBUST.1), Some((0.0, 3.0)));
    assert_eq!(robust_range(&[2.0, 2.0], ROBUST.0, ROBUST.1), Some((2.0, 2.0)));
    assert_eq!(robust_range(&[], ROBUST.0, ROBUST.1), None);
}

#[test]
fn moments_are_scipys() {
    let m = Moments::of(&values());
    close(m.mean, 2.011280000258237, 1e-12);
    close(m.variance, 8.386569363890528, 1e-12);
    close(m.skewness, 0.03183444106086933, 1e-10);
    close(m.kurtosis, -1.1926527025908273, 1e-12);
    close(m.rms, 3.525878132228807, 1e-12);
    assert_eq!((m.min, m.max), (-2.990000009536743, 7.079999923706055));
    assert_eq!((m.count, m.zeros, m.finite()), (1000, 21, 1000));
    close(m.sparsity(), 0.021, 1e-12);
    close(m.std(), 8.386569363890528f64.sqrt(), 1e-12);

    let m = Moments::of(&[f32::NAN, 1.0, f32::INFINITY, 3.0, f32::NEG_INFINITY]);
    assert_eq!(
        (m.count, m.nan, m.infinite, m.mean, m.variance),
        (5, 1, 2, 2.0, 1.0)
    );
    let same = Moments::of(&[0.1; 7]);
    assert_eq!(same.variance, 0.0);
    assert!(same.skewness.is_nan() && same.kurtosis.is_nan());
    let none = Moments::of(&[]);
    assert!(none.mean.is_nan() && none.min.is_nan() && none.sparsity().is_nan());
}

#[test]
fn probabilities_are_scipys() {
    let logits = &values()[..12];
    // special.softmax(logits)
    let expected = [
        0.0008649840007219742,
        0.2247425835816825,
        0.048664798305084495,
        0.01053766236490058,
        0.002281779817416763,
        0.000494086700118607,
        0.00010698740276002628,
        0.5583329794082363,
        0.12089903656421827,
        0.02617895430928122,
        0.005668676827418652,
        0.0012274707181606245,
    ];
    let w = softmax(logits);
    all_close(&w, &expected, 1e-7);
    // special.log_softmax(logits)
    let logs: Vec<f64> = expected.iter().map(|p: &f64| p.ln()).collect();
    all_close(&log_softmax(logits), &logs, 1e-6);
    // special.log_softmax([1000, 0, -1000])
    assert_eq!(log_softmax(&[1000.0, 0.0, -1000.0]), [0.0, -1000.0, -2000.0]);
    // stats.entropy(w), stats.entropy([1, 2, 3, 0])
    close(entropy(&w), 1.2690419872923093, 1e-6);
    close(entropy(&[1.0, 2.0, 3.0, 0.0]), 1.0114042647073518, 1e-12);
    assert_eq!(entropy(&[0.0, 5.0]).to_bits(), 0.0f64.to_bits());
    for bad in [&[][..], &[0.0], &[-1.0, 2.0], &[f32::NAN], &[f32::INFINITY, 1.0]] {
        assert!(entropy(bad).is_nan());
    }
    let inf = f32::INFINITY;
    assert_eq!(softmax(&[-inf, 0.0, 0.0]), [0.0, 0.5, 0.5]);
    assert_eq!(log_softmax(&[-inf, 0.0])[0], -inf);
    for bad in [[f32::NAN, 1.0], [inf, 1.0], [-inf, -inf]] {
        assert!(softmax(&bad).iter().all(|p| p.is_nan()), "{bad:?}");
        assert!(log_softmax(&bad).iter().all(|p| p.is_nan()), "{bad:?}");
    }
    assert!(softmax(&[]).is_empty());
}

#[test]
fn top_k_is_a_stable_argsort() {
    let x = values();
    // np.argsort(-x, kind="stable")[:6]
    let best: Vec<usize> = top_k(&x, 6).iter().map(|r| r.index).collect();
    assert_eq!(best, [765, 521, 277, 33, 798, 554]);
    let mixed = [f32::NAN, 1.0, f32::INFINITY, 1.0, -0.0, 0.0];
    let order = |k| top_k(&mixed, k).iter().map(|r| r.index).collect::<Vec<_>>();
    assert_eq!(order(9), [2, 1, 3, 4, 5, 0]);
    assert_eq!(order(2), [2, 1]);
    assert!(order(0).is_empty());
}

#[test]
fn cosine_is_scipys() {
    let x = values();
    // 1 - spatial.distance.cosine(f[:500], f[500:])
    close(cosine(&x[..500], &x[500..]).unwrap(), 0.4087394462988104, 1e-12);
    assert_eq!(cosine(&[1.0], &[1.0, 2.0]), None);
    assert!(cosine(&[0.0], &[1.0]).unwrap().is_nan());
    assert!(cosine(&[f32::NAN], &[1.0]).unwrap().is_nan());
    let table = cosine_matrix(&[1.0, 0.0, 0.0, 2.0, -1.0, 0.0], 2).unwrap();
    assert_eq!(table, [1.0, 0.0, -1.0, 0.0, 1.0, 0.0, -1.0, 0.0, 1.0]);
    assert_eq!(cosine_matrix(&[1.0; 5], 2), None);
    assert_eq!(cosine_matrix(&[], 0), None);
}

#[test]
fn scores_are_scikit_learns() {
    let labels: Vec<u16> = (0..1000).map(|i| i % 4).collect();
    let predicted: Vec<u16> = (0..1000u32).map(|i| (i * i / 3 % 4) as u16).collect();
    let table = Confusion::of(&labels, &predicted, 4).unwrap();
    // metrics.confusion_matrix(labels, predicted)
    let expected = [84, 166, 0, 0, 167, 0, 0, 83, 83, 167, 0, 0, 166, 0, 0, 84];
    assert_eq!(table.counts, expected);
    close(table.accuracy(), 0.168, 1e-12);
    close(accuracy(&labels, &predicted).unwrap(), 0.168, 1e-12);
    close(table.balanced_accuracy(), 0.168, 1e-12);
    // metrics.precision_recall_fscore_support(labels, predicted)
    close(table.precision(0), 0.168, 1e-12);
    close(table.precision(3), 0.5029940119760479, 1e-12);
    close(table.recall(3), 0.336, 1e-12);
    close(table.f1(0), 0.224, 1e-12);
    close(table.f1(3), 0.4028776978417266, 1e-12);
    assert!(table.precision(2).is_nan() && table.recall(2) == 0.0 && table.f1(2) == 0.0);
    assert!(table.recall(9).is_nan() && table.count(9, 0) == 0);
}

#[test]
fn wrong_classes_are_named() {
    let error = |l: &[u16], p: &[u16], n| Confusion::of(l, p, n).unwrap_err().to_string();
    assert_eq!(
        error(&[0, 1], &[0], 2),
        "1 predictions for 2 labels: found different numbers, expected one each"
    );
    assert_eq!(
        error(&[0, 1], &[0, 5], 2),
        "sample 1: found class 5, expected below 2"
    );
    assert_eq!(
        error(&[], &[], 70_000),
        "classes: found 70000, expected at most 4096"
    );
    assert_eq!(accuracy(&[0], &[]), None);
    assert!(Confusion::new(3).unwrap().accuracy().is_nan());
}
const NUMPY_UNIT: [u64; 10] = [29, 10, 10, 10, 9, 10, 10, 9, 11, 10];
const NUMPY_EDGES: [u64; 10] = [1, 1, 1, 1, 1, 1, 2, 0, 2, 1];
