//! The session on the built-in model: commands in, state out, without a window.

use std::sync::Arc;

use data::Picture;
use session::{Bookmark, Command, Goal, Input, Level, Pose, Session, Source, tour};

fn demo() -> Session {
    let mut session = Session::new();
    session.apply(Command::Open(Source::Bundled("fashion-mnist".into())));
    session.wait();
    session
}

fn errors(session: &Session) -> Vec<&str> {
    let errors = session.log.iter().filter(|(level, _)| *level == Level::Error);
    errors.map(|(_, text)| text.as_str()).collect()
}

#[test]
fn the_demo_tells_most_of_its_samples_apart() {
    let mut session = demo();
    let samples = session.document.as_ref().unwrap().samples.clone().unwrap();
    let mut right = 0;
    for i in (0..samples.len()).step_by(5) {
        session.apply(Command::Sample(i));
        session.wait();
        right += usize::from(session.output().unwrap().ranked(1)[0].name == samples.class_of(i));
    }
    assert!(errors(&session).is_empty(), "{:?}", errors(&session));
    // 91.5 % on the whole test set; 40 samples are a coarse measure.
    assert!(right >= 32, "{right} of 40");
}

#[test]
fn undo_brings_the_input_and_its_pass_back() {
    let mut session = demo();
    let first = session.output();
    session.apply(Command::Sample(7));
    session.wait();
    assert_ne!(session.output(), first);
    session.apply(Command::Undo);
    session.wait();
    assert_eq!(
        (session.state.input.clone(), session.output()),
        (Input::Sample(0), first)
    );
    session.apply(Command::Redo);
    assert_eq!(session.state.input, Input::Sample(7));
    // Scrubbing is one step.
    let before = session.state.clone();
    for at in 0..9 {
        session.apply(Command::Seek(at as f32));
    }
    session.apply(Command::Undo);
    assert_eq!(session.state, before);
}

#[test]
fn scopes_collapse_and_the_playhead_keeps_its_place() {
    let mut session = demo();
    let (all, end) = (session.layout().unwrap().volumes.len(), session.columns());
    session.apply(Command::Seek(end / 2.0));
    session.apply(Command::Select(Some("block1/conv1".into())));
    session.apply(Command::Collapse("block1".into()));
    assert!(session.layout().unwrap().volumes.len() < all);
    assert_eq!(
        session.state.selection, None,
        "the selected layer is no longer shown"
    );
    assert!((session.state.playhead / session.columns() - 0.5).abs() < 1e-3);
    session.apply(Command::ExpandAll);
    assert_eq!(session.layout().unwrap().volumes.len(), all);
    let expanded = session.state.clone();
    session.apply(Command::Undo);
    let collapsed = session.state.clone();
    for _ in 0..2 {
        session.apply(Command::Redo);
        assert_eq!(session.state, expanded);
        session.apply(Command::Undo);
        assert_eq!(session.state, collapsed);
    }
}

#[test]
fn the_flow_plays_to_the_end_and_stops() {
    let mut session = demo();
    session.apply(Command::Seek(0.0));
    session.apply(Command::Play);
    let mut seconds = 0.0;
    while session.playing && seconds < 60.0 {
        session.update(0.1);
        seconds += 0.1;
    }
    assert_eq!(session.state.playhead, session.columns());
    assert!((seconds - session.seconds()).abs() < 0.3, "{seconds}");
}

#[test]
fn wrong_input_is_told_and_changes_nothing() {
    let mut session = demo();
    let before = session.state.clone();
    for command in [
        Command::Open(Source::File("no/such/model.onnx".into())),
        Command::Open(Source::Bytes {
            name: "cat.png".into(),
            bytes: b"\x89PNG\r\n\x1a\n"[..].into(),
        }),
        Command::Feed(Source::Bytes {
            name: "broken.png".into(),
            bytes: b"nonsense"[..].into(),
        }),
        Command::Sample(100_000),
        Command::Select(Some("nothing".into())),
        Command::Collapse("nowhere".into()),
        Command::Seek(f32::NAN),
        Command::Speed(f32::NAN),
        Command::Labels(f32::INFINITY),
    ] {
        let (count, text) = (errors(&session).len(), format!("{command:?}"));
        session.apply(command);
        session.wait();
        assert_eq!(errors(&session).len(), count + 1, "{text}");
    }
    assert!(errors(&session)[0].contains("no/such/model.onnx"));
    assert!(errors(&session)[1].contains("PNG"));
    assert_eq!(session.state, before);
    assert!(session.document.is_some());
}

