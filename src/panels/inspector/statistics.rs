//! Moments and histograms, computed once a tensor and pass, long ones beside the frame.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use analyze::{Bins, Histogram, Moments};
use egui::{Align2, Color32, Rect, Sense, Stroke, Ui, pos2, vec2};
use model::{Network, TensorData, TensorId};

use crate::style;
use crate::widgets::{grouped, value};

/// What is known of a tensor's values.
pub struct Statistics {
    moments: Moments,
    histogram: Option<Histogram>,
}

/// Values to describe.
pub enum Values {
    /// As a pass left them.
    Floats(Arc<[f32]>),
    /// As a file stores them.
    Stored(Arc<TensorData>),
}

/// Which values they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// The tensor.
    pub tensor: TensorId,
    /// The pass, and whether it is gradients; `None` for stored values.
    pub pass: Option<(u64, bool)>,
}

type Slot = Arc<OnceLock<Option<Statistics>>>;

/// Statistics of one network's tensors.
#[derive(Default)]
pub struct Cache {
    network: Option<Arc<Network>>,
    slots: HashMap<Key, Slot>,
}

/// Elements up to which the frame itself computes.
const SMALL: usize = 100_000;
/// Bars of a histogram.
const BINS: usize = 48;

impl Cache {
    /// The statistics, begun at first use; `None` until they are there, and for values that are
    /// not numbers `Some(None)`.
    pub fn get(&mut self, ui: &Ui, network: &Arc<Network>, key: Key, values: Values) -> Slot {
        if self.network.as_ref().is_none_or(|n| !Arc::ptr_eq(n, network)) {
            self.network = Some(network.clone());
            self.slots.clear();
        }
        if let Some(slot) = self.slots.get(&key) {
            return slot.clone();
        }
        // Older passes are not asked for again.
        if let Some((pass, _)) = key.pass {
            self.slots.retain(|k, _| k.pass.is_none_or(|p| p.0 == pass));
        }
        let slot = Slot::default();
        self.slots.insert(key, slot.clone());
        let elements = match &values {
            Values::Floats(values) => values.len(),
            Values::Stored(data) => data.len(),
        };
        if elements <= SMALL || cfg!(target_arch = "wasm32") {
            let _ = slot.set(describe(&values));
        } else {
            let (slot, context) = (slot.clone(), ui.ctx().clone());
            std::thread::spawn(move || {
                let _ = slot.set(describe(&values));
                context.request_repaint();
            });
        }
        slot
    }
}

fn describe(values: &Values) -> Option<Statistics> {
    let decoded;
    let values = match values {
        Values::Floats(values) => &values[..],
        Values::Stored(data) => {
            decoded = data.to_f32()?;
            &decoded[..]
        }
    };
    let bins = Bins::of(values, BINS);
    Some(Statistics {
        moments: Moments::of(values),
        histogram: bins.map(|b| analyze::histogram(values, &b)),
    })
}

/// Draws what is there, or says that it is on its way.
pub fn show(ui: &mut Ui, slot: &Slot) {
    match slot.get() {
        Some(Some(statistics)) => {
            numbers(ui, &statistics.moments);
            if let Some(histogram) = &statistics.histogram {
                plot(ui, histogram);
            }
        }
        Some(None) => drop(ui.weak("These values are not numbers.")),
        None => {
            ui.horizontal(|ui| {
                ui.add(egui::Spinner::new().size(14.0));
                ui.weak("counting…");
            });
        }
    }
}

fn numbers(ui: &mut Ui, m: &Moments) {
    if m.finite() == 0 {
        ui.colored_label(
            ui.visuals().warn_fg_color,
            format!("none of {} values is finite", grouped(m.count)),
        );
        return;
    }
    let text = format!("mean {} ± {}", value(m.mean), value(m.std()));
    let zero = match 100.0 * m.sparsity() {
        0.0 => String::new(),
        share => format!("  ·  {share:.1} % zero"),
    };
    ui.add(egui::Label::new(format!("{text}{zero}")).truncate())
        .on_hover_text("Mean ± standard deviation, and the share that is exactly 0");
    let odd = m.nan + m.infinite;
    if odd > 0 {
        ui.colored_label(ui.visuals().warn_fg_color, format!("{} not finite", grouped(odd)));
    }
}

/// Bars over an axis with its ends and zero.
fn plot(ui: &mut Ui, histogram: &Histogram) {
    let (outer, response) = ui.allocate_exact_size(vec2(ui.available_width(), 74.0), Sense::hover());
    if !ui.is_rect_visible(outer) {
        return;
    }
    let painter = ui.painter();
    let font = egui::TextStyle::Small.resolve(ui.style());
    let (weak, line) = (
        ui.visuals().weak_text_color(),
        ui.visuals().widgets.hovered.bg_fill,
    );
    let rect = Rect::from_min_max(outer.min + vec2(0.0, 2.0), outer.max - vec2(0.0, 16.0));
    painter.rect_filled(rect, 2.0, ui.visuals().extreme_bg_color);
    let bins = &histogram.bins;
    let peak = histogram.peak().max(1) as f32;
    let width = rect.width() / bins.count as f32;
    let hovered = response
        .hover_pos()
        .map(|p| ((p.x - rect.left()) / width) as usize);
    for (i, &count) in histogram.counts.iter().enumerate() {
        // Square root: rare values stay visible beside a peak.
        let height = match count {
            0 => 0.0,
            n => ((rect.height() - 3.0) * (n as f32 / peak).sqrt()).max(1.0),
        };
        let left = rect.left() + i as f32 * width;
        let bar = Rect::from_min_max(
            pos2(left, rect.bottom() - height),
            pos2(left + (width - 1.0).max(0.5), rect.bottom()),
        );
        let color = match hovered == Some(i) {
            true => ui.visuals().hyperlink_color,
            false => style::bar(ui.visuals()),
        };
        painter.rect_filled(bar, 0.0, color);
    }
    let x = |v: f64| rect.left() + ((v - bins.low) / (bins.high - bins.low)) as f32 * rect.width();
    let y = rect.bottom() + 2.0;
    let text = |at, align, text: &str, color: Color32| painter.text(at, align, text, font.clone(), color);
    let low = text(pos2(rect.left(), y), Align2::LEFT_TOP, &value(bins.low), weak);
    let high = text(pos2(rect.right(), y), Align2::RIGHT_TOP, &value(bins.high), weak);
    if bins.low < 0.0 && bins.high > 0.0 {
        let zero = x(0.0);
        painter.line_segment(
            [pos2(zero, rect.top()), pos2(zero, rect.bottom())],
            Stroke::new(1.0, line),
        );
        if zero > low.right() + 8.0 && zero < high.left() - 8.0 {
            text(pos2(zero, y), Align2::CENTER_TOP, "0", weak);
        }
    }
    let top = format!("peak {}", grouped(histogram.peak()));
    text(rect.right_top() + vec2(-3.0, 1.0), Align2::RIGHT_TOP, &top, weak);
    if let Some(i) = hovered.filter(|i| *i < bins.count) {
        let text = format!(
            "{} to {}: {} of {} values\nHeights are square roots of counts",
            value(bins.edge(i)),
            value(bins.edge(i + 1)),
            grouped(histogram.counts[i]),
            grouped(histogram.total()),
        );
        response.on_hover_text(text);
    }
}
