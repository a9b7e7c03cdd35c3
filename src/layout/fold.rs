//! Long networks in rows, as lines of text, so that they fill a screen.

use glam::Vec3;

use crate::{Layout, Link};

/// Width of a row over the height of all rows that is aimed at.
const ASPECT: f32 = 1.9;
/// Rows at most: enough for a hundred thousand layers.
const MOST: usize = 200;
/// Free height between rows, scene units.
const GAP: f32 = 1.7;
/// Distance of links that run back between two rows, scene units.
const LANE: f32 = 0.35;
/// From the end of a row to the first link that turns there, scene units.
const TURN: f32 = 0.6;
/// Links that one break may cross.
const CROSSED: usize = 12;
/// What a further crossed link costs, where 1 is a break half a row away from its ideal place.
const WORTH: f32 = 0.35;

/// Columns, and the links that cross from each to the next.
struct Columns {
    left: Vec<f32>,
    right: Vec<f32>,
    crossing: Vec<usize>,
}

/// Breaks `layout` between columns, where few links cross. Rows run from left to right, the first
/// one on top; broken links run back between the rows, side by side.
pub(crate) fn fold(layout: Layout) -> Layout {
    let Some(columns) = Columns::of(&layout) else {
        return layout;
    };
    let cuts = columns.cuts(&layout);
    if cuts.is_empty() {
        return layout;
    }
    Rows::new(&layout, columns, cuts).place(layout)
}

impl Columns {
    fn of(layout: &Layout) -> Option<Self> {
        let last = layout.volumes.iter().map(|v| v.rank as usize).max()?;
        let (mut left, mut right) = (vec![f32::INFINITY; last + 1], vec![f32::NEG_INFINITY; last + 1]);
        for v in &layout.volumes {
            let rank = v.rank as usize;
            left[rank] = left[rank].min(v.min().x);
            right[rank] = right[rank].max(v.max().x);
        }
        let mut changes = vec![0i64; last + 2];
        for link in &layout.links {
            changes[layout.volumes[link.from].rank as usize] += 1;
            changes[layout.volumes[link.to].rank as usize] -= 1;
        }
        let mut open = 0;
        let crossing = changes[..last].iter().map(|change| {
            open += change;
            open as usize
        });
        Some(Columns {
            crossing: crossing.collect(),
            left,
            right,
        })
    }

    /// The columns after which rows end: near equal shares of the width, crossing few links.
    fn cuts(&self, layout: &Layout) -> Vec<usize> {
        let (min, max) = layout.bounds;
        let depth = layout.volumes.iter().map(|v| v.size.z).fold(0.0, f32::max);
        let pitch = (max.y - min.y) + GAP + 0.4 * depth;
        let width = max.x - min.x;
        let rows = (width / pitch / ASPECT).sqrt().round().clamp(1.0, MOST as f32);
        let share = width / rows;
        let open = |&rank: &usize| (1..=CROSSED).contains(&self.crossing[rank]);
        let places: Vec<usize> = (0..self.crossing.len())
            .filter(open)
            .filter(|&rank| self.left[rank + 1] > self.right[rank])
            .collect();
        let mut cuts: Vec<usize> = Vec::new();
        for i in 1..rows as usize {
            let ideal = min.x + share * i as f32;
            let within = |x: f32| places.partition_point(|&rank| self.right[rank] < x);
            let near = &places[within(ideal - 0.5 * share)..within(ideal + 0.5 * share)];
            let cost = |rank: usize| {
                let away = (self.right[rank] - ideal).abs() / share;
                // Rows of like length matter more the more they differ.
                (2.0 * away).powi(4) + WORTH * (self.crossing[rank] - 1) as f32
            };
            let best = near.iter().copied().min_by(|&a, &b| cost(a).total_cmp(&cost(b)));
            cuts.extend(best.filter(|&c| cuts.last().is_none_or(|&l| l < c)));
        }
        cuts
    }
}

/// Where each row goes.
struct Rows {
    columns: Columns,
    cuts: Vec<usize>,
    /// What moves each row to its place.
    shifts: Vec<Vec3>,
    /// Height of the uppermost link that runs back below each row but the last.
    channels: Vec<f32>,
    /// Left end of all rows.
    begin: f32,
}

impl Rows {
    fn new(layout: &Layout, columns: Columns, cuts: Vec<usize>) -> Self {
        let begin = layout.bounds.0.x;
        let mut rows = Rows {
            shifts: vec![Vec3::ZERO; cuts.len() + 1],
            channels: vec![0.0; cuts.len()],
            columns,
            cuts,
            begin,
        };
        // What each row takes below and above the flow's axis.
        let mut extents = vec![(f32::INFINITY, f32::NEG_INFINITY); rows.shifts.len()];
        let mut depth = vec![0f32; rows.shifts.len()];
        let mut take = |row: usize, low: f32, high: f32| {
            let (a, b) = &mut extents[row];
            (*a, *b) = (a.min(low), b.max(high));
        };
        for v in &layout.volumes {
            let row = rows.row_of(v.rank);
            take(row, v.min().y, v.max().y);
            depth[row] = depth[row].max(v.size.z);
        }
        for link in &layout.links {
            let ends = [link.from, link.to].map(|v| rows.row_of(layout.volumes[v].rank));
            for (row, piece) in (ends[0]..=ends[1]).zip(rows.pieces(link, ends)) {
                piece.iter().for_each(|p| take(row, p.y, p.y));
            }
        }
        let mut y = 0.0;
        for row in 0..rows.shifts.len() {
            let (low, high) = extents[row];
            // Names stand above and below the boxes.
            if row > 0 {
                let lanes = LANE * (rows.columns.crossing[rows.cuts[row - 1]] - 1) as f32;
                let free = GAP + 0.4 * depth[row - 1].max(depth[row]) + lanes;
                rows.channels[row - 1] = y - 0.38 * (free - lanes);
                y -= free;
                y -= high;
            }
            let from = if row == 0 {
                begin
            } else {
                rows.columns.left[rows.cuts[row - 1] + 1]
            };
            rows.shifts[row] = Vec3::new(begin - from, y, 0.0);
            y += low;
        }
        rows
    }