/// Arrays of ones, as a file.
fn ones(shapes: [(&str, u64); 2]) -> Source {
    let arrays = shapes.map(|(name, n)| {
        let data = model::TensorData::from_f32(&[1, n], &vec![1.0; n as usize]);
        (name, data)
    });
    let bytes = data::npz::to_bytes(arrays.iter().map(|(n, d)| (*n, d))).unwrap();
    Source::Bytes {
        name: "ones.npz".into(),
        bytes: bytes.into(),
    }
}

#[test]
fn a_pass_that_fails_leaves_no_answer_of_another_input() {
    let network = br#"{"layers": [
        {"name": "a", "type": "input", "shape": [4]},
        {"name": "b", "type": "input", "shape": [-1]},
        {"name": "sum", "type": "add"}],
        "connections": [{"from": "a", "to": "sum"}, {"from": "b", "to": "sum"}]}"#;
    let mut session = Session::new();
    session.apply(Command::Open(Source::Bytes {
        name: "sum.json".into(),
        bytes: network[..].into(),
    }));
    session.wait();
    session.apply(Command::Feed(ones([("a", 4), ("b", 4)])));
    session.wait();
    assert!(session.output().is_some(), "{:?}", session.log);
    session.apply(Command::Feed(ones([("a", 4), ("b", 3)])));
    session.wait();
    let problems = errors(&session);
    assert!(problems.iter().any(|e| e.contains("broadcast")), "{problems:?}");
    assert_eq!(session.output(), None);
    session.apply(Command::Undo);
    session.wait();
    assert!(session.output().is_some());
}

#[test]
fn the_tour_runs_through_all_its_stops() {
    let demo_tour = tour::built_in("tour").unwrap();
    let count = demo_tour.stops.len();
    assert!(count >= 6);
    let mut session = demo();
    session.apply(Command::Tour(Some(demo_tour)));
    let mut seen = 0;
    let mut last = usize::MAX;
    for _ in 0..700 {
        session.wait();
        session.update(0.1);
        let stop = session.tour.as_ref().unwrap().1;
        if stop != last {
            (seen, last) = (seen + 1, stop);
        }
    }
    assert_eq!(seen, count);
    assert!(errors(&session).is_empty(), "{:?}", errors(&session));
    assert!(session.document.as_ref().unwrap().gradients.is_some());
    assert_eq!(session.goal.1, Goal::Home);
    // Errors of a tour file name it and the place.
    let wrong = tour::parse("mine.ron", "Tour(title: 3)").unwrap_err();
    assert!(wrong.starts_with("mine.ron: 1:"), "{wrong}");
}

/// One selection: a point's example flows, what speaks for its answer is asked, a number is worked out, and
/// the layers are compared, each by one command.
#[test]
fn the_tour_of_pictures_goes_from_a_cloud_to_single_numbers() {
    use session::asking::Line;
    use session::cloud::Origin;
    let tour = tour::built_in("tour-images").unwrap();
    let mut session = Session::new();
    session.apply(Command::Tour(Some(tour.clone())));
    let mut origins = Vec::new();
    for stop in 0..tour.stops.len() {
        session.apply(Command::Stop(stop));
        for _ in 0..3 {
            session.wait();
            session.update(0.0);
        }
        session.wait_for_cloud();
        session.wait_for_answers();
        assert!(errors(&session).is_empty(), "stop {stop}: {:?}", errors(&session));
        let cloud = session.cloud.as_ref().unwrap();
        assert!(cloud.problem.is_none() && cloud.places.len() == 3 * cloud.subject.len());
        let Origin::Layer(layer) = cloud.wanted.origin.clone() else {
            panic!("a layer is shown");
        };
        origins.push(layer);
    }
    origins.dedup();
    assert_eq!(origins, ["head/pool", "stem/relu"]);
    let Input::Sample(example) = session.state.input else {
        panic!("a sample flows");
    };
    // What the caption says of it.
    let document = session.document.as_ref().unwrap();
    let samples = document.samples.as_ref().unwrap();
    let output = session.output().unwrap();
    let said = &document.classes[output.ranked(1)[0].index];
    assert_eq!((samples.class_of(example), said.as_str()), ("Coat", "Dress"));
    assert!(session.asked.course(Line::Map).unwrap().done());
    assert!(session.asked.course(Line::Layers).unwrap().done());
    let cell = session.cell.clone().unwrap();
    assert!(document.working(&cell).unwrap().error() < 1e-5);
}

