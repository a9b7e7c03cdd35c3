//! IDX, CIFAR-10, folders and the built-in sample.

use std::path::{Path, PathBuf};

use data::{DataError, Images, Resize, cifar, fashion_sample, folder, idx};
use model::DType;

fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name);
    std::fs::read(path).expect("a fixture")
}

fn idx_bytes(code: u8, shape: &[u32], elements: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, code, shape.len() as u8];
    bytes.extend(shape.iter().flat_map(|d| d.to_be_bytes()));
    bytes.extend_from_slice(elements);
    bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

#[test]
fn idx_reads_every_element_type() {
    let bytes = idx_bytes(0x0b, &[2, 1], &[0x01, 0x02, 0xff, 0xfe]);
    for bytes in [gzip(&bytes), bytes] {
        let data = idx::parse("a.idx", &bytes).unwrap();
        assert_eq!((data.dtype, &data.shape[..]), (DType::I16, &[2, 1][..]));
        assert_eq!(data.to_i64().unwrap(), [0x0102, -2]);
    }
    let float = idx::parse("f.idx", &idx_bytes(0x0d, &[1], &1.5f32.to_be_bytes())).unwrap();
    assert_eq!(float.to_f32().unwrap(), [1.5]);
}

#[test]
fn idx_names_what_is_wrong() {
    let error = |bytes: &[u8]| idx::parse("a.idx", bytes).unwrap_err().to_string();
    let short = idx_bytes(8, &[2, 3], &[0; 5]);
    assert_eq!(
        error(&short),
        "a.idx: elements: found 5 bytes, then the end, expected 6 bytes for uint8 [2, 3]"
    );
    assert!(error(&idx_bytes(8, &[2, 3], &[0; 7])).contains("found more bytes"));
    assert!(error(&idx_bytes(7, &[1], &[0])).contains("magic number: found [00, 00, 07, 01]"));
    assert!(error(&[0, 0]).contains("magic number: found 2 bytes"));
    assert!(error(&idx_bytes(8, &[1], &[])[..6]).contains("axis sizes"));
    // 2^96 bytes claimed: refused before any memory is taken.
    assert!(error(&idx_bytes(8, &[u32::MAX; 3], &[])).contains("over the limit of 1073741824"));
    let cut = gzip(&short);
    assert!(error(&cut[..cut.len() - 9]).contains("intact gzip stream"));
}

#[test]
fn idx_images_and_labels_must_agree() {
    let pixels = idx_bytes(8, &[2, 1, 2], &[1, 2, 3, 4]);
    let read = |labels: &[u8], count: u32| {
        let labels = idx_bytes(8, &[count], labels);
        idx::images("set", &["a", "b"], ("p.idx", &pixels), ("l.idx", &labels))
    };
    let images = read(&[1, 0], 2).unwrap();
    assert_eq!(images.sample(1), [3, 4]);
    assert_eq!(images.class_of(0), "b");
    assert_eq!(
        images.to_f32(0, &images.preprocess()).unwrap(),
        [1.0 / 255.0, 2.0 / 255.0]
    );
    let count = read(&[1, 0, 0], 3).unwrap_err().to_string();
    assert!(
        count.contains("l.idx: header: found uint8 [3], expected uint8 [2]"),
        "{count}"
    );
    let label = read(&[1, 2], 2).unwrap_err().to_string();
    assert!(
        label.contains("label of sample 1: found 2, expected below 2"),
        "{label}"
    );
}

#[test]
fn sample_has_twenty_of_each_class() {
    let sample = fashion_sample();
    assert_eq!((sample.len(), sample.sample_len()), (200, 784));
    assert_eq!(sample.class_counts(), [20; 10]);
    assert_eq!(sample.class_of(0), "Ankle boot");
    assert!(data::sample::FASHION_LICENSE.contains("Zalando SE"));
    assert_eq!(sample.head(3).pixels, sample.pixels[..3 * 784]);
}

/// Where Debian's dataset-fashion-mnist is installed, the sample is the start of it.
#[test]
fn sample_equals_the_installed_set() {
    let installed = Path::new("/usr/share/datasets/fashion-mnist");
    if !installed.is_dir() {
        eprintln!("skipped: dataset-fashion-mnist is not installed");
        return;
    }
    let split = idx::fashion_mnist(installed).unwrap();
    assert_eq!((split.train.len(), split.test.len()), (60_000, 10_000));
    assert_eq!(split.train.class_counts(), [6_000; 10]);
    let sample = fashion_sample();
    let mut taken = [0; 10];
    let mut next = 0;
    for i in 0..split.test.len() {
        let label = split.test.labels[i] as usize;
        taken[label] += 1;
        if taken[label] <= 20 {
            assert_eq!(split.test.sample(i), sample.sample(next));
            assert_eq!(split.test.labels[i], sample.labels[next]);
            next += 1;
        }
    }
    assert_eq!(next, 200);
}

