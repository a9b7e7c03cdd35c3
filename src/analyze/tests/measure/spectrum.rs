use analyze::{Spectrum, SpectrumError, power_law};

use super::{Uniform, all_close, close, reference};

fn matrix() -> Vec<f32> {
    let mut random = Uniform(3);
    let element = |k: usize| {
        let (i, j) = (k / 90, k % 90);
        (random.normal() + i as f64 / 9.0 * (j as f64).sin()) as f32
    };
    (0..40 * 90).map(element).collect()
}

#[test]
fn singular_values_norms_and_ranks_are_numpys() {
    let w = matrix();
    let turned: Vec<f32> = (0..w.len()).map(|k| w[k % 40 * 90 + k / 40]).collect();
    for (values, rows) in [(&w, 40), (&turned, 90)] {
        let got = Spectrum::of(values, rows).unwrap();
        assert_eq!((got.rows, got.columns), (rows, 3600 / rows));
        all_close(&got.singular_values, &reference("spectrum", "values"), 1e-9);
        let norms = [got.spectral_norm(), got.frobenius_norm()];
        all_close(&norms, &reference("spectrum", "norms"), 1e-10);
        let ranks = [got.stable_rank(), got.effective_rank()];
        all_close(&ranks, &reference("spectrum", "ranks"), 1e-9);
        all_close(&[got.bulk_edge()], &reference("spectrum", "edge"), 1e-9);
        assert_eq!(got.above_bulk(), 1, "the planted direction");
        let law = got.power_law().unwrap();
        let numbers = [law.alpha, law.x_min, law.distance, law.tail as f64];
        all_close(&numbers, &reference("spectrum/law", "eigenvalues"), 1e-8);
    }
}

#[test]
fn power_laws_are_those_of_the_package() {
    let mut random = Uniform(9);
    let values: Vec<f64> = (0..800)
        .map(|i| (i, random.next()))
        .map(|(i, u)| {
            if i % 4 == 0 {
                u + 0.01
            } else {
                (1.0 - u).powf(-1.0 / 1.5)
            }
        })
        .collect();
    let tied: Vec<f64> = values.iter().map(|v| (v * 10.0).round() / 10.0 + 0.1).collect();
    for (name, values) in [("pareto", values), ("ties", tied)] {
        let law = power_law(&values).unwrap();
        let numbers = [law.alpha, law.x_min, law.distance, law.tail as f64];
        println!("{name}");
        all_close(&numbers, &reference("spectrum/law", name), 1e-9);
        close(law.error, (law.alpha - 1.0) / (law.tail as f64).sqrt(), 1e-12);
        let mut odd = values.clone();
        odd.extend([f64::NAN, 0.0, -3.0, f64::INFINITY]);
        assert_eq!(power_law(&odd), Some(law));
    }
    for none in [&[][..], &[1.0], &[2.0, 2.0], &[-1.0, -2.0, 3.0], &[f64::NAN; 9]] {
        assert_eq!(power_law(none), None);
    }
}

#[test]
fn random_matrices_end_at_the_edge_of_marchenko_and_pastur() {
    let mut random = Uniform(17);
    for (rows, columns) in [(100, 100), (50, 400), (300, 120)] {
        let values: Vec<f32> = (0..rows * columns)
            .map(|_| 0.3 * random.normal() as f32)
            .collect();
        let got = Spectrum::of(&values, rows).unwrap();
        let part = got.spectral_norm() / got.bulk_edge();
        assert!((0.95..1.03).contains(&part), "{rows} x {columns}: {part}");
        assert!(got.above_bulk() <= 1);
        // Half of all independent directions count.
        assert!(got.stable_rank() > rows.min(columns) as f64 / 4.5);
    }
}

#[test]
fn simple_matrices_have_simple_spectra() {
    let identity: Vec<f32> = (0..25).map(|k| f32::from(u8::from(k % 6 == 0))).collect();
    let got = Spectrum::of(&identity, 5).unwrap();
    all_close(&got.singular_values, &[1.0; 5], 1e-12);
    all_close(&[got.stable_rank(), got.effective_rank()], &[5.0, 5.0], 1e-9);
    assert_eq!(got.power_law(), None);
    let rank_one: Vec<f32> = (0..600).map(|k| ((k / 20 + 1) * (k % 20 + 1)) as f32).collect();
    let got = Spectrum::of(&rank_one, 30).unwrap();
    close(got.stable_rank(), 1.0, 1e-9);
    assert!(
        (got.effective_rank() - 1.0).abs() < 1e-4,
        "{}",
        got.effective_rank()
    );
    let zeros = Spectrum::of(&[0.0; 12], 3).unwrap();
    assert!(zeros.stable_rank().is_nan() && zeros.effective_rank().is_nan());
    assert_eq!(
        (zeros.spectral_norm(), zeros.above_bulk(), zeros.power_law()),
        (0.0, 0, None)
    );
    let huge = Spectrum::of(&[f32::MAX; 6], 2).unwrap();
    close(
        huge.spectral_norm() / (f64::from(f32::MAX) * 6f64.sqrt()),
        1.0,
        1e-6,
    );
}

#[test]
fn wrong_matrices_are_named() {
    let error = |values: &[f32], rows| Spectrum::of(values, rows).unwrap_err().to_string();
    let shape = "matrix of 3 rows: found 4 values, expected a multiple of the rows, and some";
    assert_eq!(error(&[0.0; 4], 3), shape);
    assert!(matches!(Spectrum::of(&[], 3), Err(SpectrumError::Shape { .. })));
    assert!(matches!(
        Spectrum::of(&[1.0], 0),
        Err(SpectrumError::Shape { .. })
    ));
    assert_eq!(
        error(&[0.0, f32::NAN], 1),
        "value 1: found NaN, expected finite numbers"
    );
    let large = vec![0.0; 9000 * 9000];
    assert_eq!(
        error(&large, 9000),
        "shorter side: found 9000, expected at most 8192"
    );
}
