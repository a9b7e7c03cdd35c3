//! Model files: bytes to [`Network`] and back, one file a format, with warnings for what is odd.
//!
//! In: a path, or bytes with a name. Out: a network with its weights, shapes inferred; or the
//! bytes of a network in a format that can be written.
//! It knows no GPU and no screen, executes nothing that it reads, and reads nothing outside the
//! opened file's folder.

mod architecture;
mod archive;
mod beside;
mod channels;
mod error;
mod gguf;
mod json;
mod keras;
#[cfg(not(target_arch = "wasm32"))]
mod map;
mod npy;
mod onnx;
mod pickle;
mod pytorch;
mod safetensors;
mod save;
mod shards;
mod tfjs;
mod tflite;
mod weights;

use std::path::{Path, PathBuf};

use bytes::Bytes;
use model::Network;

use beside::Folder;
use error::Fault;

pub use beside::{beside, within};
pub use error::FormatError;
pub use onnx::{Side, onnx_tensor, onnx_values};

pub use save::save;

/// What a reader gets.
pub(crate) struct Source<'a> {
    /// Name of the file without its folder and extension.
    pub(crate) stem: &'a str,
    /// The whole file; a large one is mapped, so that what is not looked at costs nothing.
    pub(crate) bytes: Bytes,
    /// The folder that further files may be read from.
    pub(crate) folder: Option<Folder<'a>>,
    /// The folder that the file really stands in.
    pub(crate) home: Option<PathBuf>,
}

/// A file format.
pub struct Format {
    /// Name for people.
    pub name: &'static str,
    /// File extensions, lower case, without the dot; the first is the one to write.
    pub extensions: &'static [&'static str],
    recognises: fn(&Bytes) -> bool,
    read: fn(&Source) -> Result<Network, Fault>,
    write: fn(&Network) -> Result<Vec<u8>, Fault>,
}

impl Format {
    /// True for formats that can be written, not read only.
    pub fn is_written(&self) -> bool {
        !std::ptr::fn_addr_eq(self.write, read_only as fn(&Network) -> Result<Vec<u8>, Fault>)
    }

    /// The bytes of a file in this format.
    pub fn write(&self, network: &Network) -> Result<Vec<u8>, FormatError> {
        (self.write)(network).map_err(|fault| fault.in_network(&network.name, self.name))
    }
}

/// Every format; the first that recognises a file's content reads it. ONNX has no signature and
/// stands last.
pub const FORMATS: &[Format] = &[
    Format {
        name: "safetensors",
        extensions: &["safetensors"],
        recognises: safetensors::recognises,
        read: safetensors::read,
        write: safetensors::write,
    },
    Format {
        name: "PyTorch",
        extensions: &["pt", "pth", "bin", "pkl"],
        recognises: pytorch::recognises,
        read: pytorch::read,
        write: read_only,
    },
    Format {
        name: "NumPy",
        extensions: &["npz", "npy"],
        recognises: npy::recognises,
        read: npy::read,
        write: read_only,
    },
    Format {
        name: "GGUF",
        extensions: &["gguf"],
        recognises: gguf::recognises,
        read: gguf::read,
        write: read_only,
    },
    Format {
        name: "shards of safetensors or PyTorch",
        extensions: &["index.json"],
        recognises: shards::recognises,
        read: shards::read,
        write: read_only,
    },
    Format {
        name: "Keras HDF5",
        extensions: &["h5", "hdf5"],
        recognises: keras::recognises_hdf5,
        read: keras::read_hdf5,
        write: read_only,
    },
    Format {
        name: "Keras archive",
        extensions: &["keras"],
        recognises: keras::recognises_archive,
        read: keras::read_archive,
        write: read_only,
    },
    Format {
        name: "TensorFlow Lite",
        extensions: &["tflite"],
        recognises: tflite::recognises,
        read: tflite::read,
        write: read_only,
    },
    Format {
        name: "TensorFlow.js",
        extensions: &["model.json"],
        recognises: tfjs::recognises,
        read: tfjs::read,
        write: read_only,
    },
    Format {
        name: "layerscope JSON",
        extensions: &["json"],
        recognises: |bytes| json::recognises(bytes),
        read: json::read,
        write: json::write,
    },
    Format {
        name: "ONNX",
        extensions: &["onnx"],
        recognises: |bytes| foreign(bytes).is_none(),
        read: onnx::read,
        write: onnx::write,
    },
];