#[test]
fn missing_files_are_named() {
    let empty = tempfile::tempdir().unwrap();
    let error = idx::fashion_mnist(empty.path()).unwrap_err().to_string();
    assert!(
        error.contains("train-images-idx3-ubyte.gz or train-images-idx3-ubyte"),
        "{error}"
    );
    let error = cifar::folder(empty.path()).unwrap_err().to_string();
    assert!(
        error.contains("no test_batch, expected test_batch.bin"),
        "{error}"
    );
}

fn made_up() -> (Vec<u8>, [u16; 2]) {
    let value = |r: usize, i: usize| ((7 * i + 13 * r) % 251) as u8;
    let pixels = (0..2).flat_map(|r| (0..3072).map(move |i| value(r, i)));
    (pixels.collect(), [3, 9])
}

#[test]
fn cifar_python_reads_every_protocol() {
    let (pixels, labels) = made_up();
    let names = [
        "protocol0",
        "protocol1",
        "protocol2",
        "protocol3",
        "protocol4",
        "python2",
    ];
    for name in names.iter().chain(&["fortran"]) {
        let file = format!("cifar_{name}.pickle");
        let images = cifar::batch(&file, &fixture(&file)).unwrap();
        assert_eq!(images.pixels, pixels, "{name}");
        assert_eq!(images.labels, labels, "{name}");
    }
    let float = cifar::batch("f", &fixture("cifar_float.pickle"))
        .unwrap_err()
        .to_string();
    assert!(float.contains("numpy.dtype('f8'), expected uint8"), "{float}");
    let names = cifar::label_names("meta", &fixture("meta.pickle")).unwrap();
    assert_eq!(names, ["airplane", "automobile"]);
}

#[test]
fn hostile_pickles_are_named_and_not_run() {
    let error = |bytes: &[u8]| cifar::python("x.pickle", bytes).unwrap_err().to_string();
    let asks = |bytes: &[u8]| error(bytes).replace("x.pickle: pickle asks for ", "");
    assert_eq!(asks(b"cos\nsystem\n(S'echo'\ntR."), "os.system: not read");
    assert_eq!(
        asks(b"\x80\x04\x8c\x02os\x8c\x06system\x93."),
        "os.system: not read"
    );
    assert_eq!(asks(b"(S'echo'\nios\nsystem\n."), "os.system: not read");
    assert_eq!(asks(b"c__builtin__\neval\n."), "__builtin__.eval: not read");
    assert_eq!(asks(b")\x81."), "a new object (NEWOBJ): not read");
    assert_eq!(asks(b"P1\n."), "a persistent object (PERSID): not read");
    assert!(error(b"\x80\x05N.").contains("found protocol 5, expected protocol 0 to 4"));
    assert!(error(b"N.").contains("found None without 'data'"));
    assert!(error(b"\x80\x02X\xff\xff\xff\x7f").contains("a length of 2147483647"));
    assert!(error(b"a").contains("an empty stack"));
    assert!(error(b"g7\n").contains("memo 7"));
    assert!(error(b"").contains("0 bytes, then the end"));
    // Nesting and marks without end: no stack is used up, and both have a limit.
    let mut nested = vec![b']'; 1_000_000];
    nested.extend(vec![b'a'; 999_999]);
    nested.push(b'.');
    assert!(error(&nested).contains("found list without 'data'"));
    assert!(error(&vec![b'('; 5_000_000]).contains("over the limit of 4194304 values"));
    // A list in itself.
    assert!(error(b"]q\x00h\x00a.").contains("found list without 'data'"));
    // One long text decoded again and again.
    let mut bomb = b"c_codecs\nencode\nq\x00X\x00\x00\x01\x00".to_vec();
    bomb.extend(vec![b'x'; 65_536]);
    bomb.extend(b"q\x01X\x06\x00\x00\x00latin1q\x02");
    bomb.extend(b"h\x00h\x01h\x02\x86R".repeat(50));
    bomb.push(b'.');
    assert!(error(&bomb).contains("more decoded text than the file can hold"));
}

