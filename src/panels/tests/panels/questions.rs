//! Pictures of answers: attributions, what they are worth, features of layers.

use egui_kittest::kittest::Queryable;
use egui_kittest::{Harness, SnapshotOptions, SnapshotResults};
use panels::panel_of;
use session::asking::{Line, Part, Question, Search};
use session::{Command, Session, Source};

use crate::states::{Shown, alone, demo, empty, encoder, pictured, residual, settle};

fn take(results: &mut SnapshotResults, harness: &mut Harness<Shown>, name: &str) {
    // Drivers round edges of glyphs differently, and processors values.
    let options = SnapshotOptions::new()
        .threshold(1.5_f32)
        .failed_pixel_count_threshold(400_usize);
    results.add(harness.try_snapshot_options(name, &options));
}

fn ask(session: &mut Session, question: Question) {
    session.apply(Command::Ask(question));
    session.wait_for_answers();
}

fn by(method: &str) -> Question {
    Question::Attribute {
        method: method.into(),
        settings: Default::default(),
        layer: None,
        element: None,
        text: 0,
    }
}

/// Draws a panel of `session`, and gives that back.
fn picture(results: &mut SnapshotResults, session: Session, id: &str, size: [f32; 2], name: &str) -> Session {
    let mut harness = alone(session, panel_of(id).unwrap(), size);
    take(results, &mut harness, name);
    assert!(harness.state().out.is_empty(), "{:?}", harness.state().out);
    std::mem::take(&mut harness.state_mut().session)
}

const WIDE: [f32; 2] = [960.0, 330.0];

#[test]
fn attributions() {
    let mut results = SnapshotResults::new();
    let mut session = demo();
    session = picture(&mut results, session, "attribution", WIDE, "attribution_ready");
    ask(&mut session, by("integrated"));
    session = picture(&mut results, session, "attribution", WIDE, "attribution_signed");
    ask(&mut session, Question::Curves);
    ask(&mut session, Question::Sanity);
    session = picture(
        &mut results,
        session,
        "attribution",
        [960.0, 560.0],
        "attribution_checked",
    );
    session = picture(
        &mut results,
        session,
        "attribution",
        [320.0, 640.0],
        "attribution_narrow",
    );
    session.apply(Command::Light(true));
    ask(&mut session, by("grad_cam"));
    session = picture(&mut results, session, "attribution", WIDE, "attribution_places");
    let (layer, element) = (None, Some(6));
    ask(
        &mut session,
        Question::Every {
            layer,
            element,
            text: 0,
        },
    );
    session = picture(
        &mut results,
        session,
        "attribution",
        WIDE,
        "attribution_several_light",
    );
    session.apply(Command::Light(false));
    picture(&mut results, session, "attribution", WIDE, "attribution_several");
    let mut coloured = pictured();
    ask(&mut coloured, by("smooth"));
    picture(&mut results, coloured, "attribution", WIDE, "attribution_colours");
}

/// A network of four numbers.
fn numbers() -> Session {
    let network = model::templates::mlp("net", &[6], &[8], 3, 0.0, 5);
    let onnx = formats::FORMATS.iter().find(|f| f.extensions.contains(&"onnx"));
    let mut session = Session::new();
    session.apply(Command::Open(Source::Bytes {
        name: "numbers.onnx".into(),
        bytes: onnx.unwrap().write(&network).unwrap().into(),
    }));
    session.wait();
    let input = {
        let network = &session.document.as_ref().unwrap().source;
        network.tensor(network.main().inputs[0]).name.clone()
    };
    let data = model::TensorData::from_f32(&[1, 6], &[0.5, -1.0, 2.0, 0.0, 1.5, -0.3]);
    session.apply(Command::Feed(Source::Bytes {
        name: "numbers.npz".into(),
        bytes: data::npz::to_bytes([(input.as_str(), &data)]).unwrap().into(),
    }));
    session.wait();
    session
}

