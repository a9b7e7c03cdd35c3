//! Files that are whole or not there.

use std::fs::File;
use std::path::Path;

use crate::Failure;

/// Writes `out` through a temporary file beside it: what was there before stays until all is well.
pub fn replace(out: &Path, write: impl FnOnce(&mut File) -> Result<(), Failure>) -> Result<(), Failure> {
    let problem = |e: std::io::Error| Failure::Other(format!("{}: {e}", out.display()));
    let folder = match out.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".layerscope-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.tempfile_in(folder).map_err(problem)?;
    write(file.as_file_mut())?;
    file.persist(out).map_err(|e| problem(e.error))?;
    Ok(())
}
