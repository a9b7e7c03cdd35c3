//! Which names stand where on the screen: important first, none over another.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use glam::{Vec2, Vec3};
use layout::{Layout, Volume};

use crate::camera::{Camera, Lens};
use crate::compose::{Look, landmark};
use crate::crowd::Crowd;
use crate::tree::Tree;

/// A name on the screen.
#[derive(Clone, Debug, PartialEq)]
pub struct Label {
    /// Volume that it names.
    pub volume: usize,
    /// Middle of the text, pixels from the top left.
    pub at: Vec2,
    /// Half of the room that it takes, pixels.
    pub half: Vec2,
    /// First line.
    pub text: String,
    /// Second line, fainter: the shape; empty where only the name is clear of lines.
    pub detail: String,
    /// Font size of the first line, pixels.
    pub size: f32,
}

/// Volumes that names keep off, and names that are tried.
const SOLID: usize = 800;
const TRIED: usize = 800;

/// What a landmark, and the selection, weigh more.
const LANDMARK: f32 = 10.0;
const SELECTED: f32 = 100.0;

/// Font size of the first line, points, and the letters that it has at most.
const FONT: f32 = 13.0;
const LONGEST: usize = 28;
/// No letter is narrower, share of the font size.
const NARROW: f32 = 0.2;

/// Volumes by their place, for [`labels`].
pub struct Placed(pub(crate) Tree);

impl Placed {
    /// Those of `layout`.
    pub fn of(layout: &Layout) -> Self {
        let boxes = layout.volumes.iter().map(|v| (v.min(), v.max()));
        Placed(Tree::of(boxes.collect(), |i| {
            let volume = &layout.volumes[i];
            let extra = if landmark(volume) { LANDMARK } else { 0.0 };
            Vec2::new(volume.size.x.max(volume.size.y), extra)
        }))
    }
}

/// A name that may stand at a volume, and where.
struct Try {
    weight: f32,
    volume: usize,
    below: Vec2,
    above: Vec2,
}

/// Where the name of a volume would stand, and how much it matters; `None` off the screen.
fn attempt(layout: &Layout, lens: &Lens, look: &Look, index: usize) -> Option<Try> {
    let volume = &layout.volumes[index];
    // Under the middle of the front face's lower edge, or over that of the back's upper one.
    let foot = Vec3::new(volume.center.x, volume.min().y, volume.max().z);
    let head = Vec3::new(volume.center.x, volume.max().y, volume.min().z);
    let (below, depth) = lens.project(foot)?;
    if below.cmplt(Vec2::ZERO).any() || below.cmpgt(lens.size).any() {
        return None;
    }
    let (above, _) = lens.project(head)?;
    let mut weight = volume.size.x.max(volume.size.y) / depth;
    if landmark(volume) {
        weight += LANDMARK;
    }
    if look.selected == Some(index) {
        weight += SELECTED;
    }
    Some(Try {
        weight,
        volume: index,
        below,
        above,
    })
}

/// A place in a queue: a branch with the most that its volumes can weigh, before volumes of that
/// weight.
struct Step {
    weight: f32,
    branch: bool,
    index: Reverse<usize>,
    attempt: Option<Try>,
}

impl Step {
    fn key(&self) -> (f32, bool, Reverse<usize>) {
        (self.weight, self.branch, self.index)
    }
}