#[test]
fn attributions_that_cannot_be() {
    let mut results = SnapshotResults::new();
    let size = [500.0, 170.0];
    for (name, session) in [
        ("attribution_empty", empty()),
        ("attribution_structure", residual(2)),
        ("attribution_tokens", encoder(true, &[])),
    ] {
        picture(&mut results, session, "attribution", size, name);
    }
    let mut session = numbers();
    ask(&mut session, by("integrated"));
    session = picture(
        &mut results,
        session,
        "attribution",
        [760.0, 260.0],
        "attribution_row",
    );
    ask(&mut session, by("grad_cam"));
    assert!(session.asked.course(Line::Map).unwrap().problem.is_some());
    picture(
        &mut results,
        session,
        "attribution",
        [760.0, 200.0],
        "attribution_failed",
    );
}

#[test]
fn words_of_a_text() {
    let mut results = SnapshotResults::new();
    let mut session = Session::new();
    session.apply(Command::Open(Source::Bundled("sentiment".into())));
    session.wait();
    let text = |session: &mut Session, texts: &[&str]| {
        session.apply(Command::Text(texts.iter().map(|t| t.to_string()).collect()));
        session.wait();
    };
    let first = "The food was not good, and the waiter was terrible.";
    text(&mut session, &[first]);
    ask(&mut session, by("integrated"));
    let size = [760.0, 300.0];
    session = picture(&mut results, session, "attribution", size, "attribution_words");
    text(&mut session, &[first, "A friendly place with good food."]);
    session = picture(&mut results, session, "output", [310.0, 220.0], "output_texts");
    let mut question = by("integrated");
    if let Question::Attribute { text, .. } = &mut question {
        *text = 1;
    }
    ask(&mut session, question);
    picture(&mut results, session, "attribution", size, "attribution_texts");
}

#[test]
fn features_of_layers() {
    let mut results = SnapshotResults::new();
    let mut session = demo();
    session = picture(&mut results, session, "features", WIDE, "features_filters");
    let layer = || "block1/conv1".to_string();
    ask(&mut session, Question::Examples { layer: layer() });
    // The largest filter is the one that is looked at.
    let best = {
        let network = &session.document.as_ref().unwrap().network;
        let weights = network.tensor(network.tensor_named("block1/conv1.weight").unwrap());
        let values = weights.data.as_ref().unwrap().to_f32().unwrap();
        let each = values.len() / weights.data.as_ref().unwrap().shape[0] as usize;
        let norms = values.chunks(each).map(|f| f.iter().map(|v| v * v).sum::<f32>());
        norms.enumerate().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap().0
    };
    let search = Search {
        steps: 192,
        shake: false,
        ..Search::default()
    };
    let part = Part::Channel(best);
    ask(
        &mut session,
        Question::Maximize {
            layer: layer(),
            part,
            search,
        },
    );
    session = picture(
        &mut results,
        session,
        "features",
        [960.0, 400.0],
        "features_examples",
    );
    // Several that are pushed apart, of the channel and of all of the layer.
    for part in [Part::All, part] {
        let search = Search {
            steps: 192,
            images: 4,
            ..Search::default()
        };
        let layer = layer();
        ask(&mut session, Question::Maximize { layer, part, search });
    }
    let mut harness = alone(session, panel_of("features").unwrap(), [960.0, 560.0]);
    take(&mut results, &mut harness, "features_apart");
    harness.get_by_label("the whole layer").click();
    settle(&mut harness);
    harness.get_by_label("Maximise").click();
    settle(&mut harness);
    let asked = std::mem::take(&mut harness.state_mut().out);
    let wanted = |c: &Command| {
        matches!(
            c,
            Command::Ask(Question::Maximize { part: Part::All, search, .. }) if search.images == 4
        )
    };
    assert!(asked.iter().any(wanted), "{asked:?}");
    session = std::mem::take(&mut harness.state_mut().session);
    ask(
        &mut session,
        Question::Maximize {
            layer: layer(),
            part,
            search,
        },
    );
    session.apply(Command::Light(true));
    session = picture(
        &mut results,
        session,
        "features",
        [360.0, 640.0],
        "features_narrow_light",
    );
    session.apply(Command::Light(false));
    let top = session.asked.examples.as_ref().unwrap().channels[best].clone();
    let session::Input::Sample(now) = session.state.input else {
        panic!("a sample flows");
    };
    let others = top.iter().map(|t| t.example as usize).filter(|e| *e != now);
    let examples = std::iter::once(now).chain(others).take(6).collect();
    let layer = layer();
    ask(&mut session, Question::Maps { layer, examples });
    session = picture(&mut results, session, "features", [960.0, 520.0], "features_maps");
    let dense = {
        let network = &session.document.as_ref().unwrap().network;
        let mut layers = network.main().layers.iter().map(|l| network.layer(*l));
        let dense = layers.rfind(|l| matches!(l.op, model::Op::Gemm { .. } | model::Op::MatMul));
        dense.unwrap().name.clone()
    };
    session.apply(Command::Select(Some(dense.clone())));
    // The unit with the largest norm.
    let search = Search {
        steps: 192,
        ..Search::default()
    };
    let part = Part::Element(4);
    ask(
        &mut session,
        Question::Maximize {
            layer: dense.clone(),
            part,
            search,
        },
    );
    ask(&mut session, Question::Examples { layer: dense });
    picture(
        &mut results,
        session,
        "features",
        [960.0, 400.0],
        "features_dense",
    );
    let mut coloured = pictured();
    coloured.apply(Command::Select(Some("stem/conv".into())));
    picture(&mut results, coloured, "features", WIDE, "features_colours");
}

