//! The system's dialog, on a thread of its own.

use std::time::{Duration, Instant};

use session::Source;

use super::{Picked, Wanted};

/// Nobody closes a dialog this fast: it was never shown.
const AT_ONCE: Duration = Duration::from_millis(250);

/// Shows a dialog, then calls `done`.
pub fn ask(wanted: Wanted, done: impl FnOnce(Picked) + Send + 'static) {
    std::thread::spawn(move || {
        let begin = Instant::now();
        let (name, kinds) = wanted.kinds();
        let dialog = rfd::AsyncFileDialog::new().set_title(wanted.title());
        let picked = pollster::block_on(dialog.add_filter(name, kinds).pick_file());
        done(match picked {
            Some(file) => Picked::File(wanted, Source::File(file.path().into())),
            None if cfg!(target_os = "linux") && begin.elapsed() < AT_ONCE => Picked::Impossible,
            None => Picked::Nothing,
        });
    });
}
