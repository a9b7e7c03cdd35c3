//! The headless door: `layerscope inspect | diff | run | convert | render | train | runs | serve`.
//!
//! In: command-line arguments. Out: text, files and an exit status: 0 done, 2 wrong input.
//! It knows every room below the app, and no window.

mod by;
mod convert;
mod diff;
mod inspect;
pub mod render;
mod run;
mod runs;
mod serve;
mod text;
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
        /// Layers by parameters, flops, weights, activations, intensity, time or sparsity, largest
        /// first, with their shares.
        #[arg(long, value_name = "QUANTITY", value_parser = render::quantity)]
        by: Option<session::Quantity>,
        /// `.npz` or picture to run through the model first: times and sparsity are measured.
        #[arg(long, requires = "by")]
        inputs: Option<PathBuf>,
    },
    /// Print what differs between two models: layers, shapes, attributes and weights.
    Diff {
        /// Model file.
        a: PathBuf,
        /// Model file.
        b: PathBuf,
        /// As one JSON document.
        #[arg(long)]
        json: bool,
    },
    /// Execute a model and write its outputs under their names in the file.
    Run {
        /// Model file with weights.
        model: PathBuf,
        #[command(flatten)]
        given: text::Given,
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
    /// Train what a recipe says: event files, checkpoints, and the network as ONNX.
    Train(train::Arguments),
    /// Take metrics, histograms and arrays from any training process over HTTP and WebSocket, until
    /// interrupted.
    Serve(serve::Options),
    /// List training histories: event files, CSV, JSON lines.
    Runs {
        /// A log folder or file.
        path: PathBuf,
        /// As one JSON document.
        #[arg(long)]
        json: bool,
        /// `.csv` to write: run, tag, step, wall, value.
        #[arg(long, value_name = "FILE")]
        export: Option<PathBuf>,
    },
    /// Draw a model or a tour as a picture or an animation, with activations where an input is given.
    Render(render::Options),
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
    /// Training histories.
    #[error(transparent)]
    Runs(#[from] ::runs::RunsError),
    /// The graphics device.
    #[error(transparent)]
    Device(#[from] gpu::DeviceError),
    /// A file that cannot be written, or arguments that do not fit each other.
    #[error("{0}")]
    Other(String),
}

pub(crate) fn binding(text: &str) -> Result<(String, u64), String> {
    let wrong = || format!("{text:?}: NAME=SIZE is expected, as batch=8");
    let (name, size) = text.split_once('=').ok_or_else(wrong)?;
    Ok((name.to_string(), size.parse().map_err(|_| wrong())?))
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
        Command::Inspect {
            file,
            json,
            bindings,
            by: None,
            ..
        } => inspect::inspect(&file, json, &bindings),
        Command::Inspect {
            file,
            json,
            bindings,
            by: Some(quantity),
            inputs,
        } => by::by(file, json, bindings, quantity, inputs),
        Command::Diff { a, b, json } => diff::run(&a, &b, json),
        Command::Run {
            model,
            given,
            out,
            all,
            device,
        } => run::run(&model, &given, &out, all, device),
        Command::Convert { from, to } => convert::convert(&from, &to),
        Command::Train(arguments) => train::train(&arguments),
        Command::Serve(options) => serve::serve(options),
        Command::Runs { path, json, export } => runs::runs(&path, json, export.as_deref()),
        Command::Render(options) => render::render(&options),
    };
    match done {
        Ok(()) => 0,
        Err(failure) => {
            eprintln!("layerscope: {failure}");
            2
        }
    }
}
