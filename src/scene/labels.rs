//! Which names stand where on the screen: important first, none over another.

use glam::{Vec2, Vec3};
use layout::{Layout, Volume};

use crate::camera::Camera;
use crate::compose::{Look, landmark};

/// A name on the screen.
#[derive(Clone, Debug, PartialEq)]
pub struct Label {
    /// Volume that it names.
    pub volume: usize,
    /// Middle of the text, pixels from the top left.
    pub at: Vec2,
    /// First line.
    pub text: String,
    /// Second line, fainter: the shape.
    pub detail: String,
    /// Font size of the first line, pixels.
    pub size: f32,
}

/// Volumes that names keep off, and names that are tried.
const SOLID: usize = 800;
const TRIED: usize = 1200;

/// Names that fit a screen of `size` points, outside the rectangles that are `taken` (upper left
/// and lower right corners). `measure` gives the width in points of a text at a font size; `detail`
/// the second line of a volume.
pub fn labels(
    layout: &Layout,
    camera: &Camera,
    size: Vec2,
    mut taken: Vec<(Vec2, Vec2)>,
    look: &Look,
    measure: impl Fn(&str, f32) -> f32,
    detail: impl Fn(&Volume) -> String,
) -> Vec<Label> {
    let lens = camera.lens(size);
    let mut order: Vec<(f32, usize, Vec2, Vec2)> = Vec::new();
    for (i, volume) in layout.volumes.iter().enumerate().filter(|(i, _)| look.clear(*i)) {
        // Under the middle of the front face's lower edge, or over that of the back's upper one.
        let foot = Vec3::new(volume.center.x, volume.min().y, volume.max().z);
        let head = Vec3::new(volume.center.x, volume.max().y, volume.min().z);
        let ends = [foot, head].map(|p| lens.project(p));
        let [Some((at, depth)), Some((above, _))] = ends else {
            continue;
        };
        if at.cmplt(Vec2::ZERO).any() || at.cmpgt(size).any() {
            continue;
        }
        let mut weight = volume.size.x.max(volume.size.y) / depth;
        if landmark(volume) {
            weight += 10.0;
        }
        if look.selected == Some(i) {
            weight += 100.0;
        }
        order.push((weight, i, at, above));
    }
    order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    // Names keep off the largest volumes; more would cost more than they show.
    let mut solid: Vec<(usize, Vec2, Vec2)> = Vec::new();
    let few = layout.volumes.len() <= SOLID;
    let first = order.iter().map(|o| o.1).take(SOLID);
    let large: Vec<usize> = match few {
        true => (0..layout.volumes.len()).collect(),
        false => first.collect(),
    };
    for i in large {
        let volume = &layout.volumes[i];
        let corner = |k: usize| {
            let pick = glam::BVec3::new(k & 1 == 0, k & 2 == 0, k & 4 == 0);
            lens.project(Vec3::select(pick, volume.min(), volume.max()))
        };
        let corners: Option<Vec<Vec2>> = (0..8).map(|k| corner(k).map(|c| c.0)).collect();
        if let Some(corners) = corners {
            let fold = |f: fn(Vec2, Vec2) -> Vec2| corners.iter().copied().reduce(f).unwrap_or_default();
            solid.push((i, fold(Vec2::min), fold(Vec2::max)));
        }
    }
    // Where many have found no room, the smaller ones find none either.
    order.truncate(TRIED);
    let mut placed = Vec::new();
    for (_, i, below, above) in order {
        let volume = &layout.volumes[i];
        let font = 13.0;
        let (text, line) = (shorten(&volume.label, 28), detail(volume));
        let width = measure(&text, font).max(measure(&line, font * 0.85));
        let half = Vec2::new(width / 2.0 + 6.0, font * 1.3);
        let drop = Vec2::new(0.0, half.y + 4.0);
        let fits = |at: &Vec2| {
            let (min, max) = (*at - half, *at + half);
            let clear = |a: &Vec2, b: &Vec2| max.x < a.x || min.x > b.x || max.y < a.y || min.y > b.y;
            taken.iter().all(|(a, b)| clear(a, b))
                && (look.selected == Some(i) || solid.iter().all(|(v, a, b)| *v == i || clear(a, b)))
                && min.cmpge(Vec2::ZERO).all()
                && max.cmple(size).all()
        };
        if let Some(at) = [below + drop, above - drop].into_iter().find(fits) {
            taken.push((at - half, at + half));
            placed.push(Label {
                volume: i,
                at,
                text,
                detail: line,
                size: font,
            });
        }
    }
    placed
}

/// The end of a long name says most (`/encoder/layer.3/attention/MatMul`).
pub(crate) fn shorten(name: &str, most: usize) -> String {
    let count = name.chars().count();
    if count <= most {
        return name.to_string();
    }
    let tail: String = name.chars().skip(count - most + 1).collect();
    format!("…{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_keep_their_end() {
        assert_eq!(shorten("conv1", 8), "conv1");
        assert_eq!(shorten("/encoder/layer.3/MatMul", 8), "…/MatMul");
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
                &layout,
                &camera,
                size,
                vec![title],
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
}
