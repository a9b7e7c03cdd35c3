//! Settings and arrangement come back in the next run, and a damaged file costs nothing else.

use panels::{Panels, Settings, Store};
use session::{Bookmark, Command, Histories, Paint, Pose, Session, Source};

use crate::palette::take;
use crate::states::{demo, empty, settle, trained, window};

fn panels(folder: &std::path::Path) -> Panels {
    Panels::open(Some(Store::at(folder)))
}

/// A window that opens on `folder`, and the settings that its session has then.
fn settings(folder: &std::path::Path) -> (Settings, Panels) {
    let mut harness = window(empty(), panels(folder));
    let shown = harness.state_mut();
    for command in std::mem::take(&mut shown.out) {
        shown.session.apply(command);
    }
    let settings = Settings::of(&shown.session.state);
    (settings, std::mem::take(&mut shown.panels))
}

#[test]
fn settings_and_arrangement_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("layerscope");
    let mut harness = window(demo(), panels(&place));
    take(&mut harness, "close panel log");
    take(&mut harness, "show panel settings");
    let paint = Paint {
        map: 2,
        sorted: true,
        ..Paint::default()
    };
    let changes = [
        Command::Light(true),
        Command::Paint(paint),
        Command::Speed(2.5),
        Command::Loop(true),
        Command::Labels(0.5),
    ];
    let shown = harness.state_mut();
    changes.into_iter().for_each(|c| shown.session.apply(c));
    settle(&mut harness);
    let wanted = Settings::of(&harness.state().session.state);
    drop(harness);

    let (settings, panels) = settings(&place);
    assert_eq!(settings, wanted);
    assert!(settings.light && settings.paint == paint && settings.speed == 2.5);
    assert!(!panels.is_open("log") && panels.is_open("settings") && panels.is_open("outline"));
}

#[test]
fn charts_come_to_the_front_in_a_window_of_an_earlier_arrangement() {
    let folder = tempfile::tempdir().unwrap();
    let mut harness = window(demo(), panels(folder.path()));
    take(&mut harness, "close panel log");
    settle(&mut harness);
    drop(harness);
    let mut harness = window(trained(), panels(folder.path()));
    settle(&mut harness);
    let panels = &harness.state().panels;
    assert!(panels.is_front("training"), "{:?}", panels.notice());
}

#[test]
fn charts_come_to_the_front_when_a_training_begins_beside_histories() {
    use session::learning::{Data, Lesson, Plan};
    let mut session = demo();
    session.histories = Some(Histories::new(session::histories::DEMO, Vec::new()));
    let mut harness = window(session, Panels::default());
    assert!(!harness.state().panels.is_front("training"));
    let plan = Plan {
        steps: Some(1),
        ..Plan::default()
    };
    let begin = Lesson::Begin {
        plan: Box::new(plan),
        data: Data::Sample,
    };
    let shown = harness.state_mut();
    shown.session.apply(Command::Learn(begin));
    shown.session.apply(Command::Learn(Lesson::Pause));
    shown.session.wait();
    settle(&mut harness);
    assert!(harness.state().panels.is_front("training"));
}

