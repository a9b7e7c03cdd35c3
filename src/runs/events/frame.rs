//! TensorFlow's record frames: length (8 bytes), its CRC (4), the record, its CRC (4).
//!
//! CRCs are CRC-32C, masked as in tensorflow/tsl `crc32c.h`.

/// Bytes before a record.
pub(crate) const HEAD: usize = 12;
/// Bytes after a record.
pub(crate) const TAIL: usize = 4;
/// Records beyond this many bytes are refused: no summary is that large.
pub(crate) const LONGEST: u64 = 1 << 30;

/// What stands at the start of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Frame<'a> {
    /// A record; its frame takes `HEAD + record.len() + TAIL` bytes.
    Record(&'a [u8]),
    /// The length is right, the record is not; the frame takes so many bytes.
    Damaged(usize),
    /// No length stands here.
    Lost,
    /// The length is right, and larger than [`LONGEST`].
    TooLong(u64),
    /// So many bytes are needed to tell.
    Needs(usize),
}

/// The CRC as frames store it.
pub(crate) fn masked(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

fn word(bytes: &[u8]) -> u32 {
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

/// Looks at the first frame of `bytes`.
#[inline]
pub(crate) fn frame(bytes: &[u8]) -> Frame<'_> {
    let Some((head, rest)) = bytes.split_first_chunk::<HEAD>() else {
        return Frame::Needs(HEAD);
    };
    if masked(&head[..8]) != word(&head[8..]) {
        return Frame::Lost;
    }
    let length = word(head) as u64 | (word(&head[4..]) as u64) << 32;
    if length > LONGEST {
        return Frame::TooLong(length);
    }
    let length = length as usize;
    if rest.len() < length + TAIL {
        return Frame::Needs(HEAD + length + TAIL);
    }
    let (record, rest) = rest.split_at(length);
    match masked(record) == word(rest) {
        true => Frame::Record(record),
        false => Frame::Damaged(HEAD + length + TAIL),
    }
}

/// Offset of the first plausible frame of `bytes`: a length that is not absurd, with its CRC.
pub(crate) fn find(bytes: &[u8]) -> Option<usize> {
    let plausible = |w: &[u8]| {
        // Lengths up to LONGEST: the upper bytes are zero, which few places are.
        // A checksum of zero, as zeros would have, belongs to no such length.
        w[4..8] == [0; 4] && w[8..] != [0; 4] && word(w) as u64 <= LONGEST && masked(&w[..8]) == word(&w[8..])
    };
    bytes.windows(HEAD).position(plausible)
}

/// A frame around `record`.
pub(crate) fn write(record: &[u8], out: &mut Vec<u8>) {
    let length = (record.len() as u64).to_le_bytes();
    out.extend(length);
    out.extend(masked(&length).to_le_bytes());
    out.extend(record);
    out.extend(masked(record).to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_back_and_say_what_they_need() {
        let mut bytes = Vec::new();
        write(b"hello", &mut bytes);
        assert_eq!(frame(&bytes), Frame::Record(b"hello"));
        assert_eq!(frame(&bytes[..11]), Frame::Needs(12));
        assert_eq!(frame(&bytes[..20]), Frame::Needs(21));
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let expected = match bit / 8 {
                0..12 => Frame::Lost,
                _ => Frame::Damaged(21),
            };
            assert_eq!(frame(&flipped), expected, "bit {bit}");
        }
    }

    #[test]
    fn an_absurd_length_is_refused_and_a_frame_is_found_after_it() {
        let mut bytes = (1u64 << 60).to_le_bytes().to_vec();
        bytes.extend(masked(&bytes).to_le_bytes());
        assert_eq!(frame(&bytes), Frame::TooLong(1 << 60));
        bytes.extend([0; 30]);
        let start = bytes.len();
        write(b"x", &mut bytes);
        assert_eq!(find(&bytes), Some(start));
        assert_eq!(find(&bytes[..start + 11]), None);
    }
}
