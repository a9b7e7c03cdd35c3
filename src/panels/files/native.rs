//! The system's dialog, on a thread of its own.

use std::path::Path;
use std::time::{Duration, Instant};

use session::Source;

use super::{Picked, Wanted};

/// Nobody closes a dialog this fast: it was never shown.
const AT_ONCE: Duration = Duration::from_millis(250);

/// False where there is neither a desktop portal nor zenity to show a dialog with.
fn possible() -> bool {
    if !cfg!(target_os = "linux") {
        return true;
    }
    let set = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty());
    let bus = set("XDG_RUNTIME_DIR").is_some_and(|d| Path::new(&d).join("bus").exists());
    let path = set("PATH").unwrap_or_default();
    let zenity = std::env::split_paths(&path).any(|d| d.join("zenity").exists());
    set("DBUS_SESSION_BUS_ADDRESS").is_some() || bus || zenity
}

/// Shows a dialog, then calls `done`.
pub fn ask(wanted: Wanted, done: impl FnOnce(Picked) + Send + 'static) {
    std::thread::spawn(move || {
        if !possible() {
            return done(Picked::Impossible(wanted));
        }
        let begin = Instant::now();
        let (name, kinds) = wanted.kinds();
        let dialog = rfd::AsyncFileDialog::new()
            .set_title(wanted.title())
            .add_filter(name, kinds);
        let picked = match wanted.file() {
            Some(name) => {
                let file = pollster::block_on(dialog.set_file_name(name).save_file());
                file.map(|f| Picked::Place(wanted, f.path().into()))
            }
            None => {
                let file = match wanted {
                    Wanted::HistoryFolder => pollster::block_on(dialog.pick_folder()),
                    _ => pollster::block_on(dialog.pick_file()),
                };
                file.map(|f| Picked::File(wanted, Source::File(f.path().into())))
            }
        };
        done(match picked {
            Some(picked) => picked,
            None if cfg!(target_os = "linux") && begin.elapsed() < AT_ONCE => Picked::Impossible(wanted),
            None => Picked::Nothing,
        });
    });
}
