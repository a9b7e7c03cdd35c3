//! Text files that grow, a block of whole lines at a time.

use std::io;

use crate::follow::Current;

/// Bytes read at once.
const BLOCK: usize = 1 << 20;
/// Lines beyond this many bytes are passed over.
pub(crate) const LONGEST: usize = 64 << 20;

/// What stands in a file from `offset` on.
pub(crate) enum Block {
    /// Whole lines, and more after them.
    Lines(Vec<u8>),
    /// The last line, as far as it goes: without an end.
    Tail(Vec<u8>),
    /// A line that is too long begins here; so many bytes of it are to be passed over.
    TooLong(u64),
    /// The file ends here.
    End,
}

/// The next block; `ends` finds where the last whole line of some bytes ends.
pub(crate) fn block(file: &Current, offset: u64, ends: impl Fn(&[u8]) -> Option<usize>) -> io::Result<Block> {
    let mut size = BLOCK;
    loop {
        let left = file.stat.len.saturating_sub(offset);
        let mut bytes = file.reader.take(offset, (size as u64).min(left) as usize)?;
        if let Some(end) = ends(&bytes) {
            bytes.truncate(end);
            return Ok(Block::Lines(bytes));
        }
        if bytes.is_empty() {
            return Ok(Block::End);
        }
        if bytes.len() < size || left == size as u64 {
            return Ok(Block::Tail(bytes));
        }
        if size >= LONGEST {
            return Ok(Block::TooLong(bytes.len() as u64));
        }
        size *= 4;
    }
}

/// Where the last line of `bytes` that ends does so.
pub(crate) fn newline(bytes: &[u8]) -> Option<usize> {
    bytes.iter().rposition(|&b| b == b'\n').map(|i| i + 1)
}