#[test]
fn cifar_binary_counts_records() {
    let (pixels, _) = made_up();
    let mut bytes = vec![3];
    bytes.extend_from_slice(&pixels[..3072]);
    bytes.push(9);
    bytes.extend_from_slice(&pixels[3072..]);
    let images = cifar::batch("b.bin", &bytes).unwrap();
    assert_eq!((images.pixels, &images.labels[..]), (pixels, &[3, 9][..]));
    let error = |b: &[u8]| cifar::batch("b.bin", b).unwrap_err().to_string();
    assert!(error(&bytes[..6000]).contains("6000 bytes, expected one or more CIFAR-10 records"));
    assert!(error(&[0; 3074]).contains("CIFAR-100"));
    assert!(error(&[200; 3073]).contains("label of sample 0: found 200, expected below 10"));
}

/// Real images, in the folder that `LAYERSCOPE_CIFAR` names (the full set or the start of it).
#[test]
fn cifar_folder_reads_real_images() {
    let Some(path) = std::env::var_os("LAYERSCOPE_CIFAR").map(PathBuf::from) else {
        eprintln!("skipped: LAYERSCOPE_CIFAR names no folder");
        return;
    };
    let split = cifar::folder(&path).unwrap();
    assert!(split.train.len() >= 5_000 && split.test.len() >= 1_000);
    assert_eq!((split.test.class_of(0), split.test.class_of(1)), ("cat", "ship"));
    assert!(split.test.class_counts().iter().all(|&n| n > 50));
}

#[test]
fn cifar_folder_takes_both_versions() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("cifar-10-batches-py");
    std::fs::create_dir(&inner).unwrap();
    for name in ["data_batch_1", "data_batch_2", "test_batch"] {
        std::fs::write(inner.join(name), fixture("cifar_python2.pickle")).unwrap();
    }
    let split = cifar::folder(folder.path()).unwrap();
    assert_eq!((split.train.len(), split.test.len()), (4, 2));
    std::fs::write(inner.join("batches.meta"), fixture("meta.pickle")).unwrap();
    let error = cifar::folder(folder.path()).unwrap_err().to_string();
    assert!(
        error.contains("class names: found 2 names, expected 10"),
        "{error}"
    );
}

fn options() -> folder::Options {
    folder::Options {
        width: 8,
        height: 6,
        channels: 3,
        resize: Resize::FitCenterCrop,
        per_class: 10,
    }
}

#[test]
fn folders_become_classes() {
    let root = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    for (name, file) in [("cat", "rgb.png"), ("dog", "gray.png"), ("dog", "palette.gif")] {
        let class = root.path().join(name);
        std::fs::create_dir_all(&class).unwrap();
        std::fs::write(class.join(file), fixture(file)).unwrap();
    }
    std::fs::write(root.path().join("dog/broken.png"), b"no picture").unwrap();
    std::fs::write(root.path().join("dog/notes.txt"), b"ignored").unwrap();
    std::fs::write(root.path().join("beside.png"), fixture("rgb.png")).unwrap();
    std::fs::write(outside.path().join("secret.png"), fixture("rgb.png")).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(
        outside.path().join("secret.png"),
        root.path().join("dog/secret.png"),
    )
    .unwrap();
    let read = folder::read(root.path(), &options()).unwrap();
    let files: Vec<_> = read.files.iter().map(|f| f.display().to_string()).collect();
    assert_eq!(files, ["cat/rgb.png", "dog/gray.png", "dog/palette.gif"]);
    let Images { labels, classes, .. } = &read.images;
    assert_eq!(
        (&labels[..], &classes[..]),
        (&[0, 1, 1][..], &["cat".to_string(), "dog".into()][..])
    );
    let warnings = read.warnings.join("\n");
    assert!(
        warnings.contains("1 pictures beside the class folders"),
        "{warnings}"
    );
    assert!(warnings.contains("broken.png: first bytes"), "{warnings}");
    assert_eq!(
        warnings.contains("secret.png: leads out of the folder"),
        cfg!(unix)
    );

    let one = folder::read(&root.path().join("cat"), &options()).unwrap();
    assert_eq!(
        (one.images.len(), &one.images.classes[..]),
        (1, &["cat".to_string()][..])
    );
    let none = folder::read(outside.path().join("nowhere").as_path(), &options());
    assert!(matches!(none, Err(DataError::Io { .. })));
    let size = folder::read(
        root.path(),
        &folder::Options {
            width: 0,
            ..options()
        },
    );
    assert!(
        size.unwrap_err()
            .to_string()
            .contains("preprocessing size: found 0 x 6")
    );
}
