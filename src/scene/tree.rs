//! Boxes by their place: what a ray meets and what a camera sees, without asking each of them.
//!
//! A bounding volume hierarchy: boxes are halved along their longest spread until few are left.

use glam::{Mat4, Vec2, Vec3, Vec4};

use crate::camera::{Camera, Lens, hit};

/// Boxes of a leaf at most.
const LEAF: usize = 8;

/// Boxes by their place.
#[derive(Default)]
pub(crate) struct Tree {
    branches: Vec<Branch>,
    /// Indices of boxes, those of a branch beside each other.
    order: Vec<u32>,
    boxes: Vec<(Vec3, Vec3)>,
}

/// What a part of the boxes has in common.
pub(crate) struct Branch {
    /// Smallest corner.
    pub min: Vec3,
    /// Largest corner.
    pub max: Vec3,
    /// The greatest of both numbers that each box was given.
    pub most: Vec2,
    /// Its boxes in `order`.
    begin: u32,
    end: u32,
    /// The second half; the first one follows its branch. 0: a leaf.
    second: u32,
}

impl Tree {
    /// Of boxes by their corners, `most` two numbers of each.
    pub(crate) fn of(boxes: Vec<(Vec3, Vec3)>, most: impl Fn(usize) -> Vec2) -> Self {
        let mut tree = Tree {
            branches: Vec::with_capacity(boxes.len() / 2),
            order: (0..boxes.len() as u32).collect(),
            boxes,
        };
        if !tree.order.is_empty() {
            tree.split(0, tree.order.len(), &most);
        }
        tree
    }

    fn split(&mut self, begin: usize, end: usize, most: &impl Fn(usize) -> Vec2) {
        let place = self.branches.len();
        let mut branch = Branch {
            min: Vec3::INFINITY,
            max: Vec3::NEG_INFINITY,
            most: Vec2::NEG_INFINITY,
            begin: begin as u32,
            end: end as u32,
            second: 0,
        };
        let (mut low, mut high) = (Vec3::INFINITY, Vec3::NEG_INFINITY);
        for &i in &self.order[begin..end] {
            let (min, max) = self.boxes[i as usize];
            branch.min = branch.min.min(min);
            branch.max = branch.max.max(max);
            branch.most = branch.most.max(most(i as usize));
            (low, high) = (low.min(min + max), high.max(min + max));
        }
        self.branches.push(branch);
        if end - begin <= LEAF {
            return;
        }
        let axis = (high - low).max_position();
        let middle = |i: &u32| {
            let (min, max) = self.boxes[*i as usize];
            min[axis] + max[axis]
        };
        let half = (end - begin) / 2;
        self.order[begin..end].select_nth_unstable_by(half, |a, b| middle(a).total_cmp(&middle(b)));
        self.split(begin, begin + half, most);
        self.branches[place].second = self.branches.len() as u32;
        self.split(begin + half, end, most);
    }

    /// The branch that holds everything.
    pub(crate) fn root(&self) -> Option<usize> {
        (!self.branches.is_empty()).then_some(0)
    }

    pub(crate) fn branch(&self, index: usize) -> &Branch {
        &self.branches[index]
    }

    /// Both halves of a branch, or its boxes.
    pub(crate) fn parts(&self, index: usize) -> Result<[usize; 2], &[u32]> {
        let branch = &self.branches[index];
        match branch.second {
            0 => Err(&self.order[branch.begin as usize..branch.end as usize]),
            second => Ok([index + 1, second as usize]),
        }
    }

    /// Calls `visit` with every box of the branches that `enter`, each once.
    pub(crate) fn walk(&self, mut enter: impl FnMut(&Branch) -> bool, mut visit: impl FnMut(usize)) {
        let mut left: Vec<usize> = self.root().into_iter().collect();
        while let Some(index) = left.pop() {
            if !enter(&self.branches[index]) {
                continue;
            }
            match self.parts(index) {
                Ok(halves) => left.extend(halves),
                Err(boxes) => boxes.iter().for_each(|i| visit(*i as usize)),
            }
        }
    }

    /// The box that a ray meets first, with its distance; of equally near ones the first.
    pub(crate) fn first_hit(&self, origin: Vec3, direction: Vec3) -> Option<(usize, f32)> {
        let mut best: Option<(f32, usize)> = None;
        let mut left: Vec<usize> = self.root().into_iter().collect();
        while let Some(index) = left.pop() {
            let Branch { min, max, .. } = self.branches[index];
            let near = hit(origin, direction, min, max);
            if near.is_none_or(|near| best.is_some_and(|b| near > b.0)) {
                continue;
            }
            match self.parts(index) {
                Ok(halves) => left.extend(halves),
                Err(boxes) => {
                    for &i in boxes {
                        let (min, max) = self.boxes[i as usize];
                        let found = hit(origin, direction, min, max).map(|d| (d, i as usize));
                        let nearer = |f: &(f32, usize)| best.is_none_or(|b| *f < b);
                        best = found.filter(nearer).or(best);
                    }
                }
            }
        }
        best.map(|(distance, index)| (index, distance))
    }
}

/// What is seen through a part of a screen.
pub(crate) struct Sight {
    /// Inside where all of them are positive.
    planes: [Vec4; 4],
    depth: Vec4,
    /// Points of a unit at depth 1.
    focus: f32,
}

