//! File dialogs, beside the frame. What is chosen comes back as a command.

#[cfg(not(target_arch = "wasm32"))]
mod native;
#[cfg(target_arch = "wasm32")]
mod web;

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};

use session::{Command, Source};

#[cfg(not(target_arch = "wasm32"))]
use native::ask;
#[cfg(target_arch = "wasm32")]
use web::ask;

/// What a dialog is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A network.
    Model,
    /// A network to compare with.
    Beside,
    /// A training history.
    History,
    /// A folder of training histories.
    HistoryFolder,
    /// A picture or arrays.
    Input,
    /// A table of points.
    Table,
    /// A place for a file with this ending.
    Export(&'static str),
    /// A place for this chart.
    Chart(&'static str),
    /// A place for training curves, with this ending.
    Curves(&'static str),
}

impl Wanted {
    fn title(self) -> &'static str {
        match self {
            Wanted::Model => "Open a model",
            Wanted::Beside => "Compare with a model",
            Wanted::History => "Open a training history",
            Wanted::HistoryFolder => "Open a folder of training histories",
            Wanted::Input => "Open a picture or arrays",
            Wanted::Table => "Open a table of points",
            Wanted::Export(_) => "Export the scene",
            Wanted::Chart(_) => "Save the chart",
            Wanted::Curves("html") => "Save the report",
            Wanted::Curves(_) => "Save the chart",
        }
    }

    /// What the user chose by a place.
    fn place(self, path: PathBuf) -> Option<Result<Chosen, String>> {
        match self {
            Wanted::Export(_) => Some(Ok(Chosen::Export(path))),
            Wanted::Chart(name) => Some(Ok(Chosen::Chart(name, path))),
            Wanted::Curves(ending) => Some(Ok(Chosen::Curves(ending, path))),
            _ => None,
        }
    }

    /// The name of what is written, where something is.
    fn file(self) -> Option<String> {
        match self {
            Wanted::Export(ending) => Some(format!("layerscope.{ending}")),
            Wanted::Chart(name) => Some(format!("{name}.svg")),
            Wanted::Curves("html") => Some("training.html".into()),
            Wanted::Curves(ending) => Some(format!("chart.{ending}")),
            _ => None,
        }
    }

    fn kinds(self) -> (&'static str, &'static [&'static str]) {
        match self {
            Wanted::Model | Wanted::Beside => (
                "Models",
                &[
                    "onnx",
                    "safetensors",
                    "pt",
                    "pth",
                    "bin",
                    "gguf",
                    "json",
                    "h5",
                    "keras",
                    "tflite",
                    "npz",
                ],
            ),
            // Event files end in anything.
            Wanted::History | Wanted::HistoryFolder => ("All files", &["*"]),
            Wanted::Curves("html") => ("Web page", &["html"]),
            Wanted::Curves("csv") => ("CSV table", &["csv"]),
            Wanted::Input => (
                "Pictures and arrays",
                &["png", "jpg", "jpeg", "gif", "bmp", "webp", "npz", "npy"],
            ),
            Wanted::Table => (
                "Tables of points",
                &["npy", "npz", "csv", "tsv", "parquet", "pbtxt"],
            ),
            Wanted::Export("svg") | Wanted::Chart(_) | Wanted::Curves("svg") => ("SVG drawing", &["svg"]),
            Wanted::Export("pdf") => ("PDF document", &["pdf"]),
            Wanted::Export(_) | Wanted::Curves(_) => ("PNG picture", &["png"]),
        }
    }
}

/// What the user chose.
pub enum Chosen {
    /// Something for the session to do.
    Command(Command),
    /// Where the scene is to be written.
    Export(PathBuf),
    /// Which chart is to be written, and where.
    Chart(&'static str, PathBuf),
    /// Which ending training curves are to be written with, and where.
    Curves(&'static str, PathBuf),
}

/// What came of a dialog.
enum Picked {
    File(Wanted, Source),
    /// Where to write.
    Place(Wanted, PathBuf),
    Nothing,
    /// The system has no dialog to show.
    #[cfg_attr(target_arch = "wasm32", allow(dead_code))]
    Impossible(Wanted),
}

/// The dialog that is open, if any.
pub struct Files {
    open: bool,
    sender: Sender<Picked>,
    // The mutex only makes it shareable; nobody waits for it.
    receiver: Mutex<Receiver<Picked>>,
}

impl Default for Files {
    fn default() -> Self {
        let (sender, receiver) = channel();
        Files {
            open: false,
            sender,
            receiver: receiver.into(),
        }
    }
}

impl Files {
    /// Opens a dialog, unless one is open.
    pub fn ask(&mut self, wanted: Wanted, context: &egui::Context) {
        if !std::mem::replace(&mut self.open, true) {
            let (sender, context) = (self.sender.clone(), context.clone());
            ask(wanted, move |picked| {
                // The window may be gone by now.
                let _ = sender.send(picked);
                context.request_repaint();
            });
        }
    }

    /// What was chosen since the last frame; an error is a sentence for the user.
    pub fn poll(&mut self) -> Option<Result<Chosen, String>> {
        let picked = self.receiver.get_mut().ok()?.try_recv().ok()?;
        self.open = false;
        let command = |command| Some(Ok(Chosen::Command(command)));
        match picked {
            Picked::File(Wanted::Model, source) => command(Command::Open(source)),
            Picked::File(Wanted::Beside, source) => command(Command::Compare(source)),
            Picked::File(Wanted::Table, source) => {
                let wanted = session::cloud::Wanted::new(session::cloud::Origin::File(source));
                command(Command::Project(Some(wanted)))
            }
            Picked::File(Wanted::Input, source) => command(Command::Feed(source)),
            Picked::File(Wanted::History | Wanted::HistoryFolder, source) => {
                command(Command::History(Some(source)))
            }
            Picked::Place(wanted, path) => wanted.place(path),
            Picked::Nothing => None,
            Picked::File(..) => None,
            // Rather where the program was started than nowhere.
            Picked::Impossible(wanted) => match wanted.file() {
                Some(file) => wanted.place(file.into()),
                None => Some(Err(
                "This system shows no file dialog (it needs xdg-desktop-portal or zenity): drop the file on the window instead"
                    .into(),
            )),
            },
        }
    }
}
