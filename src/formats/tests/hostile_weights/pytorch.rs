//! PyTorch's archives and pickles.

use crate::{refused, zip};

/// `{"w": tensor}` in protocol 2: a view of so many elements, with this size, stride and offset, of
/// a float storage `key`.
fn state(key: &str, count: u32, offset: u8, size: u8, stride: u8) -> Vec<u8> {
    let mut p =
        b"\x80\x02}X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storage".to_vec();
    p.extend_from_slice(b"ctorch\nFloatStorage\nX");
    p.extend_from_slice(&(key.len() as u32).to_le_bytes());
    p.extend_from_slice(key.as_bytes());
    p.extend_from_slice(b"X\x03\x00\x00\x00cpuJ");
    p.extend_from_slice(&count.to_le_bytes());
    p.extend_from_slice(&[b't', b'Q', b'K', offset, b'K', size, 0x85, b'K', stride, 0x85]);
    p.extend_from_slice(b"\x89ccollections\nOrderedDict\n)RtRs.");
    p
}

#[test]
fn pytorch_archives_that_break_their_format() {
    let stored = ::zip::CompressionMethod::Stored;
    let deflated = ::zip::CompressionMethod::Deflated;
    let archive =
        |pickle: &[u8], storage: &[u8]| zip(&[("a/data.pkl", pickle), ("a/data/0", storage)], stored);
    // The honest ones are read.
    for bytes in [
        archive(&state("0", 4, 1, 3, 1), &[0; 16]),
        zip(
            &[("data.pkl", &state("0", 4, 0, 2, 3)), ("data/0", &[0; 16])],
            deflated,
        ),
    ] {
        let network = formats::open_bytes("m.pt", bytes.into(), None).unwrap();
        assert_eq!(network.tensors[0].name, "w");
    }
    let mut cut = archive(&state("0", 4, 0, 4, 1), &[0; 16]);
    cut.truncate(cut.len() - 30);
    let mut bad_deflate = zip(&[("data.pkl", &[b'x'; 4096])], deflated);
    let middle = 40;
    bad_deflate[middle..middle + 8].fill(0xff);
    let bomb = zip(&[("data.pkl", &vec![0u8; 300 << 20])], deflated);
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (
            archive(b"\x80\x02cos\nsystem\nX\x02\x00\x00\x00ls\x85R.", b""),
            "global \"os.system\" is not allowed",
        ),
        (
            archive(b"\x80\x02ctorch.hub\nload\nX\x01\x00\x00\x00x\x85R.", b""),
            "\"torch.hub.load\"",
        ),
        (
            archive(b"\x80\x02ctorch.storage\n_load_from_bytes\nC\x00\x85R.", b""),
            "\"torch.storage._load_from_bytes\"",
        ),
        (
            archive(b"\x80\x02c__torch__\nNet\n)\x81.", b""),
            "\"__torch__.Net\"",
        ),
        (archive(b"\x80\x02}.", b""), "expected tensors in it, found none"),
        (
            archive(&state("0", 5, 0, 1, 1), &[0; 16]),
            "is said to hold 5 elements, the file has 16 bytes",
        ),
        (
            archive(&state("0", u32::MAX >> 1, 0, 1, 1), &[0; 16]),
            "is said to hold 2147483647 elements",
        ),
        (
            archive(&state("1", 4, 0, 1, 1), &[0; 16]),
            "\"a/data/1\": expected it in the archive",
        ),
        (
            archive(&state("../0", 4, 0, 1, 1), &[0; 16]),
            "\"a/data/../0\": expected it in the archive",
        ),
        (
            archive(&state("0", 4, 0, 5, 1), &[0; 16]),
            "reaches beyond storage \"0\" of 4 elements",
        ),
        (
            archive(&state("0", 4, 0, 3, 2), &[0; 16]),
            "reaches beyond storage",
        ),
        (
            archive(&state("0", 4, 5, 1, 1), &[0; 16]),
            "reaches beyond storage",
        ),
        (zip(&[("a/other", b"x")], stored), "a zip archive without"),
        (cut, "a zip archive"),
        (bad_deflate, "zip member \"data.pkl\""),
        (bomb, "unpacks to more than an honest archive"),
        (
            zip(
                &[
                    ("a/byteorder", b"big"),
                    ("a/data.pkl", &state("0", 4, 0, 1, 1)),
                    ("a/data/0", &[0; 16]),
                ],
                stored,
            ),
            "little-endian order",
        ),
        (
            b"\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x8c\x06system\x93.".to_vec(),
            "posix.system",
        ),
        (b"\x80\x02K\x01.".to_vec(), "expected tensors in it, found none"),
        (
            b"\x80\x02}q\x00X\x01\x00\x00\x00ah\x00s.".to_vec(),
            "levels of nesting",
        ),
    ];
    for (bytes, expected) in cases {
        refused("model.pt", &bytes, expected);
    }
}

