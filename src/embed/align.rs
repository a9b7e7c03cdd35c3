//! One set of places laid onto another.

use nalgebra::DMatrix;

use crate::{EmbedError, Table};

/// What may be done to places to lay them onto others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Scaling {
    /// They keep their size.
    #[default]
    Keep,
    /// They grow or shrink as a whole.
    Fit,
}

/// A turn or reflection, a scale and a shift.
#[derive(Clone, Debug, PartialEq)]
pub struct Alignment {
    /// Dimensions × dimensions: a row of places times this is turned.
    pub rotation: Vec<f32>,
    /// By what distances are multiplied.
    pub scale: f32,
    /// Where the middle of the shared rows was, and where it goes.
    pub middles: [Vec<f32>; 2],
}

impl Alignment {
    /// The alignment after which `from` is nearest to `to`, by the sum of squared distances over `shared`
    /// pairs of rows (of `from`, of `to`): orthogonal Procrustes (Schönemann 1966;
    /// `scipy.linalg.orthogonal_procrustes` of places less their means). Where the shared rows do not
    /// differ, places are only shifted.
    ///
    /// # Errors
    /// For no pairs, for rows that there are not, and for tables of different dimensions.
    pub fn fit(
        from: &Table<'_>,
        to: &Table<'_>,
        shared: &[(u32, u32)],
        scaling: Scaling,
    ) -> Result<Alignment, EmbedError> {
        let d = from.width();
        if to.width() != d {
            return Err(EmbedError::Lengths {
                what: "dimensions",
                expected: d,
                found: to.width(),
            });
        }
        if shared.is_empty() {
            return Err(EmbedError::FewRows { rows: 0, least: 1 });
        }
        for &(a, b) in shared {
            crate::error::within("row", f64::from(a), 0.0, from.rows() as f64 - 1.0)?;
            crate::error::within("row", f64::from(b), 0.0, to.rows() as f64 - 1.0)?;
        }
        let pairs = || {
            shared
                .iter()
                .map(|&(a, b)| (from.row(a as usize), to.row(b as usize)))
        };
        let mut middles = [vec![0f64; d], vec![0f64; d]];
        for (a, b) in pairs() {
            for k in 0..d {
                middles[0][k] += f64::from(a[k]) / shared.len() as f64;
                middles[1][k] += f64::from(b[k]) / shared.len() as f64;
            }
        }
        let mut cross = DMatrix::<f64>::zeros(d, d);
        let mut spread = 0.0;
        for (a, b) in pairs() {
            for i in 0..d {
                let x = f64::from(a[i]) - middles[0][i];
                spread += x * x;
                for j in 0..d {
                    cross[(i, j)] += x * (f64::from(b[j]) - middles[1][j]);
                }
            }
        }
        let mut rotation = DMatrix::identity(d, d);
        let mut scale = 1.0;
        let whole = cross.iter().map(|v| v * v).sum::<f64>().sqrt();
        if whole > 0.0 && whole.is_finite() {
            let svd = cross.svd(true, true);
            if let (Some(u), Some(v)) = (&svd.u, &svd.v_t) {
                rotation = u * v;
                if scaling == Scaling::Fit && spread > 0.0 {
                    scale = svd.singular_values.sum() / spread;
                }
            }
        }
        Ok(Alignment {
            rotation: rotation.transpose().iter().map(|&v| v as f32).collect(),
            scale: scale as f32,
            middles: middles.map(|m| m.iter().map(|&v| v as f32).collect()),
        })
    }

    /// Places, rows × dimensions, turned, scaled and shifted.
    pub fn apply(&self, places: &mut [f32]) {
        let d = self.middles[0].len();
        for place in places.chunks_exact_mut(d) {
            let from: Vec<f32> = place.iter().zip(&self.middles[0]).map(|(p, m)| p - m).collect();
            for (j, out) in place.iter_mut().enumerate() {
                let turned: f32 = (0..d).map(|i| from[i] * self.rotation[i * d + j]).sum();
                *out = self.scale * turned + self.middles[1][j];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn turned_and_mirrored_places_come_back() {
        let mut random = Random::new(&[6]);
        let to: Vec<f32> = (0..60).map(|_| random.normal() as f32).collect();
        // Mirrored, turned by 0.7, three times as large, elsewhere; and row 0 is not shared.
        let (sin, cos) = 0.7f32.sin_cos();
        let mut from: Vec<f32> = Vec::new();
        for p in to.chunks(2) {
            let (x, y) = (-p[0], p[1]);
            from.extend([3.0 * (cos * x - sin * y) + 5.0, 3.0 * (sin * x + cos * y) - 1.0]);
        }
        from[0] += 100.0;
        let shared: Vec<(u32, u32)> = (1..30).map(|i| (i, i)).collect();
        let tables = (Table::new(&from, 2).unwrap(), Table::new(&to, 2).unwrap());
        let found = Alignment::fit(&tables.0, &tables.1, &shared, Scaling::Fit).unwrap();
        assert!((found.scale - 1.0 / 3.0).abs() < 1e-5);
        let mut moved = from.clone();
        found.apply(&mut moved);
        for (a, b) in moved.iter().zip(&to).skip(2) {
            assert!((a - b).abs() < 1e-4, "{a} {b}");
        }
        let kept = Alignment::fit(&tables.0, &tables.1, &shared, Scaling::Keep).unwrap();
        assert_eq!(kept.scale, 1.0);
        assert_eq!(kept.rotation.len(), 4);
    }

    #[test]
    fn what_cannot_be_aligned() {
        let values = [1.0; 12];
        let (flat, deep) = (Table::new(&values, 2).unwrap(), Table::new(&values, 3).unwrap());
        assert!(Alignment::fit(&flat, &deep, &[(0, 0)], Scaling::Keep).is_err());
        assert!(Alignment::fit(&flat, &flat, &[], Scaling::Keep).is_err());
        assert!(Alignment::fit(&flat, &flat, &[(0, 6)], Scaling::Keep).is_err());
        let same = Alignment::fit(&flat, &flat, &[(0, 1), (2, 3)], Scaling::Fit).unwrap();
        let mut places = values.to_vec();
        same.apply(&mut places);
        assert_eq!(places, values);
    }
}
