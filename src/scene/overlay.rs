//! Text over the scene, drawn with egui's painter: the same in the window and in a picture.

mod arcs;
mod blocks;
mod caption;
mod channels;
mod frames;
mod legend;
mod marks;
mod members;
mod names;
mod shapes;
mod title;
mod tooltip;
mod values;

pub(crate) use blocks::title as block_title;
pub(crate) use names::pieces;

use std::cell::OnceCell;

use egui::{Align2, Color32, FontId, Painter, Pos2, Rect, vec2};
use glam::Vec2;
use session::{Document, Session};

use crate::colormap::srgb;
use crate::{Label, Look, Stage, Theme, stage};

/// What an overlay draws on, and from.
pub struct Sheet<'a> {
    /// Draws.
    pub painter: &'a Painter,
    /// The scene's place, points.
    pub rect: Rect,
    /// What is open.
    pub session: &'a Session,
    /// The open network.
    pub document: &'a Document,
    /// What stands where.
    pub stage: &'a Stage,
    /// Dark or light.
    pub theme: Theme,
    /// The pointer, where there is one.
    pub pointer: Option<Pos2>,
    strong: Color32,
    faint: Color32,
    look: Look,
    found: Found,
}

/// What several overlays ask for, found once a picture.
#[derive(Default)]
struct Found {
    members: OnceCell<Vec<members::Words>>,
    captions: OnceCell<Vec<frames::Caption>>,
    legend: OnceCell<legend::Placed>,
    taken: OnceCell<Vec<Rect>>,
    names: OnceCell<Vec<Label>>,
}

/// The overlays, later ones over earlier ones.
const OVERLAYS: [fn(&Sheet); 13] = [
    values::draw,
    frames::draw,
    shapes::draw,
    blocks::draw,
    names::draw,
    channels::draw,
    marks::draw,
    members::draw,
    arcs::draw,
    legend::draw,
    title::draw,
    caption::draw,
    tooltip::draw,
];

/// Draws everything into `rect` of the painter's layer. A picture has no pointer, but a title.
pub fn draw(painter: &Painter, rect: Rect, session: &Session, stage: &Stage, pointer: Option<Pos2>) {
    let theme = stage::theme(session);
    let [strong, faint] = theme.text().map(|[r, g, b]| Color32::from_rgb(r, g, b));
    let Some(document) = &session.document else {
        let text = "Drop a model file here (ONNX, or layerscope's JSON)";
        let font = FontId::proportional(20.0);
        painter.text(rect.center(), Align2::CENTER_CENTER, text, font, faint);
        return;
    };
    let sheet = Sheet {
        painter,
        rect,
        session,
        document,
        stage,
        theme,
        pointer,
        strong,
        faint,
        look: stage.look(session),
        found: Found::default(),
    };
    for overlay in OVERLAYS {
        overlay(&sheet);
    }
}

impl Sheet<'_> {
    /// Width and height of the scene, points.
    fn size(&self) -> Vec2 {
        Vec2::new(self.rect.width(), self.rect.height())
    }

    /// A point of the scene, from its top left.
    fn at(&self, point: Vec2) -> Pos2 {
        self.rect.min + vec2(point.x, point.y)
    }

    /// Text of `size` points, strong or faint.
    fn text(&self, at: Pos2, anchor: Align2, text: impl ToString, size: f32, strong: bool) {
        let color = if strong { self.strong } else { self.faint };
        self.painter
            .text(at, anchor, text, FontId::proportional(size), color);
    }

    /// Where texts stand whatever the scene shows.
    fn fixed(&self) -> Vec<Rect> {
        let places = [title::place, title::answer, legend::place, caption::place];
        places.iter().filter_map(|place| place(self)).collect()
    }

    /// Where texts stand that others keep off.
    fn taken(&self) -> &[Rect] {
        self.found.taken.get_or_init(|| {
            let fixed = self.fixed().into_iter();
            let members = members::words(self).iter().map(|w| w.place);
            fixed
                .chain(members)
                .chain(frames::captions(self).iter().map(|c| c.place))
                .collect()
        })
    }

    /// Volumes of which something is seen and that may cover `least` points, in their order.
    fn seen(&self, least: f32) -> Vec<usize> {
        let sight = self.stage.rig.camera.lens(self.size()).whole();
        let mut seen = Vec::new();
        let tree = &self.stage.volumes().0;
        tree.walk(|branch| sight.shows(branch, least), |i| seen.push(i));
        seen.sort_unstable();
        seen
    }

    /// Width of `text` of `size` points.
    fn width(&self, text: &str, size: f32) -> f32 {
        let font = FontId::proportional(size);
        let galley = self.painter.layout_no_wrap(text.into(), font, self.strong);
        galley.size().x
    }

    /// Text that stays legible over links: its edge is the background's colour.
    fn haloed(&self, at: Pos2, anchor: Align2, text: &str, size: f32, strong: bool) {
        let color = if strong { self.strong } else { self.faint };
        let font = FontId::proportional(size);
        let galley = self.painter.layout_no_wrap(text.into(), font, color);
        let at = anchor.anchor_size(at, galley.size()).min;
        let [r, g, b] = srgb(self.theme.background());
        let edge = Color32::from_rgb(r, g, b);
        for (x, y) in [
            (-1.5, 0.0),
            (1.5, 0.0),
            (0.0, -1.5),
            (0.0, 1.5),
            (-1.0, -1.0),
            (1.0, -1.0),
            (-1.0, 1.0),
            (1.0, 1.0),
        ] {
            self.painter
                .galley_with_override_text_color(at + vec2(x, y), galley.clone(), edge);
        }
        self.painter.galley(at, galley, color);
    }

    /// A ground that text is legible on.
    fn ground(&self, rect: Rect) {
        let fill = match self.theme {
            Theme::Dark => Color32::from_rgb(28, 33, 42),
            Theme::Light => Color32::from_rgb(255, 255, 255),
        };
        self.painter.rect_filled(rect.expand(8.0), 6.0, fill);
    }
}
