//! Tables of points: embeddings from `.npy`, `.npz`, CSV, TSV, Parquet and TensorBoard's projector, with
//! labels, names and pictures where a file has them.

mod parquet;
mod projector;

use std::collections::HashMap;
use std::path::Path;

use model::TensorData;

use crate::error::{DataError, read_file};
use crate::{Images, npz};

/// Largest file that is read, bytes.
const MAX_BYTES: u64 = 2 << 30;
/// Most columns of a text file.
const MAX_COLUMNS: usize = 16_384;
/// Most classes: more different words are names.
const MAX_CLASSES: usize = 64;

/// Points of several dimensions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Points {
    /// Points x dimensions, row-major; may hold NaN.
    pub values: Vec<f32>,
    /// Dimensions.
    pub width: usize,
    /// A name for each point, or none.
    pub names: Vec<String>,
    /// An index into `classes` for each point, or none.
    pub labels: Vec<u32>,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// A name for each dimension, or none.
    pub columns: Vec<String>,
    /// A picture for each point, or none.
    pub sprites: Option<Images>,
}

/// True for what a column of classes is called.
fn is_label(name: &str) -> bool {
    matches!(
        name.to_ascii_lowercase().as_str(),
        "label" | "labels" | "class" | "target"
    )
}

impl Points {
    /// Number of points.
    pub fn len(&self) -> usize {
        self.values.len().checked_div(self.width).unwrap_or(0)
    }

    /// True without points.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads `path`; for a projector's vectors also what stands beside them: `projector_config.pbtxt`, which
    /// names metadata and a sprite, or else `metadata.tsv`. The configuration can be opened itself too.
    ///
    /// # Errors
    /// [`DataError`] for files that are no table of numbers.
    pub fn read(path: &Path) -> Result<Self, DataError> {
        let ending = path.extension().map(|e| e.to_ascii_lowercase());
        if ending.is_some_and(|e| e == "pbtxt") {
            return projector::read(path);
        }
        let mut points = Self::of_file(path)?;
        let file = path.display().to_string();
        if !file.to_ascii_lowercase().ends_with(".tsv") || projector::describe(&mut points, path)? {
            return Ok(points);
        }
        let beside = path.with_file_name("metadata.tsv");
        if points.names.is_empty() && beside.is_file() && beside != path {
            let bytes = read_file(&beside, MAX_BYTES)?;
            points.take_metadata(&beside.display().to_string(), &bytes)?;
        }
        Ok(points)
    }

    /// Reads one file alone.
    fn of_file(path: &Path) -> Result<Self, DataError> {
        Self::from_bytes(&path.display().to_string(), &read_file(path, MAX_BYTES)?)
    }

    /// Reads a file in memory; its ending says what it is.
    ///
    /// # Errors
    /// As [`Points::read`].
    pub fn from_bytes(file: &str, bytes: &[u8]) -> Result<Self, DataError> {
        let lower = file.to_ascii_lowercase();
        match lower.rsplit_once('.').map_or("", |(_, ending)| ending) {
            "npy" => of_arrays(file, vec![("".into(), npz::parse_npy(file, bytes)?)]),
            "npz" => of_arrays(file, npz::from_bytes(file, bytes)?),
            "csv" => text(file, bytes, b','),
            "tsv" | "tab" => text(file, bytes, b'\t'),
            "parquet" => parquet::read(file, bytes),
            _ => Err(DataError::malformed(
                file,
                "name",
                lower,
                "a table: .npy, .npz, .csv, .tsv or .parquet",
            )),
        }
    }

    /// Names and classes of a TensorBoard projector's `metadata.tsv`: one column without a heading, or
    /// several with one. The column of fewest different words gives the classes, the first the names.
    fn take_metadata(&mut self, file: &str, bytes: &[u8]) -> Result<(), DataError> {
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(b'\t')
            .has_headers(false)
            .flexible(true)
            .from_reader(bytes);
        let rows: Result<Vec<csv::StringRecord>, _> = reader.records().collect();
        let mut rows = rows.map_err(|e| broken(file, &e))?;
        if rows.first().is_some_and(|r| r.len() > 1) && rows.len() == self.len() + 1 {
            rows.remove(0);
        }
        if rows.len() != self.len() {
            let found = format!("{} rows", rows.len());
            return Err(DataError::malformed(
                file,
                "rows",
                found,
                format!("{}, one a point", self.len()),
            ));
        }
        let width = rows.first().map_or(0, csv::StringRecord::len);
        let column = |i: usize| {
            rows.iter()
                .map(|r| r.get(i).unwrap_or_default().to_string())
                .collect::<Vec<_>>()
        };
        for i in 0..width {
            self.take_words(column(i));
        }
        Ok(())
    }

