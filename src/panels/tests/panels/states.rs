//! Sessions in the states that a panel may meet, and one panel or all of them drawn in each.

use egui_kittest::Harness;
use std::sync::Arc;

use model::run::{At, Bucket, Histogram, Mark, MarkKind, Setting};
use model::{Point, Record, Run};
use panels::{Ask, Memory, PANELS, Panel, Panels, Status, View};
use session::{Command, Histories, Session, Source};

/// Everything that a test reads afterwards.
pub struct Shown {
    pub session: Session,
    pub panels: Panels,
    pub memory: Memory,
    pub out: Vec<Command>,
    pub asks: Vec<Ask>,
    pub rect: egui::Rect,
}

/// A harness about `session`, each frame drawn by `draw`.
pub fn harness(
    session: Session,
    panels: Panels,
    size: [f32; 2],
    draw: impl Fn(&mut egui::Ui, &mut Shown) + 'static,
) -> Harness<'static, Shown> {
    let shown = Shown {
        session,
        panels,
        memory: Memory::default(),
        out: Vec::new(),
        asks: Vec::new(),
        rect: egui::Rect::NOTHING,
    };
    let harness = Harness::builder().with_size(egui::vec2(size[0], size[1]));
    harness.build_ui_state(draw, shown)
}

pub fn status() -> Status {
    Status {
        frame: 8.3,
        device: "A graphics card".into(),
        ..Status::default()
    }
}

/// All panels around the scene, in a window of the usual size.
pub fn window(session: Session, panels: Panels) -> Harness<'static, Shown> {
    let mut harness = harness(session, panels, [1280.0, 800.0], |ui, s| {
        // To the edges, as in the app.
        let builder = egui::UiBuilder::new().max_rect(ui.ctx().content_rect());
        let mut ui = ui.new_child(builder);
        s.rect = s.panels.show(&mut ui, &s.session, &status(), &mut s.out);
    });
    settle(&mut harness);
    harness
}

