//! Distributions over steps: one ridge a step, the latest in front.

use analyze::{Bucket, Rebinned, common_edges, rebin};
use egui::{Align2, Color32, Rect, Sense, Shape, Stroke, TextStyle, Ui, pos2, vec2};
use model::run::{At, Histogram, Track};

use crate::widgets::{grouped, value};

/// Ridges at most; between them histograms are left out.
const RIDGES: usize = 28;
/// Bins across.
const BINS: usize = 72;

/// Ridges ready to be drawn.
#[derive(Default)]
pub struct Ridges {
    of: Option<(String, usize, String)>,
    edges: Vec<f64>,
    /// Step and share of the values in each bin, oldest first.
    rows: Vec<(i64, Vec<f64>)>,
    highest: f64,
}

fn buckets(histogram: &Histogram) -> Vec<Bucket> {
    let bucket = |b: &model::run::Bucket| Bucket {
        left: b.left.max(histogram.min),
        right: b.right.min(histogram.max).max(b.left.max(histogram.min)),
        count: b.count,
    };
    // TensorBoard's outermost buckets reach to the largest number there is.
    let known = histogram.min.is_finite() && histogram.max >= histogram.min;
    match known {
        true => histogram
            .buckets
            .iter()
            .filter(|b| b.count > 0.0)
            .map(bucket)
            .collect(),
        false => Vec::new(),
    }
}

impl Ridges {
    /// Follows what is shown: a tag of a run.
    pub fn update(&mut self, run: &str, tag: &str, track: &Track<Histogram>) {
        let of = (run.to_string(), track.len(), tag.to_string());
        if self.of.as_ref() == Some(&of) {
            return;
        }
        self.of = Some(of);
        let count = track.len().min(RIDGES);
        let last = track.len().saturating_sub(1) as f64;
        let picks =
            (0..count).map(|i| &track[(i as f64 * last / (count.max(2) - 1) as f64).round() as usize]);
        let chosen: Vec<(i64, Vec<Bucket>)> = picks
            .map(|At { step, value, .. }| (*step, buckets(value)))
            .collect();
        self.rows.clear();
        self.highest = 0.0;
        let Some(edges) = common_edges(chosen.iter().map(|(_, b)| &b[..]), BINS) else {
            return;
        };
        for (step, buckets) in &chosen {
            let Some(Rebinned { counts, .. }) = rebin(buckets, &edges) else {
                continue;
            };
            let all: f64 = counts.iter().sum();
            let shares: Vec<f64> = counts.iter().map(|c| c / all.max(f64::MIN_POSITIVE)).collect();
            self.highest = shares.iter().copied().fold(self.highest, f64::max);
            self.rows.push((*step, shares));
        }
        self.edges = edges;
    }

