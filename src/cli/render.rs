//! `layerscope render`: pictures and animations of a network, without a window.

mod canvas;
mod file;
mod film;
mod gif;
mod mp4;
mod options;
mod show;
mod text;
pub mod vector;

use std::path::Path;

use gpu::Headless;
use layout::Arrangement;
use scene::Stage;
use session::Session;

use crate::Failure;
use canvas::Canvas;
use film::Film;
pub use options::{Options, quantity};
use show::Show;
pub use vector::chart;

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One picture.
    Png,
    /// An animation that plays everywhere, of 255 colours.
    Gif,
    /// A film.
    Mp4,
    /// A flat diagram of lines and letters.
    Svg,
    /// The same as a document of one page.
    Pdf,
}

impl Kind {
    /// What a file of this name is to hold.
    pub fn of(out: &Path) -> Result<Self, Failure> {
        let kind = out.extension().map(|e| e.to_ascii_lowercase());
        match kind.as_ref().and_then(|e| e.to_str()) {
            Some("png") => Ok(Kind::Png),
            Some("gif") => Ok(Kind::Gif),
            Some("mp4") => Ok(Kind::Mp4),
            Some("svg") => Ok(Kind::Svg),
            Some("pdf") => Ok(Kind::Pdf),
            _ => {
                let name = out.display();
                let text = format!("{name}: a name ending in .png, .svg, .pdf, .gif or .mp4 is expected");
                Err(Failure::Other(text))
            }
        }
    }

    /// Width and height where none is asked for.
    pub fn size(self) -> (u32, u32) {
        match self {
            Kind::Png | Kind::Mp4 | Kind::Svg | Kind::Pdf => (1280, 720),
            Kind::Gif => (640, 360),
        }
    }
}

/// Pixels drawn for each pixel of the picture, along each side.
const SUPERSAMPLING: u32 = 2;

/// Draws what `options` say.
pub fn render(options: &Options) -> Result<(), Failure> {
    let out = options.out.as_path();
    match Kind::of(out)? {
        Kind::Png => still(out, options),
        Kind::Gif => {
            let mut film = Film::new(options, 15)?;
            file::replace(out, |file| gif::write(&mut film, file))
        }
        Kind::Mp4 => {
            let mut film = Film::new(options, 30)?;
            file::replace(out, |file| mp4::write(&mut film, file))
        }
        Kind::Svg => vector::svg(&diagram(out, options)?, out),
        Kind::Pdf => vector::pdf(&diagram(out, options)?, out),
    }
}

/// What a document shows: nothing moves in it.
fn diagram(out: &Path, options: &Options) -> Result<Session, Failure> {
    if options.at.is_some() || options.fps.is_some() || options.seconds.is_some() {
        let name = out.display();
        let text = format!("{name}: --at, --fps and --seconds are for .png, .gif and .mp4");
        return Err(Failure::Other(text));
    }
    if options.view == Some(Arrangement::Volumes) {
        let name = out.display();
        let text = format!("{name}: volumes in space are no drawing: nodes, blocks or strip is expected");
        return Err(Failure::Other(text));
    }
    Ok(Show::open(options)?.session)
}

impl Options {
    /// Width and height, pixels.
    fn size(&self) -> Result<(u32, u32), Failure> {
        let usual = Kind::of(&self.out)?.size();
        Ok(self.size.unwrap_or(usual))
    }
}

fn still(out: &Path, options: &Options) -> Result<(), Failure> {
    if options.fps.is_some() || options.seconds.is_some() {
        let name = out.display();
        let text = format!("{name}: --fps and --seconds are for .gif and .mp4; --at picks a picture");
        return Err(Failure::Other(text));
    }
    let mut show = Show::open(options)?;
    if let Some(seconds) = options.at.or(show.stop()) {
        show.roll(options)?;
        show.advance(seconds)?;
    }
    let mut canvas = Canvas::new(options.size()?, SUPERSAMPLING)?;
    png(out, &mut canvas, &show.session, &show.stage)
}

fn png(out: &Path, canvas: &mut Canvas, session: &Session, stage: &Stage) -> Result<(), Failure> {
    let picture = canvas.draw(session, stage)?;
    let problem = |e: image::ImageError| Failure::Other(format!("{}: {e}", out.display()));
    file::replace(out, |file| {
        picture
            .write_to(&mut std::io::BufWriter::new(file), image::ImageFormat::Png)
            .map_err(problem)
    })
}

/// Writes what a window shows to `out`: a picture of `size` points drawn on the window's device, or
/// the diagram as SVG or PDF.
///
/// # Errors
/// [`Failure`] for other kinds of file, and where `out` cannot be written.
pub fn export(
    out: &Path,
    (session, stage): (&Session, &Stage),
    device: Headless,
    size: (u32, u32),
) -> Result<(), Failure> {
    match Kind::of(out)? {
        Kind::Png => png(out, &mut Canvas::of(device, size, SUPERSAMPLING), session, stage),
        Kind::Svg => vector::svg(session, out),
        Kind::Pdf => vector::pdf(session, out),
        Kind::Gif | Kind::Mp4 => {
            let name = out.display();
            let text = format!("{name}: the window writes .png, .svg and .pdf; `layerscope render` films");
            Err(Failure::Other(text))
        }
    }
}
