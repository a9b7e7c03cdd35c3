use analyze::{Column, ImportanceError, importance, spearman};

use super::{Uniform, all_close, reference};

/// Five hyperparameters (the fourth a category) and the results of 300 runs.
fn table() -> (Vec<Vec<f64>>, Vec<Option<u32>>, Vec<f64>) {
    let mut random = Uniform(21);
    let rows: Vec<[f64; 5]> = (0..300).map(|_| [(); 5].map(|_| random.next())).collect();
    let group: Vec<u32> = rows.iter().map(|r| (r[3] * 3.0) as u32).collect();
    let result = |(r, &g): (&[f64; 5], &u32)| {
        10.0 * (r[0] - 0.5).powi(2) + 2.0 * r[1] + f64::from(u8::from(g == 2)) + 0.1 * r[4]
    };
    let results = rows.iter().zip(&group).map(result).collect();
    let columns = (0..3).map(|c| rows.iter().map(|r| r[c]).collect()).collect();
    (columns, group.into_iter().map(Some).collect(), results)
}

#[test]
fn importances_are_scikit_learns() {
    let (numbers, group, results) = table();
    let mut columns: Vec<Column> = numbers.iter().map(|n| Column::Numbers(n)).collect();
    columns.push(Column::Categories(&group));
    let got = importance(&columns, &results, 1).unwrap();
    assert_eq!((got.runs, got.left_out, got.reliable()), (300, 0, true));
    let shares: Vec<f64> = got.columns.iter().map(|c| c.share).collect();
    let falls: Vec<f64> = got.columns.iter().map(|c| c.permutation).collect();
    println!("{shares:?}\n{falls:?}\n{}", got.explained);
    // Two forests of other trees, and other permutations.
    for (got, name, near) in [(&shares, "shares", 0.02), (&falls, "falls", 0.1)] {
        let expected = reference("importance", name);
        let order = |v: &[f64]| {
            let mut order: Vec<usize> = (0..v.len()).collect();
            order.sort_by(|&a, &b| v[b].total_cmp(&v[a]));
            order
        };
        assert_eq!(order(got), order(&expected), "{name}");
        for (g, e) in got.iter().zip(&expected) {
            assert!((g - e).abs() < near, "{name}: {g} is not {e}");
        }
    }
    let expected = reference("importance", "explained")[0];
    assert!((got.explained - expected).abs() < 0.02, "{}", got.explained);
    assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9);
    assert_eq!(importance(&columns, &results, 1), Ok(got.clone()));
    // The scale does not matter, the order does.
    let logs: Vec<f64> = numbers[0].iter().map(|v| v.ln()).collect();
    columns[0] = Column::Numbers(&logs);
    let scaled = importance(&columns, &results, 1).unwrap();
    assert!((scaled.columns[0].share - shares[0]).abs() < 0.02);
}

#[test]
fn ranks_correlate_as_scipy_says() {
    let (numbers, _, results) = table();
    let tied: Vec<f64> = numbers[1].iter().map(|v| (v * 5.0).round_ties_even()).collect();
    let pairs = [
        (&numbers[0][..], &results[..]),
        (&numbers[1], &results),
        (&tied, &results),
        (&numbers[2][..7], &results[..7]),
        (&tied[..4], &results[..4]),
    ];
    let got: Vec<f64> = pairs
        .iter()
        .map(|(a, b)| spearman(a, b).unwrap())
        .flat_map(|c| [c.rho, c.p])
        .collect();
    let expected = reference("importance", "spearman");
    all_close(&got, &expected, 1e-9);
    // Small probabilities, too.
    assert!(
        (got[3] / expected[3] - 1.0).abs() < 1e-6,
        "{} {}",
        got[3],
        expected[3]
    );
    let with = [&results[..], &[f64::NAN, 1.0]].concat();
    let more = [&numbers[0][..], &[1.0, f64::NAN]].concat();
    assert_eq!(spearman(&more, &with), spearman(&numbers[0], &results));
    assert_eq!(spearman(&[1.0, 2.0, 3.0], &[3.0, 5.0, 9.0]).unwrap().p, 0.0);
    assert_eq!(spearman(&[1.0, 2.0], &[3.0, 5.0]), None);
    assert_eq!(spearman(&[1.0; 9], &results[..9]), None);
    assert_eq!(spearman(&[1.0; 9], &results[..8]), None);
}

#[test]
fn constants_gaps_and_noise_are_told() {
    let (mut numbers, mut group, mut results) = table();
    // What is missing tells something, too.
    for i in (0..300).step_by(3) {
        numbers[2][i] = f64::NAN;
        group[i] = None;
        results[i] += 5.0;
    }
    results[7] = f64::NAN;
    results[8] = f64::INFINITY;
    let same = [4.0; 300];
    let one = [Some(3); 300];
    let many: Vec<Option<u32>> = (0..300).map(Some).collect();
    let columns = [
        Column::Numbers(&numbers[0]),
        Column::Numbers(&numbers[2]),
        Column::Categories(&group),
        Column::Numbers(&same),
        Column::Categories(&one),
        Column::Categories(&many),
    ];
    let got = importance(&columns, &results, 3).unwrap();
    assert_eq!((got.runs, got.left_out), (298, 2));
    let constant: Vec<bool> = got.columns.iter().map(|c| c.constant).collect();
    assert_eq!(constant, [false, false, false, true, true, false]);
    assert_eq!((got.columns[3].share, got.columns[3].correlation), (0.0, None));
    assert!(got.columns[1].share + got.columns[2].share > 0.6, "{got:?}");
    assert!(got.columns[5].share < 0.05);
    assert_eq!(got.columns[1].correlation.unwrap().count, 198);
    // Results that depend on nothing.
    let mut random = Uniform(2);
    let noise: Vec<f64> = (0..300).map(|_| random.normal()).collect();
    let got = importance(&columns[..2], &noise, 3).unwrap();
    assert!(!got.reliable(), "{got:?}");
}

#[test]
fn tables_that_say_nothing_are_refused() {
    let numbers: Vec<f64> = (0..12).map(f64::from).collect();
    let error = |columns: &[Column], results: &[f64]| importance(columns, results, 0).unwrap_err();
    let column = [Column::Numbers(&numbers)];
    let few = error(&[Column::Numbers(&numbers[..9])], &numbers[..9]);
    assert_eq!(
        few.to_string(),
        "runs with a finite result: found 9, expected at least 10"
    );
    assert_eq!(
        error(&column, &[1.0; 12]),
        ImportanceError::SameResult { runs: 12 }
    );
    assert_eq!(
        error(&[Column::Numbers(&[1.0; 12])], &numbers),
        ImportanceError::Constant { runs: 12 }
    );
    assert_eq!(error(&[], &numbers), ImportanceError::Constant { runs: 12 });
    let short = error(&column, &numbers[..11]);
    assert_eq!(
        short.to_string(),
        "column 0: found 12 values, expected one for each of 11 runs"
    );
    let odd: Vec<f64> = (0..12)
        .map(|i| [f64::INFINITY, f64::NEG_INFINITY, 1.0][i % 3])
        .collect();
    assert!(importance(&[Column::Numbers(&odd)], &numbers, 0).is_ok());
    assert_eq!(
        error(&[Column::Numbers(&[f64::NAN; 12])], &numbers),
        ImportanceError::Constant { runs: 12 }
    );
}