/// The names of all formats.
fn known() -> String {
    let names: Vec<&str> = FORMATS.iter().map(|f| f.name).collect();
    names.join(", ")
}

/// For formats that are only read.
fn read_only(_: &Network) -> Result<Vec<u8>, Fault> {
    Err(Fault::new("format", "it is read here, not written"))
}

/// The format that `path`'s extension stands for.
pub fn format_of(path: &Path) -> Option<&'static Format> {
    let extension = path.extension()?.to_str()?.to_ascii_lowercase();
    FORMATS
        .iter()
        .find(|f| f.extensions.contains(&extension.as_str()))
}

/// Opens the model file at `path`. Data files that it names are read from its own folder only.
pub fn open(path: &Path) -> Result<Network, FormatError> {
    let path = &beside::within(path);
    let file = path.display().to_string();
    let bytes = beside::read_file(path).map_err(|problem| FormatError::Unreadable {
        file: file.clone(),
        problem,
    })?;
    open_bytes(&file, bytes, Some(beside::folder_of(path)))
}

/// Opens a model from `bytes`. `name` is the file's name or path, for messages and for the
/// network's name where the file has none; without a `folder` no further file is read.
pub fn open_bytes(name: &str, bytes: Bytes, folder: Option<&Path>) -> Result<Network, FormatError> {
    open_in(name, bytes, folder.map(Folder::Disk))
}

/// Opens a model from `bytes` with the `files` that were given together with it, by name.
pub fn open_given(name: &str, bytes: Bytes, files: &[(String, Bytes)]) -> Result<Network, FormatError> {
    open_in(name, bytes, Some(Folder::Given(files)))
}

fn open_in(name: &str, bytes: Bytes, folder: Option<Folder>) -> Result<Network, FormatError> {
    let not_a_model = |found: &str| FormatError::NotAModel {
        file: name.to_string(),
        found: found.to_string(),
    };
    if bytes.is_empty() {
        return Err(not_a_model("an empty file"));
    }
    let mut stem = Path::new(name)
        .file_stem()
        .and_then(|s| s.to_str())
        .unwrap_or(name);
    // Where every model is called that, the folder says which one it is.
    let said = match folder {
        Some(Folder::Disk(folder)) => folder.file_name().and_then(|s| s.to_str()),
        _ => None,
    };
    if let Some(said) = said.filter(|s| !s.starts_with('.')) {
        let common = matches!(stem, "model" | "pytorch_model") || stem.starts_with("model.safetensors");
        stem = if common { said } else { stem };
    }
    let home = match folder {
        Some(Folder::Disk(folder)) => beside::home(folder, name),
        _ => None,
    };
    let source = Source {
        stem,
        bytes,
        folder,
        home,
    };
    let format = FORMATS.iter().find(|f| (f.recognises)(&source.bytes));
    let format = format.ok_or_else(|| not_a_model(foreign(&source.bytes).unwrap_or("something else")))?;
    let mut network = (format.read)(&source).map_err(|fault| {
        if fault.place.is_empty() {
            not_a_model(&fault.problem)
        } else {
            fault.in_file(name)
        }
    })?;
    let graph_fault = |e: model::NetworkError| Fault::new("graph", e.to_string()).in_file(name);
    network.link_producers().map_err(graph_fault)?;
    network.sort_layers().map_err(graph_fault)?;
    model::infer::infer(&mut network);
    Ok(network)
}

/// What a file is that is no model, where its signature tells.
fn foreign(bytes: &[u8]) -> Option<&'static str> {
    let found = FOREIGN.iter().find(|(magic, _)| bytes.starts_with(magic));
    found.map(|(_, what)| *what)
}

/// Signatures of files that people try to open, and what they are.
const FOREIGN: &[(&[u8], &str)] = &[
    (
        b"PK\x03\x04",
        "a zip archive without the members of a PyTorch, Keras or NumPy file",
    ),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"%PDF", "a PDF document"),
    (
        b"version https://git-lfs",
        "a Git LFS pointer: the file itself was not downloaded",
    ),
];
