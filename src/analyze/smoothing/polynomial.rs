//! Savitzky-Golay: least squares of polynomials over a moving window.

use super::convolve;

/// Higher degrees follow the noise, and their polynomials lose digits.
const MAX_DEGREE: usize = 16;

/// `values` are finite.
pub(super) fn filter(values: &[f64], window: usize, degree: usize) -> Vec<f64> {
    let longest = values.len() - usize::from(values.len().is_multiple_of(2));
    let window = (window | 1).min(longest);
    let degree = degree.min(MAX_DEGREE);
    if window < 2 || degree + 1 >= window {
        return values.to_vec();
    }
    let half = window / 2;
    let basis = Basis::new(half, degree);
    let mut out = values.to_vec();
    let middle = convolve(values, &basis.weights_of_centre());
    out[half..values.len() - half].copy_from_slice(&middle);
    // SciPy's "interp": the polynomials of the first and the last window, up to the ends.
    let first = basis.fit(&values[..window]);
    out[..half].copy_from_slice(&first[..half]);
    let last = basis.fit(&values[values.len() - window..]);
    out[values.len() - half..].copy_from_slice(&last[half + 1..]);
    out
}

/// Orthonormal polynomials on the places of a window (Gram's), by their three-term recurrence:
/// they keep their digits where powers of the place would not.
struct Basis(Vec<Vec<f64>>);

impl Basis {
    fn new(half: usize, degree: usize) -> Basis {
        let places: Vec<f64> = (0..=2 * half)
            .map(|i| (i as f64 - half as f64) / half as f64)
            .collect();
        let unit = |mut p: Vec<f64>| {
            let norm = p.iter().map(|v| v * v).sum::<f64>().sqrt();
            p.iter_mut().for_each(|v| *v /= norm);
            p
        };
        let mut basis = vec![unit(vec![1.0; places.len()])];
        for _ in 0..degree {
            let last = &basis[basis.len() - 1];
            let mut next: Vec<f64> = last.iter().zip(&places).map(|(p, x)| p * x).collect();
            // Twice, for what rounding leaves; exact symmetry makes half of the products 0.
            for _ in 0..2 {
                for p in &basis {
                    let part: f64 = p.iter().zip(&next).map(|(a, b)| a * b).sum();
                    next.iter_mut().zip(p).for_each(|(n, p)| *n -= part * p);
                }
            }
            basis.push(unit(next));
        }
        Basis(basis)
    }

    /// Weights of the places from the centre on for the fitted value there; they are symmetric.
    fn weights_of_centre(&self) -> Vec<f64> {
        let half = self.0[0].len() / 2;
        let weight = |s: usize| self.0.iter().map(|p| p[half] * p[s]).sum();
        (half..=2 * half).map(weight).collect()
    }

    /// The polynomial nearest to the values of a window, at its places.
    fn fit(&self, values: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; values.len()];
        for p in &self.0 {
            let part: f64 = p.iter().zip(values).map(|(a, b)| a * b).sum();
            out.iter_mut().zip(p).for_each(|(o, p)| *o += part * p);
        }
        out
    }
}
