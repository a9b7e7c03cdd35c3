//! A stage on the built-in model: what a pointer touches, and where the camera goes.

use glam::{Vec2, Vec3};
use layout::{Arrangement, Node, Way};
use scene::hover::{click, describe};
use scene::{Hover, Stage};
use session::{Bookmark, Command, Goal, Level, Pose, Session, Source};

const SIZE: Vec2 = Vec2::new(1280.0, 720.0);

fn demo() -> (Session, Stage) {
    let mut session = Session::new();
    session.apply(Command::Open(Source::Bundled("fashion-mnist".into())));
    session.wait();
    let mut stage = Stage::default();
    stage.update(&session, 0.0, SIZE);
    (session, stage)
}

fn seconds(session: &mut Session, stage: &mut Stage, seconds: f32) {
    for _ in 0..(seconds * 30.0) as usize {
        session.update(1.0 / 30.0);
        stage.update(session, 1.0 / 30.0, SIZE);
    }
}

fn errors(session: &Session) -> usize {
    session
        .log
        .iter()
        .filter(|(level, _)| *level == Level::Error)
        .count()
}

/// Points at `world`.
fn point(session: &Session, stage: &mut Stage, world: Vec3) {
    let (at, _) = stage.rig.camera.project(world, SIZE).unwrap();
    stage.point(session, Some(at), SIZE);
}

#[test]
fn a_click_on_a_connection_selects_it_and_tells_its_tensor() {
    let (mut session, mut stage) = demo();
    let layout = stage.layout.clone();
    let named = |v: usize, name: &str| layout.volumes[v].label == name;
    let link = layout
        .links
        .iter()
        .position(|l| named(l.from, "stem/conv") && named(l.to, "stem/norm"))
        .unwrap();
    let path = &layout.links[link].path;
    point(&session, &mut stage, (path[0] + *path.last().unwrap()) / 2.0);
    assert_eq!(stage.hover, Hover::Link(link));
    let document = session.document.as_ref().unwrap();
    let words = describe(&session, document, stage.hover, stage.sees()).unwrap();
    assert_eq!(words, "stem/conv.out\n16 × 28 × 28\nfrom stem/conv\nto stem/norm");
    for command in click(&session, stage.hover, false) {
        session.apply(command);
    }
    assert_eq!((session.state.selection, errors(&session)), (None, 0));
    assert_eq!(stage.look(&session).link, Some(link));
}

#[test]
fn an_open_channel_answers_the_pointer_cell_by_cell() {
    let (mut session, mut stage) = demo();
    session.apply(Command::Select(Some("stem/conv".into())));
    session.apply(Command::Look(Goal::Selection));
    seconds(&mut session, &mut stage, 1.5);
    let tile = stage.tiles[5].clone();
    // The middle of the cell in row 20 and column 3.
    let share = Vec3::new(3.5 / 28.0 - 0.5, 0.5 - 20.5 / 28.0, 0.5);
    point(&session, &mut stage, tile.center + tile.size * share);
    let Hover::Tile { volume, cell } = stage.hover else {
        panic!("{:?}", stage.hover)
    };
    assert_eq!(
        (stage.layout.volumes[volume].label.as_str(), cell),
        ("stem/conv", [3, 20, 5])
    );
    let document = session.document.as_ref().unwrap();
    let words = describe(&session, document, stage.hover, stage.sees()).unwrap();
    let tensor = stage.layout.volumes[volume].tensor.unwrap();
    let value = document.trace.as_ref().unwrap().tensors[&tensor].host().unwrap()[5 * 784 + 20 * 28 + 3];
    assert!(
        words.contains("channel 5") && words.contains(&format!("[5, 20, 3] = {value:.5}")),
        "{words}"
    );
    assert!(words.contains("rows 19 to 21 and columns 2 to 4"), "{words}");
}

