//! Scalars straight from an event's bytes, without allocation: nearly all that a log holds.
//!
//! What is not exactly a scalar in one of the usual forms is `None` here and decoded in full by
//! `decode.rs`; both must agree, which a test checks.

/// An event with nothing but a time, a step and a summary.
#[derive(Debug, PartialEq)]
pub(crate) struct Event<'a> {
    pub(crate) wall: f64,
    pub(crate) step: i64,
    pub(crate) summary: &'a [u8],
}

/// A number of a summary.
#[derive(Debug, PartialEq)]
pub(crate) struct Scalar<'a> {
    pub(crate) tag: &'a [u8],
    pub(crate) value: f64,
    /// True for the form of before 2019, which is always a scalar; a tensor of one element is one
    /// only where its tag says so.
    pub(crate) simple: bool,
}

/// Reads a varint; at most ten bytes, as protocol buffers have them.
#[inline]
fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for (i, &b) in bytes.iter().take(10).enumerate() {
        value |= ((b & 0x7f) as u64) << (7 * i);
        if b < 0x80 {
            *bytes = &bytes[i + 1..];
            return Some(value);
        }
    }
    None
}

#[inline]
fn take<'a>(bytes: &mut &'a [u8], n: usize) -> Option<&'a [u8]> {
    let (head, rest) = bytes.split_at_checked(n)?;
    *bytes = rest;
    Some(head)
}

#[inline]
fn four(bytes: &mut &[u8]) -> Option<f32> {
    let (head, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(f32::from_le_bytes(*head))
}

#[inline]
fn eight(bytes: &mut &[u8]) -> Option<f64> {
    let (head, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(f64::from_le_bytes(*head))
}

#[inline]
fn piece<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let n = varint(bytes)?;
    take(bytes, usize::try_from(n).ok()?)
}

/// The event in `bytes`, where it is nothing but a summary at a step.
#[inline]
pub(crate) fn event(mut bytes: &[u8]) -> Option<Event<'_>> {
    let (mut wall, mut step, mut summary) = (0.0, 0, None);
    while let Some((&key, rest)) = bytes.split_first() {
        bytes = rest;
        match key {
            0x09 => wall = eight(&mut bytes)?,
            0x10 => step = varint(&mut bytes)? as i64,
            // Two summaries are one, says the format; no writer does that.
            0x2a if summary.is_none() => summary = Some(piece(&mut bytes)?),
            // Where the event comes from (source_metadata).
            0x52 => _ = piece(&mut bytes)?,
            _ => return None,
        }
    }
    let summary = summary?;
    Some(Event { wall, step, summary })
}

/// Cuts the next value off a summary: its bytes; `None` where something else stands there.
#[inline]
pub(crate) fn value<'a>(summary: &mut &'a [u8]) -> Option<&'a [u8]> {
    let mut rest = *summary;
    if take(&mut rest, 1)? != [0x0a] {
        return None;
    }
    let value = piece(&mut rest)?;
    *summary = rest;
    Some(value)
}

/// The scalar in a value's bytes.
#[inline]
pub(crate) fn scalar(mut bytes: &[u8]) -> Option<Scalar<'_>> {
    let (mut tag, mut number) = (None, None);
    while let Some((&key, rest)) = bytes.split_first() {
        bytes = rest;
        match key {
            0x0a => tag = Some(piece(&mut bytes)?),
            0x15 if number.is_none() => number = Some((four(&mut bytes)? as f64, true)),
            0x42 if number.is_none() => number = Some((tensor(piece(&mut bytes)?)?, false)),
            // Metadata: what they say was read with the tag's first value.
            0x4a => _ = piece(&mut bytes)?,
            _ => return None,
        }
    }
    let (value, simple) = number?;
    let tag = tag?;
    Some(Scalar { tag, value, simple })
}

/// The number in a tensor of one float32 or float64 without axes.
#[inline]
fn tensor(mut bytes: &[u8]) -> Option<f64> {
    let (mut dtype, mut number) = (0, None);
    while let Some((&key, rest)) = bytes.split_first() {
        bytes = rest;
        let once = number.is_none();
        match key {
            0x08 => dtype = varint(&mut bytes)?,
            // An empty shape: no axes.
            0x12 if piece(&mut bytes)?.is_empty() => {}
            0x18 => _ = varint(&mut bytes)?,
            0x22 if once => {
                let content = piece(&mut bytes)?;
                number = Some(match content.len() {
                    4 => (four(&mut &*content)? as f64, 1),
                    8 => (eight(&mut &*content)?, 2),
                    _ => return None,
                });
            }
            0x2a if once && take(&mut bytes, 1)? == [4] => number = Some((four(&mut bytes)? as f64, 1)),
            0x2d if once => number = Some((four(&mut bytes)? as f64, 1)),
            0x32 if once && take(&mut bytes, 1)? == [8] => number = Some((eight(&mut bytes)?, 2)),
            0x31 if once => number = Some((eight(&mut bytes)?, 2)),
            _ => return None,
        }
    }
    let (value, of) = number?;
    (of == dtype).then_some(value)
}
