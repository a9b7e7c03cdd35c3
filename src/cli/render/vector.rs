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
    let text = drawing(session, out)?;
    let problem = |e: String| Failure::Other(format!("{}: {e}", out.display()));
    let mut options = svg2pdf::usvg::Options {
        font_family: "Ubuntu".into(),
        ..Default::default()
    };
    // The same letters on every machine: those of the window.
    let fonts = Arc::make_mut(&mut options.fontdb);
    fonts.load_font_data(epaint_default_fonts::UBUNTU_LIGHT.to_vec());
    let family = fonts
        .faces()
        .next()
        .and_then(|f| Some(f.families.first()?.0.clone()));
    if let Some(family) = family {
        fonts.set_sans_serif_family(family);
    }
    let tree = svg2pdf::usvg::Tree::from_str(&text, &options).map_err(|e| problem(e.to_string()))?;
    let page = svg2pdf::PageOptions { dpi: 96.0 };
    let bytes = svg2pdf::to_pdf(&tree, svg2pdf::ConversionOptions::default(), page);
    save(out, &bytes.map_err(|e| problem(e.to_string()))?)
}

fn drawing(session: &Session, out: &Path) -> Result<String, Failure> {
    scene::svg::write(session).map_err(|e| Failure::Other(format!("{}: {e}", out.display())))
}

/// Writes `bytes` to `out`; what was there stays until all is written.
///
/// # Errors
/// Where `out` cannot be written.
pub fn save(out: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let problem = |e: std::io::Error| Failure::Other(format!("{}: {e}", out.display()));
    file::replace(out, |file| file.write_all(bytes).map_err(problem))
}
