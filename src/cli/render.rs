//! `layerscope render`: pictures of a network, without a window.

mod canvas;
mod show;
mod text;

use std::path::{Path, PathBuf};

use crate::Failure;
use canvas::Canvas;
use show::Show;

/// What is drawn, and how.
pub struct Options {
    /// A model file, or `demo`.
    pub what: PathBuf,
    /// `.npz` or picture to run through the model first.
    pub inputs: Option<PathBuf>,
    /// Width and height in pixels.
    pub size: (u32, u32),
    /// Seconds since the flow began.
    pub at: Option<f32>,
    /// Scopes are drawn as single volumes.
    pub collapsed: bool,
    /// Light colours.
    pub light: bool,
    /// Sizes for symbols.
    pub bindings: Vec<(String, u64)>,
}

/// Pixels drawn for each pixel of the picture, along each side.
const SUPERSAMPLING: u32 = 2;

/// Draws what `options` say to `out`.
pub fn render(out: &Path, options: &Options) -> Result<(), Failure> {
    if !out.extension().is_some_and(|e| e.eq_ignore_ascii_case("png")) {
        let text = format!("{}: a name ending in .png is expected", out.display());
        return Err(Failure::Other(text));
    }
    let mut show = Show::open(options)?;
    if let Some(seconds) = options.at {
        show.play();
        show.advance(seconds)?;
    }
    let picture = Canvas::new(options.size, SUPERSAMPLING)?.draw(&show.session, &show.stage)?;
    let problem = |e: image::ImageError| Failure::Other(format!("{}: {e}", out.display()));
    picture.save(out).map_err(problem)
}