    /// A column of words: classes where few differ, else names, each where there are none yet.
    fn take_words(&mut self, words: Vec<String>) {
        let mut known: HashMap<&str, u32> = HashMap::new();
        let mut classes = Vec::new();
        let labels: Vec<u32> = words
            .iter()
            .map(|w| {
                *known.entry(w).or_insert_with(|| {
                    classes.push(w.clone());
                    classes.len() as u32 - 1
                })
            })
            .collect();
        let few = classes.len() <= MAX_CLASSES && (classes.len() < words.len() || words.len() < 3);
        if few && self.labels.is_empty() {
            (self.labels, self.classes) = (labels, classes);
        } else if self.names.is_empty() {
            self.names = words;
        }
    }
}

fn broken(file: &str, e: &csv::Error) -> DataError {
    let place = e
        .position()
        .map_or("table".to_string(), |p| format!("line {}", p.line()));
    DataError::malformed(file, place, e.to_string(), "a table of text")
}

/// The first array of two axes, with labels where one of whole numbers is as long.
fn of_arrays(file: &str, arrays: Vec<(String, TensorData)>) -> Result<Points, DataError> {
    let table = arrays.iter().find(|(_, a)| a.shape.len() == 2);
    let Some((name, table)) = table else {
        let shapes: Vec<String> = arrays.iter().map(|(n, a)| format!("{n} {:?}", a.shape)).collect();
        return Err(DataError::malformed(
            file,
            "arrays",
            shapes.join(", "),
            "an array of 2 axes, points x dimensions",
        ));
    };
    let values = table.to_f32();
    let values = values.ok_or_else(|| DataError::malformed(file, name, table.dtype.name(), "numbers"))?;
    let mut points = Points {
        values: values.to_vec(),
        width: table.shape[1] as usize,
        ..Points::default()
    };
    let fits = |a: &TensorData| a.shape.len() == 1 && a.shape[0] == table.shape[0] && a.dtype.is_integer();
    if let Some((_, labels)) = arrays.iter().find(|(_, a)| fits(a))
        && let Some(labels) = labels.to_f32()
    {
        points.take_words(labels.iter().map(|l| l.to_string()).collect());
    }
    Ok(points)
}

