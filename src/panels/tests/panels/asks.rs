//! Clicks and keys become commands, and one selection is seen everywhere.

use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable;
use layout::Node;
use panels::Panels;
use session::{Command, Input, Source};

use crate::states::{alone, demo, empty, encoder, failed, residual, settle, window};

#[test]
fn clicks_become_commands() {
    let mut harness = window(demo(), Panels::default());
    for (label, wanted) in [
        ("Play", vec![Command::Play]),
        ("One layer back", vec![Command::Step(-1)]),
        ("Raw", vec![Command::Softmax(false)]),
        ("Gradients", vec![Command::Backward(true)]),
        (
            "relu1  (Relu)",
            vec![Command::Select(Some("block1/relu1".into()))],
        ),
        ("sample 3: Trouser", vec![Command::Sample(3)]),
        ("Collapse all", vec![Command::CollapseAll]),
    ] {
        let first = harness.query_all_by_label(label).next();
        first.unwrap_or_else(|| panic!("{label:?} is not shown")).click();
        settle(&mut harness);
        let out = std::mem::take(&mut harness.state_mut().out);
        assert_eq!(out, wanted, "{label}");
    }
}

#[test]
fn an_empty_session_says_what_to_do() {
    let mut harness = window(empty(), Panels::default());
    harness.get_by_label("Open Fashion-MNIST").click();
    settle(&mut harness);
    let out = std::mem::take(&mut harness.state_mut().out);
    assert_eq!(out, [Command::Open(Source::Bundled("fashion-mnist".into()))]);
}

#[test]
fn a_class_is_chosen_and_given_up_by_a_click() {
    let panel = panels::panel_of("output").unwrap();
    let mut harness = alone(demo(), panel, [300.0, 240.0]);
    let best = harness.state().session.output().unwrap().ranked(1)[0].clone();
    let label = format!("{} {:.1} %", best.name, 100.0 * best.value);
    harness.get_by_label(&label).click();
    settle(&mut harness);
    let shown = harness.state_mut();
    assert_eq!(shown.out, [Command::Unit(Some(best.index))]);
    let command = shown.out.remove(0);
    shown.session.apply(command);
    shown.session.wait();
    settle(&mut harness);
    harness.get_by_label(&label).click();
    settle(&mut harness);
    assert_eq!(harness.state().out, [Command::Unit(None)]);
}

#[test]
fn one_selection_is_seen_by_outline_and_inspector() {
    let mut harness = window(demo(), Panels::default());
    // From outside, as the scene does it.
    let shown = harness.state_mut();
    shown.session.apply(Command::Select(Some("block2/conv1".into())));
    settle(&mut harness);
    assert!(
        harness.query_all_by_label("block2/conv1").next().is_some(),
        "the inspector's title"
    );
    // From the outline; a layer inside a collapsed scope opens it.
    let shown = harness.state_mut();
    shown.session.apply(Command::CollapseAll);
    assert_eq!(shown.session.state.selection, None);
    settle(&mut harness);
    harness
        .query_all_by_label("relu1  (Relu)")
        .next()
        .unwrap()
        .click();
    settle(&mut harness);
    let shown = harness.state_mut();
    let out = std::mem::take(&mut shown.out);
    let [Command::Select(Some(name))] = &out[..] else {
        panic!("{out:?}");
    };
    shown.session.apply(out[0].clone());
    let document = shown.session.document.as_ref().unwrap();
    let layer = document.network.layer_named(name);
    assert_eq!(shown.session.state.selection, layer.map(Node::Layer));
    assert!(
        document
            .layout
            .volumes
            .iter()
            .any(|v| Some(v.node) == shown.session.state.selection)
    );
    // A connection, as the scene selects it, is told by the tensor that it carries.
    let link = &document.layout.links[1];
    let name = |index: usize| document.name(document.layout.volumes[index].node);
    let (from, to) = (name(link.from), name(link.to));
    let tensor = document.network.tensor(link.tensor).name.clone();
    let command = Command::Connection {
        tensor: tensor.clone(),
        from,
        to: to.clone(),
    };
    shown.session.apply(command);
    settle(&mut harness);
    assert!(harness.query_all_by_label(&tensor).next().is_some(), "the tensor");
    let end = harness.query_all_by_label(&to).last();
    end.expect("where it goes").click();
    settle(&mut harness);
    let shown = harness.state_mut();
    assert_eq!(std::mem::take(&mut shown.out), [Command::Select(Some(to))]);
    // A scope is selected by its path, open or closed.
    shown.session.apply(Command::Select(Some("block1".into())));
    assert!(matches!(shown.session.state.selection, Some(Node::Scope(_))));
}

