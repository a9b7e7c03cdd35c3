//! Attention on what the places stand for: patches of a picture, steps of a series.

use std::sync::Arc;

use egui::{
    Color32, ColorImage, Rect, Sense, Shape, Stroke, StrokeKind, TextureHandle, TextureOptions, Ui, pos2,
    vec2,
};
use model::{Trace, TraceTensor};
use session::{Attend, Document};

use crate::style;
use crate::widgets::{enlarged, section};

/// Places in front of the patches at most: class tokens, registers.
const SKIPPED: usize = 5;
/// Height of a picture at most, points.
const HIGH: f32 = 220.0;
/// Steps of a series that are drawn at most.
const STEPS: usize = 2000;

/// What places stand for.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Support {
    /// Patches of a picture, in so many rows and columns, after so many places of another kind.
    Patches { grid: [usize; 2], skip: usize },
    /// Steps of a series, after so many places of another kind.
    Steps { skip: usize },
}

/// The first input of the network in the last pass.
fn input<'a>(document: &Document, trace: &'a Trace) -> Option<&'a TraceTensor> {
    let id = document.source.main().inputs.first()?;
    trace.tensors.get(id).filter(|t| t.dtype.is_float())
}

/// What `keys` places stand for, as far as the shape of the input tells.
fn support(shape: &[usize], keys: usize) -> Option<Support> {
    match *shape {
        [_, _, height, width] if height > 1 && width > 1 => (0..=SKIPPED).find_map(|skip| {
            let patches = keys.checked_sub(skip).filter(|p| *p > 3)?;
            let fits = |rows: &usize| {
                let columns = patches / rows;
                patches % rows == 0
                    && height % rows == 0
                    && width % columns == 0
                    && height / rows == width / columns
            };
            let rows = (1..=patches).find(fits)?;
            let grid = [rows, patches / rows];
            Some(Support::Patches { grid, skip })
        }),
        [_, steps, _] => (0..=1).find_map(|skip| {
            let places = keys.checked_sub(skip).filter(|p| *p > 3)?;
            (steps % places == 0).then_some(Support::Steps { skip })
        }),
        _ => None,
    }
}

/// The input as a picture.
#[derive(Default)]
pub struct Overlay {
    of: Option<(Arc<Trace>, usize)>,
    texture: Option<TextureHandle>,
    aspect: f32,
}

impl Overlay {
    /// Draws the input with what place `query` looks at, or what all look at in the mean; false where the
    /// places stand for nothing that can be drawn. A click on a place asks for it.
    pub fn show(
        &mut self,
        ui: &mut Ui,
        document: &Document,
        trace: &Arc<Trace>,
        map: &[f32],
        [queries, keys]: [usize; 2],
        next: &mut Attend,
    ) -> bool {
        let Some(tensor) = input(document, trace) else {
            return false;
        };
        let (Some(support), Some(values)) = (support(&tensor.shape, keys), tensor.host()) else {
            return false;
        };
        let rows = map.len() / keys.max(1);
        let weights: Vec<f32> = match next.query.filter(|q| *q < rows) {
            Some(query) => map[query * keys..][..keys].to_vec(),
            None => (0..keys)
                .map(|k| map.chunks_exact(keys).map(|row| row[k]).sum::<f32>() / rows.max(1) as f32)
                .collect(),
        };
        let told = match next.query {
            Some(query) => format!("What place {query} looks at"),
            None => "What all places look at, in the mean".into(),
        };
        section(ui, &told);
        let size = tensor.shape[1..].iter().product::<usize>();
        let own = values
            .get(next.item * size..(next.item + 1) * size)
            .unwrap_or(values);
        let clicked = match support {
            Support::Patches { grid, skip } => {
                let shape = [tensor.shape[1], tensor.shape[2], tensor.shape[3]];
                self.picture(ui, trace, next.item, own, shape);
                self.patches(
                    ui,
                    grid,
                    &weights[skip..],
                    next.query.and_then(|q| q.checked_sub(skip)),
                )
                .map(|p| p + skip)
            }
            Support::Steps { skip } => {
                steps(ui, own, [tensor.shape[1], tensor.shape[2]], &weights[skip..]).map(|p| p + skip)
            }
        };
        if let Some(place) = clicked.filter(|p| *p < queries) {
            next.query = (next.query != Some(place)).then_some(place);
        }
        true
    }

    fn picture(
        &mut self,
        ui: &Ui,
        trace: &Arc<Trace>,
        item: usize,
        own: &[f32],
        [channels, height, width]: [usize; 3],
    ) {
        if self
            .of
            .as_ref()
            .is_some_and(|(t, i)| Arc::ptr_eq(t, trace) && *i == item)
        {
            return;
        }
        self.of = Some((trace.clone(), item));
        let finite = own.iter().filter(|v| v.is_finite());
        let (low, high) = finite.fold((f32::MAX, f32::MIN), |(l, h), v| (l.min(*v), h.max(*v)));
        let level = |v: f32| (255.0 * (v - low) / (high - low).max(1e-9)).clamp(0.0, 255.0) as u8;
        let plane = height * width;
        let pixel = |i: usize| match channels {
            3 => Color32::from_rgb(level(own[i]), level(own[plane + i]), level(own[2 * plane + i])),
            _ => Color32::from_gray(level(own[i])),
        };
        let image = ColorImage::new([width, height], (0..plane).map(pixel).collect());
        let image = enlarged(&image, (256 / width.max(height)).max(1));
        self.aspect = width as f32 / height as f32;
        self.texture = Some(ui.ctx().load_texture("attended", image, TextureOptions::NEAREST));
    }

