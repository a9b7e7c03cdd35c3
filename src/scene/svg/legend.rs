//! The legend of a drawing.

use svg::node::element::{Group, Rectangle};

use super::{EDGE, Sheet, color, letters, rounded};
use crate::legend::Part;

/// Width of a bar of colours, height of a row of the legend, pixels.
const BAR: f32 = 150.0;
pub(super) const ROW: f32 = 16.0;

/// Width of a part of the legend, with the gap after it, pixels.
fn wide(part: &Part) -> f32 {
    match part {
        Part::Swatch { name, .. } => 18.0 + letters(name, 9.5) + 14.0,
        Part::Bar { ends, .. } => BAR + letters(&ends[0], 9.5) + letters(&ends[1], 9.5) + 32.0,
    }
}

impl Sheet<'_> {
    /// The parts of the legend, by rows that are no wider than `room`.
    pub(super) fn rows(&self, room: f32) -> Vec<Vec<&Part>> {
        let mut rows: Vec<Vec<&Part>> = Vec::new();
        let mut left = 0.0;
        for part in &self.legend.parts {
            let width = wide(part);
            // The gap after the last one needs no room.
            match rows.last_mut().filter(|_| width - 14.0 <= left) {
                Some(row) => row.push(part),
                None => {
                    rows.push(vec![part]);
                    left = room;
                }
            }
            left -= width;
        }
        rows
    }

    /// What colour and size mean: a line of words at `y`, and rows of colours below.
    pub(super) fn legend(&self, rows: &[Vec<&Part>], y: f32) -> Group {
        let title = self.text(&self.legend.title, (EDGE, y), 10.5, false, "start");
        let mut group = Group::new().add(title);
        for (i, row) in rows.iter().enumerate() {
            let (mut x, y) = (EDGE, y + ROW * (i as f32 + 1.0));
            for part in row {
                group = self.part(group, part, (x, y));
                x += wide(part);
            }
        }
        group
    }

    fn part(&self, group: Group, part: &Part, (x, y): (f32, f32)) -> Group {
        let rect = |x: f32, width: f32, fill: [f32; 3]| {
            Rectangle::new()
                .set("x", rounded(x))
                .set("y", rounded(y - 8.0))
                .set("width", rounded(width))
                .set("height", 8)
                .set("fill", color(fill))
        };
        match part {
            Part::Swatch { color, name } => {
                let words = self.text(name, (x + 18.0, y), 9.5, false, "start");
                group.add(rect(x, 12.0, *color)).add(words)
            }
            Part::Bar { colors, ends, .. } => {
                let begin = x + letters(&ends[0], 9.5) + 6.0;
                let step = BAR / colors.len() as f32;
                let group = group.add(self.text(&ends[0], (x, y), 9.5, false, "start"));
                let words = self.text(&ends[1], (begin + BAR + 6.0, y), 9.5, false, "start");
                let bars = colors.iter().enumerate();
                bars.fold(group.add(words), |group, (i, color)| {
                    // A little wider, so that no gap is seen.
                    group.add(rect(begin + step * i as f32, step + 0.3, *color))
                })
            }
        }
    }
}
