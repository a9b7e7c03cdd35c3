//! Files dropped on the window.

use bevy::prelude::*;
use session::{Command, Source};

use crate::explorer::{Explorer, Step};

/// Adds the system.
pub fn plugin(app: &mut App) {
    app.add_systems(Update, take.in_set(Step::Ask));
}

fn take(mut explorer: ResMut<Explorer>, mut drops: MessageReader<FileDragAndDrop>) {
    for drop in drops.read() {
        if let FileDragAndDrop::DroppedFile { path_buf, .. } = drop {
            let source = Source::File(path_buf.clone());
            let kind = path_buf.extension().map(|e| e.to_ascii_lowercase());
            let model = kind.is_none_or(|e| e == "onnx" || e == "json");
            explorer.session.apply(if model {
                Command::Open(source)
            } else {
                Command::Feed(source)
            });
        }
    }
}
