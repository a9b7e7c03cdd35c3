//! The filters of a layer as pictures.

use egui::{
    Align2, Color32, ColorImage, FontId, Rect, Sense, Stroke, StrokeKind, TextureHandle, TextureOptions, Ui,
    pos2, vec2,
};
use model::op::Op;
use model::{LayerId, Network, TensorData, TensorKind};
use session::asking::{Projected, Top};
use session::colormap::{diverging, srgb};
use std::sync::Arc;

use super::samples::Sheet;
use crate::style;
use crate::widgets::{cell, enlarged, grouped, value};

/// Side of a tile, points.
const TILE: f32 = 44.0;
/// Pixels that a filter's side is brought up to.
const CELLS: usize = 32;
/// Pixels of a texture's side at most.
const SIDE: usize = 4096;
/// A filter whose norm is below this share of the middle one is dead.
const DEAD: f32 = 1e-3;

/// What of a filter's planes is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Planes {
    /// One, as it is.
    One,
    /// Three as red, green and blue.
    Colours,
    /// So many: their mean, or one of them.
    Mean(usize),
}

/// What is seen of a filter.
#[derive(Clone, Debug, Default)]
pub enum Seen {
    /// The mean of its planes; of three planes their colours.
    #[default]
    Own,
    /// One of its planes.
    Plane(usize),
    /// What it comes to in the input, as far as that is known.
    Input(Option<Arc<Projected>>),
}

impl PartialEq for Seen {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Seen::Own, Seen::Own) | (Seen::Input(None), Seen::Input(None)) => true,
            (Seen::Plane(a), Seen::Plane(b)) => a == b,
            (Seen::Input(Some(a)), Seen::Input(Some(b))) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }
}

/// Filters of a layer, drawn.
pub struct Filters {
    /// The layer.
    pub layer: LayerId,
    of: Arc<TensorData>,
    seen: Seen,
    light: bool,
    /// Planes of one of them, as its weights have it.
    pub inputs: usize,
    /// The layer is dense: its elements are units.
    pub dense: bool,
    /// Rows and columns of one, as its weights have it and as it is drawn.
    size: [usize; 2],
    drawn: [usize; 2],
    columns_first: bool,
    /// Of each, over all its planes.
    norms: Vec<f32>,
    dead: Vec<bool>,
    columns: usize,
    rows: usize,
    texture: TextureHandle,
    shape: String,
}

/// Filters as planes of rows and columns.
struct Laid<'a> {
    data: &'a Arc<TensorData>,
    count: usize,
    planes: usize,
    size: [usize; 2],
    dense: bool,
    /// A filter's values stand one by one at this distance; 1 for those together.
    columns_first: bool,
    shape: String,
}

/// True for convolutions and dense layers whose weights are stored and can be drawn.
pub fn has(network: &Network, layer: LayerId) -> bool {
    laid(network, layer).is_some()
}

fn laid(network: &Network, layer: LayerId) -> Option<Laid<'_>> {
    let laid = weights(network, layer)?;
    let columns = (laid.count as f32).sqrt().ceil() as usize;
    let [height, width] = laid.size;
    // What no texture holds is not drawn.
    (columns * width.max(height) <= SIDE).then_some(laid)
}