#[test]
fn features_that_cannot_be() {
    let mut results = SnapshotResults::new();
    let size = [500.0, 170.0];
    let mut plain = demo();
    plain.apply(Command::Select(None));
    let mut failed = demo();
    ask(
        &mut failed,
        Question::Maximize {
            layer: "block1/conv1".into(),
            part: Part::Channel(0),
            search: Search {
                steps: 9999,
                ..Search::default()
            },
        },
    );
    for (name, session, size) in [
        ("features_empty", empty(), size),
        ("features_structure", residual(2), size),
        ("features_unselected", plain, size),
        ("features_tokens", encoder(true, &["the cat sat"]), size),
    ] {
        picture(&mut results, session, "features", size, name);
    }
    assert!(failed.asked.course(Line::Maximize).unwrap().problem.is_some());
}

#[test]
fn buttons_ask_and_are_followed() {
    let mut harness = alone(demo(), panel_of("attribution").unwrap(), WIDE);
    harness.get_by_label("Explain").click();
    settle(&mut harness);
    let shown = harness.state_mut();
    assert!(!shown.out.is_empty(), "it is asked");
    assert!(
        shown.out.iter().all(|c| *c == Command::Ask(by("integrated"))),
        "{:?}",
        shown.out
    );
    shown.out.clear();
    ask(&mut shown.session, by("integrated"));
    settle(&mut harness);
    assert_eq!(harness.state().out, []);
    // Another input is asked about by itself.
    let shown = harness.state_mut();
    shown.session.apply(Command::Sample(7));
    shown.session.wait();
    harness.step();
    assert_eq!(harness.state().out.first(), Some(&Command::Ask(by("integrated"))));
    let mut harness = alone(demo(), panel_of("features").unwrap(), WIDE);
    harness.get_by_label("Find examples").click();
    settle(&mut harness);
    let layer = "block1/conv1".to_string();
    assert_eq!(harness.state().out, [Command::Ask(Question::Examples { layer })]);
}

/// Filters of a deep convolution, followed down to the picture.
#[test]
fn filters_down_to_the_picture() {
    let mut results = SnapshotResults::new();
    let layer = "block2/conv1".to_string();
    let mut session = pictured();
    session.apply(Command::Select(Some(layer.clone())));
    let mut harness = alone(session, panel_of("features").unwrap(), [960.0, 460.0]);
    harness.get_by_value("mean of its inputs").click();
    settle(&mut harness);
    harness.get_by_label("down to the picture").click();
    settle(&mut harness);
    let question = Question::Project { layer };
    let shown = harness.state_mut();
    assert_eq!(shown.out, [Command::Ask(question.clone())]);
    ask(&mut shown.session, question);
    settle(&mut harness);
    take(&mut results, &mut harness, "features_down");
}
