//! The camera's buttons, in a corner of the scene.

use egui::{Align, Align2, Area, Button, Context, Id, Rect, Ui, vec2};
use layout::{Arrangement, Way};
use session::{Bookmark, Command, Goal, Session};

/// Bookmarks that keys recall.
pub const SLOTS: usize = 9;

/// Shows the buttons in the upper right corner of `rect`.
pub fn show(context: &Context, rect: Rect, session: &Session, out: &mut Vec<Command>) {
    if session.document.is_none() || rect.width() < 340.0 {
        return;
    }
    Area::new(Id::new("camera controls"))
        .fixed_pos(rect.right_top() + vec2(-10.0, 8.0))
        .pivot(Align2::RIGHT_TOP)
        .constrain_to(rect)
        .show(context, |ui| {
            ui.with_layout(egui::Layout::right_to_left(Align::Min), |ui| {
                buttons(ui, session, out)
            });
        });
}

/// Which paths are lit after `now`, where one key goes through all.
pub fn next_way(now: Option<Way>) -> Option<Way> {
    let place = now.and_then(|now| Way::ALL.iter().position(|w| *w == now));
    Way::ALL.get(place.map_or(0, |p| p + 1)).copied()
}

fn paths(ui: &mut Ui, session: &Session, out: &mut Vec<Command>) {
    for way in [None].into_iter().chain(Way::ALL.map(Some)) {
        let name = title(way.map_or("none", Way::name));
        if ui
            .add(Button::selectable(way == session.state.trail, name))
            .clicked()
        {
            out.push(Command::Trail(way));
            ui.close();
        }
    }
}

fn buttons(ui: &mut Ui, session: &Session, out: &mut Vec<Command>) {
    ui.menu_button("Views", |ui| bookmarks(ui, session, out))
        .response
        .on_hover_text("Bookmarks: 1 to 9 go there, Ctrl+1 to 9 put one here");
    let follow = Button::selectable(session.view.follow, "Follow");
    if ui
        .add(follow)
        .on_hover_text("Keep the flow in sight while it plays (B)")
        .clicked()
    {
        out.push(Command::Follow(!session.view.follow));
    }
    let fly = Button::selectable(session.view.fly, "Fly");
    let how = "Fly freely (V): W A S D, Q down, E up, Shift faster; drag to look around";
    if ui.add(fly).on_hover_text(how).clicked() {
        out.push(Command::Fly(!session.view.fly));
    }
    if session.state.selection.is_some() {
        ui.menu_button("Paths", |ui| paths(ui, session, out))
            .response
            .on_hover_text("What the selection depends on, and what depends on it (P)");
    }
    let now = session.state.arrangement;
    let shown = format!("As {}", now.name());
    ui.menu_button(shown, |ui| {
        for (number, other) in (1..).zip(Arrangement::ALL) {
            let name = format!("{}   Shift+{number}", title(other.name()));
            let button = Button::selectable(other == now, name);
            if ui.add(button).on_hover_text(other.about()).clicked() {
                out.push(Command::Arrange(other));
                ui.close();
            }
        }
    })
    .response
    .on_hover_text(now.about());
    if ui.button("Home").on_hover_text("The whole network (H)").clicked() {
        out.push(Command::Look(Goal::Home));
    }
}

fn bookmarks(ui: &mut Ui, session: &Session, out: &mut Vec<Command>) {
    for bookmark in &session.state.bookmarks {
        ui.horizontal(|ui| {
            if ui.button(&bookmark.name).clicked() {
                out.push(Command::Look(Goal::Bookmark(bookmark.name.clone())));
            }
            if ui.small_button("×").on_hover_text("Forget it").clicked() {
                out.push(Command::Forget(bookmark.name.clone()));
            }
        });
    }
    let free = (1..=SLOTS)
        .map(slot)
        .find(|name| session.state.bookmarks.iter().all(|b| b.name != *name));
    let pose = session.view.pose;
    if let (Some(name), Some(pose)) = (free, pose)
        && ui.button("Add this view").clicked()
    {
        out.push(Command::Bookmark(Bookmark { name, pose }));
    }
}

/// With a capital.
fn title(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or(String::new(), |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

/// Name of the bookmark on key `number`.
pub fn slot(number: usize) -> String {
    format!("View {number}")
}
