//! Networks to files, whole or not at all.

use std::io::Write;
use std::path::{Path, PathBuf};

use model::Network;

use crate::{FORMATS, Format, FormatError, format_of};

/// Writes `network` to `path` in the format of its extension, and returns that format. The file is
/// complete before it takes the place of one that is there.
///
/// # Errors
/// [`FormatError::Unwritable`] where the format cannot say something of the network, and
/// [`FormatError::Unreadable`] where the file system refuses.
pub fn save(network: &Network, path: &Path) -> Result<&'static Format, FormatError> {
    let refused = |problem: String| FormatError::Unreadable {
        file: path.display().to_string(),
        problem,
    };
    let format = format_of(path).ok_or_else(|| {
        let written = FORMATS.iter().filter(|f| f.is_written());
        let known: Vec<String> = written.map(|f| format!(".{}", f.extensions[0])).collect();
        refused(format!("expected a name that ends with {}", known.join(" or ")))
    })?;
    let bytes = format.write(network)?;
    let beside = beside(path);
    let done = write(&beside, &bytes).and_then(|()| std::fs::rename(&beside, path));
    if let Err(e) = done {
        // What is left of a failure is of no use.
        let _ = std::fs::remove_file(&beside);
        return Err(refused(format!("cannot be written: {e}")));
    }
    Ok(format)
}

fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = std::fs::File::create_new(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// A name in the same folder that no other process uses.
fn beside(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.part", std::process::id()));
    path.with_file_name(name)
}
