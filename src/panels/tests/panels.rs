//! The panels without a window: what they show, and the commands that clicks give.

use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use panels::{Panels, Status};
use session::{Command, Session, Source};

struct Shown {
    panels: Panels,
    session: Session,
    out: Vec<Command>,
}

fn harness(open: bool) -> Harness<'static, Shown> {
    let mut session = Session::new();
    if open {
        session.apply(Command::Open(Source::Bundled("fashion-mnist".into())));
        session.wait();
    }
    let shown = Shown {
        panels: Panels::default(),
        session,
        out: Vec::new(),
    };
    let show = |ui: &mut egui::Ui, s: &mut Shown| {
        s.panels.show(ui, &s.session, &Status::default(), &mut s.out);
    };
    let mut harness = Harness::builder()
        .with_size(egui::vec2(1280.0, 800.0))
        .build_ui_state(show, shown);
    harness.run();
    harness
}

#[test]
fn clicks_become_commands() {
    let mut harness = harness(true);
    for (label, wanted) in [
        ("Play", Command::Play),
        ("Collapse all", Command::CollapseAll),
        ("relu1  (Relu)", Command::Select(Some("block1/relu1".into()))),
    ] {
        let first = harness.query_all_by_label(label).next();
        first.unwrap_or_else(|| panic!("{label:?} is not shown")).click();
        harness.run();
        let out = std::mem::take(&mut harness.state_mut().out);
        assert_eq!(out, [wanted], "{label}");
    }
}

#[test]
fn an_empty_session_says_what_to_do() {
    let mut harness = harness(false);
    harness.get_by_label("Open Fashion-MNIST").click();
    harness.run();
    let out = std::mem::take(&mut harness.state_mut().out);
    assert_eq!(out, [Command::Open(Source::Bundled("fashion-mnist".into()))]);
}
