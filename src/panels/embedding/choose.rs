//! Which points are chosen, and the box or loop that chooses them.

use egui::{Painter, Pos2, Rect, Stroke, Ui};

use super::canvas::FEW;
use super::lens::Lens;
use super::{Memory, Tool};

/// The chosen points.
#[derive(Default)]
pub(super) struct Chosen {
    /// For each point; empty: none is.
    pub flags: Vec<bool>,
    pub count: usize,
    /// Grows with each change.
    pub version: u64,
}

impl Chosen {
    /// These and no others.
    pub fn set(&mut self, count: usize, points: impl Iterator<Item = usize>) {
        self.flags = vec![false; count];
        for point in points {
            self.flags[point] = true;
        }
        self.count = self.flags.iter().filter(|f| **f).count();
        self.version += 1;
    }

    /// Every point counts again.
    pub fn clear(&mut self) {
        if !self.flags.is_empty() {
            self.set(0, std::iter::empty());
        }
    }

    /// True without chosen points.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// True for a chosen point.
    pub fn has(&self, point: usize) -> bool {
        self.flags.get(point).copied().unwrap_or(false)
    }

    /// In order.
    pub fn all(&self) -> impl Iterator<Item = usize> + '_ {
        let points = self.flags.iter().enumerate();
        points.filter(|f| *f.1).map(|f| f.0)
    }
}

/// True for a point within a loop: a ray from it crosses the loop an odd number of times.
fn within(area: &[Pos2], p: Pos2) -> bool {
    let mut inside = false;
    let mut last = match area.last() {
        Some(last) => *last,
        None => return false,
    };
    for &corner in area {
        if (corner.y > p.y) != (last.y > p.y) {
            let x = corner.x + (p.y - corner.y) / (last.y - corner.y) * (last.x - corner.x);
            inside ^= p.x < x;
        }
        last = corner;
    }
    inside
}

/// What is drawn with Shift: the points inside are chosen. True while something is drawn.
pub(super) fn area(
    painter: &Painter,
    ui: &Ui,
    memory: &mut Memory,
    response: &egui::Response,
    lens: &Lens,
) -> bool {
    if memory.canvas.drawn.is_empty() {
        return false;
    }
    let pointer = response.interact_pointer_pos().or_else(|| response.hover_pos());
    let ends = response.drag_stopped() || pointer.is_none();
    let drawn = &mut memory.canvas.drawn;
    if let Some(to) = pointer {
        if memory.tool == Tool::Box {
            drawn.truncate(1);
        }
        // A little way at a time, so that a long loop has few corners.
        if drawn.len() == 1 || drawn.last().is_some_and(|l| l.distance(to) >= 3.0) {
            drawn.push(to);
        }
    }
    let stroke = Stroke::new(1.0, ui.visuals().strong_text_color());
    let corners: Vec<Pos2> = match memory.tool {
        Tool::Box => {
            let to = *drawn.last().unwrap_or(&drawn[0]);
            let area = Rect::from_two_pos(drawn[0], to);
            vec![
                area.left_top(),
                area.right_top(),
                area.right_bottom(),
                area.left_bottom(),
            ]
        }
        Tool::Lasso => drawn.clone(),
    };
    painter.add(egui::Shape::closed_line(corners.clone(), stroke));
    // Of many points only at the end.
    let count = memory.canvas.len();
    if ends || count <= FEW {
        let canvas = &memory.canvas;
        let bounds = Rect::from_points(&corners);
        let inside = (0..count).filter(|i| {
            let at = canvas.place(*i).and_then(|p| lens.at(p));
            at.is_some_and(|(at, _)| bounds.contains(at) && within(&corners, at))
        });
        memory.chosen.set(count, inside);
        memory.query.clear();
    }
    if ends {
        memory.canvas.drawn.clear();
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use egui::pos2;

    #[test]
    fn a_loop_holds_what_is_inside() {
        // The letter U.
        let area = [
            (0.0, 0.0),
            (3.0, 0.0),
            (3.0, 3.0),
            (2.0, 3.0),
            (2.0, 1.0),
            (1.0, 1.0),
            (1.0, 3.0),
            (0.0, 3.0),
        ]
        .map(|(x, y)| pos2(x, y));
        for (x, y, inside) in [
            (0.5, 2.0, true),
            (2.5, 2.0, true),
            (1.5, 0.5, true),
            (1.5, 2.0, false),
            (-0.5, 2.0, false),
            (3.5, 0.5, false),
        ] {
            assert_eq!(within(&area, pos2(x, y)), inside, "{x} {y}");
        }
        assert!(!within(&[], pos2(0.0, 0.0)));
    }
}
