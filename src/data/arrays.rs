//! Examples from a NumPy archive: arrays with the examples along their first axis.

use std::path::Path;

use model::{Cells, Column, Dataset, Targets, TensorData};

use crate::error::DataError;
use crate::npz;

/// Reads the `.npz` file at `path`: the array `targets` is what should be answered (integers are
/// classes), the others are inputs under their names; one that is called `inputs` is the network's
/// first input. Without `targets` the input itself is the target.
///
/// # Errors
/// [`DataError`] that names the file, the place and what was expected.
pub fn read(path: &Path, validation: f64, seed: u64) -> Result<Dataset, DataError> {
    let file = path.display().to_string();
    let name = path.file_stem().map(|s| s.to_string_lossy().into_owned());
    let set = dataset(&file, npz::read(path)?, validation, seed)?;
    Ok(Dataset {
        name: name.unwrap_or(file),
        ..set
    })
}

/// [`read`] for arrays that are there already.
///
/// # Errors
/// As there.
pub fn dataset(
    file: &str,
    arrays: Vec<(String, TensorData)>,
    validation: f64,
    seed: u64,
) -> Result<Dataset, DataError> {
    let mut set = Dataset {
        name: file.into(),
        ..Dataset::default()
    };
    for (name, data) in arrays {
        let column = column(file, &name, &data)?;
        match (name.as_str(), &column.cells) {
            ("targets", Cells::Ints(_)) => set.targets = Targets::Classes(column),
            ("targets", _) => set.targets = Targets::Values(column),
            _ => set.inputs.push(column),
        }
    }
    if set.inputs.is_empty() {
        return Err(DataError::malformed(
            file,
            "arrays",
            "none but targets",
            "an array \"inputs\"",
        ));
    }
    let count = set.inputs[0].len();
    for column in set.inputs.iter().chain(set.target()) {
        if column.len() != count || count < 2 {
            let found = format!("{} examples", column.len());
            let expected = format!("{} in every array, and at least 2", count.max(2));
            return Err(DataError::malformed(
                file,
                format!("array '{}'", column.name),
                found,
                expected,
            ));
        }
    }
    for column in &mut set.inputs {
        if column.name == "inputs" {
            column.name.clear();
        }
    }
    Ok(set.split(validation, seed))
}

fn column(file: &str, name: &str, data: &TensorData) -> Result<Column, DataError> {
    let wrong = || {
        let expected = "numbers, examples along the first axis";
        DataError::malformed(file, format!("array '{name}'"), data.spec().to_string(), expected)
    };
    let shape: Vec<usize> = data.shape.iter().skip(1).map(|&d| d as usize).collect();
    if data.shape.is_empty() || data.shape.contains(&0) {
        return Err(wrong());
    }
    let cells = match data.dtype {
        model::DType::U8 if name != "targets" => Cells::Bytes(data.to_bytes().into_owned()),
        dtype if dtype.is_float() => Cells::Floats(data.to_f32().ok_or_else(wrong)?),
        _ => Cells::Ints(data.to_i64().ok_or_else(wrong)?),
    };
    Ok(Column {
        name: name.into(),
        shape,
        cells,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrays(classes: usize) -> Vec<(String, TensorData)> {
        let values: Vec<f32> = (0..24).map(|v| v as f32).collect();
        let labels: Vec<i64> = (0..classes as i64).collect();
        vec![
            ("inputs".into(), TensorData::from_f32(&[8, 3], &values)),
            ("targets".into(), TensorData::from_i64(&[classes as u64], &labels)),
        ]
    }

    #[test]
    fn arrays_become_examples() {
        let set = dataset("a.npz", arrays(8), 0.25, 1).unwrap();
        assert_eq!(set.check(), Ok(()));
        assert_eq!((set.training.len(), set.inputs[0].shape.len()), (6, 1));
        assert!(matches!(set.targets, Targets::Classes(_)));
        let alone = dataset("a.npz", arrays(8)[..1].to_vec(), 0.0, 1).unwrap();
        assert_eq!(alone.targets, Targets::Inputs);
    }

    #[test]
    fn arrays_that_do_not_agree_are_named() {
        let wrong = dataset("a.npz", arrays(7), 0.0, 1).unwrap_err().to_string();
        assert!(
            wrong.contains("a.npz: array 'targets': found 7 examples"),
            "{wrong}"
        );
        assert!(dataset("a.npz", arrays(8)[1..].to_vec(), 0.0, 1).is_err());
        let bare = vec![("inputs".to_string(), TensorData::from_f32(&[], &[1.0]))];
        assert!(dataset("a.npz", bare, 0.0, 1).is_err());
    }
}
