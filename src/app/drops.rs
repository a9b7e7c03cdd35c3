//! Files dropped on the window or the page.

use bevy::prelude::*;
use session::{Command, Source};

use crate::explorer::{Explorer, Step};

/// A file was dropped on the page, where Bevy tells of none.
#[derive(Message)]
pub struct Dropped(pub Source);

/// Adds the system.
pub fn plugin(app: &mut App) {
    app.add_message::<Dropped>()
        .add_systems(Update, take.in_set(Step::Ask));
}

fn take(
    mut explorer: ResMut<Explorer>,
    mut window: MessageReader<FileDragAndDrop>,
    mut page: MessageReader<Dropped>,
) {
    for drop in window.read() {
        if let FileDragAndDrop::DroppedFile { path_buf, .. } = drop {
            explorer.session.apply(command(Source::File(path_buf.clone())));
        }
    }
    for Dropped(source) in page.read() {
        explorer.session.apply(command(source.clone()));
    }
}

/// By the file's name: a model, or an input.
fn command(source: Source) -> Command {
    let name = source.name();
    let kind = std::path::Path::new(&name)
        .extension()
        .map(|e| e.to_ascii_lowercase());
    match kind.is_none_or(|e| e == "onnx" || e == "json") {
        true => Command::Open(source),
        false => Command::Feed(source),
    }
}