impl Lens {
    /// Through the part of the screen from `min` to `max`, from its top left.
    pub(crate) fn sight(&self, min: Vec2, max: Vec2) -> Sight {
        let rows = self.clip_from_world.transpose();
        let Mat4 {
            x_axis: x,
            y_axis: y,
            w_axis: w,
            ..
        } = rows;
        let ndc = |p: Vec2| Vec2::new(p.x / self.size.x * 2.0 - 1.0, 1.0 - p.y / self.size.y * 2.0);
        let (low, high) = (ndc(min), ndc(max));
        Sight {
            planes: [x - low.x * w, high.x * w - x, y - high.y * w, low.y * w - y],
            depth: w,
            focus: y.truncate().length() * self.size.y / 2.0,
        }
    }

    /// Through all of the screen.
    pub(crate) fn whole(&self) -> Sight {
        self.sight(Vec2::ZERO, self.size)
    }
}

impl Sight {
    /// The least depth of what is seen of a box, at least that of the near plane; `None` where
    /// nothing of it is seen.
    pub(crate) fn depth(&self, min: Vec3, max: Vec3) -> Option<f32> {
        let (middle, half) = ((min + max) / 2.0, (max - min) / 2.0);
        let reach = |plane: &Vec4| plane.truncate().abs().dot(half);
        let at = |plane: &Vec4| plane.dot(middle.extend(1.0));
        let seen = self.planes.iter().all(|p| at(p) + reach(p) >= 0.0);
        let (depth, reach) = (at(&self.depth), reach(&self.depth));
        (seen && depth + reach >= Camera::NEAR).then(|| (depth - reach).max(Camera::NEAR))
    }

    /// True where something of a branch is seen, and what is as long as the first number of its
    /// boxes may cover `least` points.
    pub(crate) fn shows(&self, branch: &Branch, least: f32) -> bool {
        let depth = self.depth(branch.min, branch.max);
        // Seen aslant, a length covers a little more than straight ahead, but not twice as much.
        depth.is_some_and(|depth| 2.0 * branch.most.x * self.focus >= least * depth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Boxes strewn without order, and where they are.
    fn strewn(count: usize) -> Vec<(Vec3, Vec3)> {
        let mut state = 11u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32
        };
        let mut point = |scale: f32| scale * Vec3::new(next(), next(), next());
        (0..count)
            .map(|_| {
                let min = point(40.0);
                (min, min + point(2.0))
            })
            .collect()
    }

    #[test]
    fn a_ray_meets_what_it_meets_when_all_are_asked() {
        let boxes = strewn(900);
        let tree = Tree::of(boxes.clone(), |_| Vec2::ZERO);
        let size = Vec2::new(800.0, 600.0);
        let camera = Camera {
            target: Vec3::splat(20.0),
            distance: 60.0,
            ..Camera::default()
        };
        let mut met = 0;
        for x in 0..40 {
            for y in 0..30 {
                let (origin, direction) = camera.ray(Vec2::new(x as f32, y as f32) * 20.0, size);
                let all = boxes.iter().enumerate();
                let all = all.filter_map(|(i, (min, max))| Some((i, hit(origin, direction, *min, *max)?)));
                let wanted = all.min_by(|a, b| a.1.total_cmp(&b.1));
                assert_eq!(tree.first_hit(origin, direction), wanted);
                met += usize::from(wanted.is_some());
            }
        }
        assert!(met > 100, "{met}");
        assert!(Tree::default().first_hit(Vec3::ZERO, Vec3::X).is_none());
    }

    #[test]
    fn what_is_on_the_screen_is_seen_and_its_depth_is_not_overstated() {
        let boxes = strewn(900);
        let tree = Tree::of(boxes.clone(), |i| Vec2::new(i as f32, -(i as f32)));
        let size = Vec2::new(800.0, 600.0);
        // Among the boxes, so that some are behind.
        let camera = Camera {
            target: Vec3::splat(20.0),
            distance: 12.0,
            ..Camera::default()
        };
        let lens = camera.lens(size);
        for (low, high) in [
            (Vec2::ZERO, size),
            (Vec2::new(100.0, 200.0), Vec2::new(300.0, 260.0)),
        ] {
            let sight = lens.sight(low, high);
            let mut found = vec![None; boxes.len()];
            tree.walk(
                |branch| sight.depth(branch.min, branch.max).is_some(),
                |i| {
                    let (min, max) = boxes[i];
                    assert_eq!(found[i], None, "each comes once");
                    found[i] = Some(sight.depth(min, max));
                },
            );
            let mut on_screen = 0;
            for (i, (min, max)) in boxes.iter().enumerate() {
                let points = [*min, *max, (*min + *max) / 2.0];
                for (at, depth) in points.iter().filter_map(|p| lens.project(*p)) {
                    if at.cmpge(low).all() && at.cmple(high).all() {
                        let bound = found[i].flatten().unwrap();
                        assert!(bound <= depth * 1.0001, "{bound} {depth}");
                        on_screen += 1;
                    }
                }
            }
            let seen = found.iter().flatten().flatten().count();
            assert!(on_screen >= 3 && seen < boxes.len() / 2, "{on_screen} {seen}");
        }
        let root = tree.branch(tree.root().unwrap());
        assert_eq!(root.most, Vec2::new(899.0, 0.0));
    }
}
