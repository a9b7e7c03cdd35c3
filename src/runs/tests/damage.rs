//! Whatever bytes a log holds: no panic, no hang, and what is whole is read.

mod support;

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use runs::Library;

/// Files of every format, with a name that says which.
fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let samples = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/samples"));
    let events = |run: &str| {
        let mut files: Vec<_> = fs::read_dir(samples.join("tensorboard").join(run))
            .unwrap()
            .flatten()
            .map(|e| e.path())
            .collect();
        files.sort();
        fs::read(files.into_iter().find(|f| f.is_file()).unwrap()).unwrap()
    };
    let parquet = |name: &str| fs::read(samples.join("parquet").join(name)).unwrap();
    vec![
        ("x.tfevents.1", events("new")),
        ("x.tfevents.1", events("old/trial/t")),
        ("x.csv", b"step,loss,note\n1,0.5,\"a \"\"q\"\"\nb\"\n2,nan,\n3,1e9,x\n".to_vec()),
        ("x.csv", b"run,tag,step,wall,value\na,l,1,2024-05-06T07:08:09Z,2\nb,l,2,,inf\n".to_vec()),
        ("x.jsonl", b"{\"_step\": 1, \"a\": {\"b\": NaN, \"c\": [1, 2]}, \"t\": \"\\u00e9\"}\n{\"_step\": 2, \"h\": {\"_type\": \"histogram\", \"bins\": [0, 1], \"values\": [3]}}\n".to_vec()),
        ("x.parquet", parquet("polars.parquet")),
        ("x.parquet", parquet("gzip.parquet")),
    ]
}

/// Reads bytes under a name, in pieces of `budget`; panics and hangs fail.
fn read(name: &str, bytes: Vec<u8>) -> usize {
    let settings = ("hparams.yaml".to_string(), "a: 1".into());
    let mut library = Library::from_bytes(vec![(name.to_string(), bytes.into()), settings]).unwrap();
    let start = Instant::now();
    while !library
        .refresh(Duration::from_secs(1), &AtomicBool::new(false))
        .finished
    {
        assert!(start.elapsed() < Duration::from_secs(60), "it does not end");
    }
    library.runs().iter().map(|r| r.points() + r.texts.len()).sum()
}

fn cases() -> ProptestConfig {
    ProptestConfig {
        cases: 1500,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn random_bytes_are_read(which in 0..7usize, bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        read(seeds()[which].0, bytes);
    }

    #[test]
    fn changed_files_are_read(
        which in 0..7usize, changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let (name, mut bytes) = seeds().swap_remove(which);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        read(name, bytes);
    }

    #[test]
    fn cut_and_joined_files_are_read(
        which in 0..7usize, cut in any::<prop::sample::Index>(), from in any::<prop::sample::Index>(),
    ) {
        let (name, bytes) = seeds().swap_remove(which);
        let joined = [&bytes[..cut.index(bytes.len())], &bytes[from.index(bytes.len())..]].concat();
        read(name, joined);
    }

    /// Changes below the checksum: whatever stands in a record, the records around it are read.
    #[test]
    fn any_record_between_others_is_passed_over(
        record in prop::collection::vec(any::<u8>(), 0..200),
        changed in any::<prop::sample::Index>(), byte in any::<u8>(), whole in any::<bool>(),
    ) {
        let (name, bytes) = seeds().swap_remove(0);
        let mut ends = vec![0];
        while let Some(&at) = ends.last() && at < bytes.len() {
            ends.push(at + 16 + u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize);
        }
        let record = match whole {
            true => record,
            // One of the file's own, with a byte changed: closer to what is decoded.
            false => {
                let i = changed.index(ends.len() - 1);
                let mut own = bytes[ends[i] + 12..ends[i + 1] - 4].to_vec();
                let at = changed.index(own.len());
                own[at] = byte;
                own
            }
        };
        let mut joined = bytes[..ends[5]].to_vec();
        frame(&record, &mut joined);
        joined.extend(&bytes[ends[5]..]);
        prop_assert!(read(name, joined) >= read(name, bytes));
    }
}

fn frame(record: &[u8], out: &mut Vec<u8>) {
    let masked = |bytes: &[u8]| crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8);
    let length = (record.len() as u64).to_le_bytes();
    out.extend(length);
    out.extend(masked(&length).to_le_bytes());
    out.extend(record);
    out.extend(masked(record).to_le_bytes());
}

/// A file of 4 KB cannot make the reader allocate gigabytes: tensors of absurd shapes are refused.
#[test]
fn absurd_sizes_are_refused() {
    // Event { summary { value { tag: "t", tensor { dtype: FLOAT, shape { 2^30, 2^30 } } } } }
    let dim = |size: &[u8]| [&[0x12, size.len() as u8 + 1, 0x08][..], size].concat();
    let size = [0x80, 0x80, 0x80, 0x80, 0x04];
    let shape = [dim(&size), dim(&size)].concat();
    let field = |key: u8, content: &[u8]| [&[key, content.len() as u8][..], content].concat();
    let tensor = [
        vec![0x08, 1],
        field(0x12, &shape),
        field(0x2a, &1f32.to_le_bytes()),
    ]
    .concat();
    let value = [field(0x0a, b"t"), field(0x42, &tensor)].concat();
    let mut bytes = Vec::new();
    frame(&field(0x2a, &field(0x0a, &value)), &mut bytes);
    let mut library = Library::from_bytes(vec![("x.tfevents.1".into(), bytes.into())]).unwrap();
    support::refresh(&mut library);
    assert!(library.runs()[0].tensors.is_empty());
    assert!(
        library.warnings()[0].problem.contains("too large"),
        "{:?}",
        library.warnings()
    );
    // A length of 2^60 with a right checksum, then a record.
    let mut bytes = (1u64 << 60).to_le_bytes().to_vec();
    let crc = crc32c::crc32c(&bytes).rotate_right(15).wrapping_add(0xa282_ead8);
    bytes.extend(crc.to_le_bytes());
    frame(b"", &mut bytes);
    frame(b"", &mut bytes);
    let mut library = Library::from_bytes(vec![("x.tfevents.1".into(), bytes.into())]).unwrap();
    support::refresh(&mut library);
    assert!(
        library.warnings()[0].problem.contains("is refused"),
        "{:?}",
        library.warnings()
    );
}