#[test]
fn the_camera_goes_to_poses_and_bookmarks_and_follows_the_flow() {
    let (mut session, mut stage) = demo();
    let pose = Pose {
        target: Vec3::new(3.0, 1.0, 0.0),
        yaw: 0.4,
        pitch: 0.3,
        distance: 9.0,
    };
    session.apply(Command::Look(Goal::Pose(pose)));
    seconds(&mut session, &mut stage, 0.4);
    assert_ne!(Pose::from(stage.rig.camera), pose, "it does not jump");
    seconds(&mut session, &mut stage, 1.0);
    assert_eq!(Pose::from(stage.rig.camera), pose);
    let name = "here".to_string();
    session.apply(Command::Bookmark(Bookmark {
        name: name.clone(),
        pose,
    }));
    session.apply(Command::Look(Goal::Home));
    seconds(&mut session, &mut stage, 1.5);
    let home = stage.rig.camera;
    session.apply(Command::Look(Goal::Bookmark(name)));
    seconds(&mut session, &mut stage, 1.5);
    assert_eq!(Pose::from(stage.rig.camera), pose);

    session.apply(Command::Look(Goal::Home));
    session.apply(Command::Follow(true));
    seconds(&mut session, &mut stage, 1.5);
    assert_eq!(stage.rig.camera, home, "nothing flows yet");
    session.apply(Command::Seek(0.0));
    session.apply(Command::Play);
    for _ in 0..5 {
        seconds(&mut session, &mut stage, 0.8);
        let rank = (session.state.playhead as u32).min(session.columns() as u32 - 1);
        let front = stage.layout.volumes.iter().find(|v| v.rank == rank).unwrap();
        let (at, _) = stage.rig.camera.project(front.center, SIZE).unwrap();
        assert!(
            at.cmpge(Vec2::ZERO).all() && at.cmple(SIZE).all(),
            "{} at {at}",
            front.label
        );
    }
    assert!(stage.rig.camera.distance < home.distance);
}

#[test]
fn an_open_scope_is_looked_at_as_a_whole() {
    let (mut session, mut stage) = demo();
    session.apply(Command::Select(Some("stem".into())));
    session.apply(Command::Look(Goal::Selection));
    seconds(&mut session, &mut stage, 1.5);
    assert_eq!(errors(&session), 0);
    let eye = stage.rig.camera;
    let sees = |label: &str| {
        let volume = stage.layout.volumes.iter().find(|v| v.label == label).unwrap();
        let at = eye.project(volume.center, SIZE).map(|p| p.0);
        at.is_some_and(|at| at.cmpge(Vec2::ZERO).all() && at.cmple(SIZE).all())
    };
    for (label, seen) in [
        ("stem/conv", true),
        ("stem/relu", true),
        ("block1/sum", false),
        ("head/pool", false),
    ] {
        assert_eq!(sees(label), seen, "{label}");
    }
}

#[test]
fn the_whole_network_fills_the_picture() {
    let (_, stage) = demo();
    let ends = stage.layout.volumes.iter().flat_map(|v| [v.min(), v.max()]);
    let seen = ends.map(|p| stage.rig.camera.project(p, SIZE).unwrap().0);
    let (min, max) = seen.fold((SIZE, Vec2::ZERO), |(a, b), p| (a.min(p), b.max(p)));
    assert!(min.cmpge(Vec2::ZERO).all() && max.cmple(SIZE).all());
    let share = (max - min) / SIZE;
    assert!(share.x > 0.9 || share.y > 0.75, "{share}");
    assert!(
        stage
            .layout
            .volumes
            .iter()
            .any(|v| matches!(v.node, Node::Input(_)))
    );
}

