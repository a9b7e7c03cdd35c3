//! A chart as SVG: axes with numbers, bars, lines and dots.

use egui::Color32;
use svg::node::element::{Circle, Group, Line, Polyline, Rectangle, Text, Title};

/// Width and height of a drawing, and of the room for numbers and words on each side, pixels.
const SIZE: [f64; 2] = [720.0, 440.0];
const LEFT: f64 = 92.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 48.0;
const BELOW: f64 = 56.0;
/// Height of the line with the names of the dots' colours, pixels.
const KEYS: f64 = 20.0;
const FONT: &str = "Ubuntu, Helvetica, Arial, sans-serif";

/// One axis.
pub struct Axis {
    pub label: String,
    /// Both ends, in the chart's numbers.
    pub ends: [f64; 2],
    /// Where numbers stand, with their words.
    pub marks: Vec<(f64, String)>,
}

/// What is drawn, later ones over earlier ones; places in the chart's numbers.
pub enum Mark {
    /// From the lower end of the axis up to a height, between two places along x.
    Bar {
        sides: [f64; 2],
        top: f64,
        color: Color32,
        told: String,
    },
    Line {
        points: Vec<[f64; 2]>,
        color: Color32,
        dashed: bool,
    },
    Dot {
        at: [f64; 2],
        color: Color32,
        told: String,
    },
    /// A place along x: dashed over the whole height, or a `tick` at its foot.
    Place {
        at: f64,
        tick: bool,
        color: Color32,
        told: String,
    },
}

/// Height of a tick, of the whole.
const TICK: f64 = 0.035;

/// A chart.
pub struct Chart {
    pub title: String,
    pub axes: [Axis; 2],
    pub marks: Vec<Mark>,
    /// What colours mean.
    pub keys: Vec<(Color32, String)>,
    /// Sentences below, a line each.
    pub notes: Vec<(Color32, String)>,
    /// Paper, lines and text.
    pub colors: [Color32; 3],
}

impl Chart {
    pub fn svg(&self) -> String {
        let [width, height] = SIZE;
        let keys = height + if self.keys.is_empty() { 0.0 } else { KEYS };
        let height = keys + KEYS * self.notes.len() as f64;
        let paper = Rectangle::new()
            .set("width", "100%")
            .set("height", "100%")
            .set("fill", hex(self.colors[0]));
        let title = self.text(&self.title, (LEFT, 28.0), 15.0, "start");
        let drawing = svg::Document::new()
            .set("viewBox", (0, 0, width, height))
            .set("width", width)
            .set("height", height)
            .set("font-family", FONT)
            .add(Title::new(&self.title))
            .add(paper)
            .add(title)
            .add(self.grid());
        let marks = self.marks.iter().map(|mark| self.mark(mark));
        let drawing = marks.fold(drawing, svg::Document::add);
        let notes = self.notes.iter().enumerate().map(|(i, (color, note))| {
            let at = (LEFT, keys + KEYS * (i + 1) as f64 - 12.0);
            self.text(note, at, 11.0, "start").set("fill", hex(*color))
        });
        let drawing = notes.fold(drawing.add(self.legend(keys)), svg::Document::add);
        drawing.to_string()
    }

    /// Pixels of a place.
    fn at(&self, [x, y]: [f64; 2]) -> (f64, f64) {
        let share = |axis: &Axis, v: f64| {
            let [low, high] = axis.ends;
            ((v - low) / (high - low).max(1e-12)).clamp(0.0, 1.0)
        };
        let across = SIZE[0] - LEFT - RIGHT;
        let down = SIZE[1] - TOP - BELOW;
        (
            round(LEFT + across * share(&self.axes[0], x)),
            round(TOP + down * (1.0 - share(&self.axes[1], y))),
        )
    }

    fn text(&self, text: &str, (x, y): (f64, f64), size: f64, anchor: &str) -> Text {
        Text::new(text)
            .set("x", round(x))
            .set("y", round(y))
            .set("font-size", size)
            .set("text-anchor", anchor)
            .set("fill", hex(self.colors[2]))
    }

    fn grid(&self) -> Group {
        let [x, y] = &self.axes;
        let mut group = Group::new();
        let line = |(x1, y1): (f64, f64), (x2, y2): (f64, f64)| {
            Line::new()
                .set("x1", x1)
                .set("y1", y1)
                .set("x2", x2)
                .set("y2", y2)
                .set("stroke", hex(self.colors[1]))
                .set("stroke-width", 1)
        };
        for (value, words) in &y.marks {
            let ends = x.ends.map(|x| self.at([x, *value]));
            let words = self.text(words, (LEFT - 8.0, ends[0].1 + 4.0), 11.0, "end");
            group = group.add(line(ends[0], ends[1])).add(words);
        }
        for (value, words) in &x.marks {
            let ends = y.ends.map(|y| self.at([*value, y]));
            let words = self.text(words, (ends[0].0, ends[0].1 + 16.0), 11.0, "middle");
            group = group.add(line(ends[0], ends[1])).add(words);
        }
        let foot = SIZE[1] - BELOW + 38.0;
        let middle = (LEFT + SIZE[0] - RIGHT) / 2.0;
        let side = (TOP + SIZE[1] - BELOW) / 2.0;
        let turned = format!("rotate(-90 18 {})", round(side));
        let left = self.text(&y.label, (18.0, side), 12.0, "middle");
        group
            .add(self.text(&x.label, (middle, foot), 12.0, "middle"))
            .add(left.set("transform", turned))
    }