fn weights(network: &Network, layer: LayerId) -> Option<Laid<'_>> {
    let of = network.layer(layer);
    let mut inputs = of.inputs.iter().flatten().map(|t| network.tensor(*t));
    let tensor = inputs
        .find(|t| t.kind == TensorKind::Parameter && t.data.as_ref().is_some_and(|d| d.shape.len() > 1))?;
    let data = tensor.data.as_ref().filter(|d| d.dtype.is_float())?;
    let shape: Vec<usize> = data.shape.iter().map(|&d| d as usize).collect();
    if shape.contains(&0) {
        return None;
    }
    match (&of.op, &shape[..]) {
        (Op::Conv { .. }, &[count, planes, height, width]) => Some(Laid {
            data,
            count,
            planes,
            size: [height, width],
            dense: false,
            columns_first: false,
            shape: format!(
                "{} filters of {planes} × {height} × {width}",
                grouped(count as u64)
            ),
        }),
        (Op::Conv { .. }, &[count, planes, length]) => Some(Laid {
            data,
            count,
            planes: 1,
            size: [planes, length],
            dense: false,
            columns_first: false,
            shape: format!("{} filters, {planes} channels × {length}", grouped(count as u64)),
        }),
        (Op::Gemm { .. } | Op::MatMul, &[rows, columns]) => {
            let turned = matches!(of.op, Op::Gemm { trans_b: true, .. });
            let (count, from) = if turned { (rows, columns) } else { (columns, rows) };
            let (planes, size) = folded(network, from);
            Some(Laid {
                data,
                count,
                planes,
                size,
                dense: true,
                columns_first: !turned,
                shape: format!(
                    "{} units of {} weights",
                    grouped(count as u64),
                    grouped(from as u64)
                ),
            })
        }
        _ => None,
    }
}

/// How the weights of a unit are laid out: as the network's picture where there are as many, else in rows.
fn folded(network: &Network, count: usize) -> (usize, [usize; 2]) {
    let input = network.main().inputs.first().map(|t| network.tensor(*t));
    let dims = input.and_then(|t| t.spec.dims());
    let dims: Option<Vec<usize>> =
        dims.map(|d| d.iter().filter_map(|d| d.known()).map(|d| d as usize).collect());
    if let Some([.., c, h, w]) = dims.as_deref()
        && c * h * w == count
        && *c <= 4
    {
        return (*c, [*h, *w]);
    }
    let width = (count as f32).sqrt().ceil().max(1.0) as usize;
    (1, [count.div_ceil(width), width])
}

impl Filters {
    /// True where they are of these weights, seen so.
    pub fn is_of(&self, network: &Network, layer: LayerId, seen: &Seen, light: bool) -> bool {
        let same = |l: Laid| Arc::ptr_eq(l.data, &self.of);
        self.layer == layer
            && self.seen == *seen
            && self.light == light
            && laid(network, layer).is_some_and(same)
    }

