//! A flat diagram as SVG: the same places, colours and words as on the screen.

mod legend;

use glam::{Vec2, Vec3};
use layout::{Arrangement, Layout, Volume};
use session::{Document, Session};
use svg::node::element::{Group, Path, Rectangle, Text, Title};

use crate::colormap::srgb;
use crate::crowd::Crowd;
use crate::labels::shorten;
use crate::legend::Legend;
use crate::theme::{Theme, family_color};
use crate::tint::Tint;
use crate::{frames, hover, links, overlay, stage};

/// Pixels of a scene unit, and of one of a strip, whose bars are narrow.
const UNIT: f32 = 40.0;
const STRIP: f32 = 80.0;
/// Free edge around the drawing, pixels.
const EDGE: f32 = 48.0;
/// Size of the shapes on links, the least that is written, and of the names below nodes, pixels.
const SHAPE: f32 = 8.5;
const LEAST: f32 = 6.5;
const NAME: f32 = 9.0;
/// Letters of a name below a node, and the room that it has, scene units.
const LONGEST: usize = 20;
const ROOM: f32 = 2.4;
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
    let theme = stage::theme(session);
    let tint = Tint::of(session, document, layout);
    let legend = match &tint {
        Some(tint) => crate::legend::tinted(tint, layout.arrangement, &session.state),
        None => crate::legend::drawn(
            layout.arrangement,
            &crate::legend::families(layout),
            &session.state,
            theme,
        ),
    };
    let sheet = Sheet {
        document,
        layout,
        theme,
        tint,
        legend,
    };
    Ok(sheet.draw().to_string())
}

/// About how wide a text is, pixels: letters are a little wider than half of their size.
fn letters(text: &str, size: f32) -> f32 {
    0.57 * size * text.chars().count() as f32
}

struct Sheet<'a> {
    document: &'a Document,
    layout: &'a Layout,
    theme: Theme,
    tint: Option<Tint>,
    legend: Legend,
}

