//! Settings and arrangement come back in the next run, and a damaged file costs nothing else.

use panels::{Panels, Settings, Store};
use session::{Command, Paint, Session};

use crate::palette::take;
use crate::states::{demo, empty, settle, window};

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
