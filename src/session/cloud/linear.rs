//! Projections that are exact: dimensions as they are, and the direction between two groups.

use embed::{Pca, Table};

use super::work::Placed;
use super::{Subject, Wanted};

/// The dimensions that were asked for.
pub(super) fn axes(subject: &Subject, wanted: &Wanted) -> Result<Placed, String> {
    let chosen = &wanted.axes[..wanted.dimensions];
    if let Some(axis) = chosen.iter().find(|a| **a >= subject.width) {
        return Err(format!(
            "there is no dimension {axis}: the points have {}, counted from 0",
            subject.width
        ));
    }
    // As any other projection does.
    Table::shared(subject.values.clone(), subject.width).map_err(|e| e.to_string())?;
    let rows = subject.values.chunks_exact(subject.width);
    Ok(Placed {
        places: rows.flat_map(|row| chosen.iter().map(|a| row[*a])).collect(),
        axes: chosen.iter().map(|a| subject.dimension(*a)).collect(),
        ..Placed::default()
    })
}

/// How far each point is along the unit vector from the mean of the group (0) to the mean of the rest; then,
/// of what is left of the points, the first principal components.
pub(super) fn direction(subject: &Subject, wanted: &Wanted) -> Result<Placed, String> {
    let (rows, width, dimensions) = (subject.len(), subject.width, wanted.dimensions);
    let table = Table::shared(subject.values.clone(), width).map_err(|e| e.to_string())?;
    let mut within = vec![false; rows];
    for &point in wanted.group.iter() {
        let point = point as usize;
        *within
            .get_mut(point)
            .ok_or_else(|| format!("there is no point {point}: there are {rows}"))? = true;
    }
    let count = within.iter().filter(|w| **w).count();
    if count == 0 || count == rows {
        return Err(format!(
            "a direction leads from some points to the rest: {count} of {rows} are chosen"
        ));
    }
    let mut means = [vec![0f64; width], vec![0f64; width]];
    let shares = [1.0 / (rows - count) as f64, 1.0 / count as f64];
    for (i, of) in within.iter().enumerate() {
        let side = usize::from(*of);
        for (m, v) in means[side].iter_mut().zip(table.row(i)) {
            *m += shares[side] * f64::from(*v);
        }
    }
    let [rest, group] = means;
    let mut along: Vec<f64> = rest.iter().zip(&group).map(|(r, g)| r - g).collect();
    let length = along.iter().map(|v| v * v).sum::<f64>().sqrt();
    if length == 0.0 {
        return Err("the chosen points and the rest have one mean: no direction leads between them".into());
    }
    along.iter_mut().for_each(|v| *v /= length);
    let mut left = subject.values.to_vec();
    let mut first = Vec::with_capacity(rows);
    for row in left.chunks_exact_mut(width) {
        let far: f64 = row
            .iter()
            .zip(&group)
            .zip(&along)
            .map(|((v, g), a)| (f64::from(*v) - g) * a)
            .sum();
        row.iter_mut()
            .zip(&along)
            .for_each(|(v, a)| *v -= (far * a) as f32);
        first.push(far as f32);
    }
    let mut places = vec![0.0; rows * dimensions];
    let others = (dimensions - 1).min(width.saturating_sub(1)).min(rows);
    for (place, far) in places.chunks_exact_mut(dimensions).zip(&first) {
        place[0] = *far;
    }
    if others > 0 {
        let table = Table::new(&left, width).map_err(|e| e.to_string())?;
        let pca = Pca::fit(&table, others, wanted.seed).map_err(|e| e.to_string())?;
        let flat = pca.project(&table).map_err(|e| e.to_string())?;
        for (place, row) in places.chunks_exact_mut(dimensions).zip(flat.chunks_exact(others)) {
            place[1..=others].copy_from_slice(row);
        }
    }
    let mut names = vec![format!("from the {count} chosen points to the rest")];
    names.extend((1..=others).map(|i| format!("component {i} of what is left")));
    Ok(Placed {
        places,
        axes: names,
        ..Placed::default()
    })
}
