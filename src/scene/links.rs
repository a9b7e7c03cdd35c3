//! Connections: where their ribbons run, the pulses along them, and which one a pointer touches.

use glam::{Vec2, Vec3};
use gpu::Segment;
use layout::{Layout, Link};

use crate::camera::Camera;
use crate::compose::Look;
use crate::tree::Tree;

/// Length of a pulse, share of its link; longer links have shorter ones.
const PULSE: f32 = 0.12;

/// Least width of a link and of a pulse on the screen, pixels.
const LEAST: [f32; 2] = [1.8, 6.0];

/// What is left of a link's opacity off the lit paths.
const FAINT: f32 = 0.18;

/// Distance at which a pointer still touches a link, points.
const REACH: f32 = 6.0;

/// The corners of every link.
pub(crate) type Paths = Vec<Vec<Vec3>>;

/// The playhead, in columns, when the pulse leaves a link's source, and how far it goes on until
/// the pulse arrives.
#[derive(Clone, Copy)]
pub(crate) struct Span {
    begin: f32,
    length: f32,
}

/// Where every link runs: its corners rounded.
pub(crate) fn paths(layout: &Layout) -> Paths {
    layout.links.iter().map(|link| round(&link.path)).collect()
}

/// When a pulse is on each link: it leaves when the source is done and arrives when the target
/// begins.
pub(crate) fn spans(layout: &Layout) -> Vec<Span> {
    let rank = |volume: usize| layout.volumes[volume].rank as f32;
    let span = |link: &Link| Span {
        begin: rank(link.from) + 0.75,
        length: (rank(link.to) - rank(link.from) - 0.5).max(0.25),
    };
    layout.links.iter().map(span).collect()
}

/// Pieces of every link along its path, as they are while nothing is selected.
pub(crate) fn ribbons(layout: &Layout, paths: &Paths, look: &Look) -> Vec<Segment> {
    let mut segments = Vec::with_capacity(8 * paths.len());
    for (link, path) in layout.links.iter().zip(paths) {
        let chosen = look.trail.is_some() && clear(link, look);
        ribbon(&mut segments, path, style(link, look, chosen, false));
    }
    segments
}

/// What moves over the links: the chosen ones, and pulses.
pub(crate) fn moving(layout: &Layout, paths: &Paths, spans: &[Span], look: &Look) -> Vec<Segment> {
    let mut segments = Vec::new();
    let strong = |i: usize| look.link == Some(i) || look.hovered_link == Some(i);
    let mut choose = |i: usize| {
        if let (Some(link), Some(path)) = (layout.links.get(i), paths.get(i)) {
            ribbon(&mut segments, path, style(link, look, true, strong(i)));
        }
    };
    let ends = look.selected.filter(|_| look.link.is_none());
    if let Some(volume) = ends {
        let touching = |link: &Link| link.from == volume || link.to == volume;
        let links = layout.links.iter().enumerate();
        let chosen = links.filter(|(i, l)| touching(l) && !strong(*i));
        chosen.for_each(|(i, _)| choose(i));
    }
    let hovered = look.hovered_link.filter(|l| look.link != Some(*l));
    look.link.into_iter().chain(hovered).for_each(choose);
    if let Some(playhead) = look.playhead {
        for (path, span) in paths.iter().zip(spans) {
            let at = (playhead - span.begin) / span.length;
            if (0.0..=1.0).contains(&at) {
                pulse(&mut segments, path, at, look);
            }
        }
    }
    segments
}

/// True where a link is not off the lit paths.
fn clear(link: &Link, look: &Look) -> bool {
    look.clear(link.from) && look.clear(link.to)
}

/// Colour, width in scene units, and least width in points of a link.
fn style(link: &Link, look: &Look, chosen: bool, strong: bool) -> ([f32; 4], f32, f32) {
    let mut color = match link.stream && !chosen {
        true => look.theme.stream(),
        false => look.theme.link(link.skip, chosen),
    };
    if !clear(link, look) {
        color[3] *= FAINT;
    }
    let width = match (strong, chosen) {
        (true, _) => 0.13,
        (_, true) => 0.09,
        _ if link.stream => 0.08,
        _ => 0.05,
    };
    let least = match (chosen, link.stream) {
        (true, _) => 2.4,
        (_, true) => 2.2,
        _ => LEAST[0],
    };
    (color, width, least)
}

fn length(path: &[Vec3]) -> f32 {
    path.windows(2).map(|p| p[0].distance(p[1])).sum()
}

fn ribbon(segments: &mut Vec<Segment>, path: &[Vec3], (color, width, least): ([f32; 4], f32, f32)) {
    let total = length(path).max(1e-6);
    let mut along = 0.0;
    for p in path.windows(2) {
        let next = along + p[0].distance(p[1]);
        segments.push(Segment {
            from: p[0].to_array(),
            width,
            to: p[1].to_array(),
            least,
            color,
            span: [along / total, next / total],
            ..Segment::default()
        });
        along = next;
    }
}

