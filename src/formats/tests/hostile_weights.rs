//! Files of weights that break their format, or ask for what they must not have: each is refused
//! by name.

use bytes::Bytes;

fn refused(name: &str, bytes: &[u8], expected: &str) {
    let error = formats::open_bytes(name, Bytes::copy_from_slice(bytes), None)
        .err()
        .unwrap_or_else(|| panic!("{name} was read: {expected}"))
        .to_string();
    assert!(error.starts_with(name), "{error}");
    assert!(error.contains(expected), "{expected:?} is missing in: {error}");
}

/// A safetensors file of this header and so many bytes of data.
fn safetensors(header: &str, data: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header.as_bytes());
    bytes.resize(bytes.len() + data, 0);
    bytes
}

#[test]
fn safetensors_that_break_their_format() {
    let f32 = |name: &str, shape: &str, offsets: &str| {
        format!(r#""{name}":{{"dtype":"F32","shape":{shape},"data_offsets":{offsets}}}"#)
    };
    let of = |parts: &[String]| format!("{{{}}}", parts.join(","));
    let one = |shape: &str, offsets: &str| of(&[f32("a", shape, offsets)]);
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (
            safetensors(&one("[2]", "[0,8]"), 7),
            "reaches beyond the 7 bytes of data",
        ),
        (
            safetensors(&one("[2]", "[0,8]"), 9),
            "expected tensors for 9 bytes of data, found them for 8",
        ),
        (
            safetensors(&one("[2]", "[0,4]"), 4),
            "expected 8 bytes of data for F32 [2], found 4",
        ),
        (
            safetensors(&one("[1]", "[4,0]"), 4),
            "expected offsets in order, found 4 before 0",
        ),
        (safetensors(&one("[1]", "[4,8]"), 8), "found a gap up to 4"),
        (
            safetensors(&of(&[f32("a", "[2]", "[0,8]"), f32("b", "[2]", "[4,12]")]), 12),
            "tensor \"b\": its data from byte 4 overlaps another tensor's up to 8",
        ),
        (
            safetensors(&of(&[f32("a", "[1]", "[0,4]"), f32("a", "[1]", "[4,8]")]), 8),
            "expected names that differ, found \"a\" twice",
        ),
        (
            safetensors(r#"{"__metadata__":{},"__metadata__":{}}"#, 0),
            "found \"__metadata__\" twice",
        ),
        (safetensors(&one("[-1]", "[0,4]"), 4), "integer `-1`"),
        (safetensors(&one("[1e9]", "[0,4]"), 4), "expected u64"),
        (
            safetensors(&one("[4294967296,4294967296]", "[0,4]"), 4),
            "at most 2^63 elements",
        ),
        (
            safetensors(&one("[0,4294967296,4294967296]", "[0,0]"), 0),
            "at most 2^63 elements",
        ),
        (
            safetensors(&one("[4611686018427387904]", "[0,4]"), 4),
            "no whole number of bytes",
        ),
        (
            safetensors(&one(&format!("[{}1]", "1,".repeat(64)), "[0,4]"), 4),
            "expected at most 64 axes, found 65",
        ),
        (
            safetensors(r#"{"a":{"dtype":"F33","shape":[1],"data_offsets":[0,4]}}"#, 4),
            "expected an element type of safetensors, found \"F33\"",
        ),
        (
            safetensors(r#"{"a":{"dtype":"F4","shape":[3],"data_offsets":[0,2]}}"#, 2),
            "no whole number of bytes",
        ),
        (
            safetensors(r#"{"a":{"dtype":"F32","shape":[1]}}"#, 4),
            "missing field `data_offsets`",
        ),
        (
            safetensors(
                r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"code":"x"}}"#,
                4,
            ),
            "unknown field `code`",
        ),
        (safetensors(r#"{"__metadata__":{"a":1}}"#, 0), "expected a string"),
        (safetensors("{\"a\":", 0), "EOF"),
        (safetensors("{} x", 0), "trailing characters"),
        (
            safetensors(&format!("{{\"a\":{}", "[".repeat(100_000)), 0),
            "line 1",
        ),
        (
            [&200u64.to_le_bytes()[..], b"{}"].concat(),
            "its length of 200 bytes reaches beyond the file's 10 bytes",
        ),
        (
            [&u64::MAX.to_le_bytes()[..], b"{}"].concat(),
            "its length of 18446744073709551615 bytes reaches beyond",
        ),
        (
            {
                let mut huge = safetensors("{", 0);
                huge[..8].copy_from_slice(&100_000_001u64.to_le_bytes());
                huge.resize(8 + 100_000_001, b' ');
                huge
            },
            "expected at most 100000000 bytes, found a length of 100000001",
        ),
        (
            [&4u64.to_le_bytes()[..], b"{\"\xff\"}"].concat(),
            "expected UTF-8, found another byte at 2",
        ),
    ];
    for (bytes, expected) in cases {
        refused("weights.safetensors", &bytes, expected);
    }
}

/// A zip archive of stored or deflated members.
fn zip(members: &[(&str, &[u8])], method: zip::CompressionMethod) -> Vec<u8> {
    use std::io::Write;
    let mut out = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().compression_method(method);
    for (name, bytes) in members {
        out.start_file(*name, options).unwrap();
        out.write_all(bytes).unwrap();
    }
    out.finish().unwrap().into_inner()
}

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
    let stored = zip::CompressionMethod::Stored;
    let deflated = zip::CompressionMethod::Deflated;
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

/// An index opens its folder's files only.
#[test]
fn shards_stay_in_their_folder() {
    let outer = tempfile::tempdir().unwrap();
    let folder = outer.path().join("model");
    std::fs::create_dir(&folder).unwrap();
    let header = r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
    std::fs::write(outer.path().join("secret"), safetensors(header, 4)).unwrap();
    std::fs::write(folder.join("one"), safetensors(header, 4)).unwrap();
    std::fs::write(folder.join("text"), b"text").unwrap();
    let path = folder.join("model.safetensors.index.json");
    let open = |map: &str| {
        std::fs::write(&path, format!("{{\"weight_map\": {map}}}")).unwrap();
        formats::open(&path).map_err(|e| e.to_string())
    };
    assert_eq!(open(r#"{"a": "one"}"#).unwrap().tensors[0].name, "a");
    let cases = [
        (r#"{"a": "../secret"}"#, "\"..\""),
        (r#"{"a": "/etc/passwd"}"#, "an absolute path"),
        (r#"{"a": "two"}"#, "shard \"two\": there is no such file"),
        (r#"{"b": "one"}"#, "expected the tensor \"b\" in it"),
        (r#"{"a": "text"}"#, "expected a safetensors or PyTorch file"),
        (r#"{"a": 1}"#, "expected the name of a file, found 1"),
        ("[]", "expected an object"),
        (r#"{"a": ""}"#, "expected a location"),
    ];
    for (map, expected) in cases {
        let error = open(map).err().unwrap_or_else(|| panic!("{map} was read"));
        assert!(error.contains(expected), "{expected:?} is missing in: {error}");
    }
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(outer.path().join("secret"), folder.join("link")).unwrap();
        let error = open(r#"{"a": "link"}"#).expect_err("a link out of the folder was followed");
        assert!(error.contains("a link that leaves it"), "{error}");
    }
    let bytes = Bytes::from_static(br#"{"weight_map": {"a": "one"}}"#);
    let error = formats::open_bytes("i.json", bytes, None)
        .unwrap_err()
        .to_string();
    assert!(error.contains("were not given"), "{error}");
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
