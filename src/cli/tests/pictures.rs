//! Scenes as pictures, beside the kept ones that were looked at, and animations.
//!
//! `LAYERSCOPE_PICTURES=write` writes the pictures anew, to be looked at again.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use glam::Vec2;
use layout::Arrangement;
use scene::Stage;
use session::{Command, Quantity, Session, Source};

fn layerscope(arguments: &[&str]) -> i32 {
    cli::main(
        std::iter::once("layerscope")
            .chain(arguments.iter().copied())
            .map(OsString::from),
    )
}

fn tests(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

/// False, and said so, where nothing can draw.
fn draws() -> bool {
    let device = gpu::Headless::new();
    if let Err(error) = &device {
        println!("no picture is compared: {error}");
    }
    device.is_ok()
}

#[test]
fn every_scene_looks_as_it_did() {
    if !draws() {
        return;
    }
    let write = std::env::var("LAYERSCOPE_PICTURES").is_ok_and(|v| v == "write");
    let folder = tempfile::tempdir().unwrap();
    let mut scenes: Vec<PathBuf> = std::fs::read_dir(tests("scenes"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    scenes.sort();
    assert!(scenes.len() >= 7);
    let mut wrong = Vec::new();
    for scene in &scenes {
        let name = Path::new(scene.file_stem().unwrap()).with_extension("png");
        let kept = tests("pictures").join(&name);
        let out = if write {
            kept.clone()
        } else {
            folder.path().join(&name)
        };
        let (scene, file) = (scene.to_str().unwrap(), out.to_str().unwrap());
        assert_eq!(
            layerscope(&["render", scene, file, "--size", "800x450"]),
            0,
            "{scene}"
        );
        let (found, wanted) = (
            image::open(&out).unwrap().to_rgb8(),
            image::open(&kept).unwrap().to_rgb8(),
        );
        assert_eq!(found.dimensions(), wanted.dimensions());
        let differing = found
            .pixels()
            .zip(wanted.pixels())
            .filter(|(a, b)| (0..3).any(|i| a[i].abs_diff(b[i]) > 24))
            .count();
        let percent = 100.0 * differing as f32 / found.pixels().len() as f32;
        if percent > 1.5 {
            wrong.push(format!("{}: {percent:.1} % of the pixels differ", name.display()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn a_gif_holds_the_whole_flow() {
    use image::AnimationDecoder;
    if !draws() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("flow.gif");
    let file = out.to_str().unwrap();
    let small = ["--size", "240x136", "--fps", "4", "--seconds", "2"];
    assert_eq!(layerscope(&[&["render", "demo", file][..], &small].concat()), 0);
    let reader = std::io::BufReader::new(std::fs::File::open(&out).unwrap());
    let decoder = image::codecs::gif::GifDecoder::new(reader).unwrap();
    let frames = decoder.into_frames().collect_frames().unwrap();
    assert_eq!(frames.len(), 8);
    let lasts: u32 = frames
        .iter()
        .map(|f| f.delay().numer_denom_ms().0 / f.delay().numer_denom_ms().1)
        .sum();
    assert_eq!(lasts, 2000);
    assert_eq!(frames[0].buffer().dimensions(), (240, 136));
    // Dark at first, lit at the end.
    let ends = frames[0].buffer().pixels().zip(frames[7].buffer().pixels());
    let lit = ends.filter(|(a, b)| (0..3).any(|i| b[i] > a[i].saturating_add(40)));
    assert!(lit.count() > 300);
}

#[test]
fn an_mp4_is_whole_and_a_failed_one_leaves_nothing() {
    if !draws() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("tour.mp4");
    let file = out.to_str().unwrap();
    let small = ["--size", "160x90", "--fps", "5", "--seconds", "1"];
    assert_eq!(layerscope(&[&["render", "tour", file][..], &small].concat()), 0);
    let bytes = std::fs::read(&out).unwrap();
    assert_eq!(&bytes[4..8], b"ftyp");
    let has = |box_name: &[u8]| bytes.windows(4).any(|w| w == box_name);
    assert!(has(b"moov") && has(b"mdat") && has(b"avc1"));
    // H.264 needs even sides; what was there stays.
    let odd = ["--size", "161x90", "--fps", "5", "--seconds", "1"];
    assert_eq!(layerscope(&[&["render", "tour", file][..], &odd].concat()), 2);
    assert_eq!(std::fs::read(&out).unwrap(), bytes);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn diagrams_are_written_as_svg_and_pdf() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
    let (svg, pdf) = (file("demo.svg"), file("demo.pdf"));
    assert_eq!(layerscope(&["render", "demo", &svg]), 0);
    assert_eq!(
        layerscope(&[
            "render",
            "demo",
            &pdf,
            "--view",
            "nodes",
            "--collapsed",
            "--light"
        ]),
        0
    );
    let text = std::fs::read_to_string(&svg).unwrap();
    assert!(text.starts_with("<svg") && text.contains("BatchNormalization"));
    let bytes = std::fs::read(&pdf).unwrap();
    assert!(bytes.starts_with(b"%PDF-") && bytes.trim_ascii_end().ends_with(b"%%EOF"));
    // Letters, not outlines: the font travels with the page.
    assert!(bytes.windows(9).any(|w| w == b"/FontFile" || w == b"FontFile2"));
    // What moves, or has no plane, is no diagram.
    for arguments in [
        ["render", "demo", &svg, "--view", "volumes"],
        ["render", "demo", &svg, "--at", "1"],
        ["render", "demo", &svg, "--view", "cubes"],
        ["render", "tour", &pdf, "--view", "nodes"],
    ] {
        assert_eq!(layerscope(&arguments), 2, "{arguments:?}");
    }
    assert_eq!(std::fs::read_to_string(&svg).unwrap(), text);
}

#[test]
fn what_the_window_exports_is_what_render_writes() {
    if !draws() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let size = Vec2::new(320.0, 180.0);
    let mut session = Session::new();
    for command in [
        Command::Arrange(Arrangement::Nodes),
        Command::Color(Some(Quantity::Parameters)),
        Command::Open(Source::Bundled("fashion-mnist".into())),
        Command::ExpandAll,
    ] {
        session.apply(command);
        session.wait();
    }
    let mut stage = Stage::default();
    stage.update(&session, 0.0, size);
    for ending in ["svg", "pdf", "png"] {
        let [window, render] = ["window", "render"].map(|n| folder.path().join(n).with_extension(ending));
        let device = gpu::Headless::new().unwrap();
        let exported = cli::render::export(&window, (&session, &stage), device, (320, 180));
        assert!(exported.is_ok(), "{ending}");
        let file = render.to_str().unwrap();
        let how = ["--view", "nodes", "--color-by", "parameters", "--size", "320x180"];
        assert_eq!(layerscope(&[&["render", "demo", file][..], &how].concat()), 0);
        let same = std::fs::read(&window).unwrap() == std::fs::read(&render).unwrap();
        assert!(same, "{ending}");
    }
}

#[test]
fn wrong_scenes_and_options_end_with_status_2() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.png");
    let out = out.to_str().unwrap();
    let scene = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_string()
    };
    let stop = "Stop(seconds: 1.0, caption: \"\", commands: [";
    let wrong = [
        scene("empty.ron", ""),
        scene("none.ron", "Tour(title: \"\", begin: [], stops: [])"),
        scene(
            "up.ron",
            &format!("Tour(title: \"\", begin: [Open(File(\"../model.onnx\"))], stops: [{stop}])])"),
        ),
        scene(
            "gone.ron",
            &format!("Tour(title: \"\", begin: [Open(File(\"gone.onnx\"))], stops: [{stop}])])"),
        ),
        scene(
            "volume.ron",
            &format!("Tour(title: \"\", begin: [], stops: [{stop}Select(Some(\"x\"))])])"),
        ),
        scene(
            "pose.ron",
            &format!(
                "Tour(title: \"\", begin: [], stops: [{stop}Look(Pose((target: (0, 0, 0), yaw: 0, pitch: 0, distance: -1)))])])"
            ),
        ),
        "no-such-scene.ron".to_string(),
    ];
    for file in &wrong {
        assert_eq!(layerscope(&["render", file, out]), 2, "{file}");
    }
    assert_eq!(layerscope(&["render", "demo", out, "--fps", "5"]), 2);
    assert_eq!(layerscope(&["render", "demo", out, "--at", "-1"]), 2);
    assert_eq!(layerscope(&["render", "tour", out, "--collapsed"]), 2);
    assert_eq!(layerscope(&["render", "demo", "no/such/folder/out.png"]), 2);
    assert!(!Path::new(out).exists());
}
