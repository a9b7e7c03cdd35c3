//! Weights quantised in blocks, as llama.cpp keeps them: each block has a few scales and a few
//! bits an element. They are turned into float32 when they are read.

use bytes::Bytes;

/// How a block is laid out. `K` types have blocks of 256 elements with scales of their own scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum BlockKind {
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q8_0,
    Q2K,
    Q3K,
    Q4K,
    Q5K,
    Q6K,
}

/// Elements in blocks.
#[derive(Clone, PartialEq, Eq)]
pub struct Blocks {
    kind: BlockKind,
    bytes: Bytes,
}

impl BlockKind {
    /// Elements of a block.
    pub fn elements(self) -> u64 {
        match self {
            BlockKind::Q4_0 | BlockKind::Q4_1 | BlockKind::Q5_0 | BlockKind::Q5_1 | BlockKind::Q8_0 => 32,
            _ => 256,
        }
    }

    /// Bytes of a block.
    pub fn bytes(self) -> u64 {
        match self {
            BlockKind::Q4_0 => 2 + 16,
            BlockKind::Q4_1 => 4 + 16,
            BlockKind::Q5_0 => 2 + 4 + 16,
            BlockKind::Q5_1 => 4 + 4 + 16,
            BlockKind::Q8_0 => 2 + 32,
            BlockKind::Q2K => 16 + 64 + 4,
            BlockKind::Q3K => 32 + 64 + 12 + 2,
            BlockKind::Q4K => 4 + 12 + 128,
            BlockKind::Q5K => 4 + 12 + 32 + 128,
            BlockKind::Q6K => 128 + 64 + 16 + 2,
        }
    }

    /// Name as llama.cpp writes it.
    pub fn name(self) -> &'static str {
        match self {
            BlockKind::Q4_0 => "Q4_0",
            BlockKind::Q4_1 => "Q4_1",
            BlockKind::Q5_0 => "Q5_0",
            BlockKind::Q5_1 => "Q5_1",
            BlockKind::Q8_0 => "Q8_0",
            BlockKind::Q2K => "Q2_K",
            BlockKind::Q3K => "Q3_K",
            BlockKind::Q4K => "Q4_K",
            BlockKind::Q5K => "Q5_K",
            BlockKind::Q6K => "Q6_K",
        }
    }

    /// Bytes that `elements` take; `None` where they are no whole number of blocks.
    pub fn size(self, elements: u64) -> Option<u64> {
        let whole = elements.is_multiple_of(self.elements());
        whole
            .then(|| elements / self.elements())
            .and_then(|n| n.checked_mul(self.bytes()))
    }

    /// The elements of one block of [`BlockKind::bytes`] bytes.
    fn decode(self, b: &[u8], out: &mut [f32]) {
        match self {
            BlockKind::Q4_0 => nibbles(&b[2..], &[0; 4], out, |q| half(b, 0) * (f32::from(q) - 8.0)),
            BlockKind::Q4_1 => {
                nibbles(&b[4..], &[0; 4], out, |q| half(b, 0) * f32::from(q) + half(b, 2));
            }
            BlockKind::Q5_0 => nibbles(&b[6..], &b[2..6], out, |q| half(b, 0) * (f32::from(q) - 16.0)),
            BlockKind::Q5_1 => {
                nibbles(&b[8..], &b[4..8], out, |q| half(b, 0) * f32::from(q) + half(b, 2));
            }
            BlockKind::Q8_0 => {
                let scale = half(b, 0);
                let values = out.iter_mut().zip(&b[2..]);
                values.for_each(|(o, &q)| *o = scale * f32::from(q as i8));
            }
            BlockKind::Q2K => q2(b, out),
            BlockKind::Q3K => q3(b, out),
            BlockKind::Q4K => q45(b, &b[16..], None, out),
            BlockKind::Q5K => q45(b, &b[48..], Some(&b[16..48]), out),
            BlockKind::Q6K => q6(b, out),
        }
    }
}

impl Blocks {
    /// `elements` of `kind` in `bytes`; `None` where these are not so many.
    pub fn new(kind: BlockKind, elements: u64, bytes: Bytes) -> Option<Self> {
        (kind.size(elements) == Some(bytes.len() as u64)).then_some(Blocks { kind, bytes })
    }