impl Sheet<'_> {
    /// Pixels of a scene unit.
    fn unit(&self) -> f32 {
        match self.layout.arrangement {
            Arrangement::Strip => STRIP,
            _ => UNIT,
        }
    }

    fn draw(&self) -> svg::Document {
        let (min, max) = self.layout.bounds;
        let extent = (max - min) * self.unit();
        let wide = letters(&self.legend.title, 10.5);
        let width = extent.x.max(wide) + 2.0 * EDGE;
        let rows = self.rows(width - 2.0 * EDGE);
        // The names of the last bars hang below.
        let foot = match self.layout.arrangement {
            Arrangement::Strip => 60.0,
            _ => 0.0,
        };
        let height = extent.y + 2.0 * EDGE + 40.0 + foot + legend::ROW * rows.len() as f32;
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
        drawing = drawing.add(self.frames()).add(self.links());
        drawing = drawing.add(self.captions()).add(self.boxes());
        drawing.add(self.legend(&rows, height - 22.0 - legend::ROW * rows.len() as f32))
    }

    /// Pixels from the upper left corner.
    fn at(&self, p: Vec3) -> (f32, f32) {
        let (min, max) = self.layout.bounds;
        let (x, y) = ((p.x - min.x) * self.unit(), (max.y - p.y) * self.unit());
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
        let mut taken = self.taken();
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
                let size = SHAPE.min(SHAPE * (room - 5.0) / letters(&shape, SHAPE));
                let half = Vec2::new(letters(&shape, size) / 2.0 + 1.0, size / 2.0);
                let middle = Vec2::new(at.0, at.1 - 4.0 - size * 0.4);
                let (min, max) = (middle - half, middle + half);
                if size >= LEAST && taken.free(min, max, |_| true) {
                    taken.push(min, max, 0);
                    names = names.add(self.text(&shape, (at.0, at.1 - 4.0), size, false, "middle"));
                }
            }
        }
        Group::new().add(group).add(names)
    }

    /// Where boxes, words and links stand, off which the shapes on links keep.
    fn taken(&self) -> Crowd {
        let (min, max) = self.layout.bounds;
        let extent = (max - min) * self.unit() + 2.0 * EDGE;
        let mut taken = Crowd::new(extent.truncate());
        for volume in &self.layout.volumes {
            let (x, y) = self.at(Vec3::new(volume.min().x, volume.max().y, 0.0));
            let (low, size) = (Vec2::new(x, y), volume.size.truncate() * self.unit());
            taken.push(low, low + size, 0);
            if self.layout.arrangement == Arrangement::Nodes {
                let name = shorten(&volume.label, LONGEST);
                let half = letters(&name, NAME).min(ROOM * self.unit()) / 2.0;
                let foot = low + Vec2::new(size.x / 2.0, size.y);
                taken.push(foot - Vec2::new(half, 0.0), foot + Vec2::new(half, 14.0), 0);
            }
        }
        for link in &self.layout.links {
            for pair in link.path.windows(2) {
                let [(ax, ay), (bx, by)] = [self.at(pair[0]), self.at(pair[1])];
                let (a, b) = (Vec2::new(ax, ay), Vec2::new(bx, by));
                overlay::pieces(a, b, |min, max| taken.push(min, max, 0));
            }
        }
        for frame in &self.layout.frames {
            let (x, y) = self.at(Vec3::new(frame.min.x, frame.max.y, 0.0));
            let size = if frame.once { 14.0 } else { 10.5 };
            let wide = letters(&frame.label, size);
            taken.push(Vec2::new(x, y - size - 4.0), Vec2::new(x + wide, y), 0);
        }
        taken
    }

    /// Outlines of open scopes, with their names; a repeat has further sheets behind it.
    fn frames(&self) -> Group {
        let mut group = Group::new().set("fill", "none");
        for frame in &self.layout.frames {
            let stroke = color(frames::color(frame, self.theme));
            let size = (frame.max - frame.min) * self.unit();
            let sheets = if frame.once { 2 } else { 0 };
            for k in (0..=sheets).rev() {
                let by = 0.14 * self.unit() * k as f32;
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
        }
        group
    }

    /// Names of open scopes, over the links.
    fn captions(&self) -> Group {
        let mut group = Group::new();
        for frame in &self.layout.frames {
            let (x, y) = self.at(Vec3::new(frame.min.x, frame.max.y, 0.0));
            let text = match frame.once {
                true => self.text(&frame.label, (x + 4.0, y - 5.0), 14.0, true, "start"),
                false => self.text(&frame.label, (x + 4.0, y - 4.0), 10.5, false, "start"),
            };
            group = group.add(self.haloed(text));
        }
        group
    }

    /// A text that stays legible over lines.
    fn haloed(&self, text: Text) -> Text {
        text.set("stroke", color(self.theme.background()))
            .set("stroke-width", 3)
            .set("stroke-linejoin", "round")
            .set("paint-order", "stroke")
    }

    /// The middle of the longest level piece of a link, and its length in pixels.
    fn room(&self, path: &[Vec3]) -> Option<((f32, f32), f32)> {
        let level = path.windows(2).filter(|p| (p[0].y - p[1].y).abs() < 1e-3);
        let best = level.max_by(|a, b| (a[1].x - a[0].x).abs().total_cmp(&(b[1].x - b[0].x).abs()))?;
        Some((
            self.at((best[0] + best[1]) / 2.0),
            (best[1].x - best[0].x).abs() * self.unit(),
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
        let size = volume.size * self.unit();
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
        let fitted = |text: &str, wanted: f32, room: f32| wanted.min(room / letters(text, 1.0).max(0.5));
        match self.layout.arrangement {
            Arrangement::Blocks => {
                let title = overlay::block_title(volume);
                let name = match shorten(&volume.label, 26) {
                    // Its kind, where the title is the name.
                    name if name == title => volume.kind.clone(),
                    name => name,
                };
                let lines = [
                    (title, 14.0, 0.32, true),
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
                let name = shorten(&volume.label, LONGEST);
                // A long operator is told when the pointer rests on it.
                let kind = match fitted(&volume.kind, 10.0, 0.92 * size.x) {
                    5.0.. => volume.kind.as_str(),
                    _ => "",
                };
                group
                    .add(self.text(
                        kind,
                        (middle, y + size.y * 0.56),
                        fitted(kind, 10.0, 0.92 * size.x),
                        true,
                        "middle",
                    ))
                    .add(self.haloed(self.text(
                        &name,
                        (middle, y + size.y + 12.0),
                        fitted(&name, NAME, ROOM * self.unit()),
                        false,
                        "middle",
                    )))
            }
            Arrangement::Strip => {
                // Upwards, below the bar.
                let (x, y) = (middle + 3.0, y + size.y + 5.0);
                let name = self.text(&shorten(&volume.label, 18), (x, y), 7.5, false, "end");
                group.add(name.set("transform", format!("rotate(-90 {} {})", rounded(x), rounded(y))))
            }
            Arrangement::Volumes => group,
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
