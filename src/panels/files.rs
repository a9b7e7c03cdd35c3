//! File dialogs, beside the frame. What is chosen comes back as a command.

#[cfg(not(target_arch = "wasm32"))]
mod native;
#[cfg(target_arch = "wasm32")]
mod web;

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
    /// A picture or arrays.
    Input,
}

impl Wanted {
    fn title(self) -> &'static str {
        match self {
            Wanted::Model => "Open a model",
            Wanted::Beside => "Compare with a model",
            Wanted::Input => "Open a picture or arrays",
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
            Wanted::Input => (
                "Pictures and arrays",
                &["png", "jpg", "jpeg", "gif", "bmp", "webp", "npz"],
            ),
        }
    }
}

/// What came of a dialog.
enum Picked {
    File(Wanted, Source),
    Nothing,
    /// The system has no dialog to show.
    #[cfg_attr(target_arch = "wasm32", allow(dead_code))]
    Impossible,
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
    pub fn poll(&mut self) -> Option<Result<Command, String>> {
        let picked = self.receiver.get_mut().ok()?.try_recv().ok()?;
        self.open = false;
        match picked {
            Picked::File(Wanted::Model, source) => Some(Ok(Command::Open(source))),
            Picked::File(Wanted::Beside, source) => Some(Ok(Command::Compare(source))),
            Picked::File(Wanted::Input, source) => Some(Ok(Command::Feed(source))),
            Picked::Nothing => None,
            Picked::Impossible => Some(Err(
                "This system shows no file dialog (it needs xdg-desktop-portal or zenity): drop the file on the window instead"
                    .into(),
            )),
        }
    }
}
