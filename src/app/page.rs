//! The page: the same explorer on the page's canvas, opened on the demo.
//!
//! `web/page.js` loads it, shows progress and problems, and calls what is exported here.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use bevy::prelude::*;
use session::Source;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::drops::Dropped;
use crate::explorer::Explorer;
use crate::pass::Target;
use crate::window;

/// Opens the explorer.
pub fn main() -> ExitCode {
    let mut app = window::explorer(&[]);
    app.add_plugins(plugin);
    window::run(app)
}

static READY: AtomicBool = AtomicBool::new(false);
static FILES: Mutex<Vec<Source>> = Mutex::new(Vec::new());

/// True once there is a network to draw.
#[wasm_bindgen]
pub fn ready() -> bool {
    READY.load(Ordering::Relaxed)
}

/// Takes a file that was dropped on the page.
#[wasm_bindgen]
pub fn open_file(name: String, bytes: Vec<u8>) {
    let bytes = bytes.into();
    let mut files = FILES.lock().unwrap_or_else(PoisonError::into_inner);
    files.push(Source::Bytes { name, bytes });
}

/// Tells of files that are dropped on the page, and tells the page when to show the canvas.
fn plugin(app: &mut App) {
    app.add_systems(PreUpdate, receive).add_systems(Last, uncover);
}

fn receive(mut out: MessageWriter<Dropped>) {
    let mut files = FILES.lock().unwrap_or_else(PoisonError::into_inner);
    out.write_batch(files.drain(..).map(Dropped));
}

fn uncover(target: Res<Target>) {
    READY.store(target.lock().is_some(), Ordering::Relaxed);
}

#[wasm_bindgen]
extern "C" {
    /// Hands a file to the user; the page brings it.
    #[wasm_bindgen(js_namespace = globalThis, js_name = saveFile)]
    fn save_file(name: &str, text: &str);
}

/// Lets the user download the diagram under the name of `path`.
pub fn export(explorer: &Explorer, _: gpu::Headless, path: &std::path::Path) -> Result<(), String> {
    save(path, &scene::svg::write(&explorer.session)?)
}

/// Lets the user download a text under the name of `path`.
pub fn save(path: &std::path::Path, text: &str) -> Result<(), String> {
    let name = path
        .file_name()
        .map_or("layerscope.svg".into(), |n| n.to_string_lossy());
    save_file(&name, text);
    Ok(())
}
