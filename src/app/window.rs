//! The explorer's window: its contents. Bevy runs it, `session` decides, `panels` and `scene` show.

use std::process::ExitCode;

use bevy::prelude::*;
use bevy_egui::EguiPlugin;
use bevy_panorbit_camera::PanOrbitCameraPlugin;

use crate::explorer::Explorer;
use crate::{camera, device, drops, explorer, export, fly, keys, pass, points, screen};

/// The explorer on `files`: a model, then its input; without files on the built-in demo.
pub fn explorer(files: &[String]) -> App {
    let window = Window {
        title: "layerscope".into(),
        resolution: (1280, 800).into(),
        // In the browser: the page's canvas, as large as the page leaves it.
        canvas: Some("#layerscope".into()),
        fit_canvas_to_parent: true,
        ..default()
    };
    let mut app = App::new();
    app.add_plugins(DefaultPlugins.set(WindowPlugin {
        primary_window: Some(window),
        ..default()
    }))
    .add_plugins((EguiPlugin::default(), PanOrbitCameraPlugin))
    .add_plugins((
        keys::plugin,
        drops::plugin,
        explorer::plugin,
        camera::plugin,
        fly::plugin,
        screen::plugin,
        pass::plugin,
        points::plugin,
        export::ExportPlugin,
        device::DevicePlugin,
    ))
    .insert_resource(Explorer::new(files));
    app
}

/// Runs it until the window closes.
pub fn run(mut app: App) -> ExitCode {
    match app.run() {
        AppExit::Success => ExitCode::SUCCESS,
        AppExit::Error(code) => ExitCode::from(code.get()),
    }
}
