//! Flat diagrams as files of lines and letters: SVG and PDF.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use session::Session;

use super::file;
use crate::Failure;

/// Writes the diagram of what is open as SVG.
///
/// # Errors
/// Where nothing is open, or `out` cannot be written.
pub fn svg(session: &Session, out: &Path) -> Result<(), Failure> {
    let text = drawing(session, out)?;
    save(out, text.as_bytes())
}

/// Writes the diagram of what is open as PDF, one page of the drawing's size.
///
/// # Errors
/// As [`svg()`].
pub fn pdf(session: &Session, out: &Path) -> Result<(), Failure> {
    let tree = tree(&drawing(session, out)?, out)?;
    let page = svg2pdf::PageOptions { dpi: 96.0 };
    let bytes = svg2pdf::to_pdf(&tree, svg2pdf::ConversionOptions::default(), page);
    let problem = |e: String| Failure::Other(format!("{}: {e}", out.display()));
    save(out, &bytes.map_err(|e| problem(e.to_string()))?)
}

/// Pixels of a chart's picture for each of its own.
const SCALE: f32 = 2.0;

/// Writes a chart, given as SVG, to `out`: as a picture where that ends in `.png`, else the text.
///
/// # Errors
/// Where `out` cannot be written.
pub fn chart(text: &str, out: &Path) -> Result<(), Failure> {
    if out.extension().is_none_or(|e| !e.eq_ignore_ascii_case("png")) {
        return save(out, text.as_bytes());
    }
    let tree = tree(text, out)?;
    let problem = |e: String| Failure::Other(format!("{}: {e}", out.display()));
    let size = tree.size().to_int_size().scale_by(SCALE);
    let pixels = size.and_then(|s| resvg::tiny_skia::Pixmap::new(s.width(), s.height()));
    let mut pixels = pixels.ok_or_else(|| problem("the chart has no size".into()))?;
    let scale = resvg::tiny_skia::Transform::from_scale(SCALE, SCALE);
    resvg::render(&tree, scale, &mut pixels.as_mut());
    save(out, &pixels.encode_png().map_err(|e| problem(e.to_string()))?)
}

/// The drawing `text`, with the letters of the window on every machine.
fn tree(text: &str, out: &Path) -> Result<svg2pdf::usvg::Tree, Failure> {
    let problem = |e: String| Failure::Other(format!("{}: {e}", out.display()));
    let mut options = svg2pdf::usvg::Options {
        font_family: "Ubuntu".into(),
        ..Default::default()
    };
    let fonts = Arc::make_mut(&mut options.fontdb);
    fonts.load_font_data(epaint_default_fonts::UBUNTU_LIGHT.to_vec());
    let family = fonts
        .faces()
        .next()
        .and_then(|f| Some(f.families.first()?.0.clone()));
    if let Some(family) = family {
        fonts.set_sans_serif_family(family);
    }
    svg2pdf::usvg::Tree::from_str(text, &options).map_err(|e| problem(e.to_string()))
}

fn drawing(session: &Session, out: &Path) -> Result<String, Failure> {
    scene::svg::write(session).map_err(|e| Failure::Other(format!("{}: {e}", out.display())))
}

/// Writes `bytes` to `out`; what was there stays until all is written.
///
/// # Errors
/// Where `out` cannot be written.
fn save(out: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let problem = |e: std::io::Error| Failure::Other(format!("{}: {e}", out.display()));
    file::replace(out, |file| file.write_all(bytes).map_err(problem))
}
