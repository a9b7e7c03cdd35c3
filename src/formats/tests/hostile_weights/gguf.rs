//! GGUF.

use crate::refused;

/// A GGUF file: a header of these counts, then `rest`.
fn gguf(version: u32, tensors: u64, entries: u64, rest: &[u8]) -> Vec<u8> {
    let counts = [tensors.to_le_bytes(), entries.to_le_bytes()].concat();
    [&b"GGUF"[..], &version.to_le_bytes(), &counts, rest].concat()
}

/// A text of GGUF: its length and its bytes.
fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat()
}

/// What a GGUF file says about a tensor.
fn about(name: &str, sizes: &[u64], kind: u32, offset: u64) -> Vec<u8> {
    let mut out = text(name);
    out.extend((sizes.len() as u32).to_le_bytes());
    sizes.iter().for_each(|s| out.extend(s.to_le_bytes()));
    out.extend(kind.to_le_bytes());
    out.extend(offset.to_le_bytes());
    out
}

#[test]
fn gguf_files_that_break_their_format() {
    // Padding to the next multiple of 32, and data.
    let whole = |mut bytes: Vec<u8>, data: usize| {
        bytes.resize(bytes.len().next_multiple_of(32) + data, 0);
        bytes
    };
    let one = |sizes: &[u64], kind: u32, offset: u64, data: usize| {
        whole(gguf(3, 1, 0, &about("w", sizes, kind, offset)), data)
    };
    assert!(formats::open_bytes("w.gguf", one(&[2, 3], 0, 0, 24).into(), None).is_ok());
    let entry =
        |kind: u32, value: &[u8]| gguf(3, 0, 1, &[&text("k")[..], &kind.to_le_bytes(), value].concat());
    let two = |first: u64, second: u64| {
        whole(
            gguf(
                3,
                2,
                0,
                &[about("a", &[8], 0, first), about("b", &[8], 0, second)].concat(),
            ),
            128,
        )
    };
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (b"GGUF".to_vec(), "expected 4 more bytes, found 0 and the end"),
        (gguf(1, 0, 0, b""), "expected version 2 or 3, found 1"),
        (gguf(0x0300_0000, 0, 0, b""), "found a big-endian one"),
        (gguf(3, u64::MAX, 0, b""), "expected at most 1048576 tensors"),
        (
            gguf(3, 0, u64::MAX, b""),
            "65536 entries, found 0 and 18446744073709551615",
        ),
        (gguf(3, 5, 0, b""), "tensor 0"),
        (
            gguf(3, 1, 0, &u64::MAX.to_le_bytes()),
            "expected a name of at most 65536 bytes",
        ),
        (
            gguf(3, 1, 0, &[2, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]),
            "expected UTF-8",
        ),
        (entry(13, b""), "expected a type from 0 to 12, found 13"),
        (entry(7, &[2]), "expected 0 or 1, found 2"),
        (
            entry(8, &u64::MAX.to_le_bytes()),
            "expected 18446744073709551615 more bytes",
        ),
        (
            entry(9, &[&4u32.to_le_bytes()[..], &u64::MAX.to_le_bytes()].concat()),
            "more bytes, found 0",
        ),
        (
            entry(9, &[&8u32.to_le_bytes()[..], &u64::MAX.to_le_bytes()].concat()),
            "more bytes, found 0",
        ),
        (
            entry(9, &[&9u32.to_le_bytes()[..], &1u64.to_le_bytes()].concat()),
            "found one of lists",
        ),
        (
            gguf(
                3,
                0,
                2,
                &[text("k"), vec![0, 0, 0, 0, 1], text("k"), vec![0, 0, 0, 0, 1]].concat(),
            ),
            "metadata \"k\": expected names that differ",
        ),
        (
            gguf(
                3,
                0,
                1,
                &[
                    &text("general.alignment")[..],
                    &4u32.to_le_bytes(),
                    &3u32.to_le_bytes(),
                ]
                .concat(),
            ),
            "expected a power of 2",
        ),
        (
            whole(
                gguf(
                    3,
                    2,
                    0,
                    &[about("w", &[1], 0, 0), about("w", &[1], 0, 32)].concat(),
                ),
                64,
            ),
            "tensor \"w\": expected names that differ",
        ),
        (two(0, 0), "overlaps another tensor's up to 32"),
        (two(0, 8), "expected an offset that 32 divides, found 8"),
        (two(0, 128), "reach beyond the 128 bytes of data"),
        (
            one(&[2, 3], 0, 0, 23),
            "its 24 bytes from byte 0 reach beyond the 23 bytes of data",
        ),
        (one(&[8], 0, u64::MAX - 31, 64), "reach beyond"),
        (one(&[1 << 40, 1 << 40], 0, 0, 64), "at most 2^63 elements"),
        (one(&[1; 9], 0, 0, 64), "expected at most 8 axes, found 9"),
        (
            one(&[31], 2, 0, 64),
            "expected rows of whole blocks of 32 for Q4_0, found 31",
        ),
        (
            one(&[128, 2], 12, 0, 64),
            "whole blocks of 256 for Q4_K, found 128",
        ),
        (one(&[1], 99, 0, 64), "expected a type of ggml, found 99"),
    ];
    for (bytes, expected) in cases {
        refused("model.gguf", &bytes, expected);
    }
}
