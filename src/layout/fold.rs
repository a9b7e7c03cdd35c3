//! Long networks in rows, as lines of text, so that they fill a screen.

use glam::Vec3;

use crate::Layout;

/// Width of a row over the height of all rows that is aimed at.
const ASPECT: f32 = 1.9;
/// Rows at most: enough for a hundred thousand layers.
const MOST: usize = 200;
/// Free height between rows, scene units.
const GAP: f32 = 1.7;

/// Breaks `layout` where a single link crosses from one column to the next. Rows run from left
/// to right, the first one on top; a broken link runs back between the rows.
pub(crate) fn fold(mut layout: Layout) -> Layout {
    let Some(last) = layout.volumes.iter().map(|v| v.rank as usize).max() else {
        return layout;
    };
    let (mut left, mut right) = (vec![f32::INFINITY; last + 1], vec![f32::NEG_INFINITY; last + 1]);
    for v in &layout.volumes {
        let rank = v.rank as usize;
        left[rank] = left[rank].min(v.min().x);
        right[rank] = right[rank].max(v.max().x);
    }
    // Links that cross from rank r to r + 1.
    let mut crossing = vec![0i32; last + 2];
    for link in &layout.links {
        crossing[layout.volumes[link.from].rank as usize] += 1;
        crossing[layout.volumes[link.to].rank as usize] -= 1;
    }
    let mut open = 0;
    let mut single = Vec::new();
    for (rank, change) in crossing.iter().enumerate().take(last) {
        open += change;
        if open == 1 && left[rank + 1] > right[rank] {
            single.push(rank);
        }
    }
    let (min, max) = layout.bounds;
    let depth = layout.volumes.iter().map(|v| v.size.z).fold(0.0, f32::max);
    let pitch = (max.y - min.y) + GAP + 0.4 * depth;
    let width = max.x - min.x;
    let rows = (width / pitch / ASPECT).sqrt().round().clamp(1.0, MOST as f32) as usize;
    // The break nearest to each equal share of the width.
    let mut cuts: Vec<usize> = Vec::new();
    for i in 1..rows {
        let ideal = min.x + width * i as f32 / rows as f32;
        let away = |&rank: &usize| (right[rank] - ideal).abs();
        // Columns are sorted: the nearest is one of the two around the ideal place.
        let after = single.partition_point(|&rank| right[rank] < ideal);
        let around = &single[after.saturating_sub(1)..(after + 1).min(single.len())];
        let near = around.iter().copied().min_by(|a, b| away(a).total_cmp(&away(b)));
        if let Some(cut) = near.filter(|c| away(c) < 0.5 * width / rows as f32 && !cuts.contains(c)) {
            cuts.push(cut);
        }
    }
    cuts.sort_unstable();
    if cuts.is_empty() {
        return layout;
    }
    let row_of = |rank: u32| cuts.partition_point(|&c| (c as u32) < rank);
    let begins: Vec<f32> = std::iter::once(min.x)
        .chain(cuts.iter().map(|&c| left[c + 1]))
        .collect();
    let shift = |row: usize| Vec3::new(min.x - begins[row], -(row as f32) * pitch, 0.0);
    for link in &mut layout.links {
        let (from, to) = (&layout.volumes[link.from], &layout.volumes[link.to]);
        let (a, b) = (row_of(from.rank), row_of(to.rank));
        if a == b {
            link.path.iter_mut().for_each(|p| *p += shift(a));
            crate::route::tidy(&mut link.path);
            continue;
        }
        let (start, end) = (link.path.first().copied(), link.path.last().copied());
        let (Some(start), Some(end)) = (start, end) else {
            continue;
        };
        // Out to the right, down, back between the rows, down, in from the left. A cut is crossed
        // by one link only, so rows follow each other.
        let (start, end) = (start + shift(a), end + shift(b));
        let out = right[cuts[a]] + shift(a).x + 0.6;
        let into = min.x - 0.6;
        let between = min.y - b as f32 * pitch + (max.y - min.y) + 0.62 * (pitch - (max.y - min.y));
        link.path = vec![
            start,
            Vec3::new(out, start.y, start.z),
            Vec3::new(out, between, start.z),
            Vec3::new(into, between, end.z),
            Vec3::new(into, end.y, end.z),
            end,
        ];
    }
    for v in &mut layout.volumes {
        v.center += shift(row_of(v.rank));
    }
    let corners = layout.volumes.iter().flat_map(|v| [v.min(), v.max()]);
    let corners = corners.chain(layout.links.iter().flat_map(|l| l.path.clone()));
    layout.bounds = corners.fold((Vec3::INFINITY, Vec3::NEG_INFINITY), |(a, b), p| {
        (a.min(p), b.max(p))
    });
    layout
}

#[cfg(test)]
mod tests {
    use crate::{LayoutRequest, layout};

    #[test]
    fn a_long_chain_fills_a_screen_and_nothing_meets() {
        let network = model::templates::residual_cnn("t", 1, 28, 10, 16, 1);
        let bindings = model::cost::default_bindings(&network);
        let request = |fold| LayoutRequest {
            bindings: bindings.clone(),
            fold,
            ..Default::default()
        };
        let (line, rows) = (
            layout(&network, &request(false)),
            layout(&network, &request(true)),
        );
        let aspect = |l: &crate::Layout| (l.bounds.1.x - l.bounds.0.x) / (l.bounds.1.y - l.bounds.0.y);
        assert!(
            aspect(&line) > 6.0 && aspect(&rows) < 4.0,
            "{} {}",
            aspect(&line),
            aspect(&rows)
        );
        for (i, a) in rows.volumes.iter().enumerate() {
            for b in &rows.volumes[..i] {
                let apart = (a.center - b.center).abs() - (a.size + b.size) / 2.0;
                assert!(apart.max_element() >= 0.0, "{} meets {}", a.label, b.label);
            }
        }
        // Links still join their volumes.
        for link in &rows.links {
            let (from, to) = (&rows.volumes[link.from], &rows.volumes[link.to]);
            assert!((link.path[0].x - from.max().x).abs() < 1e-3);
            assert!((link.path.last().unwrap().x - to.min().x).abs() < 1e-3);
        }
    }
}
