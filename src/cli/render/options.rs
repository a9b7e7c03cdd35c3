//! What `render` is asked for.

use std::path::PathBuf;

use clap::Args;
use layout::{Arrangement, Way};
use session::Quantity;

use crate::text::Given;

/// What is drawn, and how.
#[derive(Args)]
pub struct Options {
    /// Model file, tour (`.ron`), `demo` and `sentiment` for the built-in models, or `tour`,
    /// `tour-images` and `tour-text` for the built-in tours.
    #[arg(value_name = "FILE")]
    pub what: PathBuf,
    /// `.png` to write, `.svg` or `.pdf` for a flat diagram, or `.gif` or `.mp4` for the whole flow
    /// or tour.
    pub out: PathBuf,
    /// Width and height in pixels: 1280x720, for a GIF 640x360.
    #[arg(long, value_parser = size)]
    pub size: Option<(u32, u32)>,
    /// Frames a second of an animation: 30, for a GIF 15.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=60))]
    pub fps: Option<u32>,
    /// Length of an animation: a flow takes that long, a tour ends then.
    #[arg(long, value_parser = length)]
    pub seconds: Option<f32>,
    /// What runs through the model first.
    #[command(flatten)]
    pub given: Given,
    /// The picture so many seconds after the flow or tour began; without it everything is lit,
    /// or a tour's first stop is shown.
    #[arg(long, value_parser = seconds)]
    pub at: Option<f32>,
    /// Scopes are drawn as single volumes.
    #[arg(long)]
    pub collapsed: bool,
    /// Volumes in space, or a flat diagram; `.svg` and `.pdf` are of a flat one.
    #[arg(long, value_parser = view)]
    pub view: Option<Arrangement>,
    /// Colour whole volumes by parameters, flops, weights, activations, intensity, time or sparsity.
    #[arg(long, value_name = "QUANTITY", value_parser = quantity)]
    pub color_by: Option<Quantity>,
    /// Make volumes as large as one of these quantities, instead of as their shapes.
    #[arg(long, value_name = "QUANTITY", value_parser = quantity)]
    pub size_by: Option<Quantity>,
    /// Another model beside it, aligned, with the differences marked; may be given several times.
    #[arg(long, value_name = "FILE")]
    pub compare: Vec<PathBuf>,
    /// A layer, scope or tensor to select.
    #[arg(long, value_name = "NAME")]
    pub select: Option<String>,
    /// Light the paths of what is selected: upstream, downstream or both.
    #[arg(long, value_parser = way, requires = "select")]
    pub paths: Option<Way>,
    /// Light colours.
    #[arg(long)]
    pub light: bool,
    /// A size for a symbol, as `sequence=128`.
    #[arg(long = "bind", value_name = "NAME=SIZE", value_parser = crate::binding)]
    pub bindings: Vec<(String, u64)>,
}

fn view(text: &str) -> Result<Arrangement, String> {
    let found = Arrangement::ALL.into_iter().find(|a| a.name() == text);
    found.ok_or_else(|| format!("{text:?}: volumes, nodes, blocks or strip is expected"))
}

/// A quantity by its id.
pub fn quantity(text: &str) -> Result<Quantity, String> {
    let ids: Vec<&str> = Quantity::all().map(Quantity::id).collect();
    Quantity::of(text).ok_or_else(|| format!("{text:?}: one of {} is expected", ids.join(", ")))
}

fn size(text: &str) -> Result<(u32, u32), String> {
    let wrong = || format!("{text:?}: WIDTHxHEIGHT is expected, 16 to 16384 pixels a side, as 1280x720");
    let (width, height) = text.split_once('x').ok_or_else(wrong)?;
    let side = |s: &str| {
        s.parse::<u32>()
            .ok()
            .filter(|n| (16..=16_384).contains(n))
            .ok_or_else(wrong)
    };
    Ok((side(width)?, side(height)?))
}

fn way(text: &str) -> Result<Way, String> {
    match text {
        "upstream" => Ok(Way::Upstream),
        "downstream" => Ok(Way::Downstream),
        "both" => Ok(Way::Through),
        _ => Err(format!("{text:?}: upstream, downstream or both is expected")),
    }
}

fn seconds(text: &str) -> Result<f32, String> {
    let found = text.parse().ok().filter(|s| (0.0..=3600.0).contains(s));
    found.ok_or_else(|| format!("{text:?}: 0 to 3600 seconds are expected"))
}

fn length(text: &str) -> Result<f32, String> {
    match seconds(text)? {
        0.0..0.1 => Err(format!("{text:?}: an animation lasts 0.1 seconds or more")),
        length => Ok(length),
    }
}