    fn row_of(&self, rank: u32) -> usize {
        self.cuts.partition_point(|&c| (c as u32) < rank)
    }

    /// `link` in the pieces that stand in each row from `ends[0]` to `ends[1]`.
    fn pieces(&self, link: &Link, ends: [usize; 2]) -> Vec<Vec<Vec3>> {
        let [first, last] = ends;
        let piece = |row: usize| {
            let from = (row > first).then(|| self.columns.left[self.cuts[row - 1] + 1]);
            let to = (row < last).then(|| self.columns.right[self.cuts[row]]);
            let inside = |p: &&Vec3| from.is_none_or(|x| p.x > x) && to.is_none_or(|x| p.x < x);
            let mut points: Vec<Vec3> = from.map(|x| at(&link.path, x)).into_iter().collect();
            points.extend(link.path.iter().filter(inside));
            points.extend(to.map(|x| at(&link.path, x)));
            points
        };
        (first..=last).map(piece).collect()
    }

    fn place(self, mut layout: Layout) -> Layout {
        // Links over each break, from the highest at the end of its row to the lowest.
        let mut over: Vec<Vec<(f32, usize)>> = vec![Vec::new(); self.cuts.len()];
        let mut broken: Vec<Vec<Vec<Vec3>>> = Vec::with_capacity(layout.links.len());
        for (i, link) in layout.links.iter().enumerate() {
            let ends = [link.from, link.to].map(|v| self.row_of(layout.volumes[v].rank));
            let mut pieces = self.pieces(link, ends);
            for (row, piece) in (ends[0]..).zip(&mut pieces) {
                piece.iter_mut().for_each(|p| *p += self.shifts[row]);
                if row < ends[1] {
                    over[row].push((piece.last().map_or(0.0, |p| p.y), i));
                }
            }
            broken.push(pieces);
        }
        let mut turn = vec![0; layout.links.len()];
        let mut turns: Vec<Vec<usize>> = Vec::with_capacity(over.len());
        for links in &mut over {
            links.sort_by(|a, b| b.0.total_cmp(&a.0));
            for (i, (_, link)) in links.iter().enumerate() {
                turn[*link] = i;
            }
            turns.push(turn.clone());
        }
        for (i, (link, pieces)) in layout.links.iter_mut().zip(broken).enumerate() {
            let first = self.row_of(layout.volumes[link.from].rank);
            link.path = Vec::new();
            for (row, mut piece) in (first..).zip(pieces) {
                if row > first {
                    // The highest link turns furthest out and runs lowest, so that none crosses.
                    let (lane, count) = (turns[row - 1][i] as f32, over[row - 1].len() as f32);
                    let end = self.columns.right[self.cuts[row - 1]] + self.shifts[row - 1].x;
                    let out = end + TURN + LANE * (count - 1.0 - lane);
                    let into = self.begin - TURN - LANE * lane;
                    let between = self.channels[row - 1] - LANE * (count - 1.0 - lane);
                    let (from, to) = (link.path.last().copied(), piece.first().copied());
                    if let (Some(from), Some(to)) = (from, to) {
                        link.path.extend([
                            Vec3::new(out, from.y, from.z),
                            Vec3::new(out, between, from.z),
                            Vec3::new(into, between, to.z),
                            Vec3::new(into, to.y, to.z),
                        ]);
                    }
                }
                crate::route::tidy(&mut piece);
                link.path.append(&mut piece);
            }
        }
        for v in &mut layout.volumes {
            v.center += self.shifts[self.cuts.partition_point(|&c| (c as u32) < v.rank)];
        }
        let corners = layout.volumes.iter().flat_map(|v| [v.min(), v.max()]);
        let corners = corners.chain(layout.links.iter().flat_map(|l| l.path.clone()));
        layout.bounds = corners.fold((Vec3::INFINITY, Vec3::NEG_INFINITY), |(a, b), p| {
            (a.min(p), b.max(p))
        });
        layout
    }
}

/// The point of `path` above `x`, where x never decreases along it.
fn at(path: &[Vec3], x: f32) -> Vec3 {
    let next = path.partition_point(|p| p.x < x);
    match (next.checked_sub(1).map(|i| path[i]), path.get(next)) {
        (Some(a), Some(b)) if b.x > a.x => a.lerp(*b, (x - a.x) / (b.x - a.x)),
        (_, Some(b)) => *b,
        (a, None) => a.unwrap_or_default(),
    }
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
