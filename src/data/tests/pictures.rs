//! Decoding, resizing and preprocessing against Pillow (see make_fixtures.py).

use std::collections::HashMap;
use std::path::Path;

use data::{Layout, Picture, Preprocess, Resize, apply, npz};
use model::TensorData;

fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name);
    std::fs::read(path).expect("a fixture")
}

fn picture(name: &str) -> Picture {
    Picture::decode(name, &fixture(name)).unwrap()
}

fn references() -> HashMap<String, TensorData> {
    let arrays = npz::from_bytes("pictures.npz", &fixture("pictures.npz")).unwrap();
    arrays.into_iter().collect()
}

/// Largest difference in levels of 0 to 255.
#[track_caller]
fn worst(picture: &Picture, reference: &TensorData) -> u8 {
    let shape = [picture.channels, picture.height, picture.width].map(|n| n as u64);
    assert_eq!(reference.shape, shape);
    let expected = reference.to_bytes();
    let pairs = picture.pixels.iter().zip(expected.iter());
    pairs.map(|(a, b)| a.abs_diff(*b)).max().unwrap()
}

#[test]
fn every_format_is_decoded() {
    let reference = references();
    for name in ["rgb.png", "rgb.bmp", "rgb.webp", "alpha.png"] {
        assert_eq!(worst(&picture(name), &reference["rgb"]), 0, "{name}");
    }
    for name in ["gray.png", "deep.png"] {
        assert_eq!(worst(&picture(name), &reference["gray"]), 0, "{name}");
    }
    assert_eq!(worst(&picture("palette.png"), &reference["palette_png"]), 0);
    assert_eq!(worst(&picture("palette.gif"), &reference["palette_gif"]), 0);
    // JPEG decoders may round differently.
    assert!(worst(&picture("smooth.jpg"), &reference["smooth"]) <= 3);
    assert!(worst(&picture("turned.jpg"), &reference["turned"]) <= 3);
}

#[test]
fn colour_follows_pillow() {
    let gray = picture("rgb.png").to_channels(1).unwrap();
    assert_eq!(worst(&gray, &references()["gray"]), 0);
    let back = gray.to_channels(3).unwrap();
    assert_eq!(back.pixels, gray.pixels.repeat(3));
    assert!(
        gray.to_channels(2)
            .unwrap_err()
            .to_string()
            .contains("1 to 2, expected 1")
    );
}

#[test]
fn sizes_follow_pillow() {
    let (source, reference) = (picture("rgb.png"), references());
    for (name, width, height) in [("shrunk", 16, 12), ("grown", 61, 50), ("stretched", 9, 40)] {
        assert!(
            worst(&source.resized(width, height), &reference[name]) <= 1,
            "{name}"
        );
    }
    let crops = [
        ("cropped", 16, 16),
        ("cropped_tall", 10, 31),
        ("cropped_wide", 40, 9),
    ];
    for (name, width, height) in crops {
        let how = Preprocess {
            resize: Resize::FitCenterCrop,
            ..Preprocess::unit(width, height, 3)
        };
        assert!(
            worst(&how.fitted(&source).unwrap(), &reference[name]) <= 1,
            "{name}"
        );
    }
}

#[test]
fn preprocessing_gives_the_input() {
    let (source, reference) = (picture("rgb.png"), references());
    let how = Preprocess::imagenet(16, 16);
    let input = apply(&how, &source).unwrap();
    assert_eq!(input.shape, [1, 3, 16, 16]);
    let (got, expected) = (input.to_f32().unwrap(), reference["imagenet"].to_f32().unwrap());
    let level = 1.0 / 255.0 / 0.224;
    for (a, b) in got.iter().zip(&expected) {
        assert!((a - b).abs() <= level * 1.01, "{a} {b}");
    }
    let last = Preprocess {
        layout: Layout::Nhwc,
        ..how.clone()
    };
    let swapped = apply(&last, &source).unwrap();
    assert_eq!(swapped.shape, [1, 16, 16, 3]);
    let swapped = swapped.to_f32().unwrap();
    for (i, value) in got.iter().enumerate() {
        assert_eq!(swapped[(i % 256) * 3 + i / 256], *value);
    }
    let twice = Preprocess {
        scale: 2.0,
        mean: vec![1.0],
        std: vec![4.0],
        ..Preprocess::unit(37, 23, 1)
    };
    let first = f32::from(references()["gray"].to_bytes()[40]);
    assert_eq!(twice.values(&source).unwrap()[40], (first * 2.0 - 1.0) / 4.0);
}

#[test]
fn preprocessing_describes_itself() {
    assert_eq!(
        Preprocess::imagenet(224, 224).describe(),
        "Picture as RGB, fitted and centre-cropped to 224 x 224 (width x height); each value v \
         of 0 to 255 becomes (v / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]; \
         axes N C H W."
    );
    assert_eq!(
        Preprocess::unit(28, 28, 1).describe(),
        "Picture as grayscale, stretched to 28 x 28 (width x height); each value v of 0 to 255 \
         becomes v / 255; axes N C H W."
    );
}

#[test]
fn senseless_requests_are_named() {
    let source = picture("rgb.png");
    let error = |how: Preprocess| apply(&how, &source).unwrap_err().to_string();
    let unit = || Preprocess::unit(8, 8, 3);
    assert!(error(Preprocess::unit(0, 8, 3)).contains("size: found 0 x 8"));
    assert!(error(Preprocess::unit(16_384, 16_384, 3)).contains("67108864 in all"));
    assert!(error(Preprocess::unit(8, 8, 4)).contains("channels: found 4, expected 1 or 3"));
    let std = vec![0.0];
    assert!(error(Preprocess { std, ..unit() }).contains("std: found [0.0]"));
    let mean = vec![0.0, 1.0];
    assert!(error(Preprocess { mean, ..unit() }).contains("mean: found [0.0, 1.0]"));
    let scale = f32::NAN;
    assert!(error(Preprocess { scale, ..unit() }).contains("scale: found NaN"));
    // A picture of one row, fitted to a square far larger than its area allows.
    let thin = Picture {
        width: 9_000,
        height: 1,
        channels: 1,
        pixels: vec![7; 9_000],
    };
    let how = Preprocess {
        resize: Resize::FitCenterCrop,
        ..Preprocess::unit(300, 300, 1)
    };
    assert!(how.fitted(&thin).unwrap().pixels.iter().all(|&p| p == 7));
}

#[test]
fn broken_pictures_are_named() {
    let error = |bytes: &[u8]| Picture::decode("p.png", bytes).unwrap_err().to_string();
    assert!(error(b"").contains("no known signature, expected a PNG, JPEG"));
    let png = fixture("rgb.png");
    assert!(error(&png[..png.len() / 2]).contains("p.png: picture data"));
    // The same file with a claim of 2^31 - 1 columns.
    let mut wide = png.clone();
    wide[16..20].copy_from_slice(&0x7fff_ffffu32.to_be_bytes());
    let wide = error(&wide);
    assert!(wide.starts_with("p.png: "), "{wide}");
}
