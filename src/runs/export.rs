//! All scalars of runs as one table in long form: `run`, `tag`, `step`, `wall` (seconds since 1970,
//! empty where unknown) and `value`. What is written is read back the same.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use ::parquet::basic::{Compression, ZstdLevel};
use ::parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use ::parquet::errors::Result;
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::parser::parse_message_type;
use model::{Point, Run};

use crate::RunsError;
use crate::parquet::column;

/// Writes the scalars of `runs` to `path`, as its name says: `.csv` or `.parquet`. A temporary file
/// beside it takes its place when it is complete: an error leaves what stood there.
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
    let write = match extension.as_str() {
        "csv" => csv,
        "parquet" => parquet,
        _ => {
            let expected = "a name that ends with .parquet or .csv is expected";
            return Err(RunsError::unwritable(path, expected));
        }
    };
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
    write(runs, file.as_file_mut()).map_err(wrong)?;
    file.as_file().sync_all().map_err(wrong)?;
    file.persist(path).map_err(|e| wrong(e.error))?;
    Ok(())
}

fn csv(runs: &[Arc<Run>], file: &mut File) -> io::Result<()> {
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

const SCHEMA: &str = "message scalars {
    required binary run (STRING);
    required binary tag (STRING);
    required int64 step;
    optional double wall;
    required double value;
}";
/// Points of a row group.
const GROUP: usize = 1 << 20;

fn parquet(runs: &[Arc<Run>], file: &mut File) -> io::Result<()> {
    rows(runs, file).map_err(io::Error::other)
}

fn rows(runs: &[Arc<Run>], file: &mut File) -> Result<()> {
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .build();
    let schema = Arc::new(parse_message_type(SCHEMA)?);
    let file = BufWriter::with_capacity(1 << 20, file);
    let mut writer = SerializedFileWriter::new(file, schema, Arc::new(properties))?;
    let mut points = runs.iter().flat_map(|run| {
        let of = move |(tag, series)| (run.name.as_str(), tag, series);
        run.series.iter().map(of).flat_map(|(run, tag, series)| {
            let tag: &String = tag;
            series.points().map(move |point| (run, tag.as_str(), point))
        })
    });
    loop {
        let rows: Vec<(&str, &str, Point)> = points.by_ref().take(GROUP).collect();
        if rows.is_empty() {
            break;
        }
        let mut group = writer.next_row_group()?;
        let known = |p: &Point| !p.wall.is_nan();
        let levels: Vec<i16> = rows.iter().map(|(.., p)| i16::from(known(p))).collect();
        let walls = rows.iter().filter(|(.., p)| known(p)).map(|(.., p)| p.wall);
        column::<ByteArrayType>(
            &mut group,
            rows.iter().map(|(run, ..)| ByteArray::from(*run)),
            None,
        )?;
        column::<ByteArrayType>(
            &mut group,
            rows.iter().map(|(_, tag, _)| ByteArray::from(*tag)),
            None,
        )?;
        column::<Int64Type>(&mut group, rows.iter().map(|(.., p)| p.step), None)?;
        column::<DoubleType>(&mut group, walls, Some(&levels))?;
        column::<DoubleType>(&mut group, rows.iter().map(|(.., p)| p.value), None)?;
        group.close()?;
    }
    writer.into_inner()?.flush()?;
    Ok(())
}
