//! What colours and sizes mean, the same words in the window, in a picture and in a drawing.

use std::collections::HashSet;

use layout::{Arrangement, Layout};
use session::State;
use session::hues::{FAMILIES, Family, family};

use crate::compose;
use crate::theme::{Theme, hue};
use crate::tint::Tint;

/// A line of words, and below it what they name.
#[derive(Debug, PartialEq)]
pub(crate) struct Legend {
    pub title: String,
    pub parts: Vec<Part>,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Part {
    /// Colours from end to end, linear RGB, with the words at both ends, and where zero lies
    /// between them.
    Bar {
        colors: Vec<[f32; 3]>,
        ends: [String; 2],
        zero: Option<f32>,
    },
    /// A single colour, linear RGB.
    Swatch { color: [f32; 3], name: &'static str },
}

/// Colours of a bar.
const STEPS: usize = 32;

impl Part {
    /// A bar of the colours at places from 0 to 1.
    pub(crate) fn bar(ends: [String; 2], zero: Option<f32>, color: impl Fn(f32) -> [f32; 3]) -> Self {
        let colors = (0..=STEPS).map(|i| color(i as f32 / STEPS as f32)).collect();
        Part::Bar { colors, ends, zero }
    }
}

/// What the boxes are as large as, where that is not their shapes.
pub(crate) fn size(arrangement: Arrangement, state: &State) -> String {
    let quantity = state.size.map(|q| q.name());
    match (arrangement, quantity) {
        (Arrangement::Strip, quantity) => {
            format!("height: square root of {}  ·  ", quantity.unwrap_or("the FLOPs"))
        }
        (_, Some(quantity)) => format!("size: {quantity}  ·  "),
        (_, None) => String::new(),
    }
}

/// Of volumes that are coloured as a whole by a quantity.
pub(crate) fn tinted(tint: &Tint, arrangement: Arrangement, state: &State) -> Legend {
    let quantity = tint.quantity;
    let mut title = format!("{}colour: {}", size(arrangement, state), quantity.name());
    let mut parts = Vec::new();
    match tint.spread {
        None => title += ", not known yet: give an input",
        Some(spread) => {
            let notes = [quantity.unit(), if spread.log { "logarithmic" } else { "" }];
            let notes: Vec<&str> = notes.into_iter().filter(|n| !n.is_empty()).collect();
            if !notes.is_empty() {
                title += &format!(" ({})", notes.join(", "));
            }
            let ends = [spread.low, spread.high].map(|v| quantity.write(v));
            parts.push(Part::bar(ends, None, |t| tint.color(t)));
            if tint.gaps {
                parts.push(Part::Swatch {
                    color: tint.unknown(),
                    name: "not known",
                });
            }
        }
    }
    Legend { title, parts }
}

/// The families of operators in a layout, in the order of the list.
pub(crate) fn families(layout: &Layout) -> Vec<&'static Family> {
    let kinds: HashSet<&str> = layout.volumes.iter().map(|v| v.kind.as_str()).collect();
    let shown: Vec<&Family> = kinds.into_iter().map(family).collect();
    FAMILIES.iter().filter(|f| shown.contains(f)).collect()
}

/// Of volumes that have the colours of their operators, as long as no values are there to show.
pub(crate) fn kinds(arrangement: Arrangement, families: &[&Family], state: &State, theme: Theme) -> Legend {
    let mut legend = drawn(arrangement, families, state, theme);
    if !compose::plain(arrangement) {
        legend.title = format!("structure only: give an input to see values  ·  {}", legend.title);
    }
    legend
}

/// Of a drawing, which shows no values.
pub(crate) fn drawn(arrangement: Arrangement, families: &[&Family], state: &State, theme: Theme) -> Legend {
    let swatch = |f: &&Family| Part::Swatch {
        color: match arrangement {
            Arrangement::Blocks => theme.ground(hue(f, theme)),
            _ => hue(f, theme),
        },
        name: f.name,
    };
    Legend {
        title: format!("{}colour: kind of operator", size(arrangement, state)),
        parts: families.iter().map(swatch).collect(),
    }
}
