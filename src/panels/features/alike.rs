//! Which filters are alike, and the spectrum of one.

use std::sync::Arc;

use egui::{Color32, ColorImage, Rect, Sense, TextureHandle, TextureOptions, Ui, pos2, vec2};
use embed::{Linkage, Table, cosine_matrix, link};
use model::TensorData;
use session::colormap::{sequential, srgb};

use super::filters::Filters;
use crate::widgets::enlarged;

/// Filters that are compared with each other at most.
const MOST: usize = 2048;
/// Frequencies along a side of a spectrum.
const FREQUENCIES: usize = 33;
/// Side of a spectrum, points.
const SIDE: f32 = 46.0;

/// Cosines between the filters of a layer, and an order that has alike ones together.
#[derive(Default)]
pub struct Alike {
    of: Option<Arc<TensorData>>,
    count: usize,
    cosines: Vec<f32>,
    order: Vec<usize>,
    spectrum: Option<(usize, TextureHandle)>,
}

impl Alike {
    /// Reads the filters, where they are others.
    pub fn update(&mut self, filters: &Filters) {
        if self.of.as_ref().is_some_and(|of| Arc::ptr_eq(of, filters.data())) {
            return;
        }
        *self = Alike {
            of: Some(filters.data().clone()),
            ..Alike::default()
        };
        let (rows, width) = filters.rows();
        let count = rows.len() / width.max(1);
        let table = Table::new(&rows, width.max(1))
            .ok()
            .filter(|_| (2..=MOST).contains(&count));
        let Some(cosines) = table.and_then(|t| cosine_matrix(&t).ok()) else {
            return;
        };
        // Filters of one direction are alike, however strong they are.
        let tree = Table::new(&cosines, count)
            .ok()
            .and_then(|t| link(&t, Linkage::Average).ok());
        let leaves = tree.map_or(Vec::new(), |tree| tree.leaves());
        self.order = leaves.into_iter().map(|f| f as usize).collect();
        (self.count, self.cosines) = (count, cosines);
    }

    /// Filters with alike ones together; `None` where there are too many or too few.
    pub fn order(&self) -> Option<&[usize]> {
        (!self.order.is_empty()).then_some(&self.order)
    }

    /// The filter that is most like `filter`, and the one that is most its opposite, with their cosines.
    pub fn nearest(&self, filter: usize) -> Option<[(usize, f32); 2]> {
        let row = self.cosines.get(filter * self.count..(filter + 1) * self.count)?;
        let others = || row.iter().copied().enumerate().filter(|(i, _)| *i != filter);
        let most = others().max_by(|a, b| a.1.total_cmp(&b.1))?;
        let least = others().min_by(|a, b| a.1.total_cmp(&b.1))?;
        Some([most, least])
    }

    /// Draws the spectrum of a filter: how strongly it answers to gratings, slow ones in the middle.
    pub fn spectrum(&mut self, ui: &mut Ui, filters: &Filters, filter: usize) {
        if filters.dense {
            return;
        }
        if self.spectrum.as_ref().is_none_or(|(of, _)| *of != filter) {
            let Some(planes) = filters.planes_of(filter) else {
                return;
            };
            let values = power(&planes, filters.size());
            let top = values.iter().copied().fold(1e-12, f32::max);
            let color = |v: &f32| {
                let [r, g, b] = srgb(sequential((v / top).sqrt(), 1));
                Color32::from_rgb(r, g, b)
            };
            let image = ColorImage::new([FREQUENCIES; 2], values.iter().map(color).collect());
            let texture = ui
                .ctx()
                .load_texture("spectrum", enlarged(&image, 4), TextureOptions::LINEAR);
            self.spectrum = Some((filter, texture));
        }
        let Some((_, texture)) = &self.spectrum else {
            return;
        };
        let (rect, response) = ui.allocate_exact_size(vec2(SIDE, SIDE), Sense::hover());
        let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
        ui.painter().image(texture.id(), rect, whole, Color32::WHITE);
        response.on_hover_text(
            "Spectrum: bright where the filter answers to a grating; the middle is even light, the rim the finest \
             stripes; left and right are upright stripes",
        );
    }
}

/// Squared magnitude of the Fourier transform of a kernel's planes, summed over them, zero frequency in the
/// middle; rows × columns of [`FREQUENCIES`].
fn power(planes: &[f32], [height, width]: [usize; 2]) -> Vec<f32> {
    let area = (height * width).max(1);
    let frequency = |i: usize| (i as f32 / (FREQUENCIES - 1) as f32 - 0.5) * std::f32::consts::TAU;
    let mut out = vec![0.0; FREQUENCIES * FREQUENCIES];
    for (i, sum) in out.iter_mut().enumerate() {
        let (v, u) = (frequency(i / FREQUENCIES), frequency(i % FREQUENCIES));
        for plane in planes.chunks_exact(area) {
            let (mut re, mut im) = (0.0, 0.0);
            for (k, value) in plane.iter().enumerate() {
                let angle = v * (k / width) as f32 + u * (k % width) as f32;
                re += value * angle.cos();
                im += value * angle.sin();
            }
            *sum += re * re + im * im;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{FREQUENCIES, power};

    #[test]
    fn a_mean_answers_to_even_light_and_an_edge_to_stripes() {
        let middle = FREQUENCIES * FREQUENCIES / 2;
        let best = |values: &[f32]| (0..values.len()).max_by(|a, b| values[*a].total_cmp(&values[*b]));
        let mean = power(&[1.0 / 9.0; 9], [3, 3]);
        assert_eq!(best(&mean), Some(middle));
        assert!((mean[middle] - 1.0).abs() < 1e-5);
        // NumPy: abs(fft.fft([1, -1]))**2 is 0 and 4.
        let edge = power(&[1.0, -1.0], [1, 2]);
        assert!(edge[middle].abs() < 1e-10);
        assert!(
            (edge[middle - FREQUENCIES / 2] - 4.0).abs() < 1e-4,
            "the finest upright stripes"
        );
        // Planes add up.
        let two = power(&[1.0, -1.0, 1.0, -1.0], [1, 2]);
        assert!((two[middle - FREQUENCIES / 2] - 8.0).abs() < 1e-4);
    }
}