/// One panel alone, as wide as in its place.
pub fn alone(session: Session, panel: &'static Panel, size: [f32; 2]) -> Harness<'static, Shown> {
    let mut harness = harness(session, Panels::default(), size, move |ui, s| {
        panels::style::apply(ui.ctx(), s.session.state.light);
        ui.set_style(ui.ctx().style_of(ui.ctx().theme()));
        let fill = ui.visuals().panel_fill;
        ui.painter().rect_filled(ui.ctx().content_rect(), 0.0, fill);
        let mut view = View {
            session: &s.session,
            status: &status(),
            memory: &mut s.memory,
            out: &mut s.out,
            asks: &mut s.asks,
        };
        (panel.show)(ui, &mut view);
    });
    settle(&mut harness);
    harness
}

/// Frames until nothing moves; long statistics may take a while on their thread.
pub fn settle<T>(harness: &mut Harness<T>) {
    for _ in 0..400 {
        if harness.run_ok().is_some() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    panic!("the panels never come to rest");
}

pub fn empty() -> Session {
    Session::new()
}

/// The built-in model with all its answers, a convolution selected.
pub fn demo() -> Session {
    let mut session = Session::new();
    session.apply(Command::Open(Source::Bundled("fashion-mnist".into())));
    session.wait_for_predictions();
    session.apply(Command::Select(Some("block1/conv1".into())));
    session
}

/// The built-in model beside one that was trained less: other weights, another width.
pub fn compared() -> Session {
    let mut session = demo();
    let network = model::templates::residual_cnn("narrow", 1, 28, 10, 8, 1);
    let onnx = formats::FORMATS.iter().find(|f| f.extensions.contains(&"onnx"));
    session.apply(Command::Compare(Source::Bytes {
        name: "narrow.onnx".into(),
        bytes: onnx.unwrap().write(&network).unwrap().into(),
    }));
    session.wait_for_predictions();
    session
}

/// The built-in model after one failure of each kind.
pub fn failed() -> Session {
    let mut session = demo();
    let bytes = |name: &str, bytes: &'static [u8]| Source::Bytes {
        name: name.into(),
        bytes: bytes.into(),
    };
    for command in [
        Command::Open(Source::File("no/such/model.onnx".into())),
        Command::Open(bytes("cat.png", b"\x89PNG\r\n\x1a\n")),
        Command::Open(bytes("broken.json", b"{\"layers\": [{\"name\": \"a\"}]}")),
        Command::Feed(bytes("broken.png", b"nonsense")),
        Command::Feed(Source::Bytes {
            name: "wrong.npz".into(),
            bytes: wrong_shape().into(),
        }),
    ] {
        session.apply(command);
        session.wait();
    }
    session
}

/// A tiny encoder with a vocabulary, asked about `texts`; without texts nothing flows, and without a
/// vocabulary nothing can.
pub fn encoder(vocabulary: bool, texts: &[&str]) -> Session {
    let file = |name: &str| {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../formats/tests/families/bert/");
        (
            name.to_string(),
            std::fs::read(format!("{folder}{name}")).unwrap().into(),
        )
    };
    let words = "[PAD] [UNK] [CLS] [SEP] [MASK] the a cat dog sat ran on mat red ##s ##ing , . walk he";
    let mut files = vec![file("model.safetensors"), file("config.json")];
    if vocabulary {
        files.push(("vocab.txt".into(), words.replace(' ', "\n").into()));
    }
    let mut session = Session::new();
    session.apply(Command::Open(Source::Together(files)));
    session.wait();
    if !texts.is_empty() {
        let texts = texts.iter().map(|t| t.to_string());
        session.apply(Command::Text(texts.collect()));
        session.wait();
    }
    session
}

/// A tiny vision transformer that looks at a picture.
pub fn vision() -> Session {
    let file = |name: &str| {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../formats/tests/families/vit/");
        let bytes = std::fs::read(format!("{folder}{name}")).unwrap();
        (name.to_string(), bytes.into())
    };
    let mut session = Session::new();
    let files = vec![file("model.safetensors"), file("config.json")];
    session.apply(Command::Open(Source::Together(files)));
    session.wait();
    let document = session.document.as_ref().unwrap();
    let input = document.source.main().inputs[0];
    let name = document.source.tensor(input).name.clone();
    let values: Vec<f32> = (0..3 * 12 * 8)
        .map(|i| ((i % 8) as f32 / 7.0 - (i / 8 % 12) as f32 / 11.0) * (1.0 - (i / 96) as f32 / 3.0))
        .collect();
    let array = model::TensorData::from_f32(&[1, 3, 12, 8], &values);
    let bytes = data::npz::to_bytes([(name.as_str(), &array)]).unwrap();
    session.apply(Command::Feed(Source::Bytes {
        name: "picture.npz".into(),
        bytes: bytes.into(),
    }));
    session.wait();
    session
}

/// A Transformer that looks at four weeks of weather.
pub fn weather() -> Session {
    let file = |name: &str| {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/weather/");
        Source::File(format!("{folder}{name}").into())
    };
    let mut session = Session::new();
    session.apply(Command::Open(file("transformer.onnx")));
    session.wait();
    session.apply(Command::Feed(file("days.npy")));
    session.wait();
    session
}

/// Arrays under the right name in a wrong shape.
fn wrong_shape() -> Vec<u8> {
    let data = model::TensorData::from_f32(&[1, 3, 5, 5], &[0.0; 75]);
    data::npz::to_bytes([("image", &data)]).unwrap()
}

/// A network of colour pictures that brings no data set, with a drawing as its input.
pub fn pictured() -> Session {
    let mut session = Session::new();
    session.apply(Command::Open(Source::Bytes {
        name: "cifar-10.onnx".into(),
        bytes: include_bytes!("../../../../models/cifar-10.onnx")[..].into(),
    }));
    session.wait();
    let plane = |color: fn(u8, u8) -> u8| (0..1024).map(move |i| color((i % 32) as u8, (i / 32) as u8));
    let pixels = plane(|x, _| x * 8)
        .chain(plane(|_, y| y * 8))
        .chain(plane(|_, _| 90));
    let picture = data::Picture {
        width: 32,
        height: 32,
        channels: 3,
        pixels: pixels.collect(),
    };
    session.apply(Command::Draw {
        picture: picture.into(),
        begins: true,
    });
    session.wait();
    session
}

/// A residual network of `blocks` blocks, structure only, opened from JSON.
pub fn residual(blocks: usize) -> Session {
    let mut layers = vec![r#"{"name":"image","type":"input","shape":[3,64,64]}"#.to_string()];
    let mut links = Vec::new();
    let mut last = "image".to_string();
    for b in 0..blocks {
        let name = |part: &str| format!("stage{}/block{}/{part}", b / 4 + 1, b % 4);
        let filters = 16 << (b / 4).min(4);
        for (part, from) in [("conv1", &last), ("conv2", &name("relu1"))] {
            layers.push(format!(
                r#"{{"name":"{}","type":"conv2d","filters":{filters},"kernel_size":[3,3],"padding":"same"}}"#,
                name(part)
            ));
            links.push((from.clone(), name(part)));
            if part == "conv1" {
                layers.push(format!(r#"{{"name":"{}","type":"relu"}}"#, name("relu1")));
                links.push((name("conv1"), name("relu1")));
            }
        }
        layers.push(format!(r#"{{"name":"{}","type":"relu"}}"#, name("relu2")));
        links.push((name("conv2"), name("relu2")));
        last = name("relu2");
    }
    let links: Vec<String> = links
        .iter()
        .map(|(a, b)| format!(r#"{{"from":"{a}","to":"{b}"}}"#))
        .collect();
    let text = format!(
        r#"{{"layers":[{}],"connections":[{}]}}"#,
        layers.join(","),
        links.join(",")
    );
    let mut session = Session::new();
    session.apply(Command::Open(Source::Bytes {
        name: "residual.json".into(),
        bytes: text.into_bytes().into(),
    }));
    session.wait();
    assert!(session.document.is_some(), "{:?}", session.log);
    session
}

#[test]
fn every_panel_draws_in_every_state() {
    type Make = fn() -> Session;
    let states: [(&str, Make); 5] = [
        ("pictured", pictured),
        ("empty", empty),
        ("demo", demo),
        ("failed", failed),
        ("residual", || residual(16)),
    ];
    for (state, make) in states {
        for light in [false, true] {
            let mut session = make();
            session.apply(Command::Light(light));
            // One session serves all panels: each harness gives it back.
            let mut session = Some(session);
            for panel in PANELS {
                let mut harness = alone(session.take().unwrap(), panel, [300.0, 400.0]);
                let shown = harness.state_mut();
                assert!(
                    shown.out.is_empty(),
                    "{} asks for {:?} by itself ({state})",
                    panel.id,
                    shown.out
                );
                session = Some(std::mem::take(&mut shown.session));
                // In a place that is far too small too.
                let mut harness = alone(session.take().unwrap(), panel, [60.0, 40.0]);
                session = Some(std::mem::take(&mut harness.state_mut().session));
            }
        }
    }
}

#[test]
fn panels_are_named_once() {
    let ids: std::collections::BTreeSet<&str> = PANELS.iter().map(|p| p.id).collect();
    assert_eq!(ids.len(), PANELS.len());
    assert!(PANELS.iter().all(|p| !p.title.is_empty() && !p.about.is_empty()));
}

/// A network with the histories of six trainings beside it: two optimizers, three seeds each.
pub fn trained() -> Session {
    let mut session = demo();
    let names: Vec<String> = {
        let network = &session.document.as_ref().unwrap().network;
        let weights = network
            .tensors
            .iter()
            .filter(|t| t.kind == model::network::TensorKind::Parameter && t.name.ends_with(".weight"));
        weights.map(|t| t.name.clone()).collect()
    };
    let runs = (0..6).map(|i| training(i, &names)).map(Arc::new).collect();
    session.histories = Some(Histories::new("logs/fashion-mnist", runs));
    session
}

/// Noise between -1 and 1 that is the same each time.
fn noise(seed: u64, step: u64) -> f64 {
    let mixed = (seed * 7919 + step + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    ((mixed ^ (mixed >> 32)) as u32) as f64 / u32::MAX as f64 * 2.0 - 1.0
}

fn training(i: u64, layers: &[String]) -> Run {
    let adam = i >= 3;
    let (optimizer, speed, rate) = if adam {
        ("adam", 90.0, 0.001)
    } else {
        ("sgd", 260.0, 0.05)
    };
    let mut run = Run::new(format!("{optimizer}/seed{}", i % 3 + 1));
    let mut set = |name: &str, value| {
        run.take(Record::Hyperparameter {
            name: name.into(),
            value,
        })
    };
    set("optimizer", Setting::Text(optimizer.into()));
    set("learning rate", Setting::Number(rate));
    set("batch", Setting::Number(64.0));
    set("seed", Setting::Number((i % 3 + 1) as f64));
    let wall = |step: u64| 1.7e9 + 0.25 * step as f64;
    let mut scalar = |tag: &str, step: u64, value: f64| {
        let point = Point {
            step: step as i64,
            wall: wall(step),
            value,
        };
        run.take(Record::Scalar {
            tag: tag.into(),
            point,
        });
    };
    for step in 0..1500u64 {
        let t = step as f64;
        let loss = 0.22 + 2.1 * (-t / speed).exp() + 0.07 * noise(i, step) * (0.4 + (-t / 400.0).exp());
        scalar("loss/train", step, loss);
        scalar(
            "accuracy/train",
            step,
            0.93 - 0.8 * (-t / speed).exp() + 0.03 * noise(i + 9, step),
        );
        scalar(
            "learning rate",
            step,
            rate * 0.5 * (1.0 + (t / 1500.0 * std::f64::consts::PI).cos()),
        );
        if step % 50 == 49 {
            let worse = if adam { 0.00016 * (t - 600.0).max(0.0) } else { 0.0 };
            scalar("loss/validation", step, loss + 0.06 + worse);
            scalar(
                "accuracy/validation",
                step,
                0.9 - 0.8 * (-t / speed).exp() - worse * 0.1,
            );
        }
        if step % 10 == 0 {
            for (l, layer) in layers.iter().enumerate() {
                let depth = (layers.len() - l) as f64;
                let norm = (-0.35 * depth).exp()
                    * (0.3 + 2.0 * (-t / speed).exp())
                    * (1.0 + 0.2 * noise(l as u64, step));
                scalar(&format!("gradients/{layer}/norm"), step, norm);
                scalar(
                    &format!("updates/{layer}/ratio"),
                    step,
                    1e-3 * (1.0 + 0.5 * noise(l as u64 + 5, step)),
                );
            }
        }
    }
    for step in (0..1500u64).step_by(100) {
        for (group, width) in [
            ("weights", 0.2 + 1e-4 * step as f64),
            ("gradients", 0.4 / (1.0 + step as f64 / 200.0)),
        ] {
            for layer in layers {
                let buckets = (-20..20).map(|b| {
                    let left = b as f64 / 10.0 * 4.0 * width / 2.0;
                    let right = (b + 1) as f64 / 10.0 * 4.0 * width / 2.0;
                    let middle = (left + right) / 2.0 / width;
                    Bucket {
                        left,
                        right,
                        count: (1000.0 * (-middle * middle / 2.0).exp()).round(),
                    }
                });
                let buckets: Vec<Bucket> = buckets.collect();
                let histogram = Histogram {
                    min: buckets[0].left,
                    max: buckets[39].right,
                    count: buckets.iter().map(|b| b.count).sum(),
                    sum: 0.0,
                    squares: f64::NAN,
                    buckets,
                };
                let at = At {
                    step: step as i64,
                    wall: wall(step),
                    value: Arc::new(histogram),
                };
                run.take(Record::Histogram {
                    tag: format!("{group}/{layer}"),
                    at,
                });
            }
        }
    }
    let text = "learning rate 0.05 to 0.02".into();
    let kind = MarkKind::Intervention;
    run.take(Record::Mark(Mark {
        step: 700,
        wall: wall(700),
        kind,
        text,
    }));
    run
}
