//! The program: `layerscope [MODEL [INPUT]]` opens the explorer, any other command is headless.

use std::process::ExitCode;

use crate::explorer::Explorer;
use crate::window;

/// Reads the arguments.
pub fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args_os()
        .skip(1)
        .map(|a| a.to_string_lossy().into_owned())
        .collect();
    if arguments.first().is_some_and(|a| cli::takes(a)) {
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
    if let Some(missing) = arguments.iter().find(|a| !std::path::Path::new(a).exists()) {
        eprintln!("layerscope: {missing}: there is no such file");
        return ExitCode::from(2);
    }
    window::run(window::explorer(&arguments))
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
