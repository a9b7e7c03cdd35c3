//! The headless door: `layerscope inspect | run | convert | render | train`.
//!
//! In: command-line arguments. Out: text, files and an exit status: 0 done, 2 wrong input.
//! It knows every room below the app, and no window.

mod convert;
mod inspect;
mod render;
mod run;
mod train;

pub use inspect::document;

use std::io::Write;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// See inside a neural network.
#[derive(Parser)]
#[command(name = "layerscope", version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Print layers, shapes, parameters, FLOPs, memory and warnings of a model file.
    Inspect {
        /// Model file: ONNX, safetensors, PyTorch, or layerscope's JSON architecture format.
        file: PathBuf,
        /// As one JSON document.
        #[arg(long)]
        json: bool,
        /// A size for a symbol, as `sequence=128`; batch axes are 1 unless bound.
        #[arg(long = "bind", value_name = "NAME=SIZE", value_parser = binding)]
        bindings: Vec<(String, u64)>,
    },
    /// Execute a model and write its outputs under their names in the file.
    Run {
        /// Model file with weights.
        model: PathBuf,
        /// `.npz` with one array for each graph input, or a picture for a model of one image.
        #[arg(long)]
        inputs: PathBuf,
        /// `.npz` to write.
        #[arg(long)]
        out: PathBuf,
        /// Write every intermediate tensor too.
        #[arg(long)]
        all: bool,
        /// What computes.
        #[arg(long, value_enum, default_value_t = run::Device::Cpu)]
        device: run::Device,
    },
    /// Write a model file in another format, that of the new name's extension.
    Convert {
        /// Model file.
        from: PathBuf,
        /// `.onnx`, `.json` or `.safetensors` to write; the last keeps weights only.
        to: PathBuf,
    },
    /// Train a small residual CNN on a local image data set and write it as ONNX.
    Train {
        /// The data set.
        #[arg(value_enum)]
        set: train::Set,
        /// Folder with its files.
        #[arg(long)]
        data: PathBuf,
        /// `.onnx` to write.
        #[arg(long)]
        out: PathBuf,
        /// Passes over the training set.
        #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=1000))]
        epochs: u64,
        /// Channels of the first convolution.
        #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u64).range(1..=256))]
        width: u64,
        /// Seed of the first weights and of the samples' order.
        #[arg(long, default_value_t = 7)]
        seed: u64,
    },
    /// Draw a model or a tour as a picture or an animation, with activations where an input is given.
    Render {
        /// Model file, tour (`.ron`), `demo` for the built-in model, or `tour` for its tour.
        file: PathBuf,
        /// `.png` to write, or `.gif` or `.mp4` for the whole flow or tour.
        out: PathBuf,
        /// Width and height in pixels: 1280x720, for a GIF 640x360.
        #[arg(long, value_parser = size)]
        size: Option<(u32, u32)>,
        /// Frames a second of an animation: 30, for a GIF 15.
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..=60))]
        fps: Option<u32>,
        /// Length of an animation: a flow takes that long, a tour ends then.
        #[arg(long, value_parser = length)]
        seconds: Option<f32>,
        /// `.npz` or picture to run through the model first.
        #[arg(long)]
        inputs: Option<PathBuf>,
        /// The picture so many seconds after the flow or tour began; without it everything is lit,
        /// or a tour's first stop is shown.
        #[arg(long, value_parser = seconds)]
        at: Option<f32>,
        /// Scopes are drawn as single volumes.
        #[arg(long)]
        collapsed: bool,
        /// Light colours.
        #[arg(long)]
        light: bool,
        /// A size for a symbol, as `sequence=128`.
        #[arg(long = "bind", value_name = "NAME=SIZE", value_parser = binding)]
        bindings: Vec<(String, u64)>,
    },
}

/// Why a command did not finish.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A model file.
    #[error(transparent)]
    Format(#[from] formats::FormatError),
    /// A data file.
    #[error(transparent)]
    Data(#[from] data::DataError),
    /// A pass.
    #[error(transparent)]
    Run(#[from] compute::RunError),
    /// The graphics device.
    #[error(transparent)]
    Device(#[from] gpu::DeviceError),
    /// A file that cannot be written, or arguments that do not fit each other.
    #[error("{0}")]
    Other(String),
}

fn binding(text: &str) -> Result<(String, u64), String> {
    let wrong = || format!("{text:?}: NAME=SIZE is expected, as batch=8");
    let (name, size) = text.split_once('=').ok_or_else(wrong)?;
    Ok((name.to_string(), size.parse().map_err(|_| wrong())?))
}

fn size(text: &str) -> Result<(u32, u32), String> {
    let wrong = || format!("{text:?}: WIDTHxHEIGHT is expected, 16 to 16384 pixels a side, as 1280x720");
    let (width, height) = text.split_once('x').ok_or_else(wrong)?;
    let side = |s: &str| {
        s.parse::<u32>()
            .ok()
            .filter(|n| (16..=16_384).contains(n))
            .ok_or_else(wrong)
    };
    Ok((side(width)?, side(height)?))
}

fn seconds(text: &str) -> Result<f32, String> {
    let found = text.parse().ok().filter(|s| (0.0..=3600.0).contains(s));
    found.ok_or_else(|| format!("{text:?}: 0 to 3600 seconds are expected"))
}

fn length(text: &str) -> Result<f32, String> {
    match seconds(text)? {
        0.0..0.1 => Err(format!("{text:?}: an animation lasts 0.1 seconds or more")),
        length => Ok(length),
    }
}

/// True when `argument` is one of the headless commands or an option, and not a file to explore.
pub fn takes(argument: &str) -> bool {
    use clap::CommandFactory;
    let command = Arguments::command();
    argument.starts_with('-') || argument == "help" || command.find_subcommand(argument).is_some()
}

/// Writes to standard output; a reader that closed the pipe is no failure.
fn print(text: &str) -> Result<(), Failure> {
    match writeln!(std::io::stdout(), "{}", text.trim_end()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::Other(format!("standard output: {e}")))
        }
        _ => Ok(()),
    }
}

/// Runs the command line `arguments` (program name first) and returns the exit status.
pub fn main(arguments: impl IntoIterator<Item = std::ffi::OsString>) -> i32 {
    let parsed = match Arguments::try_parse_from(arguments) {
        Ok(parsed) => parsed,
        Err(error) => {
            // Help and version come this way too, with status 0.
            let _ = error.print();
            return error.exit_code();
        }
    };
    let done = match parsed.command {
        Command::Inspect { file, json, bindings } => inspect::inspect(&file, json, &bindings),
        Command::Run {
            model,
            inputs,
            out,
            all,
            device,
        } => run::run(&model, &inputs, &out, all, device),
        Command::Convert { from, to } => convert::convert(&from, &to),
        Command::Train {
            set,
            data,
            out,
            epochs,
            width,
            seed,
        } => {
            let recipe = train::Recipe {
                set,
                epochs: epochs as usize,
                width,
                seed,
            };
            train::train(&data, &out, &recipe)
        }
        Command::Render {
            file,
            out,
            size,
            fps,
            seconds,
            inputs,
            at,
            collapsed,
            light,
            bindings,
        } => render::Kind::of(&out).and_then(|kind| {
            let options = render::Options {
                what: file,
                inputs,
                size: size.unwrap_or(kind.size()),
                at,
                fps,
                seconds,
                collapsed,
                light,
                bindings,
            };
            render::render(&out, &options)
        }),
    };
    match done {
        Ok(()) => 0,
        Err(failure) => {
            eprintln!("layerscope: {failure}");
            2
        }
    }
}
