//! NumPy archives against NumPy's own files.

use std::collections::HashMap;
use std::path::Path;

use data::npz;
use model::{DType, TensorData};

fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name);
    std::fs::read(path).expect("a fixture")
}

fn load(name: &str) -> HashMap<String, TensorData> {
    npz::from_bytes(name, &fixture(name))
        .unwrap()
        .into_iter()
        .collect()
}

#[test]
fn every_type_and_order_is_read() {
    let arrays = load("arrays.npz");
    let types = [
        ("f8", DType::F64, -5.0),
        ("f4", DType::F32, -5.0),
        ("f2", DType::F16, -5.0),
        ("i8", DType::I64, -5.0),
        ("i4", DType::I32, -5.0),
        ("i2", DType::I16, -5.0),
        ("i1", DType::I8, -5.0),
        ("u8", DType::U64, 0.0),
        ("u4", DType::U32, 0.0),
        ("u2", DType::U16, 0.0),
        ("u1", DType::U8, 0.0),
    ];
    let counted = |from: f64| (0..24).map(|i| f64::from(i) + from).collect::<Vec<_>>();
    for (name, dtype, first) in types {
        let data = &arrays[&format!("type_{name}")];
        assert_eq!((data.dtype, &data.shape[..]), (dtype, &[2, 3, 4][..]));
        assert_eq!(data.to_f64().unwrap(), counted(first), "{name}");
    }
    for name in ["big", "big_int", "fortran", "fortran_big"] {
        assert_eq!(arrays[name].to_f64().unwrap(), counted(0.0), "{name}");
        assert_eq!(arrays[name].shape, [2, 3, 4]);
    }
    let bools: Vec<i64> = (0..24).map(|i| i64::from(i % 3 == 0)).collect();
    assert_eq!(arrays["bool"].dtype, DType::Bool);
    assert_eq!(arrays["bool"].to_i64().unwrap(), bools);
    assert_eq!(
        (arrays["scalar"].shape.len(), arrays["scalar"].to_f64().unwrap()),
        (0, vec![2.5])
    );
    assert_eq!(arrays["vector"].to_i64().unwrap(), [0, 1, 2]);
    assert_eq!(arrays["empty"].shape, [0, 3]);
    assert_eq!(arrays["folder/name.weight"].shape, [2, 2]);
    let compressed = load("compressed.npz");
    assert_eq!(compressed["zeros"].to_f32().unwrap(), vec![0.0; 4096]);
    assert_eq!(compressed["base"].to_f64().unwrap(), counted(0.0));
}

#[test]
fn written_arrays_come_back() {
    let arrays = npz::from_bytes("a", &fixture("arrays.npz")).unwrap();
    let bytes = npz::to_bytes(arrays.iter().map(|(n, d)| (n.as_str(), d))).unwrap();
    assert_eq!(npz::from_bytes("b", &bytes).unwrap(), arrays);
    let again = npz::to_bytes(arrays.iter().map(|(n, d)| (n.as_str(), d))).unwrap();
    assert_eq!(bytes, again, "equal arrays, equal bytes");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.npz");
    npz::write(&path, [("x", &arrays[0].1)]).unwrap();
    assert_eq!(
        npz::read(&path).unwrap(),
        [("x".to_string(), arrays[0].1.clone())]
    );
}

/// `np.save` of `np.arange(3, dtype='i4')`, byte for byte.
#[test]
fn a_written_array_is_what_numpy_writes() {
    let data = &load("arrays.npz")["vector"];
    let mut expected = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    expected.extend(b"{'descr': '<i4', 'fortran_order': False, 'shape': (3,), }");
    expected.resize(127, b' ');
    expected.extend(b"\n\x00\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00");
    assert_eq!(npz::to_npy("vector", data).unwrap(), expected);
    assert_eq!(npz::parse_npy("vector", &expected).unwrap(), *data);
}

#[test]
fn errors_name_the_array() {
    let error = |name: &str| npz::from_bytes(name, &fixture(name)).unwrap_err().to_string();
    let objects = error("objects.npz");
    assert!(
        objects.starts_with("objects.npz: array 'bad': found dtype '|O'"),
        "{objects}"
    );
    assert!(
        objects.contains("object arrays are pickles: not read"),
        "{objects}"
    );
    assert!(error("strings.npz").contains("dtype '<U1'"));
    assert!(error("rgb.png").contains("a zip archive of .npy arrays"));
    let mut half = TensorData::from_f32(&[2], &[1.0, 2.0]);
    assert!(
        npz::to_bytes([("a", &half), ("a", &half)])
            .unwrap_err()
            .to_string()
            .contains("'a' twice")
    );
    half.dtype = DType::BF16;
    let unwritten = npz::to_bytes([("a", &half)]).unwrap_err().to_string();
    assert!(
        unwritten.contains("array 'a' for NumPy: found bfloat16"),
        "{unwritten}"
    );
}

#[test]
fn hostile_headers_are_refused() {
    let npy = |header: &str| {
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        npz::parse_npy("a.npy", &bytes).unwrap_err().to_string()
    };
    let of = |shape: &str| format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}}}");
    let max = u64::MAX;
    assert!(npy(&of(&format!("({max}, {max})"))).contains("over the limit"));
    assert!(npy(&of("(1000000000,)")).contains("0 bytes, then the end"));
    assert!(npy(&of("(99999999999999999999999,)")).contains("expected a dict"));
    assert!(npy(&of("(-1,)")).contains("expected a dict"));
    assert!(npy(&"(".repeat(60_000)).contains("expected a dict"));
    assert!(npy("{'descr': [('a', '<f4')], }").contains("expected a dict"));
    let long = b"\x93NUMPY\x02\x00\xff\xff\xff\xff".to_vec();
    let long = npz::parse_npy("a.npy", &long).unwrap_err().to_string();
    assert!(long.contains("a header of 4294967295 bytes"), "{long}");
}
