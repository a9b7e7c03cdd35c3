//! The command palette finds commands, layers, scopes and panels.

use egui::{Event, Key, Modifiers};
use egui_kittest::Harness;
use panels::Panels;
use session::{Command, Goal};

use crate::states::{Shown, demo, settle, window};

/// Opens the palette, types, and takes the first.
pub fn take(harness: &mut Harness<Shown>, text: &str) -> Vec<Command> {
    harness.key_press_modifiers(Modifiers::COMMAND, Key::P);
    settle(harness);
    harness.event(Event::Text(text.into()));
    settle(harness);
    harness.key_press(Key::Enter);
    settle(harness);
    std::mem::take(&mut harness.state_mut().out)
}

#[test]
fn a_few_letters_are_enough() {
    let mut harness = window(demo(), Panels::default());
    let layer = |name: &str| vec![Command::Select(Some(name.into())), Command::Look(Goal::Selection)];
    for (text, wanted) in [
        ("light", vec![Command::Light(true)]),
        ("collapse", vec![Command::CollapseAll]),
        ("whole netw", vec![Command::Look(Goal::Home)]),
        ("b2 conv1", layer("block2/conv1")),
        ("head/class", layer("head/classifier")),
    ] {
        assert_eq!(take(&mut harness, text), wanted, "{text}");
    }
    // Arrows choose another, Escape takes none.
    harness.key_press_modifiers(Modifiers::COMMAND, Key::P);
    settle(&mut harness);
    harness.event(Event::Text("colour map".into()));
    settle(&mut harness);
    harness.key_press(Key::ArrowDown);
    settle(&mut harness);
    harness.key_press(Key::Enter);
    settle(&mut harness);
    let out = std::mem::take(&mut harness.state_mut().out);
    assert!(matches!(out[..], [Command::Paint(p)] if p.map == 1), "{out:?}");
    harness.key_press_modifiers(Modifiers::COMMAND, Key::P);
    settle(&mut harness);
    harness.key_press(Key::Escape);
    settle(&mut harness);
    assert!(harness.state().out.is_empty());
}

#[test]
fn panels_close_and_open() {
    let mut harness = window(demo(), Panels::default());
    let scene = harness.state().rect;
    assert!(scene.width() > 600.0 && scene.height() > 450.0, "{scene:?}");
    for id in ["timeline", "log"] {
        let title = panels::panel_of(id).unwrap().title;
        take(&mut harness, &format!("close panel {title}"));
        assert!(!harness.state().panels.is_open(id));
    }
    settle(&mut harness);
    let larger = harness.state().rect;
    assert!(
        larger.height() > scene.height() + 50.0,
        "the scene takes the place: {larger:?}"
    );
    take(&mut harness, "show panel settings");
    assert!(harness.state().panels.is_open("settings"));
    take(&mut harness, "arrange panels");
    assert!(harness.state().panels.is_open("log") && !harness.state().panels.is_open("settings"));
}