    /// Those of `layer`; `None` where they have no picture.
    pub fn of(ui: &Ui, network: &Network, layer: LayerId, seen: Seen, light: bool) -> Option<Self> {
        let laid = laid(network, layer)?;
        let values = laid.data.to_f32()?;
        let each = values.len() / laid.count.max(1);
        let at = |filter: usize, i: usize| {
            let place = match laid.columns_first {
                true => i * laid.count + filter,
                false => filter * each + i,
            };
            values.get(place).copied().filter(|_| i < each).unwrap_or(0.0)
        };
        let norm = |filter: usize| (0..each).map(|i| at(filter, i).powi(2)).sum::<f32>().sqrt();
        let norms: Vec<f32> = (0..laid.count).map(norm).collect();
        let mut sorted = norms.clone();
        sorted.sort_by(f32::total_cmp);
        let middle = sorted.get(sorted.len() / 2).copied().unwrap_or(0.0);
        let most = sorted.last().copied().unwrap_or(0.0);
        // Where most are dead, the middle one is too.
        let least = DEAD * middle.max(DEAD * most);
        let columns = (laid.count as f32).sqrt().ceil().max(1.0) as usize;
        let projected = match &seen {
            // A large picture is drawn where all of them fit a texture.
            Seen::Input(Some(p)) if columns * p.shape[1].max(p.shape[2]) <= SIDE => Some(p),
            _ => None,
        };
        let (count, [height, width]) = match projected {
            Some(p) => (p.shape[0], [p.shape[1], p.shape[2]]),
            None => (laid.planes, laid.size),
        };
        let planes = match count {
            1 => Planes::One,
            3 => Planes::Colours,
            n => Planes::Mean(n),
        };
        let rows = laid.count.div_ceil(columns);
        let area = height * width;
        let at = |filter: usize, i: usize| match projected {
            Some(p) => p.filters.get(filter).map_or(0.0, |f| f[i]),
            None => at(filter, i),
        };
        let mean = |filter: usize, i: usize| match (planes, &seen) {
            (Planes::Mean(n), Seen::Plane(p)) if *p < n => at(filter, p * area + i),
            _ => (0..count).map(|p| at(filter, p * area + i)).sum::<f32>() / count as f32,
        };
        let all = match projected {
            Some(p) => p
                .filters
                .iter()
                .flat_map(|f| f.iter())
                .fold(0f32, |a, v| a.max(v.abs())),
            None => values.iter().fold(0f32, |a, v| a.max(v.abs())),
        };
        let mut image = ColorImage::filled([columns * width, rows * height], Color32::TRANSPARENT);
        for filter in 0..laid.count {
            let drawn: Vec<f32> = match planes {
                Planes::Colours => (0..3 * area).map(|i| at(filter, i)).collect(),
                _ => (0..area).map(|i| mean(filter, i)).collect(),
            };
            // Noise of a dead one is not blown up.
            let top = drawn.iter().fold(0f32, |a, v| a.max(v.abs()));
            let top = top.max(DEAD * all).max(f32::MIN_POSITIVE);
            for i in 0..area {
                let color = match planes {
                    Planes::Colours => {
                        [0, 1, 2].map(|c| (127.5 + 127.5 * drawn[c * area + i] / top).clamp(0.0, 255.0) as u8)
                    }
                    _ => srgb(diverging(0.5 + 0.5 * drawn[i] / top, light)),
                };
                let [r, g, b] = color;
                let (x, y) = (i % width, i / width);
                let place =
                    ((filter / columns) * height + y) * columns * width + (filter % columns) * width + x;
                image.pixels[place] = Color32::from_rgb(r, g, b);
            }
        }
        let times = (CELLS / width.max(height)).max(1);
        let times = times.min(SIDE / image.size[0].max(image.size[1]).max(1)).max(1);
        let image = enlarged(&image, times);
        Some(Filters {
            layer,
            of: laid.data.clone(),
            seen,
            light,
            inputs: laid.planes,
            dense: laid.dense,
            size: laid.size,
            drawn: [height, width],
            columns_first: laid.columns_first,
            dead: norms.iter().map(|n| *n <= least).collect(),
            norms,
            columns,
            rows,
            texture: ui.ctx().load_texture("filters", image, TextureOptions::NEAREST),
            shape: laid.shape,
        })
    }

    /// The weights that they are of.
    pub fn data(&self) -> &Arc<TensorData> {
        &self.of
    }

    /// Rows and columns of one.
    pub fn size(&self) -> [usize; 2] {
        self.size
    }

    /// All weights, filter by filter, and how many each has.
    pub fn rows(&self) -> (Vec<f32>, usize) {
        let values = self.of.to_f32().unwrap_or_default();
        let count = self.norms.len().max(1);
        let each = values.len() / count;
        let rows = match self.columns_first {
            true => (0..count * each)
                .map(|i| values[i % each * count + i / each])
                .collect(),
            false => values,
        };
        (rows, each)
    }

    /// The planes of a convolution's filter, one after the other.
    pub fn planes_of(&self, filter: usize) -> Option<Vec<f32>> {
        let (rows, each) = self.rows();
        rows.get(filter * each..(filter + 1) * each).map(<[f32]>::to_vec)
    }

    /// Their number and shape, and how many are dead.
    pub fn words(&self) -> String {
        match (0..self.norms.len()).filter(|i| self.dead(*i)).count() {
            0 => self.shape.clone(),
            dead => format!("{}, {} dead", self.shape, grouped(dead as u64)),
        }
    }

    /// The norm of one.
    pub fn norm(&self, filter: usize) -> f32 {
        self.norms.get(filter).copied().unwrap_or(0.0)
    }

