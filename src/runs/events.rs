//! TensorBoard's event files: read while they grow, damaged or not, by as many threads as there
//! are; and written.

mod decode;
mod fast;
mod frame;
mod hparams;
mod piece;
mod proto;
mod tensor;
#[cfg(not(target_arch = "wasm32"))]
mod write;

#[cfg(not(target_arch = "wasm32"))]
pub use write::EventWriter;

use std::collections::HashMap;
use std::io;

use crate::Notes;
use crate::follow::{Current, Follow, Format, Read, Sink, Until};
use decode::{Decoder, Plugin};
use piece::{Piece, Window};

/// Tag of the texts that hold marks.
pub const MARKS: &str = "layerscope/marks";

/// Name of the plugin that tensors are written for: they stay tensors however small.
const TENSORS: &str = "layerscope_tensors";

pub(crate) const FORMAT: Format = Format {
    name: "TensorBoard event files (*tfevents*)",
    matches: |name| name.contains("tfevents"),
    folder: true,
    follow: || Box::new(Events::default()),
};

/// Bytes that a thread reads before what it found joins the run, and the clock is looked at.
const PIECE: u64 = 4 << 20;

/// One event file as far as it was read.
#[derive(Default)]
struct Events {
    offset: u64,
    /// Beyond a damaged place: no frame begins before this.
    scanned: u64,
    decoders: Vec<(Decoder, Window)>,
    plugins: HashMap<String, Plugin>,
}

impl Follow for Events {
    fn read(
        &mut self,
        file: &Current,
        sink: &mut Sink,
        notes: &mut Notes,
        until: &Until,
    ) -> io::Result<Read> {
        let done = self.pieces(file, sink, notes, until);
        for (decoder, window) in &mut self.decoders {
            decoder.batch.shrink();
            window.clear();
        }
        done
    }

    fn position(&self) -> u64 {
        self.offset
    }
}

impl Events {
    fn pieces(
        &mut self,
        file: &Current,
        sink: &mut Sink,
        notes: &mut Notes,
        until: &Until,
    ) -> io::Result<Read> {
        let len = file.stat.len;
        while self.offset < len {
            if until.passed() {
                return Ok(Read::More);
            }
            let left = len - self.offset;
            let threads = (left / PIECE).clamp(1, threads() as u64) as usize;
            if self.decoders.len() < threads {
                self.decoders.resize_with(threads, Default::default);
            }
            let (offset, scanned) = (self.offset, self.scanned);
            let pieces = each(&mut self.decoders[..threads], |i, (decoder, window)| {
                let from = offset + i as u64 * PIECE;
                let stop = (from + PIECE).min(len);
                window.over(file.reader, len);
                match i {
                    0 => piece::read(window, offset, stop, scanned, decoder).map(Some),
                    // Wherever a frame begins; whether one ends there, the piece before knows.
                    _ => match window.find(from)? {
                        Ok(start) => piece::read(window, start, stop.max(start + 1), 0, decoder).map(Some),
                        Err(_) => Ok(None),
                    },
                }
            });
            for (i, piece) in pieces.into_iter().enumerate() {
                let Some(piece) = piece? else {
                    break;
                };
                if piece.start != self.offset {
                    break;
                }
                if self.join(i, piece, sink, notes) {
                    return Ok(Read::All);
                }
            }
            self.decoders.iter_mut().for_each(|(d, _)| d.forget());
        }
        notes.now(None);
        Ok(Read::All)
    }

    /// Adds what a piece holds to the run; true where nothing more can be read for now.
    fn join(&mut self, i: usize, piece: Piece, sink: &mut Sink, notes: &mut Notes) -> bool {
        let decoder = &mut self.decoders[i].0;
        self.plugins.extend(decoder.plugins.drain());
        decoder.resolve(&self.plugins);
        for (at, problem) in decoder.notes.drain(..) {
            notes.once(place(piece.start + at), problem);
        }
        sink.run("").take(&mut decoder.batch, piece.end - piece.start);
        for (at, problem) in piece.faults {
            notes.add(place(at), problem);
        }
        notes.now(piece.waiting.map(|(at, problem)| (place(at), problem)));
        (self.offset, self.scanned) = (piece.end, piece.scanned);
        piece.stuck
    }
}

fn place(at: u64) -> String {
    format!("byte {at}")
}

#[cfg(not(target_arch = "wasm32"))]
fn threads() -> usize {
    rayon::current_num_threads()
}

#[cfg(target_arch = "wasm32")]
fn threads() -> usize {
    1
}

/// `work` on each of `items`, side by side.
#[cfg(not(target_arch = "wasm32"))]
fn each<T: Send, R: Send>(items: &mut [T], work: impl Fn(usize, &mut T) -> R + Sync) -> Vec<R> {
    use rayon::prelude::*;
    if let [one] = items {
        return vec![work(0, one)];
    }
    items
        .par_iter_mut()
        .enumerate()
        .map(|(i, item)| work(i, item))
        .collect()
}

#[cfg(target_arch = "wasm32")]
fn each<T: Send, R: Send>(items: &mut [T], work: impl Fn(usize, &mut T) -> R + Sync) -> Vec<R> {
    items
        .iter_mut()
        .enumerate()
        .map(|(i, item)| work(i, item))
        .collect()
}
