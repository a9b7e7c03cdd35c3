//! What must hold of every layout, in one line or in rows.

use glam::Vec3;
use layout::{Layout, Volume};

const EPS: f32 = 1e-3;

/// True when the segment from `a` to `b` meets the inside of the box from `min` to `max`.
fn meets(a: Vec3, b: Vec3, min: Vec3, max: Vec3) -> bool {
    let (mut enter, mut leave) = (0f32, 1f32);
    for k in 0..3 {
        let (lo, hi) = (min[k] + EPS, max[k] - EPS);
        let d = b[k] - a[k];
        if d == 0.0 {
            if a[k] <= lo || a[k] >= hi {
                return false;
            }
            continue;
        }
        let (s, t) = ((lo - a[k]) / d, (hi - a[k]) / d);
        enter = enter.max(s.min(t));
        leave = leave.min(s.max(t));
    }
    enter < leave
}

/// Volumes are sorted by rank, and no two intersect; flow order holds along each link; links begin and end on the faces of
/// their volumes, meet no other volume, and run back only to begin the next row.
pub fn check(l: &Layout) -> Result<(), String> {
    let most = l.volumes.iter().map(|v| v.rank + 1).max().unwrap_or(0);
    if !l.volumes.is_sorted_by_key(|v| v.rank) || l.columns() != most {
        return Err("volumes are not sorted by rank".into());
    }
    for (i, a) in l.volumes.iter().enumerate() {
        if a.size.min_element() <= 0.0 || !a.center.is_finite() {
            return Err(format!("{} has no box", a.label));
        }
        for b in &l.volumes[i + 1..] {
            let gap = (a.min() - b.max()).max(b.min() - a.max());
            if gap.max_element() < EPS {
                return Err(format!("{} and {} intersect", a.label, b.label));
            }
        }
    }
    for link in &l.links {
        let (from, to) = (&l.volumes[link.from], &l.volumes[link.to]);
        let name = format!("link {} -> {}", from.label, to.label);
        if from.rank >= to.rank {
            return Err(format!("{name} goes back"));
        }
        // Right of its source, or in a row below it.
        if to.min().x < from.max().x - EPS && to.max().y > from.min().y + EPS {
            return Err(format!("{name} ends neither further right nor further down"));
        }
        let (first, last) = (link.path[0], link.path[link.path.len() - 1]);
        let inside = |p: Vec3, v: &Volume| (p - v.center).abs().cmple(v.size / 2.0 + EPS).all();
        if (first.x - from.max().x).abs() > EPS || !inside(first, from) {
            return Err(format!("{name} does not begin on the face"));
        }
        if (last.x - to.min().x).abs() > EPS || !inside(last, to) {
            return Err(format!("{name} does not end on the face"));
        }
        // Where x does not grow, the link runs back level between two rows, or down to there.
        let back = |i: usize| {
            let pair = link.path.get(i..i + 2);
            pair.is_some_and(|p| p[1].x < p[0].x && (p[1].y - p[0].y).abs() < EPS)
        };
        for (i, pair) in link.path.windows(2).enumerate() {
            let down = pair[1].x == pair[0].x && pair[1].y < pair[0].y;
            let turns = down && (back(i + 1) || i > 0 && back(i - 1));
            if pair[1].x <= pair[0].x && !back(i) && !turns {
                return Err(format!("{name} turns back: {:?}", link.path));
            }
            for volume in &l.volumes {
                if meets(pair[0], pair[1], volume.min(), volume.max()) {
                    return Err(format!("{name} runs through {}", volume.label));
                }
            }
        }
        for p in &link.path {
            if p.cmplt(l.bounds.0 - EPS).any() || p.cmpgt(l.bounds.1 + EPS).any() {
                return Err(format!("{name} leaves the bounds"));
            }
        }
    }
    Ok(())
}