#[test]
fn the_tour_of_sentences_goes_from_heads_to_single_numbers() {
    use session::asking::Line;
    let tour = tour::built_in("tour-text").unwrap();
    let mut session = Session::new();
    session.apply(Command::Tour(Some(tour.clone())));
    let (mut moved, mut asked) = (None, false);
    for stop in 0..tour.stops.len() {
        session.apply(Command::Stop(stop));
        for _ in 0..3 {
            session.wait();
            session.update(0.0);
        }
        session.wait_for_cloud();
        session.wait_for_answers();
        assert!(errors(&session).is_empty(), "stop {stop}: {:?}", errors(&session));
        moved = moved.or(session.ablation_change());
        asked |= session.asked.course(Line::Map).is_some_and(|c| c.done());
    }
    let moved = moved.unwrap();
    assert!(
        moved.relative > 0.01 && session.state.ablated.is_empty(),
        "{moved:?}"
    );
    let cloud = session.cloud.as_ref().unwrap();
    assert!(
        cloud.problem.is_none() && cloud.subject.len() > 20,
        "both texts are points"
    );
    assert!(asked && session.asked.course(Line::Layers).unwrap().done());
    let document = session.document.as_ref().unwrap();
    let working = document.working(session.cell.as_ref().unwrap()).unwrap();
    assert!(working.error() < 1e-5 && working.inputs.len() == document.tokens.as_ref().unwrap()[0].len());
}

#[test]
fn the_whole_data_set_is_answered_in_the_background() {
    let mut session = demo();
    session.update(0.0);
    // A job of the user comes between, and both are done.
    session.apply(Command::Sample(7));
    session.wait();
    let known = |s: &Session| {
        s.document
            .as_ref()
            .unwrap()
            .predictions
            .first()
            .map_or(0, |p| p.guesses.len())
    };
    assert!(
        known(&session) < 40,
        "the user does not wait for the data set: {}",
        known(&session)
    );
    let answer = session.output().unwrap().ranked(1)[0].clone();
    session.wait_for_predictions();
    let document = session.document.as_ref().unwrap();
    let samples = document.samples.as_ref().unwrap();
    let predictions = document.predictions.first().unwrap();
    assert_eq!(
        (predictions.guesses.len(), &predictions.problem),
        (samples.len(), &None)
    );
    // In a batch as alone.
    let guess = predictions.guesses[7];
    assert_eq!(guess.class, answer.index);
    assert!(
        (guess.probability - answer.value).abs() < 1e-4,
        "{guess:?} {answer:?}"
    );
    let right = predictions.right(samples);
    assert!((170..=195).contains(&right), "{right} of 200");
    // Another network forgets them.
    session.apply(Command::Open(Source::Bundled("fashion-mnist".into())));
    session.wait();
    assert_eq!(known(&session), 0);
}

#[test]
fn strokes_are_steps_of_undo() {
    let mut session = demo();
    let picture = |value: u8| {
        Arc::new(Picture {
            width: 28,
            height: 28,
            channels: 1,
            pixels: vec![value; 784],
        })
    };
    for (value, begins) in [(10, true), (20, false), (30, true), (40, false), (50, false)] {
        let picture = picture(value);
        session.apply(Command::Draw { picture, begins });
    }
    session.wait();
    for wanted in [
        Input::Drawing(picture(50)),
        Input::Drawing(picture(20)),
        Input::Sample(0),
    ] {
        assert_eq!(session.state.input, wanted);
        session.apply(Command::Undo);
    }
    session.wait();
    assert!(errors(&session).is_empty(), "{:?}", errors(&session));
}

#[test]
fn what_is_selected_inside_a_collapsed_scope_comes_to_light() {
    let mut session = demo();
    session.apply(Command::CollapseAll);
    let few = session.layout().unwrap().volumes.len();
    session.apply(Command::Select(Some("block2/conv1".into())));
    assert!(session.layout().unwrap().volumes.len() > few);
    let node = session.state.selection.unwrap();
    assert!(session.layout().unwrap().volumes.iter().any(|v| v.node == node));
    // Only the scopes around it opened.
    session.apply(Command::Select(Some("block1/conv1".into())));
    session.apply(Command::Collapse("block1".into()));
    assert_eq!(session.state.selection, None);
    // An open scope can be selected too.
    session.apply(Command::Select(Some("block2".into())));
    assert!(matches!(session.state.selection, Some(layout::Node::Scope(_))));
    assert!(errors(&session).is_empty(), "{:?}", errors(&session));
}

