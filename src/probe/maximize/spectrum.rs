//! Pictures as spectra.
//!
//! A plane is a sum of products of waves along rows and columns, and what is learned is how much of each
//! there is, divided by its frequency: natural pictures have about as much of each octave, and a step then
//! moves broad shapes as far as fine ones. The waves are the real ones of the discrete Fourier transform
//! (a constant, cosines and sines), scaled to an orthonormal basis, so that the way back of a gradient is
//! the same two matrix products, turned.

/// The basis of planes of one size.
pub(super) struct Spectrum {
    rows: Vec<f32>,
    columns: Vec<f32>,
    height: usize,
    width: usize,
    /// What each coefficient is multiplied by, `[H, W]`.
    scale: Vec<f32>,
}

/// Lucid's pictures are four times weaker than their spectra, which sets what a step does.
const STRENGTH: f32 = 0.25;

impl Spectrum {
    /// Of planes of `height` x `width`; coefficients are divided by frequency to the power `decay`.
    pub fn new(height: usize, width: usize, decay: f32) -> Self {
        let (high, wide) = (frequencies(height), frequencies(width));
        // Below one wave across the picture nothing is slower.
        let least = 1.0 / height.max(width) as f32;
        let of = |y: f32, x: f32| STRENGTH * (y * y + x * x).sqrt().max(least).powf(-decay);
        let scale = high
            .iter()
            .flat_map(|&y| wide.iter().map(move |&x| of(y, x)))
            .collect();
        Spectrum {
            rows: waves(height),
            columns: waves(width),
            height,
            width,
            scale,
        }
    }

    /// Planes `[C, H, W]` of coefficients `[C, H, W]`.
    pub fn image(&self, spectrum: &[f32]) -> Vec<f32> {
        let one = |s: &[f32]| {
            let scaled: Vec<f32> = s.iter().zip(&self.scale).map(|(s, f)| s * f).collect();
            // rows' * S * columns
            let left = product(&transposed(&self.rows, self.height), &scaled, self.height);
            product(&left, &self.columns, self.width)
        };
        spectrum.chunks(self.scale.len()).flat_map(one).collect()
    }

    /// The gradient of the coefficients, from that of the planes.
    pub fn adjoint(&self, slopes: &[f32]) -> Vec<f32> {
        let one = |g: &[f32]| {
            let left = product(&self.rows, g, self.height);
            let both = product(&left, &transposed(&self.columns, self.width), self.width);
            both.iter()
                .zip(&self.scale)
                .map(|(s, f)| s * f)
                .collect::<Vec<_>>()
        };
        slopes.chunks(self.scale.len()).flat_map(one).collect()
    }
}

/// Waves per cell of each basis vector.
fn frequencies(n: usize) -> Vec<f32> {
    (0..n).map(|k| k.div_ceil(2) as f32 / n as f32).collect()
}

/// An orthonormal basis `[n, n]`, a wave a row.
fn waves(n: usize) -> Vec<f32> {
    let mut all = Vec::with_capacity(n * n);
    for k in 0..n {
        let turns = k.div_ceil(2) as f64;
        // A constant, and the fastest wave of an even number of cells, have no partner.
        let alone = k == 0 || (n.is_multiple_of(2) && k == n - 1);
        let size = if alone { 1.0 } else { 2.0 };
        for i in 0..n {
            let angle = std::f64::consts::TAU * turns * i as f64 / n as f64;
            let wave = if k % 2 == 1 || k == 0 {
                angle.cos()
            } else {
                angle.sin()
            };
            all.push(((size / n as f64).sqrt() * wave) as f32);
        }
    }
    all
}

fn transposed(square: &[f32], n: usize) -> Vec<f32> {
    (0..n * n).map(|i| square[i % n * n + i / n]).collect()
}

/// `a * b`, row-major, where both share a side of `inner`.
fn product(a: &[f32], b: &[f32], inner: usize) -> Vec<f32> {
    let (rows, columns) = (a.len() / inner, b.len() / inner);
    let mut out = vec![0f32; rows * columns];
    for (row, to) in a.chunks(inner).zip(out.chunks_mut(columns)) {
        for (&v, from) in row.iter().zip(b.chunks(columns)) {
            to.iter_mut().zip(from).for_each(|(t, f)| *t += v * f);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dot(a: &[f32], b: &[f32]) -> f32 {
        a.iter().zip(b).map(|(a, b)| a * b).sum()
    }

    #[test]
    fn waves_are_an_orthonormal_basis() {
        for n in [5, 8] {
            let waves = waves(n);
            for i in 0..n {
                for j in 0..n {
                    let wanted = f32::from(u8::from(i == j));
                    let found = dot(&waves[i * n..][..n], &waves[j * n..][..n]);
                    assert!((found - wanted).abs() < 1e-5, "{n} {i} {j}: {found}");
                }
            }
        }
    }

    #[test]
    fn gradients_go_the_same_way_back() {
        let spectrum = Spectrum::new(6, 5, 1.0);
        let noise = |seed: u64| -> Vec<f32> {
            let mut random = model::Random::new(&[seed]);
            (0..60).map(|_| random.normal() as f32).collect()
        };
        let (s, g) = (noise(1), noise(2));
        let (there, back) = (dot(&spectrum.image(&s), &g), dot(&s, &spectrum.adjoint(&g)));
        assert!((there - back).abs() < 1e-3, "{there} {back}");
        // Without decay a spectrum is a rotation of the picture.
        let plain = Spectrum::new(6, 5, 0.0).image(&s);
        assert!((dot(&plain, &plain) / dot(&s, &s) - STRENGTH * STRENGTH).abs() < 1e-4);
    }
}
