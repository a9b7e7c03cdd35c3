//! Clouds of points: what a device is asked to draw, and what is chosen with the mouse.

use std::sync::Arc;

use egui::{Event, Modifiers, PointerButton, Pos2, pos2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use panels::{Handed, PointView, panel_of};
use session::cloud::{Origin, Projection, Wanted};
use session::{Command, Session, Source};

use super::states::{Shown, alone, empty, settle};

const COUNT: usize = 60_000;

/// A table on a grid of two columns, as a picture of its own two axes.
fn table(count: usize) -> Session {
    let mut text = String::from("x,y,kind\n");
    for i in 0..count {
        text += &format!("{},{},{}\n", i % 300, i / 300, ["a", "b"][i % 2]);
    }
    let bytes = text.into_bytes().into();
    let name = "grid.csv".into();
    let mut wanted = Wanted::new(Origin::File(Source::Bytes { name, bytes }));
    (wanted.projection, wanted.dimensions) = (Projection::Axes, 2);
    let mut session = empty();
    session.apply(Command::Project(Some(wanted)));
    session.wait_for_cloud();
    session
}

fn shown(session: Session, drawn: bool) -> Harness<'static, Shown> {
    let mut harness = alone(session, panel_of("embedding").unwrap(), [1000.0, 460.0]);
    harness.state_mut().memory.of::<Handed>().drawn = drawn;
    settle(&mut harness);
    harness
}

fn wanted(harness: &mut Harness<'static, Shown>) -> PointView {
    let handed = harness.state_mut().memory.of::<Handed>();
    handed.wanted.clone().expect("a picture is wanted")
}

/// Presses at the first place, moves through the others, lets go at the last.
fn drag(harness: &mut Harness<'static, Shown>, path: &[Pos2], modifiers: Modifiers) {
    let button = |pos: Pos2, pressed: bool| Event::PointerButton {
        pos,
        button: PointerButton::Primary,
        pressed,
        modifiers,
    };
    let step = |harness: &mut Harness<'static, Shown>, event: Event| {
        harness.event_modifiers(event, modifiers);
        harness.step();
    };
    step(harness, Event::PointerMoved(path[0]));
    step(harness, button(path[0], true));
    for ends in path.windows(2) {
        for i in 1..=8 {
            let at = ends[0].lerp(ends[1], i as f32 / 8.0);
            step(harness, Event::PointerMoved(at));
        }
    }
    step(harness, button(path[path.len() - 1], false));
    harness.remove_cursor();
    settle(harness);
}

#[test]
fn what_does_not_change_is_not_sent_again() {
    let mut harness = shown(table(COUNT), true);
    let first = wanted(&mut harness);
    assert_eq!(first.places.now.len(), 3 * COUNT);
    assert_eq!((first.inks.len(), first.moved, first.chosen), (COUNT, 1.0, false));
    harness.run_steps(3);
    let next = wanted(&mut harness);
    assert!(first.same(&next), "nothing happened");
    // Another view of the same points.
    drag(
        &mut harness,
        &[pos2(300.0, 200.0), pos2(340.0, 260.0)],
        Modifiers::NONE,
    );
    let turned = wanted(&mut harness);
    assert!(!turned.same(&first) && turned.clip_from_world != first.clip_from_world);
    let same = |a: &PointView, b: &PointView| {
        (
            Arc::ptr_eq(&a.places.now, &b.places.now),
            Arc::ptr_eq(&a.inks, &b.inks),
        )
    };
    assert_eq!(same(&first, &turned), (true, true));
    // A chosen class: other inks at the same places.
    harness.get_by_label("a").click();
    settle(&mut harness);
    let chosen = wanted(&mut harness);
    assert_eq!((chosen.chosen, same(&first, &chosen)), (true, (true, false)));
    assert_eq!(chosen.inks.iter().filter(|i| **i >> 31 == 1).count(), COUNT / 2);
    // Another projection: points go there from where they are, and both places are sent once.
    let cloud = harness.state().session.cloud.as_ref().unwrap();
    let mut other = cloud.wanted.clone();
    other.axes = [1, 0, 0];
    let session = &mut harness.state_mut().session;
    session.apply(Command::Project(Some(other)));
    session.wait_for_cloud();
    harness.step();
    let begun = wanted(&mut harness);
    harness.step();
    let going = wanted(&mut harness);
    let before = begun.places.before.as_ref().expect("where they come from");
    assert_eq!(before[..6], first.places.now[..6]);
    assert!(
        begun.moved < going.moved && going.moved < 1.0,
        "{} {}",
        begun.moved,
        going.moved
    );
    assert_eq!(same(&begun, &going), (true, true));
    assert!(Arc::ptr_eq(before, going.places.before.as_ref().unwrap()));
    settle(&mut harness);
    let there = wanted(&mut harness);
    assert_eq!((there.moved, same(&begun, &there)), (1.0, (true, true)));
}

#[test]
fn a_loop_and_a_box_choose_what_is_inside() {
    let mut harness = shown(table(400), false);
    let shift = Modifiers::SHIFT;
    // The whole picture, then a triangle of it.
    let corners = [pos2(20.0, 60.0), pos2(700.0, 440.0)];
    drag(&mut harness, &corners, shift);
    assert!(harness.query_by_label("400 chosen").is_some());
    harness.get_by_label("loop").click();
    settle(&mut harness);
    let path = [
        pos2(20.0, 60.0),
        pos2(360.0, 60.0),
        pos2(700.0, 60.0),
        pos2(360.0, 440.0),
        pos2(22.0, 62.0),
    ];
    drag(&mut harness, &path, shift);
    assert!(harness.query_by_label("400 chosen").is_none());
    assert!(harness.query_by_label_contains(" chosen").is_some());
    harness.get_by_label("All").click();
    settle(&mut harness);
    assert!(harness.query_by_label_contains(" chosen").is_none());
}

#[test]
fn the_chosen_points_give_a_direction() {
    let mut harness = shown(table(400), false);
    harness.get_by_label("b").click();
    settle(&mut harness);
    harness.get_all_by_label("Direction").last().unwrap().click();
    settle(&mut harness);
    let asked = harness.state_mut().out.pop();
    let Some(Command::Project(Some(wanted))) = asked else {
        panic!("{asked:?}")
    };
    assert_eq!(
        (wanted.projection, wanted.group.len()),
        (Projection::Direction, 200)
    );
    assert_eq!(wanted.group[..3], [1, 3, 5]);
}
