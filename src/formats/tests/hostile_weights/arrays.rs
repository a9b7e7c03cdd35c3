//! NumPy's arrays and archives.

use crate::{refused, zip};

#[test]
fn arrays_that_break_their_format() {
    let npy = |header: &str, data: usize| {
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.resize(bytes.len() + data, 0);
        bytes
    };
    let of = |descr: &str, shape: &str| {
        format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}")
    };
    assert!(formats::open_bytes("a.npy", npy(&of("<f4", "(2, 3)"), 24).into(), None).is_ok());
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (b"\x93NUMPY".to_vec(), "found the end"),
        (
            b"\x93NUMPY\x09\x00\x00\x00".to_vec(),
            "expected version 1, 2 or 3, found 9",
        ),
        (
            b"\x93NUMPY\x02\x00\xff\xff\xff\xff".to_vec(),
            "expected at most 65536 bytes",
        ),
        (b"\x93NUMPY\x01\x00\xff\x00".to_vec(), "found the end"),
        (
            npy(&of("<f4", "(2, 3)"), 23),
            "expected 24 bytes for float32 [2, 3], found 23",
        ),
        (
            npy(&of("<f4", "(2, 3)"), 25),
            "expected 24 bytes for float32 [2, 3], found 25",
        ),
        (
            npy(&of("|O", "(2,)"), 16),
            "found an object array, which is a pickle",
        ),
        (npy(&of("<U4", "(2,)"), 32), "found dtype \"<U4\""),
        (
            npy(&of("<f4", "(4294967296, 4294967296)"), 8),
            "at most 2^63 elements",
        ),
        (npy(&of("<f4", "(-1,)"), 4), "of a plain array"),
        (npy(&of("<f4", "(99999999999999999999,)"), 4), "of a plain array"),
        (
            npy(&of("<f4", &format!("({})", "1,".repeat(33))), 4),
            "of a plain array",
        ),
        (npy(&"[".repeat(60_000), 0), "of a plain array"),
        (npy("{'descr': '<f4'}", 4), "of a plain array"),
        (
            zip(&[("w.npy", b"text")], ::zip::CompressionMethod::Stored),
            "array \"w\" header: expected the signature",
        ),
        (
            zip(
                &[("w.npy", &npy(&of("<f4", "(2,)"), 7))],
                ::zip::CompressionMethod::Deflated,
            ),
            "array \"w\" data: expected 8 bytes",
        ),
    ];
    for (bytes, expected) in cases {
        refused("arrays.npz", &bytes, expected);
    }
}