#[test]
fn what_the_user_set_outlives_the_network() {
    let mut session = demo();
    for command in [
        Command::Speed(3.0),
        Command::Softmax(false),
        Command::Loop(true),
        Command::Light(true),
    ] {
        session.apply(command);
    }
    session.apply(Command::Open(Source::Bundled("fashion-mnist".into())));
    session.wait();
    let state = &session.state;
    assert!(state.speed == 3.0 && !state.softmax && state.looping && state.light);
}

#[test]
fn bookmarks_keep_places_and_undo_forgets_them() {
    let mut session = demo();
    let pose = |distance| Pose {
        target: glam::Vec3::X,
        yaw: 0.5,
        pitch: 0.2,
        distance,
    };
    let bookmark = |distance| {
        let name = "View 1".to_string();
        Command::Bookmark(Bookmark {
            name,
            pose: pose(distance),
        })
    };
    session.apply(bookmark(3.0));
    session.apply(bookmark(4.0));
    assert_eq!(
        session.state.bookmarks.len(),
        1,
        "the same name is the same place"
    );
    let before = session.goal.0;
    session.apply(Command::Look(Goal::Bookmark("View 1".into())));
    assert_eq!(session.goal.0, before + 1);
    session.apply(Command::Undo);
    assert_eq!(session.state.bookmark("View 1").unwrap().pose, pose(3.0));
    session.apply(Command::Forget("View 1".into()));
    assert!(session.state.bookmarks.is_empty() && errors(&session).is_empty());
    for wrong in [
        Command::Look(Goal::Bookmark("View 1".into())),
        Command::Look(Goal::Pose(pose(f32::NAN))),
        bookmark(-1.0),
    ] {
        let count = errors(&session).len();
        session.apply(wrong);
        assert_eq!(errors(&session).len(), count + 1);
    }
    assert_eq!(session.goal.0, before + 1);
}

#[test]
fn a_connection_is_selected_instead_of_a_volume() {
    let mut session = demo();
    session.apply(Command::Select(Some("stem/conv".into())));
    let command = |tensor: &str| Command::Connection {
        tensor: tensor.into(),
        from: "stem/conv".into(),
        to: "stem/norm".into(),
    };
    session.apply(command("stem/conv.out"));
    let connection = session.state.connection.unwrap();
    let network = &session.document.as_ref().unwrap().network;
    assert_eq!(network.tensor(connection.tensor).name, "stem/conv.out");
    assert_eq!(session.state.selection, None);
    session.apply(command("stem/relu.out"));
    assert_eq!(errors(&session).len(), 1);
    // Collapsed away, it is no longer selected.
    session.apply(Command::Collapse("stem".into()));
    assert_eq!(session.state.connection, None);
}

#[test]
fn a_tour_opens_its_model_before_its_first_stop() {
    let mut session = Session::new();
    let text = r#"Tour(title: "t", begin: [Open(Bundled("fashion-mnist"))], stops: [
        Stop(seconds: 1.0, caption: "c", commands: [Select(Some("stem/conv")), Paint((cut: 2.0))]),
    ])"#;
    session.apply(Command::Tour(Some(tour::parse("t.ron", text).unwrap())));
    session.update(0.0);
    session.wait();
    session.update(0.0);
    assert!(errors(&session).is_empty(), "{:?}", errors(&session));
    assert!(session.state.selection.is_some());
    // What a file does not state stays as it is at first.
    assert_eq!((session.state.paint.cut, session.state.paint.map), (2.0, 0));
    // A file of a tour lies in its folder.
    let folder = std::env::temp_dir().join(format!("layerscope-tour-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("tour.ron");
    let write = |path: &str| {
        let stop = r#"Stop(seconds: 1.0, caption: "", commands: [])"#;
        let text = format!("Tour(title: \"\", begin: [Open(File({path:?}))], stops: [{stop}])");
        std::fs::write(&file, text).unwrap();
        tour::open(&file)
    };
    let inside = Command::Open(Source::File(folder.join("model.onnx")));
    assert_eq!(write("model.onnx").unwrap().begin, [inside]);
    for outside in ["../model.onnx", "/etc/passwd"] {
        let problem = write(outside).unwrap_err();
        assert!(
            problem.contains("tour.ron") && problem.contains(outside),
            "{problem}"
        );
    }
    std::fs::remove_dir_all(&folder).unwrap();
}
