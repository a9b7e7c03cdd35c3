//! How well places keep what rows have.

use crate::error::within;
use crate::{EmbedError, Metric, Table, exact, exact_for, par, product};

/// Rows whose distances to all others are taken at once.
const BLOCK: usize = 64;

/// How far points that are near in `places` can be trusted to be near in `table`, 0 to 1: 1 less a penalty
/// for each of the `k` nearest points that the table ranks farther than `k`, by how much farther (Venna and
/// Kaski 2001; `sklearn.manifold.trustworthiness`). All distances are taken: a sample of some thousand rows
/// is enough of a large table.
///
/// # Errors
/// For tables of different lengths, and for `k` 0 or not below half the rows.
pub fn trustworthiness(
    table: &Table<'_>,
    places: &Table<'_>,
    k: usize,
    metric: Metric,
) -> Result<f64, EmbedError> {
    same_rows(table, places)?;
    let n = table.rows();
    within("neighbours", k as f64, 1.0, (n as f64 / 2.0).ceil() - 1.0)?;
    let near = exact(places, k, Metric::Euclidean)?;
    let width = table.width();
    let rows = crate::neighbours::Rows::new(table, metric);
    let penalties = par::map(n.div_ceil(BLOCK), |b| {
        let range = b * BLOCK..n.min((b + 1) * BLOCK);
        let mut products = vec![0.0; range.len() * n];
        let asked = &rows.values[range.start * width..range.end * width];
        product::dots(&rows.values, asked, width, &mut products);
        let mut penalty = 0;
        for (row, dots) in range.zip(products.chunks_mut(n)) {
            dots.iter_mut()
                .zip(&rows.norms)
                .for_each(|(d, n)| *d = n - 2.0 * *d);
            dots[row] = f32::INFINITY;
            for &j in near.of(row).0 {
                let (j, own) = (j as usize, dots[j as usize]);
                let nearer = dots.iter().filter(|&&d| d < own).count();
                let equal = dots[..j].iter().filter(|&&d| d == own).count();
                penalty += (nearer + equal + 1).saturating_sub(k);
            }
        }
        penalty
    });
    let (n, k, sum) = (n as f64, k as f64, penalties.iter().sum::<usize>() as f64);
    Ok(1.0 - sum * 2.0 / (n * k * (2.0 * n - 3.0 * k - 1.0)))
}

/// Share of the `k` nearest rows in `table` that are among the `k` nearest in `places`, 0 to 1, over the
/// rows `asked` (all, if `None`).
///
/// # Errors
/// For tables of different lengths, for rows that there are not, and for `k` 0 or not below the rows.
pub fn neighbour_recall(
    table: &Table<'_>,
    places: &Table<'_>,
    k: usize,
    metric: Metric,
    asked: Option<&[u32]>,
) -> Result<f64, EmbedError> {
    same_rows(table, places)?;
    let all: Vec<u32>;
    let asked = match asked {
        Some(asked) => asked,
        None => {
            all = (0..table.rows() as u32).collect();
            &all
        }
    };
    let truth = exact_for(table, asked, k, metric)?;
    exact_for(places, asked, k, Metric::Euclidean)?.recall(&truth)
}

pub(crate) fn same_rows(table: &Table<'_>, places: &Table<'_>) -> Result<(), EmbedError> {
    let (expected, found) = (table.rows(), places.rows());
    if expected != found {
        let what = "rows";
        return Err(EmbedError::Lengths {
            what,
            expected,
            found,
        });
    }
    Ok(())
}