    /// True where one does next to nothing.
    pub fn dead(&self, filter: usize) -> bool {
        self.dead.get(filter).copied().unwrap_or(false)
    }

    /// Their numbers, in the order that they are shown in.
    pub fn order(&self, by_index: bool) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.norms.len()).collect();
        if !by_index {
            order.sort_by(|a, b| self.norms[*b].total_cmp(&self.norms[*a]));
        }
        order
    }

    /// Draws one as large as fits into `rect`.
    pub fn draw(&self, ui: &Ui, rect: Rect, filter: usize) {
        let size = vec2(self.drawn[1] as f32, self.drawn[0] as f32);
        let scale = (rect.width() / size.x).min(rect.height() / size.y);
        let place = Rect::from_center_size(rect.center(), (size * scale).max(vec2(1.0, 1.0)));
        let uv = cell(filter, self.columns, self.rows);
        ui.painter().image(self.texture.id(), place, uv, Color32::WHITE);
    }

    /// Draws all; a click chooses one. Beside each stands what it answers to most, where that is known.
    pub fn grid(
        &self,
        ui: &mut Ui,
        order: &[usize],
        top: &[Vec<Top>],
        sheet: Option<&Sheet>,
        chosen: &mut usize,
    ) {
        let sheet = sheet.filter(|_| top.len() == self.norms.len());
        let wide = if sheet.is_some() { 2.0 * TILE + 2.0 } else { TILE };
        let size = vec2(wide, TILE + 15.0);
        ui.spacing_mut().item_spacing = vec2(8.0, 6.0);
        let across = ((ui.available_width() + 8.0) / (wide + 8.0)).floor().max(1.0) as usize;
        for row in order.chunks(across) {
            ui.horizontal(|ui| {
                for &filter in row {
                    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
                    if !ui.is_rect_visible(rect) {
                        continue;
                    }
                    let name = format!("filter {filter}");
                    response.widget_info(|| {
                        egui::WidgetInfo::selected(egui::WidgetType::Button, true, filter == *chosen, &name)
                    });
                    let tile = Rect::from_min_size(rect.min, vec2(TILE, TILE));
                    self.draw(ui, tile, filter);
                    let best = top.get(filter).and_then(|t| t.first());
                    if let (Some(sheet), Some(best)) = (sheet, best) {
                        let place = tile.translate(vec2(TILE + 2.0, 0.0));
                        ui.painter()
                            .rect_filled(place, 0.0, ui.visuals().extreme_bg_color);
                        sheet.crop(ui, place, best);
                    }
                    let dead = self.dead(filter);
                    let (ink, words) = match (filter == *chosen, dead) {
                        (_, true) => (style::wrong(ui.visuals()), format!("{filter} dead")),
                        (true, _) => (ui.visuals().strong_text_color(), filter.to_string()),
                        _ => (ui.visuals().weak_text_color(), filter.to_string()),
                    };
                    let under = pos2(rect.left(), rect.bottom());
                    let font = FontId::proportional(11.0);
                    ui.painter().text(under, Align2::LEFT_BOTTOM, words, font, ink);
                    let frame = rect.with_max_y(tile.bottom());
                    if filter == *chosen {
                        let stroke = Stroke::new(2.0, ui.visuals().hyperlink_color);
                        ui.painter().rect_stroke(frame, 0.0, stroke, StrokeKind::Outside);
                    } else if response.hovered() {
                        let stroke = Stroke::new(1.0, ui.visuals().hyperlink_color);
                        ui.painter().rect_stroke(frame, 0.0, stroke, StrokeKind::Outside);
                    }
                    if response.clicked() {
                        *chosen = filter;
                    }
                    let norm = value(f64::from(self.norm(filter)));
                    response.on_hover_text(match dead {
                        true => format!("{filter}: norm {norm}, next to nothing"),
                        false => format!("{filter}: norm {norm}"),
                    });
                }
            });
        }
    }
}
