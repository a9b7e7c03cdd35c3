//! A flat diagram as SVG: the same places, colours and words as on the screen.

use glam::Vec3;
use layout::{Arrangement, Layout, Volume};
use session::{Document, Session};
use svg::node::element::{Group, Path, Rectangle, Text, Title};

use crate::colormap::srgb;
use crate::labels::shorten;
use crate::theme::{Theme, family_color};
use crate::tint::Tint;
use crate::{frames, hover, links, overlay, stage};

/// Pixels of a scene unit.
const UNIT: f32 = 40.0;
/// Free edge around the drawing, pixels.
const EDGE: f32 = 48.0;
/// The font, where the reader has it.
pub const FONT: &str = "Ubuntu, Helvetica, Arial, sans-serif";

/// The diagram of what is open, as it is arranged; volumes in space, which are no drawing, as blocks.
///
/// # Errors
/// A sentence where nothing is open.
pub fn write(session: &Session) -> Result<String, String> {
    let document = session.document.as_ref().ok_or("nothing is open")?;
    let blocks;
    let layout = match document.layout.arrangement.flat() {
        true => &document.layout,
        false => {
            blocks = document.arranged(&session.state.folds, Arrangement::Blocks);
            &blocks
        }
    };
    let sheet = Sheet {
        document,
        layout,
        theme: stage::theme(session),
        tint: Tint::of(session, document, layout),
    };
    Ok(sheet.draw().to_string())
}

struct Sheet<'a> {
    document: &'a Document,
    layout: &'a Layout,
    theme: Theme,
    tint: Option<Tint>,
}

