//! Broken files of every kind: thousands of seeded mutations, none of which may panic, and
//! whose errors all name the file.

mod random;

use std::path::Path;

use data::{DataError, Picture, cifar, idx, npz};
use random::Random;

fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name);
    std::fs::read(path).expect("a fixture")
}

fn survive<T>(
    name: &str,
    original: &[u8],
    focus: usize,
    rounds: usize,
    read: impl Fn(&str, &[u8]) -> Result<T, DataError>,
) {
    assert!(
        read(name, original).is_ok(),
        "{name} is sound before it is broken"
    );
    let seed = name
        .bytes()
        .fold(0x9e37_79b9_7f4a_7c15, |s: u64, b| s.rotate_left(9) ^ u64::from(b));
    let mut random = Random(seed);
    let mut refused = 0;
    for _ in 0..rounds {
        let broken = random.mutate(original, focus);
        if let Err(error) = read(name, &broken) {
            let text = error.to_string();
            assert!(text.starts_with(name), "{text}");
            refused += 1;
        }
    }
    assert!(
        refused > rounds / 20,
        "{name}: only {refused} of {rounds} were refused"
    );
}

#[test]
fn idx_survives() {
    let mut plain = vec![0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4];
    plain.extend(0..24u8);
    survive("plain.idx", &plain, 16, 20_000, idx::parse);
    let packed = include_bytes!("../../../assets/fashion-mnist/sample-labels-idx1-ubyte.gz");
    survive("packed.idx.gz", packed, 40, 20_000, idx::parse);
}

#[test]
fn cifar_binary_survives() {
    let record = vec![7; 3073 * 2];
    survive("batch.bin", &record, 16, 4_000, cifar::batch);
}

#[test]
fn pickles_survive() {
    let names = [
        "protocol0",
        "protocol1",
        "protocol2",
        "protocol3",
        "protocol4",
        "python2",
    ];
    for name in names {
        let name = format!("cifar_{name}.pickle");
        let bytes = fixture(&name);
        survive(&name, &bytes, 260, 6_000, cifar::python);
    }
    survive(
        "meta.pickle",
        &fixture("meta.pickle"),
        80,
        20_000,
        cifar::label_names,
    );
}

/// Random opcodes rather than broken files.
#[test]
fn random_opcodes_survive() {
    let opcodes = b"(01234.)tl]ae}dsuRbcpgqhrjNIJKMLFGSTUVXBC\x80\x85\x86\x87\x88\x89\x8a\x8c\x93\x94";
    let mut random = Random(42);
    for _ in 0..50_000 {
        let length = 1 + random.below(60);
        let bytes: Vec<u8> = (0..length)
            .map(|_| match random.below(4) {
                0 => random.below(4) as u8,
                _ => opcodes[random.below(opcodes.len())],
            })
            .collect();
        if let Ok(pickle) = data::pickle::Pickle::read("r", &bytes) {
            let root = pickle.root();
            assert!(!root.kind().is_empty());
            let _ = (
                root.int(),
                root.bytes(),
                root.array_u8(),
                root.get("data").is_some(),
            );
            let _ = root.items().map(Iterator::count);
        }
    }
}

#[test]
fn archives_survive() {
    survive("arrays.npz", &fixture("arrays.npz"), 400, 4_000, npz::from_bytes);
    survive(
        "compressed.npz",
        &fixture("compressed.npz"),
        400,
        8_000,
        npz::from_bytes,
    );
    let header = b"{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3, 1), }\n";
    let mut npy = b"\x93NUMPY\x01\x00".to_vec();
    npy.extend((header.len() as u16).to_le_bytes());
    npy.extend(header);
    npy.extend([0; 24]);
    survive("array.npy", &npy, 80, 20_000, npz::parse_npy);
}

#[test]
fn pictures_survive() {
    for name in ["rgb.png", "palette.gif", "rgb.bmp", "rgb.webp", "smooth.jpg"] {
        survive(name, &fixture(name), 60, 400, Picture::decode);
    }
}
