//! All scalars of runs as one table in long form: `run`, `tag`, `step`, `wall` (seconds since 1970,
//! empty where unknown) and `value`. What is written is read back the same.

use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use model::{Point, Run};

use crate::RunsError;

/// Writes the scalars of `runs` to `path`, as CSV. A temporary file beside
/// it takes its place when it is complete: an error leaves what stood there.
///
/// # Errors
/// Where the extension is another one, or the disk refuses.
pub fn export(runs: &[Arc<Run>], path: &Path) -> Result<(), RunsError> {
    let wrong = |e: io::Error| RunsError::unwritable(path, e);
    let extension = path
        .extension()
        .and_then(|e| e.to_str())
        .unwrap_or_default()
        .to_ascii_lowercase();
    if extension != "csv" {
        return Err(RunsError::unwritable(
            path,
            "a name that ends with .csv is expected",
        ));
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".layerscope-").suffix(".part");
    #[cfg(unix)]
    {
        // What the user's mask makes of it, as for any other file.
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.tempfile_in(folder).map_err(wrong)?;
    csv(runs, file.as_file_mut()).map_err(wrong)?;
    file.as_file().sync_all().map_err(wrong)?;
    file.persist(path).map_err(|e| wrong(e.error))?;
    Ok(())
}

fn csv(runs: &[Arc<Run>], file: &mut std::fs::File) -> io::Result<()> {
    let mut writer = ::csv::Writer::from_writer(BufWriter::with_capacity(1 << 20, file));
    writer.write_record(["run", "tag", "step", "wall", "value"])?;
    for run in runs {
        for (tag, series) in &run.series {
            for Point { step, wall, value } in series.points() {
                let wall = (!wall.is_nan()).then_some(wall);
                writer
                    .serialize((&run.name, tag, step, wall, value))
                    .map_err(io::Error::other)?;
            }
        }
    }
    writer.flush()?;
    writer
        .into_inner()
        .map_err(|e| io::Error::other(e.to_string()))?
        .flush()
}
