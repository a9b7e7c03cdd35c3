//! Files dropped on the window or the page.

use bevy::prelude::*;
use session::Source;

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
    let mut files: Vec<Source> = Vec::new();
    for drop in window.read() {
        if let FileDragAndDrop::DroppedFile { path_buf, .. } = drop {
            files.push(Source::File(path_buf.clone()));
        }
    }
    files.extend(page.read().map(|Dropped(source)| source.clone()));
    if !files.is_empty() {
        explorer.session.receive(files);
    }
}