#[test]
fn home_fits_any_picture_until_a_hand_takes_the_camera() {
    let (mut session, mut stage) = demo();
    let wide = stage.rig.camera;
    stage.update(&session, 0.0, Vec2::new(600.0, 720.0));
    let narrow = stage.rig.camera;
    assert!(
        narrow.distance > wide.distance,
        "{} {}",
        narrow.distance,
        wide.distance
    );
    stage.update(&session, 0.0, SIZE);
    assert_eq!(stage.rig.camera, wide);
    session.apply(Command::CollapseAll);
    seconds(&mut session, &mut stage, 2.0);
    assert_ne!(stage.rig.camera, wide, "collapsed, the network is smaller");
    session.apply(Command::Undo);
    seconds(&mut session, &mut stage, 2.0);
    assert_eq!(stage.rig.camera, wide);
    stage.rig.hold(narrow);
    stage.update(&session, 0.0, Vec2::new(800.0, 720.0));
    assert_eq!(stage.rig.camera, narrow);
}

#[test]
fn arrangements_keep_selection_and_playhead_and_undo_brings_the_volumes_back() {
    let (mut session, mut stage) = demo();
    session.apply(Command::Select(Some("block1/conv1".into())));
    session.apply(Command::Seek(5.5));
    let before = (session.state.clone(), stage.rig.camera);
    for arrangement in Arrangement::ALL.into_iter().skip(1) {
        session.apply(Command::Arrange(arrangement));
        seconds(&mut session, &mut stage, 2.0);
        let camera = stage.rig.camera;
        assert_eq!((camera.yaw, camera.pitch), (0.0, 0.0), "{arrangement:?}");
        assert_eq!(stage.layout.arrangement, arrangement);
        assert_eq!(session.state.selection, before.0.selection);
        assert!((session.state.playhead - 5.5).abs() < 1e-3);
        assert!(stage.look(&session).selected.is_some());
        // All of it is seen.
        for volume in &stage.layout.volumes {
            let (at, _) = camera.project(volume.center, SIZE).unwrap();
            assert!(
                at.cmpge(Vec2::ZERO).all() && at.cmple(SIZE).all(),
                "{}",
                volume.label
            );
        }
        session.apply(Command::Undo);
        assert_eq!(session.state, before.0);
    }
}

#[test]
fn a_diagram_as_svg_names_every_layer_and_volumes_become_blocks() {
    let (mut session, _) = demo();
    assert!(scene::svg::write(&Session::new()).is_err());
    let unasked = scene::svg::write(&session).unwrap();
    session.apply(Command::Arrange(Arrangement::Blocks));
    let drawing = scene::svg::write(&session).unwrap();
    assert_eq!(unasked, drawing);
    let layout = session.layout().unwrap().clone();
    let texts: Vec<&str> = drawing.split("<text").skip(1).collect();
    for volume in &layout.volumes {
        assert!(
            texts.iter().any(|t| t.contains(&volume.label)),
            "{}",
            volume.label
        );
    }
    let paths = drawing.matches("<path").count();
    assert_eq!(paths, layout.links.len());
    // One for the paper, and one for each kind of operator, which the legend names.
    let kinds: std::collections::HashSet<&str> = layout
        .volumes
        .iter()
        .map(|v| session::hues::family(&v.kind).name)
        .collect();
    let rects = layout.volumes.len() + 1 + kinds.len();
    assert_eq!(drawing.matches("<rect").count(), rects);
    assert!(
        kinds.len() > 3 && kinds.iter().all(|k| drawing.contains(&format!(">\n{k}\n<"))),
        "{drawing}"
    );
}