/// Columns of numbers are dimensions, others classes or names. A first row of words is a heading; columns
/// called `label`, `class` or `target` are classes, whatever they hold.
fn text(file: &str, bytes: &[u8], delimiter: u8) -> Result<Points, DataError> {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .trim(csv::Trim::All)
        .from_reader(bytes);
    let rows: Result<Vec<csv::StringRecord>, _> = reader.records().collect();
    let mut rows = rows.map_err(|e| broken(file, &e))?;
    let number = |cell: &str| cell.parse::<f32>().ok().or(cell.is_empty().then_some(f32::NAN));
    let width = rows.first().map_or(0, csv::StringRecord::len);
    if width > MAX_COLUMNS {
        return Err(DataError::too_large(
            file,
            "columns",
            width.to_string(),
            MAX_COLUMNS.to_string(),
        ));
    }
    let headed = rows
        .first()
        .is_some_and(|r| r.iter().all(|c| number(c).is_none()))
        && rows.len() > 1;
    let heading = if headed {
        rows.remove(0)
    } else {
        csv::StringRecord::new()
    };
    let is_label = |i: usize| is_label(heading.get(i).unwrap_or_default());
    let numeric = |i: usize| !is_label(i) && rows.iter().all(|r| number(&r[i]).is_some());
    let (columns, words): (Vec<usize>, Vec<usize>) = (0..width).partition(|&i| numeric(i));
    if columns.is_empty() || rows.is_empty() {
        let found = format!("{} rows of {width} columns, none of numbers alone", rows.len());
        return Err(DataError::malformed(
            file,
            "table",
            found,
            "columns of numbers, a point a row",
        ));
    }
    let cell = |r: &csv::StringRecord, i: usize| number(&r[i]).unwrap_or(f32::NAN);
    let mut points = Points {
        values: rows
            .iter()
            .flat_map(|r| columns.iter().map(move |&i| cell(r, i)))
            .collect(),
        width: columns.len(),
        columns: match headed {
            true => columns.iter().map(|&i| heading[i].to_string()).collect(),
            false => Vec::new(),
        },
        ..Points::default()
    };
    // What says of itself that it is a label comes first.
    let ordered = words
        .iter()
        .filter(|i| is_label(**i))
        .chain(words.iter().filter(|i| !is_label(**i)));
    for &i in ordered {
        points.take_words(rows.iter().map(|r| r[i].to_string()).collect());
    }
    Ok(points)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, text: &str) -> Result<Points, String> {
        Points::from_bytes(name, text.as_bytes()).map_err(|e| e.to_string())
    }

    #[test]
    fn columns_are_dimensions_classes_and_names() {
        let found = of("a.csv", "x,y,kind,word\n1,2,a,one\n3,4,b,two\n5,,a,three\n").unwrap();
        assert_eq!((found.len(), found.width), (3, 2));
        assert_eq!(found.values[..5], [1.0, 2.0, 3.0, 4.0, 5.0]);
        assert!(found.values[5].is_nan(), "an empty cell");
        assert_eq!(
            (found.labels, found.classes),
            (vec![0, 1, 0], vec!["a".to_string(), "b".into()])
        );
        assert_eq!(found.names, ["one", "two", "three"]);
        // A column of digits that is called a label is one.
        let found = of("a.tsv", "x\ty\tlabel\n1\t2\t7\n3\t4\t8\n1\t1\t7\n").unwrap();
        assert_eq!(
            (found.width, found.classes),
            (2, vec!["7".to_string(), "8".into()])
        );
        // A projector's vectors have no heading.
        assert_eq!(of("vectors.tsv", "1\t2\n3\t4\n").unwrap().len(), 2);
    }

    #[test]
    fn metadata_stands_beside_a_projectors_vectors() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vectors.tsv");
        std::fs::write(&path, "1\t2\n3\t4\n5\t6\n").unwrap();
        std::fs::write(
            folder.path().join("metadata.tsv"),
            "word\tkind\ncat\tanimal\ndog\tanimal\nmat\tthing\n",
        )
        .unwrap();
        let found = Points::read(&path).unwrap();
        assert_eq!(found.names, ["cat", "dog", "mat"]);
        assert_eq!(
            (found.labels, found.classes),
            (vec![0, 0, 1], vec!["animal".to_string(), "thing".into()])
        );
        std::fs::write(folder.path().join("metadata.tsv"), "cat\ndog\n").unwrap();
        let told = Points::read(&path).unwrap_err().to_string();
        assert!(
            told.contains("metadata.tsv") && told.contains("2 rows") && told.contains("3, one a point"),
            "{told}"
        );
    }

    #[test]
    fn arrays_bring_their_labels() {
        let table = TensorData::from_f32(&[3, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let labels = TensorData::from_i64(&[3], &[4, 9, 4]);
        let bytes = npz::to_bytes([("labels", &labels), ("vectors", &table)]).unwrap();
        let found = Points::from_bytes("e.npz", &bytes).unwrap();
        assert_eq!(
            (found.len(), found.width, &found.labels[..]),
            (3, 2, &[0, 1, 0][..])
        );
        assert_eq!(found.classes, ["4", "9"]);
    }

    #[test]
    fn what_is_no_table_is_told() {
        for (name, text, wanted) in [
            ("a.csv", "", "columns of numbers"),
            ("a.csv", "word\nx\n", "none of numbers"),
            ("a.csv", "1,2\n3\n", "line 2"),
            ("a.txt", "1,2\n", ".npy, .npz, .csv, .tsv or .parquet"),
            ("a.npy", "nonsense", "a.npy"),
        ] {
            let told = of(name, text).unwrap_err();
            assert!(told.contains(name) && told.contains(wanted), "{told}");
        }
    }
}
