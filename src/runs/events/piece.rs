//! One thread's piece of an event file: frame after frame, over damaged places.

use std::io;
use std::sync::Arc;

use super::decode::Decoder;
use super::frame::{Frame, HEAD, find, frame};
use crate::source::Reader;

/// Bytes of a damaged place that are searched before somebody looks at the clock.
const SEARCH: u64 = 16 << 20;
/// Bytes read at once: small enough to stay in a core's cache.
const WINDOW: usize = 256 << 10;

/// A part of a file in memory that moves along it.
#[derive(Default)]
pub(super) struct Window {
    reader: Option<Arc<Reader>>,
    /// Length of the file; what it grows by meanwhile is read the next time.
    len: u64,
    buffer: Vec<u8>,
    /// Where the buffer begins in the file, and how much of it is filled.
    at: u64,
    filled: usize,
}

impl Window {
    /// Sets what to read.
    pub(super) fn over(&mut self, reader: &Arc<Reader>, len: u64) {
        self.reader = Some(reader.clone());
        (self.len, self.at, self.filled) = (len, 0, 0);
    }

    /// Closes the file and gives the memory back.
    pub(super) fn clear(&mut self) {
        *self = Window::default();
    }

    /// What is in memory from `offset` on.
    #[inline]
    fn from(&self, offset: u64) -> &[u8] {
        let start = offset.wrapping_sub(self.at);
        match start <= self.filled as u64 {
            true => &self.buffer[start as usize..self.filled],
            false => &[],
        }
    }

    /// Brings at least `need` bytes from `offset` on into memory; false where the file ends before.
    fn fill(&mut self, offset: u64, need: usize) -> io::Result<bool> {
        let kept = self.from(offset).len();
        if kept > 0 {
            self.buffer.copy_within(self.filled - kept..self.filled, 0);
        }
        (self.at, self.filled) = (offset, kept);
        let left = self.len.saturating_sub(offset);
        let size = (need.max(WINDOW) as u64).min(left) as usize;
        if self.buffer.len() < size {
            self.buffer.resize(size, 0);
        }
        if let (Some(reader), true) = (&self.reader, kept < size) {
            self.filled += reader.read_at(offset + kept as u64, &mut self.buffer[kept..size])?;
        }
        Ok(self.filled >= need)
    }

    /// Where the first frame from `offset` on seems to begin; the error says up to where there is
    /// none, which is not always the end of the file.
    pub(super) fn find(&mut self, mut offset: u64) -> io::Result<Result<u64, u64>> {
        let limit = offset.saturating_add(SEARCH);
        loop {
            if offset > limit || self.from(offset).len() < HEAD && !self.fill(offset, HEAD)? {
                return Ok(Err(offset));
            }
            let bytes = self.from(offset);
            if let Some(i) = find(bytes) {
                return Ok(Ok(offset + i as u64));
            }
            offset += (bytes.len() - (HEAD - 1)) as u64;
        }
    }
}

/// What came of a piece, besides its records.
#[derive(Debug, Default)]
pub(super) struct Piece {
    pub(super) start: u64,
    /// Where the next piece begins.
    pub(super) end: u64,
    /// True where the file has to change before more can be read.
    pub(super) stuck: bool,
    /// No frame begins between a damaged end and this.
    pub(super) scanned: u64,
    /// Damaged places that are behind.
    pub(super) faults: Vec<(u64, String)>,
    /// What is wrong with the end; the writer may be about to mend it.
    pub(super) waiting: Option<(u64, String)>,
}

/// Reads frames from `start` until one ends at or after `stop`.
pub(super) fn read(
    window: &mut Window,
    start: u64,
    stop: u64,
    scanned: u64,
    decoder: &mut Decoder,
) -> io::Result<Piece> {
    let len = window.len;
    let mut piece = Piece {
        start,
        end: start,
        ..Piece::default()
    };
    while piece.end < stop {
        let offset = piece.end;
        let bytes = window.from(offset);
        match frame(bytes) {
            Frame::Record(record) => {
                let size = record.len() + HEAD + super::frame::TAIL;
                if let Err(problem) = decoder.event(offset - start, record) {
                    piece.faults.push((offset, problem));
                }
                piece.end += size as u64;
            }
            Frame::Needs(need) => {
                // A record that is not complete: its writer is at it, or was stopped.
                if offset + need as u64 > len || !window.fill(offset, need)? {
                    piece.stuck = true;
                    break;
                }
            }
            Frame::Damaged(size) => {
                // Where a disk was full, the record was cut and the next one stands within.
                let within = find(&bytes[1..size]).map(|i| i + 1);
                let problem = match within {
                    Some(size) => format!("a record was cut short after {size} bytes; it is left out"),
                    None => "the record does not match its checksum; it is left out".to_string(),
                };
                if within.is_none() && offset + size as u64 == len {
                    piece.waiting = Some((offset, problem));
                    piece.stuck = true;
                    break;
                }
                piece.faults.push((offset, problem));
                piece.end += within.unwrap_or(size) as u64;
            }
            Frame::Lost | Frame::TooLong(_) => {
                let what = match frame(bytes) {
                    Frame::TooLong(length) => format!("a record of {length} bytes is refused"),
                    _ => "no record begins here".to_string(),
                };
                match window.find((offset + 1).max(scanned))? {
                    Ok(next) => {
                        let lost = next - offset;
                        let problem = format!("{what}; {lost} bytes are left out up to the next one");
                        piece.faults.push((offset, problem));
                        piece.end = next;
                    }
                    Err(scanned) if scanned + HEAD as u64 <= len => {
                        piece.scanned = scanned;
                        break;
                    }
                    Err(scanned) => {
                        let problem = format!("{what}, nor in the {} bytes that follow", len - offset);
                        piece.waiting = Some((offset, problem));
                        (piece.scanned, piece.stuck) = (scanned, true);
                        break;
                    }
                }
            }
        }
    }
    Ok(piece)
}