    fn patches(&self, ui: &mut Ui, grid: [usize; 2], weights: &[f32], asked: Option<usize>) -> Option<usize> {
        let texture = self.texture.as_ref()?;
        let wide = ui.available_width().min(220.0).min(HIGH * self.aspect);
        let size = vec2(wide, wide / self.aspect);
        let (rect, response) = ui.allocate_exact_size(size, Sense::click());
        let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
        let painter = ui.painter().with_clip_rect(ui.clip_rect());
        painter.image(texture.id(), rect, whole, Color32::WHITE);
        let top = weights.iter().copied().fold(1e-9, f32::max);
        let cell = vec2(rect.width() / grid[1] as f32, rect.height() / grid[0] as f32);
        let at = |i: usize| {
            let corner = vec2((i % grid[1]) as f32 * cell.x, (i / grid[1]) as f32 * cell.y);
            Rect::from_min_size(rect.min + corner, cell)
        };
        // What is not looked at lies in the dark.
        for (i, weight) in weights.iter().enumerate().take(grid[0] * grid[1]) {
            let dark = 1.0 - (weight / top).clamp(0.0, 1.0).sqrt();
            let veil = Color32::from_black_alpha((215.0 * dark) as u8);
            painter.rect_filled(at(i), 0.0, veil);
        }
        if let Some(asked) = asked.filter(|a| *a < grid[0] * grid[1]) {
            let line = Stroke::new(2.0, style::marked(ui.visuals()));
            painter.rect_stroke(at(asked), 0.0, line, StrokeKind::Inside);
        }
        let pointer = response.hover_pos().filter(|p| rect.contains(*p))?;
        let by = (pointer - rect.min) / cell;
        let place = (by.y as usize).min(grid[0] - 1) * grid[1] + (by.x as usize).min(grid[1] - 1);
        let told = format!("patch {place}: {:.1} %", 100.0 * weights.get(place)?);
        response.clone().on_hover_text_at_pointer(told);
        response.clicked().then_some(place)
    }
}

/// A series with the steps that are looked at behind its curves.
fn steps(ui: &mut Ui, own: &[f32], [steps, features]: [usize; 2], weights: &[f32]) -> Option<usize> {
    let size = vec2(ui.available_width().min(320.0), 130.0);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    let painter = ui.painter().with_clip_rect(ui.clip_rect());
    painter.rect_filled(rect, 2.0, ui.visuals().extreme_bg_color);
    let top = weights.iter().copied().fold(1e-9, f32::max);
    let wide = rect.width() / weights.len().max(1) as f32;
    let ink = style::marked(ui.visuals());
    for (i, weight) in weights.iter().enumerate() {
        let left = rect.left() + wide * i as f32;
        let band = Rect::from_x_y_ranges(left..=left + wide, rect.y_range());
        painter.rect_filled(
            band,
            0.0,
            ink.gamma_multiply(0.6 * (weight / top).clamp(0.0, 1.0)),
        );
    }
    let light = !ui.visuals().dark_mode;
    let every = steps.div_ceil(STEPS).max(1);
    for feature in 0..features.min(8) {
        let at = |step: usize| own.get(step * features + feature).copied().unwrap_or(f32::NAN);
        let all = (0..steps).map(at).filter(|v| v.is_finite());
        let (low, high) = all.fold((f32::MAX, f32::MIN), |(l, h), v| (l.min(v), h.max(v)));
        let point = |step: usize| {
            let share = (at(step) - low) / (high - low).max(1e-9);
            let x = rect.left() + rect.width() * (step as f32 + 0.5) / steps as f32;
            pos2(x, rect.bottom() - 6.0 - (rect.height() - 12.0) * share)
        };
        let line = (0..steps).step_by(every).map(point).filter(|p| p.y.is_finite());
        painter.add(Shape::line(
            line.collect(),
            Stroke::new(1.3, style::run(feature, light)),
        ));
    }
    let pointer = response.hover_pos().filter(|p| rect.contains(*p))?;
    let place = (((pointer.x - rect.left()) / wide) as usize).min(weights.len().saturating_sub(1));
    response
        .clone()
        .on_hover_text_at_pointer(format!("place {place}: {:.1} %", 100.0 * weights.get(place)?));
    response.clicked().then_some(place)
}

#[cfg(test)]
mod tests {
    use super::{Support, support};

    #[test]
    fn places_are_patches_or_steps() {
        let patches = |grid, skip| Some(Support::Patches { grid, skip });
        assert_eq!(support(&[1, 3, 224, 224], 197), patches([14, 14], 1));
        assert_eq!(support(&[1, 3, 224, 224], 196), patches([14, 14], 0));
        assert_eq!(support(&[2, 1, 32, 64], 12), patches([2, 4], 4));
        assert_eq!(support(&[1, 3, 224, 224], 198), patches([14, 14], 2));
        assert_eq!(support(&[1, 3, 7, 5], 40), patches([7, 5], 5));
        assert_eq!(support(&[1, 96, 7], 96), Some(Support::Steps { skip: 0 }));
        assert_eq!(support(&[1, 96, 7], 13), Some(Support::Steps { skip: 1 }));
        assert_eq!(support(&[1, 96, 7], 11), None);
        assert_eq!(support(&[1, 12], 12), None);
    }
}