#[test]
fn bookmarks_come_back_with_their_model() {
    let folder = tempfile::tempdir().unwrap();
    let pose = Pose {
        target: glam::Vec3::new(1.0, -2.0, 0.5),
        yaw: 0.25,
        pitch: 0.5,
        distance: 12.0,
    };
    let bookmark = |name: &str| Bookmark {
        name: name.into(),
        pose,
    };
    let mut harness = window(demo(), panels(folder.path()));
    take(&mut harness, "close panel log");
    let session = &mut harness.state_mut().session;
    for name in ["View 1", "View 2", "View 3"] {
        session.apply(Command::Bookmark(bookmark(name)));
    }
    session.apply(Command::Forget("View 2".into()));
    let wanted = session.state.bookmarks.clone();
    assert_eq!(wanted.len(), 2);
    settle(&mut harness);
    drop(harness);

    // The panels tell a session about them that has opened the model before, or opens it later.
    let [first, second] = [panels(folder.path()), panels(folder.path())];
    let mut early = window(demo(), first);
    let mut late = window(empty(), second);
    for harness in [&mut early, &mut late] {
        settle(harness);
        let shown = harness.state_mut();
        for command in std::mem::take(&mut shown.out) {
            shown.session.apply(command);
        }
    }
    let session = &mut late.state_mut().session;
    assert!(session.state.bookmarks.is_empty());
    session.apply(Command::Open(Source::Bundled("fashion-mnist".into())));
    session.wait();
    for harness in [&mut early, &mut late] {
        let session = &mut harness.state_mut().session;
        assert_eq!(session.state.bookmarks, wanted);
    }
    // They are no step that could be undone.
    assert!(!late.state().session.history().0);
    // Another model has none of them.
    let other = folder.path().join("other.onnx");
    let models = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models");
    std::fs::copy(format!("{models}/fashion-mnist.onnx"), &other).unwrap();
    let session = &mut late.state_mut().session;
    session.apply(Command::Open(Source::File(other)));
    session.wait();
    assert!(session.state.bookmarks.is_empty());
    session.apply(Command::Open(Source::Bundled("fashion-mnist".into())));
    session.wait();
    assert_eq!(session.state.bookmarks, wanted);
}

#[test]
fn the_first_run_has_the_defaults() {
    let folder = tempfile::tempdir().unwrap();
    let (settings, panels) = settings(folder.path());
    assert_eq!(settings, Settings::of(&Session::new().state));
    assert!(panels.is_open("outline") && !panels.is_open("settings"));
    assert_eq!(panels.notice(), None);
}

#[test]
fn a_damaged_file_is_put_aside_and_the_other_one_counts() {
    let folder = tempfile::tempdir().unwrap();
    let mut harness = window(empty(), panels(folder.path()));
    take(&mut harness, "close panel log");
    drop(harness);
    for damage in ["", "(light: maybe)", "\u{0}\u{1}", "(light: true, speed: -"] {
        std::fs::write(folder.path().join("settings.ron"), damage).unwrap();
        let (settings, panels) = settings(folder.path());
        assert_eq!(settings, Settings::default(), "{damage:?}");
        assert!(!panels.is_open("log"), "the arrangement is whole");
        let notice = panels.notice().expect("it is told");
        assert!(
            notice.contains("settings.ron") && notice.contains("unreadable"),
            "{notice}"
        );
        let aside = folder.path().join("settings.ron.unreadable");
        assert_eq!(std::fs::read_to_string(aside).unwrap(), damage, "nothing is lost");
    }
    // Fields of other versions are no damage.
    std::fs::write(folder.path().join("settings.ron"), "(light: true)").unwrap();
    assert!(settings(folder.path()).0.light);
    // Panels of other versions are left out.
    let whole = std::fs::read_to_string(folder.path().join("window.ron")).unwrap();
    let other = whole.replace("\"outline\"", "\"of another version\"");
    std::fs::write(folder.path().join("window.ron"), other).unwrap();
    let (_, panels) = settings(folder.path());
    assert!(!panels.is_open("outline") && !panels.is_open("log") && panels.is_open("input"));
    // A tree that the dock could not draw gives way to the first arrangement.
    for (part, odd) in [
        ("fraction: 0.2,", "fraction: 7.5,"),
        ("active: (0)", "active: (3)"),
        ("collapsed: false", "collapsed: true"),
    ] {
        assert!(whole.contains(part), "{part}");
        std::fs::write(folder.path().join("window.ron"), whole.replace(part, odd)).unwrap();
        let (_, panels) = settings(folder.path());
        assert!(panels.is_open("log"), "{odd}");
    }
    // So does one without the scene.
    let text = whole
        .replace("\"outline\"", "\"of another version\"")
        .replace("\"scene\"", "\"nothing\"");
    std::fs::write(folder.path().join("window.ron"), text).unwrap();
    let (_, panels) = settings(folder.path());
    assert!(panels.is_open("outline"));
}
