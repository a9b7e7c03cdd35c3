//! Arithmetic on points: what is to C as A is to B.

use std::sync::Arc;

use egui::Ui;
use session::cloud::{Cloud, Subject};

use super::NEAR;
use super::side::list;
use crate::widgets::section;

/// The points of A - B + C, and what lies nearest to it.
#[derive(Default)]
pub(super) struct Sums {
    terms: [Option<usize>; 3],
    found: Option<Found>,
}

struct Found {
    of: (Arc<Subject>, [usize; 3], bool),
    near: Result<Vec<(usize, f32)>, String>,
}

/// Draws the section; gives a point that was clicked.
pub(super) fn show(ui: &mut Ui, sums: &mut Sums, cloud: &Cloud, point: usize) -> Option<usize> {
    let count = cloud.subject.len();
    for term in &mut sums.terms {
        *term = term.filter(|t| *t < count);
    }
    section(ui, "A \u{2212} B + C");
    ui.horizontal_wrapped(|ui| {
        for (i, term) in sums.terms.iter_mut().enumerate() {
            ui.label(["", "\u{2212}", "+"][i]);
            let letter = ["A", "B", "C"][i];
            let name = match term {
                Some(term) => cloud.subject.name(*term).chars().take(10).collect(),
                None => letter.to_string(),
            };
            let about = format!(
                "Click: {letter} is the selected point, {}",
                cloud.subject.name(point)
            );
            if ui.button(name).on_hover_text(about).clicked() {
                *term = Some(point);
            }
        }
        if sums.terms.iter().any(Option::is_some) && ui.small_button("Clear").clicked() {
            sums.terms = [None; 3];
        }
    });
    let [Some(a), Some(b), Some(c)] = sums.terms else {
        ui.weak("Select a point, then A, B or C: the nearest points to the sum stand here");
        return None;
    };
    let cosine = cloud.wanted.cosine;
    let of = (&cloud.subject, [a, b, c], cosine);
    let same = |f: &Found| Arc::ptr_eq(&f.of.0, of.0) && f.of.1 == of.1 && f.of.2 == of.2;
    if !sums.found.as_ref().is_some_and(same) {
        let terms = [(a, 1.0), (b, -1.0), (c, 1.0)];
        sums.found = Some(Found {
            near: cloud.subject.combine(&terms, NEAR, cosine),
            of: (cloud.subject.clone(), [a, b, c], cosine),
        });
    }
    list(ui, cloud, None, &sums.found.as_ref()?.near)
}
