//! The fast Fourier transform on the host, in double precision.

use std::f64::consts::TAU;

/// A complex number.
type Complex = [f64; 2];

fn times(a: Complex, b: Complex) -> Complex {
    [a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0]]
}

fn turn(sign: f64, k: usize, n: usize) -> Complex {
    let angle = sign * TAU * (k % n) as f64 / n as f64;
    [angle.cos(), angle.sin()]
}

fn smallest_factor(n: usize) -> usize {
    (2..)
        .take_while(|p| p * p <= n)
        .find(|p| n.is_multiple_of(*p))
        .unwrap_or(n)
}

/// True when the transform of `n` values takes no more than some hundred million steps.
pub fn is_fast(n: usize) -> bool {
    let (mut rest, mut steps) = (n, 0usize);
    while rest > 1 {
        let p = smallest_factor(rest);
        steps = steps.saturating_add(n.saturating_mul(p));
        rest /= p;
    }
    steps < 1 << 28
}

/// `sum_j x_j exp(sign 2 pi i j k / n)` by prime factors of `n` (Cooley and Tukey 1965).
pub fn transform(x: &[Complex], sign: f64) -> Vec<Complex> {
    let n = x.len();
    if n <= 1 {
        return x.to_vec();
    }
    let p = smallest_factor(n);
    let m = n / p;
    let part = |r: usize| transform(&x[r..].iter().step_by(p).copied().collect::<Vec<_>>(), sign);
    let parts: Vec<Vec<Complex>> = match m {
        1 => x.iter().map(|&v| vec![v]).collect(),
        _ => (0..p).map(part).collect(),
    };
    let turns: Vec<Complex> = (0..n).map(|k| turn(sign, k, n)).collect();
    let bin = |k: usize| {
        let of = |r: usize| times(parts[r][k % m], turns[r * k % n]);
        (0..p).map(of).fold([0.0; 2], |s, v| [s[0] + v[0], s[1] + v[1]])
    };
    (0..n).map(bin).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transform_is_its_definition() {
        for n in [1usize, 2, 6, 7, 12, 30] {
            let x: Vec<Complex> = (0..n).map(|i| [i as f64, (i * i % 5) as f64]).collect();
            let y = transform(&x, -1.0);
            for (k, found) in y.iter().enumerate() {
                let term = |j: usize| times(x[j], turn(-1.0, j * k, n));
                let wanted = (0..n).map(term).fold([0.0; 2], |s, v| [s[0] + v[0], s[1] + v[1]]);
                let near = (0..2).all(|i| (found[i] - wanted[i]).abs() < 1e-9);
                assert!(near, "bin {k} of {n}: {found:?}, {wanted:?} expected");
            }
            let back = transform(&y, 1.0);
            assert!((0..n).all(|i| (back[i][0] / n as f64 - x[i][0]).abs() < 1e-9));
        }
    }

    #[test]
    fn long_primes_are_not_fast() {
        assert!(is_fast(1 << 20) && is_fast(400) && is_fast(1));
        assert!(!is_fast(1_000_003));
    }
}