impl Sheet<'_> {
    fn draw(&self) -> svg::Document {
        let (min, max) = self.layout.bounds;
        let extent = (max - min) * UNIT;
        let (width, height) = (extent.x + 2.0 * EDGE, extent.y + 2.0 * EDGE + 28.0);
        let name = match self.document.network.name.as_str() {
            "" => "network",
            name => name,
        };
        let paper = Rectangle::new()
            .set("width", "100%")
            .set("height", "100%")
            .set("fill", color(self.theme.background()));
        let mut drawing = svg::Document::new()
            .set("viewBox", (0, 0, width.ceil() as i64, height.ceil() as i64))
            .set("width", width.ceil() as i64)
            .set("height", height.ceil() as i64)
            .set("font-family", FONT)
            .add(Title::new(name))
            .add(paper)
            .add(self.text(name, (EDGE, 34.0), 20.0, true, "start"));
        drawing = drawing.add(self.frames()).add(self.links()).add(self.boxes());
        if let Some(tint) = &self.tint {
            drawing = drawing.add(self.legend(tint, height - 22.0));
        }
        drawing
    }

    /// What colour means, in a line whose middle is at `y`.
    fn legend(&self, tint: &Tint, y: f32) -> Group {
        const STEPS: usize = 24;
        let Some(spread) = tint.spread else {
            return Group::new();
        };
        let (low, high) = (tint.quantity.write(spread.low), tint.quantity.write(spread.high));
        let words = format!("{}: {low}", tint.quantity.name());
        // About half of the size is the width of a letter.
        let begin = EDGE + 5.5 * words.chars().count() as f32 + 10.0;
        let group = Group::new().add(self.text(&words, (EDGE, y + 4.0), 10.5, false, "start"));
        let end = begin + 6.0 * STEPS as f32;
        let group = group.add(self.text(&high, (end + 8.0, y + 4.0), 10.5, false, "start"));
        (0..STEPS).fold(group, |group, i| {
            let place = i as f32 / (STEPS - 1) as f32;
            let step = Rectangle::new()
                .set("x", rounded(begin + 6.0 * i as f32))
                .set("y", rounded(y - 4.0))
                .set("width", 6.2)
                .set("height", 8);
            group.add(step.set("fill", color(tint.color(place))))
        })
    }

    /// Pixels from the upper left corner.
    fn at(&self, p: Vec3) -> (f32, f32) {
        let (min, max) = self.layout.bounds;
        let (x, y) = ((p.x - min.x) * UNIT, (max.y - p.y) * UNIT);
        (x + EDGE, y + EDGE + 20.0)
    }

    fn text(&self, text: &str, (x, y): (f32, f32), size: f32, strong: bool, anchor: &str) -> Text {
        let [r, g, b] = self.theme.text()[usize::from(!strong)];
        Text::new(text)
            .set("x", rounded(x))
            .set("y", rounded(y))
            .set("font-size", rounded(size))
            .set("text-anchor", anchor)
            .set("fill", format!("#{r:02x}{g:02x}{b:02x}"))
    }

    fn links(&self) -> Group {
        let mut group = Group::new()
            .set("fill", "none")
            .set("stroke-width", 1.6)
            .set("stroke-linejoin", "round");
        let mut names = Group::new();
        for (link, path) in self.layout.links.iter().zip(links::paths(self.layout)) {
            let points = path.iter().map(|p| {
                let (x, y) = self.at(*p);
                format!("{} {}", rounded(x), rounded(y))
            });
            let line = format!("M{}", points.collect::<Vec<_>>().join("L"));
            let [r, g, b, _] = match link.stream {
                true => self.theme.stream(),
                false => self.theme.link(link.skip, false),
            };
            let shape = hover::brief(self.document, link.tensor);
            let about = Title::new(format!(
                "{}  {shape}",
                self.document.network.tensor(link.tensor).name
            ));
            let mut path = Path::new().set("d", line).set("stroke", color([r, g, b]));
            if link.stream {
                path = path.set("stroke-width", 2.4);
            }
            group = group.add(path.add(about));
            if let Some((at, room)) = self.room(&link.path).filter(|_| !shape.is_empty()) {
                // About half of the size is the width of a letter.
                if (shape.chars().count() as f32) * 4.6 < room {
                    names = names.add(self.text(&shape, (at.0, at.1 - 4.0), 8.5, false, "middle"));
                }
            }
        }
        Group::new().add(group).add(names)
    }

    /// Outlines of open scopes, with their names; a repeat has further sheets behind it.
    fn frames(&self) -> Group {
        let mut group = Group::new().set("fill", "none");
        for frame in &self.layout.frames {
            let stroke = color(frames::color(frame, self.theme));
            let size = (frame.max - frame.min) * UNIT;
            let sheets = if frame.once { 2 } else { 0 };
            for k in (0..=sheets).rev() {
                let by = 0.14 * UNIT * k as f32;
                let (x, y) = self.at(Vec3::new(frame.min.x, frame.max.y, 0.0));
                let mut body = Rectangle::new()
                    .set("x", rounded(x + by))
                    .set("y", rounded(y + by))
                    .set("width", rounded(size.x))
                    .set("height", rounded(size.y))
                    .set("rx", 10)
                    .set("stroke", stroke.clone())
                    .set("stroke-opacity", 0.8 - 0.25 * k as f32);
                if sheets > 0 {
                    body = body.set("fill", color(self.theme.background()));
                }
                group = group.add(body);
            }
            let (x, y) = self.at(Vec3::new(frame.min.x, frame.max.y, 0.0));
            let text = match frame.once {
                true => self.text(&frame.label, (x + 4.0, y - 5.0), 14.0, true, "start"),
                false => self.text(&frame.label, (x + 4.0, y - 4.0), 10.5, false, "start"),
            };
            group = group.add(text);
        }
        group
    }

    /// The middle of the longest level piece of a link, and its length in pixels.
    fn room(&self, path: &[Vec3]) -> Option<((f32, f32), f32)> {
        let level = path.windows(2).filter(|p| (p[0].y - p[1].y).abs() < 1e-3);
        let best = level.max_by(|a, b| (a[1].x - a[0].x).abs().total_cmp(&(b[1].x - b[0].x).abs()))?;
        Some((
            self.at((best[0] + best[1]) / 2.0),
            (best[1].x - best[0].x).abs() * UNIT,
        ))
    }

    fn boxes(&self) -> Group {
        let mut group = Group::new();
        for (i, volume) in self.layout.volumes.iter().enumerate() {
            group = group.add(self.volume(i, volume));
        }
        group
    }

    fn volume(&self, index: usize, volume: &Volume) -> Group {
        let family = match &self.tint {
            Some(tint) => tint.volume(index),
            None => family_color(&volume.kind, self.theme),
        };
        let (x, y) = self.at(Vec3::new(volume.min().x, volume.max().y, 0.0));
        let size = volume.size * UNIT;
        let fill = match self.layout.arrangement {
            Arrangement::Strip => family,
            // A tint is one to write on already.
            Arrangement::Blocks if self.tint.is_some() => family,
            _ => self.theme.ground(family),
        };
        let shape = volume.tensor.map(|t| hover::brief(self.document, t));
        let shape = shape.unwrap_or_default();
        let about = format!("{}  {}  {shape}", volume.kind, volume.label);
        let body = Rectangle::new()
            .set("x", rounded(x))
            .set("y", rounded(y))
            .set("width", rounded(size.x))
            .set("height", rounded(size.y))
            .set(
                "rx",
                if self.layout.arrangement == Arrangement::Strip {
                    1
                } else {
                    5
                },
            )
            .set("fill", color(fill))
            .set("stroke", color(family))
            .add(Title::new(about));
        let group = Group::new().add(body);
        let middle = x + size.x / 2.0;
        let fitted = |text: &str, wanted: f32, room: f32| {
            wanted.min(room / (0.55 * text.chars().count().max(1) as f32))
        };
        match self.layout.arrangement {
            Arrangement::Blocks => {
                let name = shorten(&volume.label, 26);
                let lines = [
                    (overlay::block_title(volume), 14.0, 0.32, true),
                    (&name, 10.5, 0.6, true),
                    (&shape, 10.5, 0.84, true),
                ];
                lines
                    .into_iter()
                    .fold(group, |group, (text, wanted, place, strong)| {
                        let at = (middle, y + size.y * place);
                        group.add(self.text(text, at, fitted(text, wanted, 0.94 * size.x), strong, "middle"))
                    })
            }
            Arrangement::Nodes => {
                let name = shorten(&volume.label, 20);
                // A long operator is told when the pointer rests on it.
                let kind = match fitted(&volume.kind, 10.0, 0.92 * size.x) {
                    5.0.. => volume.kind.as_str(),
                    _ => "",
                };
                let room = 2.4 * UNIT;
                group
                    .add(self.text(
                        kind,
                        (middle, y + size.y * 0.56),
                        fitted(kind, 10.0, 0.92 * size.x),
                        true,
                        "middle",
                    ))
                    .add(self.text(
                        &name,
                        (middle, y + size.y + 12.0),
                        fitted(&name, 9.0, room),
                        false,
                        "middle",
                    ))
            }
            Arrangement::Volumes | Arrangement::Strip => group,
        }
    }
}

/// As in CSS.
fn color(linear: [f32; 3]) -> String {
    let [r, g, b] = srgb(linear);
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// A hundredth of a pixel is enough.
fn rounded(v: f32) -> f32 {
    (v * 100.0).round() / 100.0
}