/// A dict that holds the one before twice, 60 levels deep: 2^60 places from 900 bytes.
#[test]
fn shared_values_are_not_walked_for_ever() {
    let mut p = b"\x80\x02}q\x00".to_vec();
    for i in 0..60u8 {
        p.extend_from_slice(&[b'}', b'q', i + 1, b'(', b'K', 0, b'h', i, b'K', 1, b'h', i, b'u']);
    }
    p.push(b'.');
    let begun = std::time::Instant::now();
    refused("laughs.pkl", &p, "expected");
    assert!(begun.elapsed().as_secs() < 5, "{:?}", begun.elapsed());
}

#[test]
fn the_old_format_is_checked_too() {
    const MAGIC: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
    let file = |version: &[u8], system: &[u8], values: &[u8], keys: &[u8], rest: &[u8]| {
        [MAGIC, version, system, values, keys, rest].concat()
    };
    let version = b"\x80\x02M\xe9\x03.";
    let keys = b"\x80\x02]X\x01\x00\x00\x000a.";
    let values = state("0", 2, 0, 2, 1);
    let data = [&2i64.to_le_bytes()[..], &[0; 8]].concat();
    let good = file(version, b"\x80\x02}.", &values, keys, &data);
    assert!(formats::open_bytes("old.pth", good.into(), None).is_ok());
    let little = b"\x80\x02}X\x0d\x00\x00\x00little_endian\x89s.";
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (file(b"\x80\x02K\x01.", b"", b"", b"", b""), "expected 1001"),
        (file(version, little, &values, keys, &data), "little-endian order"),
        (
            file(version, b"\x80\x02}.", &values, keys, &data[..12]),
            "found 12 bytes and the end",
        ),
        (
            file(version, b"\x80\x02}.", &values, keys, &(-1i64).to_le_bytes()),
            "number of elements",
        ),
        (
            file(version, b"\x80\x02}.", &values, keys, &i64::MAX.to_le_bytes()),
            "number of elements",
        ),
        (
            file(version, b"\x80\x02}.", &values, b"\x80\x02].", b""),
            "expected it in the file",
        ),
        (
            file(version, b"\x80\x02}.", &values, b"\x80\x02K\x01.", b""),
            "a list of texts",
        ),
        (
            file(version, b"\x80\x02}.", b"\x80\x02cos\nsystem\n.", b"", b""),
            "\"os.system\" is not allowed",
        ),
        (MAGIC.to_vec(), "found 0 and the end"),
    ];
    for (bytes, expected) in cases {
        refused("old.pth", &bytes, expected);
    }
}

/// Collections of hostile pickles, in folders named by `LAYERSCOPE_HOSTILE`: none is opened, unless
/// it is as harmless as its name says.
#[test]
fn collected_attacks_are_refused() {
    let Ok(folders) = std::env::var("LAYERSCOPE_HOSTILE") else {
        println!("LAYERSCOPE_HOSTILE is not set: no collection is tried");
        return;
    };
    let (mut refused, mut opened) = (0, Vec::new());
    for folder in folders.split(':') {
        for entry in std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{folder}: {e}")) {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let begun = std::time::Instant::now();
            match formats::open(&path) {
                Ok(_) => opened.push(name.clone()),
                Err(e) => {
                    println!("{}", e.to_string().replace(folder, ""));
                    refused += 1;
                }
            }
            assert!(begun.elapsed().as_secs() < 5, "{name}");
        }
    }
    println!("{refused} refused, opened: {opened:?}");
    assert!(
        opened
            .iter()
            .all(|n| !n.contains("malicious") && !n.contains("GHSA")),
        "{opened:?}"
    );
}
