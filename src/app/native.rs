//! The program: `layerscope [--listen DIR] [MODEL [INPUT]]` opens the explorer, any other command is
//! headless.

use std::process::ExitCode;

use crate::explorer::Explorer;
use crate::window;

/// Reads the arguments.
pub fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args_os()
        .skip(1)
        .map(|a| a.to_string_lossy().into_owned())
        .collect();
    let listens = arguments.first().is_some_and(|a| a == "--listen");
    if !listens && arguments.first().is_some_and(|a| cli::takes(a)) {
        return ExitCode::from(cli::main(std::env::args_os()).clamp(0, 255) as u8);
    }
    let display = ["DISPLAY", "WAYLAND_DISPLAY", "WAYLAND_SOCKET"];
    if cfg!(target_os = "linux")
        && display
            .iter()
            .all(|v| std::env::var_os(v).is_none_or(|d| d.is_empty()))
    {
        eprintln!("layerscope: there is no display to open a window on; `layerscope render` needs none");
        return ExitCode::from(2);
    }
    let server = match listen(&mut arguments) {
        Ok(server) => server,
        Err(problem) => {
            eprintln!("layerscope: {problem}");
            return ExitCode::from(2);
        }
    };
    if let Some(missing) = arguments.iter().find(|a| !std::path::Path::new(a).exists()) {
        eprintln!("layerscope: {missing}: there is no such file");
        return ExitCode::from(2);
    }
    let mut app = window::explorer(&arguments);
    if let Some(server) = &server {
        let told = format!(
            "Listening on {} for records of trainings; token {}",
            server.url, server.token
        );
        let mut explorer = app.world_mut().resource_mut::<Explorer>();
        explorer.session.say(session::Level::Info, told.clone());
        explorer.panels.tell(told);
    }
    let code = window::run(app);
    for problem in server.map(serve::Handle::stop).unwrap_or_default() {
        eprintln!("layerscope: {problem}");
    }
    code
}

/// Takes `--listen DIR` off the front: records of other processes are taken in and kept there, and
/// the folder is opened as a history. Prints what clients need, as `layerscope serve` does.
fn listen(arguments: &mut Vec<String>) -> Result<Option<serve::Handle>, String> {
    if arguments.first().is_none_or(|a| a != "--listen") {
        return Ok(None);
    }
    if arguments.len() < 2 {
        return Err("--listen: a folder to keep records in is expected".into());
    }
    arguments.remove(0);
    let dir = arguments.remove(0);
    let options = serve::Options {
        token: std::env::var("LAYERSCOPE_TOKEN").ok(),
        ..serve::Options::new(&dir)
    };
    let handle = serve::start(options).map_err(|e| format!("--listen: {e}"))?;
    println!("{}", handle.words());
    // A model comes first.
    arguments.push(dir);
    Ok(Some(handle))
}

/// Writes the scene to `path`.
pub fn export(explorer: &Explorer, device: gpu::Headless, path: &std::path::Path) -> Result<(), String> {
    let size = explorer.size().as_uvec2();
    let scene = (&explorer.session, &explorer.stage);
    cli::render::export(path, scene, device, (size.x, size.y)).map_err(|e| e.to_string())
}

/// Writes a chart or another text to `path`; a chart may become a picture.
pub fn save(path: &std::path::Path, text: &str) -> Result<(), String> {
    cli::render::chart(text, path).map_err(|e| e.to_string())
}
