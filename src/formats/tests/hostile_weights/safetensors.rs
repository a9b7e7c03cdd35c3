//! safetensors, and shards that an index names.

use bytes::Bytes;

use crate::refused;

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