    /// Draws them, with the ridge of `moment` in full colour.
    pub fn show(&self, ui: &mut Ui, title: &str, color: Color32, moment: Option<i64>, height: f32) {
        let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::hover());
        let painter = ui.painter_at(rect);
        let (weak, paper) = (ui.visuals().weak_text_color(), ui.visuals().panel_fill);
        let small = TextStyle::Small.resolve(ui.style());
        painter.text(
            rect.left_top(),
            Align2::LEFT_TOP,
            title,
            TextStyle::Body.resolve(ui.style()),
            ui.visuals().text_color(),
        );
        let (Some((low, high)), false) = (self.edges.first().zip(self.edges.last()), self.rows.is_empty())
        else {
            painter.text(
                rect.center(),
                Align2::CENTER_CENTER,
                "nothing recorded",
                small,
                weak,
            );
            return;
        };
        let inner = Rect::from_min_max(rect.min + vec2(6.0, 22.0), rect.max - vec2(58.0, 16.0));
        // The ridges overlap: each may rise over several of those behind it.
        let rise = inner.height() * 0.3;
        let gap = (inner.height() - rise) / (self.rows.len().max(2) - 1) as f32;
        let front = match moment {
            None => self.rows.len() - 1,
            Some(step) => self.rows.iter().rposition(|(s, _)| *s <= step).unwrap_or(0),
        };
        for (i, (step, shares)) in self.rows.iter().enumerate() {
            let base = inner.top() + rise + gap * i as f32;
            let x = |bin: f32| inner.left() + inner.width() * bin / shares.len() as f32;
            let y = |share: f64| base - rise * (share / self.highest) as f32;
            let mut points = vec![pos2(x(0.0), base)];
            points.extend(
                shares
                    .iter()
                    .enumerate()
                    .map(|(b, s)| pos2(x(b as f32 + 0.5), y(*s))),
            );
            points.push(pos2(x(shares.len() as f32), base));
            let age = (i + 1) as f32 / self.rows.len() as f32;
            let ink = if i == front {
                color
            } else {
                color.gamma_multiply(0.25 + 0.35 * age)
            };
            // Column by column: the outline is not convex.
            for pair in points.windows(2) {
                let quad = vec![pair[0], pair[1], pos2(pair[1].x, base), pos2(pair[0].x, base)];
                painter.add(Shape::convex_polygon(quad, paper, Stroke::NONE));
            }
            painter.add(Shape::line(
                points,
                Stroke::new(if i == front { 2.0 } else { 1.0 }, ink),
            ));
            let told = i == 0 || i + 1 == self.rows.len() || i == front;
            if told {
                let at = pos2(inner.right() + 6.0, base);
                let ink = if i == front {
                    ui.visuals().text_color()
                } else {
                    weak
                };
                painter.text(
                    at,
                    Align2::LEFT_CENTER,
                    grouped(step.unsigned_abs()),
                    small.clone(),
                    ink,
                );
            }
        }
        for (at, align, number) in [
            (inner.left_bottom(), Align2::LEFT_TOP, *low),
            (inner.right_bottom(), Align2::RIGHT_TOP, *high),
        ] {
            painter.text(at + vec2(0.0, 2.0), align, value(number), small.clone(), weak);
        }
        if *low < 0.0 && *high > 0.0 {
            let x = inner.left() + inner.width() * (-low / (high - low)) as f32;
            painter.vline(x, inner.y_range(), Stroke::new(1.0, weak.gamma_multiply(0.4)));
            painter.text(
                pos2(x, inner.bottom() + 2.0),
                Align2::CENTER_TOP,
                "0",
                small,
                weak,
            );
        }
        response.on_hover_text("One ridge a step, the latest in front; heights are shares of the values");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn ridges_share_edges_and_sum_to_one() {
        let histogram = |low: f64, high: f64| Histogram {
            min: low,
            max: high,
            count: 10.0,
            sum: f64::NAN,
            squares: f64::NAN,
            buckets: vec![
                model::run::Bucket {
                    left: f64::MIN,
                    right: 0.0,
                    count: 4.0,
                },
                model::run::Bucket {
                    left: 0.0,
                    right: f64::MAX,
                    count: 6.0,
                },
            ],
        };
        let track: Track<Histogram> = (0..100)
            .map(|step| At {
                step,
                wall: 0.0,
                value: Arc::new(histogram(-1.0 - step as f64 / 100.0, 2.0)),
            })
            .collect();
        let mut ridges = Ridges::default();
        ridges.update("run", "weights/a", &track);
        assert_eq!(ridges.rows.len(), RIDGES);
        assert_eq!((ridges.rows[0].0, ridges.rows[RIDGES - 1].0), (0, 99));
        let (low, high) = (ridges.edges[0], ridges.edges[BINS]);
        assert!(
            (low + 1.99).abs() < 1e-9 && (high - 2.0).abs() < 1e-9,
            "{low} {high}"
        );
        for (_, shares) in &ridges.rows {
            assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        }
        // NaN everywhere is nothing to draw.
        let odd = Histogram {
            min: f64::NAN,
            max: f64::NAN,
            ..histogram(0.0, 1.0)
        };
        let track: Track<Histogram> = vec![At {
            step: 0,
            wall: 0.0,
            value: Arc::new(odd),
        }];
        ridges.update("run", "weights/b", &track);
        assert!(ridges.rows.is_empty());
    }
}