/// The pulse at a share of the way.
fn pulse(segments: &mut Vec<Segment>, path: &[Vec3], at: f32, look: &Look) {
    let total = length(path);
    let reach = (PULSE * total).clamp(0.35, 2.5) / total.max(1e-6);
    let pieces = piece(path, total, [at - reach / 2.0, at + reach / 2.0]);
    segments.extend(pieces.map(|(a, b, span)| Segment {
        from: a.to_array(),
        width: 0.16,
        to: b.to_array(),
        least: LEAST[1],
        color: look.theme.pulse(),
        // Across the pulse, so that the shader lets it fade at both ends.
        span: span.map(|s| (s - at) / reach + 0.5),
        pulse: 1.0,
        ..Segment::default()
    }));
}

/// The pieces of a path between two shares of its length, each with the shares of its ends.
fn piece(
    points: &[Vec3],
    total: f32,
    [begin, end]: [f32; 2],
) -> impl Iterator<Item = (Vec3, Vec3, [f32; 2])> {
    let mut along = 0.0;
    points.windows(2).filter_map(move |p| {
        let length = p[0].distance(p[1]);
        let (first, last) = (along / total, (along + length) / total);
        along += length;
        let (from, to) = (begin.max(first), end.min(last));
        if from >= to || length <= 0.0 {
            return None;
        }
        let at = |share: f32| p[0].lerp(p[1], (share - first) / (last - first));
        Some((at(from), at(to), [from, to]))
    })
}

/// The link that runs nearest to `at`, a point of a picture of `size` points, within reach; with
/// its distance from the eye. `tree` holds the paths by their place.
pub(crate) fn under(
    paths: &Paths,
    tree: &Tree,
    camera: &Camera,
    at: Vec2,
    size: Vec2,
) -> Option<(usize, f32)> {
    let lens = camera.lens(size);
    let sight = lens.sight(at - REACH, at + REACH);
    let mut best: Option<(f32, usize, f32)> = None;
    tree.walk(
        |branch| sight.depth(branch.min, branch.max).is_some(),
        |i| {
            let mut last = None;
            for point in &paths[i] {
                let now = lens.project(*point);
                if let (Some((a, da)), Some((b, db))) = (last, now) {
                    let (away, share) = distance(at, a, b);
                    if away < REACH && best.is_none_or(|(least, j, _)| (away, i) < (least, j)) {
                        // Depth is not even along a projected line, but its inverse is.
                        let depth = 1.0 / ((1.0 - share) / da + share / db);
                        best = Some((away, i, depth));
                    }
                }
                last = now;
            }
        },
    );
    best.map(|(_, link, depth)| (link, depth))
}

/// Distance of `p` from the line between `a` and `b`, and the share of the way to its nearest point.
fn distance(p: Vec2, a: Vec2, b: Vec2) -> (f32, f32) {
    let along = b - a;
    let share = ((p - a).dot(along) / along.length_squared().max(1e-9)).clamp(0.0, 1.0);
    (p.distance(a + along * share), share)
}

/// Replaces each corner by a short quadratic curve on its inner side.
fn round(path: &[Vec3]) -> Vec<Vec3> {
    const PIECES: usize = 6;
    let mut points = Vec::with_capacity(path.len() * PIECES);
    points.extend(path.first());
    for w in path.windows(3) {
        let (a, b, c) = (w[0], w[1], w[2]);
        let reach = 0.5 * a.distance(b).min(b.distance(c)).min(1.2);
        let (from, to) = (
            b + (a - b).normalize_or_zero() * reach,
            b + (c - b).normalize_or_zero() * reach,
        );
        for k in 0..=PIECES {
            let t = k as f32 / PIECES as f32;
            points.push(from.lerp(b, t).lerp(b.lerp(to, t), t));
        }
    }
    points.extend(path.last());
    points.dedup_by(|a, b| a.distance_squared(*b) < 1e-8);
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_keeps_both_ends() {
        let path = [Vec3::ZERO, Vec3::X * 4.0, Vec3::new(4.0, 3.0, 0.0)];
        let points = round(&path);
        assert_eq!((points[0], *points.last().unwrap()), (path[0], path[2]));
        assert!(points.len() > 5);
    }

    #[test]
    fn a_pointer_touches_the_nearest_link_only_within_reach() {
        let size = Vec2::new(800.0, 600.0);
        let camera = Camera::default();
        let line = |y: f32| vec![Vec3::new(-2.0, y, 0.0), Vec3::new(2.0, y, 0.0)];
        let paths = vec![line(0.0), line(1.0)];
        let tree = Tree::of(
            vec![(paths[0][0], paths[0][1]), (paths[1][0], paths[1][1])],
            |_| Vec2::ZERO,
        );
        let at = |y: f32| camera.project(Vec3::new(0.3, y, 0.0), size).unwrap();
        for (i, y) in [0.0, 1.0].into_iter().enumerate() {
            let (point, depth) = at(y);
            let (link, found) = under(&paths, &tree, &camera, point + Vec2::new(0.0, 2.0), size).unwrap();
            assert_eq!(link, i);
            assert!((found - depth).abs() < 0.05, "{found} {depth}");
        }
        assert_eq!(under(&paths, &tree, &camera, at(0.5).0, size), None);
    }

    #[test]
    fn a_piece_crosses_corners() {
        let points = [Vec3::ZERO, Vec3::X, Vec3::new(1.0, 1.0, 0.0)];
        let found: Vec<_> = piece(&points, 2.0, [0.25, 0.75]).collect();
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].0, found[0].1), (Vec3::X * 0.5, Vec3::X));
        assert_eq!(found[1].1, Vec3::new(1.0, 0.5, 0.0));
    }
}
