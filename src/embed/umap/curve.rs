//! The curve by which UMAP's places attract.

/// `a` and `b` of 1 / (1 + a x^2b), fitted to 1 up to `min_dist` and exp(-(x - min_dist) / spread) beyond,
/// at 300 distances up to three times `spread` (umap-learn's `find_ab_params`).
///
/// Levenberg and Marquardt's least squares of two unknowns, from (1, 1).
pub fn fit_curve(min_dist: f64, spread: f64) -> (f64, f64) {
    let wanted: Vec<(f64, f64)> = (0..300)
        .map(|i| {
            let x = 3.0 * spread * f64::from(i) / 299.0;
            let y = if x < min_dist {
                1.0
            } else {
                (-(x - min_dist) / spread).exp()
            };
            (x, y)
        })
        .collect();
    let residuals = |a: f64, b: f64| -> f64 {
        let terms = wanted.iter().map(|&(x, y)| y - value(a, b, x));
        terms.map(|r| r * r).sum()
    };
    let (mut a, mut b, mut damping) = (1.0, 1.0, 1e-3);
    let mut error = residuals(a, b);
    for _ in 0..500 {
        let (mut aa, mut ab, mut bb, mut ra, mut rb) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for &(x, y) in wanted.iter().filter(|w| w.0 > 0.0) {
            let (f, power) = (value(a, b, x), x.powf(2.0 * b));
            let da = -f * f * power;
            let db = -f * f * a * power * 2.0 * x.ln();
            let r = y - f;
            (aa, ab, bb) = (aa + da * da, ab + da * db, bb + db * db);
            (ra, rb) = (ra + da * r, rb + db * r);
        }
        let (p, q) = (aa * (1.0 + damping), bb * (1.0 + damping));
        let det = p * q - ab * ab;
        let (da, db) = ((q * ra - ab * rb) / det, (p * rb - ab * ra) / det);
        let next = residuals(a + da, b + db);
        if !(next < error && a + da > 0.0 && b + db > 0.0) {
            damping *= 4.0;
            if damping > 1e12 {
                break;
            }
            continue;
        }
        let enough = (error - next) <= 1e-15 * error;
        (a, b, error, damping) = (a + da, b + db, next, damping * 0.25);
        if enough {
            break;
        }
    }
    (a, b)
}

fn value(a: f64, b: f64, x: f64) -> f64 {
    1.0 / (1.0 + a * x.powf(2.0 * b))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// umap-learn 0.5.12: `find_ab_params(spread, min_dist)`.
    const REFERENCE: [[f64; 4]; 4] = [
        [0.1, 1.0, 1.5769434602697652, 0.8950608778515733],
        [0.0, 1.0, 1.93280839734315, 0.7904949732233831],
        [0.5, 1.0, 0.5830300203414425, 1.3341669924314914],
        [0.1, 2.0, 0.5446605399418663, 0.8420554268341789],
    ];

    #[test]
    fn the_curve_is_umap_learns() {
        for [min_dist, spread, a, b] in REFERENCE {
            let found = fit_curve(min_dist, spread);
            assert!(
                (found.0 - a).abs() < 1e-4 && (found.1 - b).abs() < 1e-4,
                "{found:?} {a} {b}"
            );
        }
    }
}
