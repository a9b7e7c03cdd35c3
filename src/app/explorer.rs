//! What the window's systems share, and the passing of time.

use std::path::Path;

use bevy::prelude::*;
use bevy_egui::egui;
use panels::{Panels, Status};
use scene::Stage;
use session::{Command, Session, Source};

/// All that the window's systems share.
#[derive(Resource)]
pub struct Explorer {
    /// What is open.
    pub session: Session,
    /// Around the scene.
    pub panels: Panels,
    /// What the panels are told of the app.
    pub status: Status,
    /// The session as it stands in the scene.
    pub stage: Stage,
    /// Where the scene is, points.
    pub rect: egui::Rect,
    /// Where the button went down, to tell a click from a drag.
    pub pressed: Option<egui::Pos2>,
    /// The pointer steers the scene, not a panel.
    pub steers: bool,
    /// An input to open once its model is.
    waiting: Option<Source>,
    /// Bytes that had been read back at the last frame.
    counted: u64,
}

/// The order of a frame's work before anything is shown.
#[derive(SystemSet, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Keys and files become commands.
    Ask,
    /// The session and the stage follow time.
    Follow,
    /// The camera goes where the stage wants it.
    Aim,
}

impl Explorer {
    /// Opens `files`: a model, then its input; without files the built-in demo. The panels are as
    /// the user left them.
    pub fn new(files: &[String]) -> Self {
        Explorer::with(Panels::open(panels::Store::of_user()), files)
    }

    /// [`Explorer::new`] with these panels.
    pub fn with(panels: Panels, files: &[String]) -> Self {
        let mut session = Session::new();
        match files.first() {
            Some(file) if file.to_ascii_lowercase().ends_with(".ron") => {
                session.receive(vec![Source::File(file.into())]);
            }
            Some(file) => session.open(Source::File(file.into())),
            None => {
                session.apply(Command::Open(Source::Bundled("fashion-mnist".into())));
                let logs = session::histories::DEMO.into();
                session.apply(Command::History(Some(Source::Bundled(logs))));
            }
        }
        // A history needs no model to be open first.
        let (histories, others): (Vec<_>, Vec<_>) = files
            .iter()
            .skip(1)
            .partition(|f| session::histories::is_history(Path::new(f)));
        if let Some(history) = histories.first() {
            session.apply(Command::History(Some(Source::File(history.into()))));
        }
        let mut others = others.into_iter().map(|f| Source::File(f.into()));
        Explorer {
            session,
            panels,
            status: Status::default(),
            stage: Stage::default(),
            rect: egui::Rect::NOTHING,
            pressed: None,
            steers: false,
            waiting: others.next(),
            counted: 0,
        }
    }

    /// Width and height of the scene, points; zero before it is known.
    pub fn size(&self) -> glam::Vec2 {
        glam::Vec2::new(self.rect.width(), self.rect.height()).max(glam::Vec2::ZERO)
    }
}

/// Adds the passing of time.
pub fn plugin(app: &mut App) {
    app.configure_sets(Update, (Step::Ask, Step::Follow, Step::Aim).chain())
        .add_systems(Update, follow.in_set(Step::Follow));
}

/// Finished work, time.
fn follow(mut explorer: ResMut<Explorer>, time: Res<Time>) {
    let explorer = &mut *explorer;
    let dt = time.delta_secs();
    explorer.session.update(dt);
    if explorer.session.document.is_some()
        && let Some(input) = explorer.waiting.take()
    {
        explorer.session.apply(Command::Feed(input));
    }
    let size = explorer.size();
    explorer.stage.update(&explorer.session, dt, size);
    // The value under the pointer, where it is still on the graphics device.
    let hovered = explorer.stage.hover.volume();
    if let Some(tensor) = hovered.and_then(|v| explorer.stage.layout.volumes.get(v)?.tensor) {
        explorer.session.want(tensor);
    }
    let read_back = explorer.session.read_back();
    explorer.status.read_back = read_back - explorer.counted;
    explorer.counted = read_back;
    explorer.status.frame += (dt * 1e3 - explorer.status.frame) * 0.05;
}