#[test]
fn lit_paths_leave_the_rest_faint_and_follow_the_selection() {
    let (mut session, mut stage) = demo();
    session.apply(Command::Trail(Some(Way::Upstream)));
    assert_eq!(
        (errors(&session), session.state.trail),
        (1, None),
        "nothing is selected"
    );
    session.apply(Command::Select(Some("block1/conv1".into())));
    session.apply(Command::Trail(Some(Way::Upstream)));
    stage.update(&session, 0.1, SIZE);
    let lit = |stage: &Stage, session: &Session| {
        let trail = stage.look(session).trail.unwrap();
        let volumes = stage.layout.volumes.iter().zip(trail.iter());
        volumes
            .filter(|(_, lit)| **lit)
            .map(|(v, _)| v.label.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(lit(&stage, &session).len(), 5, "{:?}", lit(&stage, &session));
    session.apply(Command::Select(Some("stem/conv".into())));
    stage.update(&session, 0.1, SIZE);
    assert_eq!(lit(&stage, &session).last().unwrap(), "stem/conv");
    session.apply(Command::Undo);
    session.apply(Command::Undo);
    stage.update(&session, 0.1, SIZE);
    assert_eq!(stage.look(&session).trail, None);
}

#[test]
fn in_a_deep_network_a_resting_pointer_learns_what_a_cell_sees() {
    // A chain that is longer than what is followed in every frame.
    let norms = (0..2200).map(|i| format!(r#",{{"name":"norm{i}","type":"batchnorm"}}"#));
    let input = r#"{"name":"input","type":"input","shape":[null,8,8,4]}"#;
    let text = format!(r#"{{"layers":[{input}{}]}}"#, norms.collect::<String>());
    let source = Source::Bytes {
        name: "deep.json".into(),
        bytes: text.into(),
    };
    let mut session = Session::new();
    session.apply(Command::Open(source));
    session.wait();
    session.apply(Command::ExpandAll);
    let layers = session.document.as_ref().unwrap().network.main().layers.len();
    assert!(layers > 2000, "{layers}");
    let mut stage = Stage::default();
    stage.update(&session, 0.0, SIZE);
    let volume = stage.layout.volumes.iter().find(|v| v.label == "norm3");
    let front = volume.unwrap().center + Vec3::Z * volume.unwrap().size.z / 2.0;
    let camera = scene::Camera {
        target: front,
        distance: 6.0,
        ..stage.rig.camera
    };
    stage.rig.hold(camera);
    point(&session, &mut stage, front);
    assert!(stage.hover.cell().is_some() && stage.sees().is_empty());
    stage.update(&session, 0.2, SIZE);
    point(&session, &mut stage, front);
    let [patch] = stage.sees() else {
        panic!("{:?}", stage.sees())
    };
    assert_eq!(patch.rows[1] - patch.rows[0], 1);
}

/// A tiny encoder reads a text: the pointer over a state tells whose it is, and over a weight of
/// attention from which token to which.
#[test]
fn a_cell_of_a_text_tells_its_token() {
    let file = |name: &str| {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../formats/tests/families/bert/");
        (
            name.to_string(),
            std::fs::read(format!("{folder}{name}")).unwrap().into(),
        )
    };
    let words = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\ncat\n";
    let files = vec![
        file("model.safetensors"),
        file("config.json"),
        ("vocab.txt".into(), words.into()),
    ];
    let mut session = Session::new();
    for command in [
        Command::Open(Source::Together(files)),
        Command::ExpandAll,
        Command::Text(vec!["the cat".into()]),
    ] {
        session.apply(command);
        session.wait();
    }
    let document = session.document.as_ref().unwrap();
    let told = |volume: usize| {
        let counts = document.layout.volumes[volume].cells.counts;
        let cells = (0..counts[2]).flat_map(|z| (0..counts[1]).map(move |y| (y, z)));
        let cells = cells.flat_map(|(y, z)| (0..counts[0]).map(move |x| [x, y, z]));
        let told = cells.filter_map(|cell| describe(&session, document, Hover::Cell { volume, cell }, &[]));
        let last = told.filter_map(|text| text.lines().last().map(String::from));
        last.collect::<std::collections::BTreeSet<String>>()
    };
    let volume = |of: &dyn Fn(&layout::Volume) -> bool| document.layout.volumes.iter().position(of).unwrap();
    let states = document.network.tensor_named("last_hidden_state");
    let states = told(volume(&|v| v.tensor == states));
    assert_eq!(
        states.into_iter().collect::<Vec<_>>(),
        ["\"[CLS]\"", "\"[SEP]\"", "\"cat\"", "\"the\""]
    );
    let weights = told(volume(&|v| v.kind == "Softmax"));
    assert_eq!(weights.len(), 16);
    assert!(weights.contains("\"the\" → \"cat\""), "{weights:?}");
}
