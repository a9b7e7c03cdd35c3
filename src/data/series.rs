//! Series from CSV files: windows of some columns, and what follows in others.

use std::path::Path;

use model::{Cells, Column, Dataset, Targets};

use crate::error::{DataError, read_file};

/// Largest file that is read, bytes.
pub const MAX_BYTES: u64 = 1 << 30;
/// Most numbers that all windows may hold.
pub const MAX_CELLS: usize = 1 << 28;

/// What is made of a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Windows {
    /// Columns that are seen; empty: every one of numbers.
    pub columns: Vec<String>,
    /// Columns that are foretold; empty: those that are seen.
    pub targets: Vec<String>,
    /// Rows that are seen.
    pub window: usize,
    /// How many rows after the window the foretold one stands; 1 is the next.
    pub ahead: usize,
}

/// Reads windows from the CSV file at `path`.
///
/// # Errors
/// [`DataError`] that names the file, the place and what was expected.
pub fn read(path: &Path, windows: &Windows, validation: f64) -> Result<Dataset, DataError> {
    let file = path.display().to_string();
    from_bytes(&file, &read_file(path, MAX_BYTES)?, windows, validation)
}

/// Windows of a CSV table with a header. The last share of the rows is kept aside, so that nothing
/// that follows is learned from; each column is brought to mean 0 and deviation 1 of the rows before.
///
/// # Errors
/// As [`read`].
pub fn from_bytes(
    file: &str,
    bytes: &[u8],
    windows: &Windows,
    validation: f64,
) -> Result<Dataset, DataError> {
    let broken = |e: csv::Error| {
        let place = e
            .position()
            .map_or("table".into(), |p| format!("line {}", p.line()));
        DataError::malformed(file, place, e.to_string(), "rows of comma-separated values")
    };
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes);
    let header: Vec<String> = reader
        .headers()
        .map_err(broken)?
        .iter()
        .map(str::to_string)
        .collect();
    let mut rows = Vec::new();
    for row in reader.records() {
        rows.push(row.map_err(broken)?);
    }
    let number = |row: &csv::StringRecord, i: usize| -> Option<f32> {
        row.get(i)?.parse().ok().filter(|v: &f32| v.is_finite())
    };
    let place = |name: &String| {
        let found = header.iter().position(|h| h == name);
        found.ok_or_else(|| {
            let columns = header.join(", ");
            DataError::malformed(
                file,
                "header",
                format!("no column {name:?}"),
                format!("one of {columns}"),
            )
        })
    };
    let mut seen: Vec<usize> = windows.columns.iter().map(place).collect::<Result<_, _>>()?;
    if seen.is_empty() {
        let first = rows.first();
        seen = (0..header.len())
            .filter(|&i| first.is_some_and(|r| number(r, i).is_some()))
            .collect();
        if seen.is_empty() {
            return Err(DataError::malformed(
                file,
                "first row",
                "no number",
                "columns of numbers",
            ));
        }
    }
    let mut told: Vec<usize> = windows.targets.iter().map(place).collect::<Result<_, _>>()?;
    if told.is_empty() {
        told.clone_from(&seen);
    }
    let (window, ahead) = (windows.window, windows.ahead);
    if window == 0 || ahead == 0 {
        let found = format!("window {window}, ahead {ahead}");
        return Err(DataError::request("windows", found, "each at least 1"));
    }
    let reach = window.saturating_add(ahead);
    let count = (rows.len() + 1).checked_sub(reach).filter(|&n| n > 1);
    let Some(count) = count else {
        let found = format!("{} rows", rows.len());
        return Err(DataError::malformed(
            file,
            "table",
            found,
            format!("at least {}", reach.saturating_add(1)),
        ));
    };
    if count
        .checked_mul(window * seen.len())
        .is_none_or(|n| n > MAX_CELLS)
    {
        let found = format!("{count} windows of {window} rows and {} columns", seen.len());
        return Err(DataError::too_large(
            file,
            "windows",
            found,
            format!("{MAX_CELLS} numbers"),
        ));
    }
    let aside = (validation.clamp(0.0, 1.0) * count as f64).round() as usize;
    let learned = count - aside;
    // Rows that the training part sees or foretells.
    let known = (learned + reach - 1).min(rows.len());
    let column = |i: usize| -> Result<Vec<f32>, DataError> {
        let mut values = Vec::with_capacity(rows.len());
        for row in &rows {
            values.push(number(row, i).ok_or_else(|| {
                let line = row.position().map_or(0, |p| p.line());
                let found = format!("{:?}", row.get(i).unwrap_or(""));
                DataError::malformed(
                    file,
                    format!("line {line}, column {}", header[i]),
                    found,
                    "a number",
                )
            })?);
        }
        let base = &values[..known.max(1)];
        let mean = base.iter().map(|&v| f64::from(v)).sum::<f64>() / base.len() as f64;
        let square = base.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>();
        let deviation = (square / base.len() as f64).sqrt();
        let scale = if deviation > 0.0 { 1.0 / deviation } else { 1.0 };
        values
            .iter_mut()
            .for_each(|v| *v = ((f64::from(*v) - mean) * scale) as f32);
        Ok(values)
    };
    let inputs: Vec<Vec<f32>> = seen.iter().map(|&i| column(i)).collect::<Result<_, _>>()?;
    let outputs: Vec<Vec<f32>> = told.iter().map(|&i| column(i)).collect::<Result<_, _>>()?;
    let mut cells = Vec::with_capacity(count * window * inputs.len());
    let mut wanted = Vec::with_capacity(count * outputs.len());
    for start in 0..count {
        for row in start..start + window {
            cells.extend(inputs.iter().map(|c| c[row]));
        }
        wanted.extend(outputs.iter().map(|c| c[start + reach - 1]));
    }
    let name = Path::new(file)
        .file_stem()
        .map(|s| s.to_string_lossy().into_owned());
    Ok(Dataset {
        name: name.unwrap_or_else(|| file.into()),
        inputs: vec![Column {
            name: String::new(),
            shape: vec![window, inputs.len()],
            cells: Cells::Floats(cells),
        }],
        targets: Targets::Values(Column {
            name: told
                .iter()
                .map(|&i| header[i].as_str())
                .collect::<Vec<_>>()
                .join(", "),
            shape: vec![outputs.len()],
            cells: Cells::Floats(wanted),
        }),
        classes: Vec::new(),
        training: (0..learned as u32).collect(),
        validation: (learned as u32..count as u32).collect(),
        test: Vec::new(),
    })
}