    /// How the blocks are laid out.
    pub fn kind(&self) -> BlockKind {
        self.kind
    }

    /// The bytes as the file has them.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The elements.
    pub fn decode(&self) -> Vec<f32> {
        let (size, count) = (self.kind.bytes() as usize, self.kind.elements() as usize);
        let mut out = vec![0.0; self.bytes.len() / size * count];
        for (block, values) in self.bytes.chunks_exact(size).zip(out.chunks_exact_mut(count)) {
            self.kind.decode(block, values);
        }
        out
    }
}

/// The float16 at byte `at`.
fn half(b: &[u8], at: usize) -> f32 {
    half::f16::from_le_bytes([b[at], b[at + 1]]).to_f32()
}

/// 32 elements: low halves of 16 bytes, then high ones, each with a fifth bit of `high`.
fn nibbles(low: &[u8], high: &[u8], out: &mut [f32], value: impl Fn(u8) -> f32) {
    for (i, o) in out.iter_mut().enumerate() {
        let four = low[i % 16] >> (4 * (i / 16)) & 15;
        *o = value(four | (high[i / 8] >> (i % 8) & 1) << 4);
    }
}

/// Bits `2 * ((i / 32) % 4)` and up of byte `i % 32`, in runs of 128 elements: two bits an element.
fn pair(q: &[u8], i: usize) -> u8 {
    q[i / 128 * 32 + i % 32] >> (2 * (i / 32 % 4)) & 3
}

fn q2(b: &[u8], out: &mut [f32]) {
    let (scales, q) = (&b[..16], &b[16..80]);
    let (scale, least) = (half(b, 80), half(b, 82));
    for (i, o) in out.iter_mut().enumerate() {
        let s = scales[i / 16];
        *o = scale * f32::from(s & 15) * f32::from(pair(q, i)) - least * f32::from(s >> 4);
    }
}

fn q3(b: &[u8], out: &mut [f32]) {
    let (high, q, packed) = (&b[..32], &b[32..96], &b[96..108]);
    let scale = half(b, 108);
    for (i, o) in out.iter_mut().enumerate() {
        // Sixteen scales of six bits: four in a half byte, two in the last four bytes.
        let k = i / 16;
        let low = packed[k % 8] >> (4 * (k / 8)) & 15;
        let s = low | (packed[8 + k % 4] >> (2 * (k / 4)) & 3) << 4;
        let value = pair(q, i) as i8 - if high[i % 32] >> (i / 32) & 1 == 0 { 4 } else { 0 };
        *o = scale * f32::from(s as i8 - 32) * f32::from(value);
    }
}

/// Scale and offset of sub-block `k` of eight, six bits each in twelve bytes.
fn six(packed: &[u8], k: usize) -> (f32, f32) {
    let (scale, least) = match k {
        0..4 => (packed[k] & 63, packed[k + 4] & 63),
        _ => {
            let both = packed[k + 4];
            (
                both & 15 | packed[k - 4] >> 6 << 4,
                both >> 4 | packed[k] >> 6 << 4,
            )
        }
    };
    (f32::from(scale), f32::from(least))
}

fn q45(b: &[u8], low: &[u8], high: Option<&[u8]>, out: &mut [f32]) {
    let (scale, least, packed) = (half(b, 0), half(b, 2), &b[4..16]);
    for (k, values) in out.chunks_exact_mut(32).enumerate() {
        let (s, m) = six(packed, k);
        for (i, o) in values.iter_mut().enumerate() {
            let four = low[k / 2 * 32 + i] >> (4 * (k % 2)) & 15;
            let fifth = high.map_or(0, |h| h[i] >> k & 1);
            *o = scale * s * f32::from(four | fifth << 4) - least * m;
        }
    }
}

fn q6(b: &[u8], out: &mut [f32]) {
    let (low, high, scales) = (&b[..128], &b[128..192], &b[192..208]);
    let scale = half(b, 208);
    for (i, o) in out.iter_mut().enumerate() {
        let (run, within) = (i / 128, i % 128);
        let four = low[run * 64 + within % 64] >> (4 * (within / 64)) & 15;
        let value = four | pair(high, i) << 4;
        *o = scale * f32::from(scales[i / 16] as i8) * (f32::from(value) - 32.0);
    }
}
