//! The browser's dialog.

use session::Source;

use super::{Picked, Wanted};

/// Shows a dialog, then calls `done` with the file's bytes.
pub fn ask(wanted: Wanted, done: impl FnOnce(Picked) + 'static) {
    // A download needs no place.
    if let Some(file) = wanted.file() {
        return done(Picked::Place(wanted, file.into()));
    }
    wasm_bindgen_futures::spawn_local(async move {
        let (name, kinds) = wanted.kinds();
        let dialog = rfd::AsyncFileDialog::new().set_title(wanted.title());
        let picked = match dialog.add_filter(name, kinds).pick_file().await {
            Some(file) => {
                let source = Source::Bytes {
                    name: file.file_name(),
                    bytes: file.read().await.into(),
                };
                Picked::File(wanted, source)
            }
            None => Picked::Nothing,
        };
        done(picked);
    });
}
