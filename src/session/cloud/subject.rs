//! What is known of points, and what can be asked of them at once.

use std::sync::Arc;

use data::Images;
use embed::Table;

/// What is known of the points, apart from where they are drawn.
#[derive(Clone, Debug, Default)]
pub struct Subject {
    /// Points x `width`, row-major, finite.
    pub values: Arc<[f32]>,
    /// Dimensions.
    pub width: usize,
    /// A name for each, or none.
    pub names: Vec<String>,
    /// Its class, or none.
    pub labels: Vec<u32>,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// Names of the dimensions, or none.
    pub columns: Vec<String>,
    /// The examples that points are, in the same order.
    pub examples: Option<Arc<Images>>,
    /// A picture for each point of a table, or none.
    pub sprites: Option<Arc<Images>>,
}

impl Subject {
    /// Number of points.
    pub fn len(&self) -> usize {
        self.values.len().checked_div(self.width).unwrap_or(0)
    }

    /// True without points.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What a point is called.
    pub fn name(&self, point: usize) -> String {
        match self.names.get(point) {
            Some(name) => name.clone(),
            None => format!("#{point}"),
        }
    }

    /// The class of a point.
    pub fn class(&self, point: usize) -> Option<&str> {
        let label = *self.labels.get(point)?;
        self.classes.get(label as usize).map(String::as_str)
    }

    /// What a dimension is called.
    pub fn dimension(&self, dimension: usize) -> String {
        match self.columns.get(dimension) {
            Some(name) => name.clone(),
            None => format!("dimension {dimension}"),
        }
    }

    /// A picture for each point.
    pub fn pictures(&self) -> Option<&Arc<Images>> {
        self.examples.as_ref().or(self.sprites.as_ref())
    }

    /// The `k` points nearest to a sum of points, each times its share, with their distances, nearest first and
    /// without those that are summed: A - B + C answers what is to C as A is to B (Mikolov et al. 2013). By
    /// cosine distance every point counts by its direction alone.
    ///
    /// # Errors
    /// A sentence for points that there are not, and for a sum without a direction.
    pub fn combine(
        &self,
        terms: &[(usize, f32)],
        k: usize,
        cosine: bool,
    ) -> Result<Vec<(usize, f32)>, String> {
        let row = |i: usize| &self.values[i * self.width..][..self.width];
        let length = |row: &[f32]| row.iter().map(|v| v * v).sum::<f32>().sqrt();
        let mut sum = vec![0f32; self.width];
        for &(point, share) in terms {
            if point >= self.len() {
                return Err(format!("there is no point {point}: there are {}", self.len()));
            }
            let scale = match cosine {
                true => share / length(row(point)).max(f32::MIN_POSITIVE),
                false => share,
            };
            sum.iter_mut().zip(row(point)).for_each(|(s, v)| *s += scale * v);
        }
        let size = length(&sum);
        if cosine && (size == 0.0 || !size.is_finite()) {
            return Err("these points cancel each other: their sum has no direction".into());
        }
        let distance = |row: &[f32]| match cosine {
            true => {
                let dot: f32 = row.iter().zip(&sum).map(|(a, b)| a * b).sum();
                1.0 - dot / (size * length(row)).max(f32::MIN_POSITIVE)
            }
            false => {
                let squares = row.iter().zip(&sum).map(|(a, b)| (a - b) * (a - b));
                squares.sum::<f32>().sqrt()
            }
        };
        let mut all: Vec<(usize, f32)> = (0..self.len())
            .filter(|i| !terms.iter().any(|t| t.0 == *i))
            .map(|i| (i, distance(row(i))))
            .collect();
        let order = |a: &(usize, f32), b: &(usize, f32)| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0));
        if k < all.len() {
            all.select_nth_unstable_by(k, order);
            all.truncate(k);
        }
        all.sort_by(order);
        Ok(all)
    }

    /// The `k` points nearest to `point` in all dimensions, with their distances, nearest first; by cosine
    /// distance where that is asked for. Without the point itself.
    ///
    /// # Errors
    /// A sentence where points have no neighbours.
    pub fn nearest(&self, point: usize, k: usize, cosine: bool) -> Result<Vec<(usize, f32)>, String> {
        let table = Table::shared(self.values.clone(), self.width).map_err(|e| e.to_string())?;
        let metric = if cosine {
            embed::Metric::Cosine
        } else {
            embed::Metric::Euclidean
        };
        let k = k.min(self.len().saturating_sub(1));
        let found = embed::exact_for(&table, &[point as u32], k, metric).map_err(|e| e.to_string())?;
        let (rows, distances) = found.of(0);
        Ok(rows
            .iter()
            .map(|r| *r as usize)
            .zip(distances.iter().copied())
            .collect())
    }
}