impl PartialEq for Step {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Step {}

impl PartialOrd for Step {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Step {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let ((a, b, c), (x, y, z)) = (self.key(), other.key());
        a.total_cmp(&x).then(b.cmp(&y)).then(c.cmp(&z))
    }
}

/// The volumes on the screen that weigh most, these first; no more than `most`.
fn weightiest(layout: &Layout, placed: &Placed, lens: &Lens, look: &Look, most: usize) -> Vec<Try> {
    let tree = &placed.0;
    let sight = lens.whole();
    let mut queue = BinaryHeap::new();
    let branch = |index: usize| {
        let branch = tree.branch(index);
        let depth = sight.depth(branch.min, branch.max)?;
        Some(Step {
            // Rounding must not put it behind its own volumes.
            weight: 1.001 * (branch.most.x / depth + branch.most.y),
            branch: true,
            index: Reverse(index),
            attempt: None,
        })
    };
    let volume = |index: usize| {
        let attempt = attempt(layout, lens, look, index)?;
        Some(Step {
            weight: attempt.weight,
            branch: false,
            index: Reverse(index),
            attempt: Some(attempt),
        })
    };
    queue.extend(look.selected.filter(|v| look.clear(*v)).and_then(volume));
    queue.extend(tree.root().and_then(branch));
    let mut found = Vec::new();
    while let Some(step) = queue.pop() {
        if let Some(attempt) = step.attempt {
            found.push(attempt);
            if found.len() == most {
                break;
            }
            continue;
        }
        match tree.parts(step.index.0) {
            Ok(halves) => queue.extend(halves.into_iter().filter_map(branch)),
            Err(volumes) => {
                let volumes = volumes.iter().map(|i| *i as usize);
                let fresh = volumes.filter(|i| look.selected != Some(*i) && look.clear(*i));
                queue.extend(fresh.filter_map(volume));
            }
        }
    }
    found
}

/// What a volume covers on the screen, from its upper left to its lower right corner.
pub(crate) fn covered(volume: &Volume, lens: &Lens) -> Option<(Vec2, Vec2)> {
    let (min, max) = (volume.min(), volume.max());
    let (mut low, mut high) = (Vec2::INFINITY, Vec2::NEG_INFINITY);
    for k in 0..8 {
        let pick = glam::BVec3::new(k & 1 == 0, k & 2 == 0, k & 4 == 0);
        let (at, _) = lens.project(Vec3::select(pick, min, max))?;
        (low, high) = (low.min(at), high.max(at));
    }
    Some((low, high))
}

/// Rectangles on a screen that names keep off, upper left and lower right corners.
#[derive(Default)]
pub struct Taken {
    /// Where other texts are: no name stands there.
    pub texts: Vec<(Vec2, Vec2)>,
    /// Where lines run: names stand there where they find no other place.
    pub lines: Vec<(Vec2, Vec2)>,
}

/// Names that fit a screen of `size` points, outside what is `taken`. `measure` gives the width in points of a text at a font size; `detail`
/// the second line of a volume.
pub fn labels(
    (layout, placed): (&Layout, &Placed),
    camera: &Camera,
    size: Vec2,
    taken: Taken,
    look: &Look,
    measure: impl Fn(&str, f32) -> f32,
    detail: impl Fn(&Volume) -> String,
) -> Vec<Label> {
    let lens = camera.lens(size);
    // Where many have found no room, the smaller ones find none either.
    let order = weightiest(layout, placed, &lens, look, TRIED);
    // Names keep off the largest volumes; more would cost more than they show.
    let few = layout.volumes.len() <= SOLID;
    let large: Vec<usize> = match few {
        true => (0..layout.volumes.len()).collect(),
        false => order.iter().map(|o| o.volume).take(SOLID).collect(),
    };
    let mut solid = Crowd::new(size);
    for volume in large {
        if let Some((min, max)) = covered(&layout.volumes[volume], &lens) {
            solid.push(min, max, volume);
        }
    }
    let mut crowd = Crowd::new(size);
    let mut lines = Crowd::new(size);
    taken
        .texts
        .into_iter()
        .for_each(|(min, max)| crowd.push(min, max, 0));
    taken
        .lines
        .into_iter()
        .for_each(|(min, max)| lines.push(min, max, 0));
    let mut names = Vec::new();
    for attempt in order {
        let i = attempt.volume;
        let volume = &layout.volumes[i];
        let high = FONT * 1.3;
        let drop = Vec2::new(0.0, high + 4.0);
        let places = [attempt.below + drop, attempt.above - drop];
        let fits = |at: Vec2, width: f32| {
            let half = Vec2::new(width / 2.0 + 6.0, high);
            let (min, max) = (at - half, at + half);
            min.cmpge(Vec2::ZERO).all()
                && max.cmple(size).all()
                && crowd.free(min, max, |_| true)
                && (look.selected == Some(i) || solid.free(min, max, |v| v != i))
        };
        // Words are only measured where they would fit if all letters were narrow.
        // A shortened one keeps at least half.
        let letters = match volume.label.chars().count() {
            count if count > LONGEST => LONGEST / 2,
            count => count,
        };
        let least = NARROW * FONT * letters as f32;
        if !places.iter().any(|at| fits(*at, least)) {
            continue;
        }
        let (text, line) = (shorten(&volume.label, LONGEST), detail(volume));
        let width = measure(&text, FONT).max(measure(&line, FONT * 0.85));
        let half = Vec2::new(width / 2.0 + 6.0, high);
        let fit = places.map(|at| fits(at, width));
        // Clear of lines with both lines of words, with the name alone, or not.
        let clear = |k: usize, foot: f32| {
            let (min, max) = (places[k] - half, places[k] + Vec2::new(half.x, foot));
            fit[k] && lines.free(min, max, |_| true)
        };
        let whole = (0..2).find(|k| clear(*k, half.y));
        let alone = whole.is_none().then(|| (0..2).find(|k| clear(*k, 0.0))).flatten();
        let line = if alone.is_some() { String::new() } else { line };
        let place = whole.or(alone).or((0..2).find(|k| fit[*k]));
        if let Some(at) = place.map(|k| places[k]) {
            crowd.push(at - half, at + half, 0);
            names.push(Label {
                volume: i,
                at,
                half,
                text,
                detail: line,
                size: FONT,
            });
        }
    }
    names
}

/// The end of a long name says most (`/encoder/layer.3/attention/MatMul`); it begins with a whole
/// part where that keeps half of what there is room for.
pub(crate) fn shorten(name: &str, most: usize) -> String {
    let count = name.chars().count();
    if count <= most {
        return name.to_string();
    }
    let tail: String = name.chars().skip(count - most + 1).collect();
    let part = tail.find('/').map(|at| &tail[at..]);
    let part = part.filter(|part| 2 * part.chars().count() >= most);
    format!("…{}", part.unwrap_or(&tail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_keep_their_end() {
        assert_eq!(shorten("conv1", 8), "conv1");
        assert_eq!(shorten("/encoder/layer.3/MatMul", 8), "…/MatMul");
        assert_eq!(shorten("/encoder/layer.3/self/MatMul", 16), "…/self/MatMul");
        // A short last part would say too little.
        assert_eq!(shorten("/encoder/intermediate/Mul", 16), "…ntermediate/Mul");
    }

    #[test]
    fn names_never_overlap_at_any_distance() {
        let network = model::templates::residual_cnn("t", 1, 28, 10, 16, 1);
        let request = layout::LayoutRequest {
            bindings: model::cost::default_bindings(&network),
            fold: true,
            ..Default::default()
        };
        let layout = layout::layout(&network, &request);
        let placed = Placed::of(&layout);
        let size = Vec2::new(1280.0, 720.0);
        let title = (Vec2::ZERO, Vec2::new(300.0, 60.0));
        for distance in [4.0, 12.0, 40.0, 120.0, 500.0] {
            let camera = Camera {
                target: (layout.bounds.0 + layout.bounds.1) / 2.0,
                distance,
                ..Camera::default()
            };
            let measure = |text: &str, size: f32| text.chars().count() as f32 * size * 0.55;
            let found = labels(
                (&layout, &placed),
                &camera,
                size,
                Taken {
                    texts: vec![title],
                    ..Taken::default()
                },
                &Look::default(),
                measure,
                |_| "8 × 8".into(),
            );
            assert!(distance < 40.0 || !found.is_empty(), "at {distance}");
            let rect = |l: &Label| {
                let half = Vec2::new(measure(&l.text, l.size) / 2.0, l.size * 1.2);
                (l.at - half, l.at + half)
            };
            let mut taken = vec![title];
            for label in &found {
                let (min, max) = rect(label);
                assert!(
                    taken
                        .iter()
                        .all(|(a, b)| max.x < a.x || min.x > b.x || max.y < a.y || min.y > b.y)
                );
                taken.push((min, max));
            }
        }
    }

    #[test]
    fn the_weightiest_are_those_of_all_when_sorted() {
        let network = model::templates::residual_cnn("t", 1, 28, 10, 16, 1);
        let request = layout::LayoutRequest {
            bindings: model::cost::default_bindings(&network),
            ..Default::default()
        };
        let layout = layout::layout(&network, &request);
        let placed = Placed::of(&layout);
        let size = Vec2::new(1280.0, 720.0);
        for (distance, selected) in [(6.0, None), (20.0, Some(9)), (60.0, Some(3)), (300.0, None)] {
            let camera = Camera {
                target: (layout.bounds.0 + layout.bounds.1) / 2.0,
                distance,
                ..Camera::default()
            };
            let look = Look {
                selected,
                ..Look::default()
            };
            let lens = camera.lens(size);
            let mut all: Vec<Try> = (0..layout.volumes.len())
                .filter_map(|i| attempt(&layout, &lens, &look, i))
                .collect();
            all.sort_by(|a, b| b.weight.total_cmp(&a.weight).then(a.volume.cmp(&b.volume)));
            let of = |tries: &[Try]| tries.iter().map(|t| t.volume).collect::<Vec<_>>();
            for most in [1, 5, 500] {
                let found = weightiest(&layout, &placed, &lens, &look, most);
                assert_eq!(of(&found), of(&all[..most.min(all.len())]), "{distance}");
            }
            assert!(distance < 20.0 || all.len() > 5);
        }
    }
}