/// The mean squared error over the validation part of saying that everything stays as it was in the
/// last row of the window: what a forecaster has to beat. `None` where the validation part is empty
/// or a target is not among the columns that are seen. `windows` must name its columns.
pub fn persistence(set: &Dataset, windows: &Windows) -> Option<f64> {
    let targets = match windows.targets.is_empty() {
        true => &windows.columns,
        false => &windows.targets,
    };
    let at = |name: &String| windows.columns.iter().position(|c| c == name);
    let places: Option<Vec<usize>> = targets.iter().map(at).collect();
    let (places, Targets::Values(told)) = (places?, &set.targets) else {
        return None;
    };
    let [rows, width] = set.inputs.first()?.shape[..] else {
        return None;
    };
    let (mut sum, mut count) = (0.0, 0u64);
    for &pick in &set.validation {
        let (seen, wanted) = (set.inputs[0].floats(&[pick]), told.floats(&[pick]));
        let last = &seen[(rows - 1) * width..];
        for (&place, wanted) in places.iter().zip(wanted) {
            sum += f64::from(wanted - last[place]).powi(2);
            count += 1;
        }
    }
    (count > 0).then(|| sum / count as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows(columns: &[&str], targets: &[&str]) -> Windows {
        let names = |list: &[&str]| list.iter().map(|s| s.to_string()).collect();
        Windows {
            columns: names(columns),
            targets: names(targets),
            window: 3,
            ahead: 2,
        }
    }

    fn table() -> String {
        let rows = (0..12).map(|i| format!("day {i},{},{}\n", i * i, 100 - i));
        format!("date,a,b\n{}", rows.collect::<String>())
    }

    #[test]
    fn persistence_is_the_error_of_no_change() {
        let of = windows(&["b", "a"], &["b"]);
        let set = from_bytes("t.csv", table().as_bytes(), &of, 0.25).unwrap();
        // b falls by 1 a row, two rows ahead; its deviation over rows 0 to 9 is sqrt(8.25).
        let found = persistence(&set, &of).unwrap();
        assert!((found - 4.0 / 8.25).abs() < 1e-5, "{found}");
        assert_eq!(persistence(&set, &windows(&["a"], &["b"])), None);
    }

    #[test]
    fn windows_see_some_rows_and_foretell_a_later_one() {
        let set = from_bytes("t.csv", table().as_bytes(), &windows(&["b"], &["a"]), 0.25).unwrap();
        assert_eq!(set.check(), Ok(()));
        assert_eq!((set.len(), set.training.len(), set.validation.len()), (8, 6, 2));
        assert_eq!(set.inputs[0].shape, [3, 1]);
        // Scaled by rows 0 to 9, which the first six windows reach.
        let base: Vec<f64> = (0..10).map(|i| f64::from(i * i)).collect();
        let mean = base.iter().sum::<f64>() / 10.0;
        let deviation = (base.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 10.0).sqrt();
        let wanted = |row: f64| ((row * row - mean) / deviation) as f32;
        let target = set.target().unwrap();
        assert_eq!(target.floats(&[0, 7]), [wanted(4.0), wanted(11.0)]);
        let all = from_bytes("t.csv", table().as_bytes(), &windows(&[], &[]), 0.0).unwrap();
        assert_eq!(
            (&all.inputs[0].shape[..], all.target().unwrap().width()),
            (&[3, 2][..], 2)
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        let problem = |text: &str, w: &Windows| {
            from_bytes("t.csv", text.as_bytes(), w, 0.0)
                .unwrap_err()
                .to_string()
        };
        let missing = problem(&table(), &windows(&["c"], &[]));
        assert!(
            missing.contains("no column \"c\"") && missing.contains("date, a, b"),
            "{missing}"
        );
        let broken = problem(&table().replace("16", "x"), &windows(&["a"], &[]));
        assert!(
            broken.contains("line 6, column a") && broken.contains("\"x\""),
            "{broken}"
        );
        assert!(problem("a,b\n1,2\n3,4\n", &windows(&[], &[])).contains("at least 6"));
        assert!(problem("", &windows(&[], &[])).contains("t.csv"));
        assert!(problem("a,b\n1\n", &windows(&[], &[])).contains("line 2"));
    }
}
