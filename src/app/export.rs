//! The scene as a file, on the device that draws the window.

use std::path::Path;

use bevy::prelude::*;

use crate::explorer::Explorer;
use crate::{device, entry};

/// Writes what the panels ask for.
pub struct ExportPlugin;

/// What draws the window. In a browser it must stay on its thread.
struct Drawing(gpu::Headless);

impl Plugin for ExportPlugin {
    fn build(&self, app: &mut App) {
        app.add_systems(Last, export);
    }

    /// The renderer's device is there only now.
    fn finish(&self, app: &mut App) {
        if let Some(device) = device::drawing(app) {
            app.insert_non_send(Drawing(device));
        }
    }
}

fn export(mut explorer: ResMut<Explorer>, drawing: Option<NonSend<Drawing>>) {
    let Some(panels::Export { path, chart }) = explorer.panels.export() else {
        return;
    };
    let written = match (chart, drawing) {
        (Some(text), _) => entry::save(&path, &text),
        (None, Some(drawing)) => entry::export(&explorer, drawing.0.clone(), &path),
        (None, None) => Err("there is no graphics device to draw the picture with".into()),
    };
    let told = match written {
        Ok(()) => format!("{} is written", whole(&path).display()),
        Err(problem) => problem,
    };
    explorer.panels.tell(told);
}

/// With its folder, so that it is found again.
fn whole(path: &Path) -> std::path::PathBuf {
    std::path::absolute(path).unwrap_or(path.into())
}