    fn mark(&self, mark: &Mark) -> Group {
        match mark {
            Mark::Bar {
                sides,
                top,
                color,
                told,
            } => {
                let (left, high) = self.at([sides[0], *top]);
                let (right, low) = self.at([sides[1], self.axes[1].ends[0]]);
                let bar = Rectangle::new()
                    .set("x", left)
                    .set("y", high)
                    .set("width", round(right - left))
                    .set("height", round(low - high))
                    .set("fill", hex(*color));
                Group::new().add(bar.add(Title::new(told)))
            }
            Mark::Line {
                points,
                color,
                dashed,
            } => {
                let points = points.iter().map(|p| {
                    let (x, y) = self.at(*p);
                    format!("{x},{y}")
                });
                let line = Polyline::new()
                    .set("points", points.collect::<Vec<_>>().join(" "))
                    .set("fill", "none")
                    .set("stroke", hex(*color))
                    .set("stroke-width", 1.6);
                Group::new().add(match dashed {
                    true => line.set("stroke-dasharray", "6 4"),
                    false => line,
                })
            }
            Mark::Dot { at, color, told } => {
                let (x, y) = self.at(*at);
                let dot = Circle::new().set("cx", x).set("cy", y).set("r", 4);
                Group::new().add(dot.set("fill", hex(*color)).add(Title::new(told)))
            }
            Mark::Place {
                at,
                tick,
                color,
                told,
            } => {
                let [low, high] = self.axes[1].ends;
                let top = if *tick { low + TICK * (high - low) } else { high };
                let [(x, foot), (_, top)] = [self.at([*at, low]), self.at([*at, top])];
                let line = Line::new()
                    .set("x1", x)
                    .set("y1", foot)
                    .set("x2", x)
                    .set("y2", top)
                    .set("stroke", hex(*color))
                    .set("stroke-width", 1)
                    .add(Title::new(told));
                Group::new().add(match tick {
                    true => line,
                    false => line.set("stroke-dasharray", "3 3"),
                })
            }
        }
    }

    fn legend(&self, height: f64) -> Group {
        let (mut x, y) = (LEFT, height - 12.0);
        let mut group = Group::new();
        for (color, name) in &self.keys {
            let dot = Circle::new().set("cx", x).set("cy", y - 4.0).set("r", 4);
            let words = self.text(name, (x + 9.0, y), 11.0, "start");
            group = group.add(dot.set("fill", hex(*color))).add(words);
            // About half of the size is the width of a letter.
            x += 27.0 + 5.7 * name.chars().count() as f64;
        }
        group
    }
}

fn hex(color: Color32) -> String {
    let [r, g, b, _] = color.to_array();
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// A hundredth of a pixel is enough.
fn round(v: f64) -> f64 {
    (v * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_lie_between_the_axes_and_words_are_escaped() {
        let axis = |label: &str, high| Axis {
            label: label.into(),
            ends: [0.0, high],
            marks: vec![(0.0, "0".into()), (high, "all".into())],
        };
        let chart = Chart {
            title: "a < b & c".into(),
            axes: [axis("x", 2.0), axis("y", 100.0)],
            marks: vec![
                Mark::Bar {
                    sides: [0.0, 1.0],
                    top: 50.0,
                    color: Color32::RED,
                    told: "half".into(),
                },
                // Off the chart: at its edge.
                Mark::Dot {
                    at: [9.0, 1e9],
                    color: Color32::RED,
                    told: String::new(),
                },
            ],
            keys: vec![(Color32::RED, "kind".into())],
            notes: vec![(Color32::RED, "a note".into())],
            colors: [Color32::WHITE, Color32::GRAY, Color32::BLACK],
        };
        let text = chart.svg();
        assert!(
            text.contains("a &lt; b &amp; c") && !text.contains("a < b"),
            "{text}"
        );
        let (left, high) = chart.at([0.0, 50.0]);
        let (right, low) = chart.at([1.0, 0.0]);
        assert_eq!((left, low), (LEFT, SIZE[1] - BELOW));
        assert_eq!(2.0 * (right - left), SIZE[0] - LEFT - RIGHT);
        assert_eq!(2.0 * (low - high), SIZE[1] - TOP - BELOW);
        assert!(text.contains(&format!("height=\"{}\"", low - high)));
        assert!(text.contains(&format!("cx=\"{}\" cy=\"{TOP}\"", SIZE[0] - RIGHT)));
    }
}
