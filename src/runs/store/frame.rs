//! Frames of a log: what was written whole can be told from what was not.
//!
//! A log begins with [`HEAD`]. A frame is [`MARK`], the length of its body (u32), the CRC-32C of
//! length and body (u32), then the body; all little-endian. After damage, reading goes on at the next
//! frame whose sum is right.

use std::ops::Range;

use bytes::Bytes;

/// First bytes of a log; the last is the version.
pub(super) const HEAD: [u8; 8] = *b"LSLOG\0\0\x01";
const MARK: [u8; 4] = *b"\xF5LSf";
/// Bytes of a frame before its body.
pub(super) const LEAD: usize = 12;
/// Longest body.
pub(super) const MAX_BODY: usize = u32::MAX as usize;

/// Fills in the first [`LEAD`] bytes of `frame`, whose body stands behind them already.
pub(super) fn seal(frame: &mut [u8]) {
    let length = (frame.len() - LEAD) as u32;
    frame[..4].copy_from_slice(&MARK);
    frame[4..8].copy_from_slice(&length.to_le_bytes());
    let sum = sum(&length.to_le_bytes(), &frame[LEAD..]);
    frame[8..12].copy_from_slice(&sum.to_le_bytes());
}

fn sum(length: &[u8], body: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(length), body)
}

/// What stands at a place of a log.
#[derive(Debug, PartialEq)]
pub(super) enum Found {
    /// A body.
    Body(Bytes),
    /// Bytes that are no frame, with a frame behind them or too many of them to be a frame that was
    /// being written.
    Damage(Range<usize>),
    /// A frame that was being written: it ends before its length, or nothing but zeros follows.
    Torn,
    /// Nothing more.
    End,
}

/// Walks over the frames of a log, of which `bytes` is all that there is so far.
pub(super) struct Frames {
    bytes: Bytes,
    /// Where the next frame begins.
    pub(super) at: usize,
    /// The head is still to come.
    head: bool,
}

impl Frames {
    /// From the beginning of the file on.
    pub(super) fn new(bytes: Bytes) -> Self {
        Frames {
            bytes,
            at: 0,
            head: true,
        }
    }

    /// The rest of a log, from the end of a frame on.
    pub(super) fn resumed(bytes: Bytes) -> Self {
        Frames {
            bytes,
            at: 0,
            head: false,
        }
    }

    /// The next thing. [`Found::Torn`] and [`Found::End`] come again when asked again.
    pub(super) fn next(&mut self) -> Found {
        let length = self.bytes.len();
        if self.head && self.at == 0 {
            match HEAD.starts_with(&self.bytes[..length.min(HEAD.len())]) {
                true if length < HEAD.len() => return if length == 0 { Found::End } else { Found::Torn },
                true => self.at = HEAD.len(),
                false => return self.damage(),
            }
        }
        if self.at >= length {
            return Found::End;
        }
        match body(&self.bytes, self.at) {
            Some(range) => {
                self.at = range.end;
                Found::Body(self.bytes.slice(range))
            }
            None => self.damage(),
        }
    }

    /// Looks for the next whole frame.
    fn damage(&mut self) -> Found {
        let (start, length) = (self.at, self.bytes.len());
        let rest = &self.bytes[start..];
        let mut candidate = start + 1;
        while let Some(i) = self.bytes[candidate.min(length)..]
            .windows(MARK.len())
            .position(|w| w == MARK)
        {
            candidate += i;
            if body(&self.bytes, candidate).is_some() {
                self.at = candidate;
                return Found::Damage(start..candidate);
            }
            candidate += 1;
        }
        let torn = match rest.len() {
            n if n < LEAD => MARK.starts_with(&rest[..n.min(MARK.len())]),
            n => rest.starts_with(&MARK) && LEAD + declared(rest) > n,
        };
        if torn || rest.iter().all(|&b| b == 0) {
            return Found::Torn;
        }
        self.at = length;
        Found::Damage(start..length)
    }
}

fn declared(frame: &[u8]) -> usize {
    u32::from_le_bytes([frame[4], frame[5], frame[6], frame[7]]) as usize
}

/// Where the body of the frame at `at` stands, if the frame is whole.
fn body(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let frame = bytes.get(at..)?;
    if frame.len() < LEAD || !frame.starts_with(&MARK) {
        return None;
    }
    let body = frame.get(LEAD..LEAD.checked_add(declared(frame))?)?;
    let stated = u32::from_le_bytes([frame[8], frame[9], frame[10], frame[11]]);
    (sum(&frame[4..8], body) == stated).then(|| at + LEAD..at + LEAD + body.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(bodies: &[&[u8]]) -> Vec<u8> {
        let mut log = HEAD.to_vec();
        for body in bodies {
            let mut frame = vec![0; LEAD];
            frame.extend(*body);
            seal(&mut frame);
            log.extend(frame);
        }
        log
    }

    fn walk(bytes: Vec<u8>) -> Vec<Found> {
        let mut frames = Frames::new(bytes.into());
        let mut found = Vec::new();
        loop {
            found.push(frames.next());
            if matches!(found.last(), Some(Found::End | Found::Torn)) {
                return found;
            }
        }
    }

    fn is(body: &[u8]) -> Found {
        Found::Body(Bytes::copy_from_slice(body))
    }

    #[test]
    fn whole_frames_come_back_from_a_log_cut_anywhere() {
        let whole = log(&[b"one", b"", b"three"]);
        let ends = [8 + 15, 8 + 27, 8 + 44];
        for cut in 0..=whole.len() {
            let found = walk(whole[..cut].to_vec());
            let bodies = found.iter().filter(|f| matches!(f, Found::Body(_))).count();
            assert_eq!(bodies, ends.iter().filter(|&&e| e <= cut).count(), "cut at {cut}");
            let clean = cut == 0 || cut == 8 || ends.contains(&cut);
            let last = if clean { Found::End } else { Found::Torn };
            assert_eq!(found.last(), Some(&last), "cut at {cut}");
            assert_eq!(found.len(), bodies + 1, "no damage is seen at {cut}");
        }
    }

    #[test]
    fn any_damaged_byte_costs_its_frame_alone() {
        let whole = log(&[b"first", b"second", b"third"]);
        let starts = [8, 25, 43, 60];
        assert_eq!(starts[3], whole.len());
        for i in 0..whole.len() {
            for bit in [1, 0x80] {
                let mut bytes = whole.clone();
                bytes[i] ^= bit;
                let found = walk(bytes);
                let hurt = starts.iter().rposition(|&s| s <= i);
                for (k, body) in [&b"first"[..], b"second", b"third"].iter().enumerate() {
                    let kept = found.contains(&is(body));
                    assert_eq!(kept, hurt != Some(k), "byte {i}, frame {k}: {found:?}");
                }
                // A longer length at the end looks like a frame that was being written.
                let torn = found.last() == Some(&Found::Torn);
                let damaged = found.iter().any(|f| matches!(f, Found::Damage(_)));
                assert!(damaged || torn, "byte {i}: {found:?}");
            }
        }
    }

    #[test]
    fn zeros_after_the_last_frame_are_a_frame_being_written() {
        let mut bytes = log(&[b"kept"]);
        bytes.extend([0; 100]);
        assert_eq!(walk(bytes), [is(b"kept"), Found::Torn]);
        let noise = [log(&[b"kept"]), vec![7; 40]].concat();
        assert_eq!(walk(noise), [is(b"kept"), Found::Damage(24..64), Found::End]);
    }
}