#[test]
fn arrows_walk_through_the_outline() {
    let panel = panels::panel_of("outline").unwrap();
    let mut harness = alone(demo(), panel, [260.0, 700.0]);
    harness
        .query_all_by_label("relu1  (Relu)")
        .next()
        .unwrap()
        .click();
    settle(&mut harness);
    let step = |harness: &mut egui_kittest::Harness<crate::states::Shown>, key| {
        harness.key_press(key);
        settle(harness);
        let shown = harness.state_mut();
        let out = std::mem::take(&mut shown.out);
        out.iter().cloned().for_each(|c| shown.session.apply(c));
        settle(harness);
        out
    };
    let shown = harness.state_mut();
    for command in std::mem::take(&mut shown.out) {
        shown.session.apply(command);
    }
    settle(&mut harness);
    let next = step(&mut harness, Key::ArrowDown);
    let back = step(&mut harness, Key::ArrowUp);
    assert_eq!(next.len(), 1, "{next:?}");
    assert_eq!(back, [Command::Select(Some("block1/relu1".into()))]);
    assert_eq!(
        step(&mut harness, Key::Enter),
        [Command::Look(session::Goal::Selection)]
    );
    // On a scope, Enter folds.
    let rows = |harness: &egui_kittest::Harness<_>| harness.query_all_by_label("relu1  (Relu)").count();
    let before = rows(&harness);
    while !matches!(harness.state().session.state.selection, Some(Node::Scope(_))) {
        assert_eq!(step(&mut harness, Key::ArrowUp).len(), 1);
    }
    step(&mut harness, Key::Enter);
    assert_eq!(rows(&harness), before - 1);
}

#[test]
fn the_outline_finds_and_scrolls() {
    let panel = panels::panel_of("outline").unwrap();
    let mut harness = alone(residual(400), panel, [260.0, 500.0]);
    // Far down, and inside scopes that are closed.
    let shown = harness.state_mut();
    shown
        .session
        .apply(Command::Select(Some("stage90/block2/conv2".into())));
    settle(&mut harness);
    assert!(
        harness.query_by_label("stage90  ()").is_some()
            || harness.query_all_by_label("conv2  (conv2d)").next().is_some()
    );
}

#[test]
fn drawing_feeds_the_network() {
    let panel = panels::panel_of("draw").unwrap();
    let mut harness = alone(demo(), panel, [260.0, 330.0]);
    let canvas = harness.get_by_label("canvas").rect();
    let at = |x: f32, y: f32| canvas.min + canvas.size() * egui::vec2(x, y);
    harness.drag_at(at(0.3, 0.3));
    harness.run_steps(2);
    for i in 0..8 {
        harness.hover_at(at(0.3 + 0.05 * i as f32, 0.5));
        harness.run_steps(1);
    }
    harness.drop_at(at(0.7, 0.5));
    settle(&mut harness);
    let shown = harness.state_mut();
    let out = std::mem::take(&mut shown.out);
    assert!(!out.is_empty());
    for (i, command) in out.iter().enumerate() {
        assert!(
            matches!(command, Command::Draw { begins, .. } if *begins == (i == 0)),
            "{i}"
        );
    }
    let before = shown.session.output();
    out.into_iter().for_each(|c| shown.session.apply(c));
    shown.session.wait();
    let Input::Drawing(picture) = &shown.session.state.input else {
        panic!("no drawing")
    };
    assert!(picture.pixels.iter().filter(|&&p| p > 200).count() > 20);
    assert_ne!(shown.session.output(), before);
    // A stroke is one step of undo.
    shown.session.apply(Command::Undo);
    assert_eq!(shown.session.state.input, Input::Sample(0));
}

#[test]
fn what_fails_is_told_with_file_and_place_and_what_was_open_stays() {
    let session = failed();
    assert!(session.document.is_some());
    let told: Vec<&str> = session.log.iter().map(|l| l.1.as_str()).collect();
    for part in [
        "no/such/model.onnx",
        "cat.png",
        "broken.json",
        "layer 0",
        "broken.png",
    ] {
        assert!(told.iter().any(|t| t.contains(part)), "{part}: {told:?}");
    }
    // The log shows them.
    let harness = alone(session, panels::panel_of("log").unwrap(), [700.0, 300.0]);
    let seen = harness.query_all_by_label_contains("broken.json").count();
    assert_eq!(seen, 1);
}

#[test]
fn keys_of_the_panels() {
    let mut harness = window(demo(), Panels::default());
    harness.key_press(Key::F1);
    settle(&mut harness);
    assert!(harness.query_by_label("play or pause").is_some(), "the help");
    harness.key_press(Key::Escape);
    settle(&mut harness);
    assert!(harness.query_by_label("play or pause").is_none());
    harness.key_press_modifiers(Modifiers::COMMAND, Key::K);
    settle(&mut harness);
    assert!(
        harness.query_by_label("Look at the whole network").is_some(),
        "the palette"
    );
}

#[test]
fn written_text_flows_line_by_line() {
    let panel = panels::panel_of("input").unwrap();
    let mut harness = alone(encoder(true, &["the cat"]), panel, [250.0, 260.0]);
    let field = harness.get_by_role(egui::accesskit::Role::MultilineTextInput);
    assert_eq!(field.value().as_deref(), Some("the cat"));
    field.focus();
    settle(&mut harness);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::End);
    harness.event(egui::Event::Text("s sat".into()));
    harness.key_press(Key::Enter);
    harness.event(egui::Event::Text("a dog".into()));
    settle(&mut harness);
    assert_eq!(harness.state().out, []);
    harness.get_by_label("Run").click();
    settle(&mut harness);
    let wanted = Command::Text(vec!["the cats sat".into(), "a dog".into()]);
    assert_eq!(harness.state().out, std::slice::from_ref(&wanted));
    harness.state_mut().out.clear();
    harness
        .get_by_role(egui::accesskit::Role::MultilineTextInput)
        .focus();
    settle(&mut harness);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Enter);
    settle(&mut harness);
    assert_eq!(harness.state().out, [wanted]);
}
