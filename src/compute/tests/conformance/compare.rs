//! Found values against expected ones.

use model::{DType, HostValue, TensorData};

/// Absolute tolerance of the suite.
const ABSOLUTE: f64 = 1e-7;

/// The distance of two neighbouring values of `dtype`, relative to them: what is computed in
/// float32 and then rounded may end on the other side of a tie.
fn spacing(dtype: DType) -> f64 {
    match dtype {
        DType::BF16 => 2f64.powi(-7),
        DType::F16 => 2f64.powi(-10),
        _ => 0.0,
    }
}

/// All outputs of a graph, by place, within the suite's absolute tolerance.
pub fn outputs(
    found: &[(String, HostValue)],
    expected: &[(String, HostValue)],
    relative: f64,
) -> Result<(), String> {
    within(found, expected, relative, ABSOLUTE)
}

/// How far floats may be away.
#[derive(Clone, Copy)]
struct Near {
    relative: f64,
    absolute: f64,
}

/// All outputs of a graph, by place.
pub fn within(
    found: &[(String, HostValue)],
    expected: &[(String, HostValue)],
    relative: f64,
    absolute: f64,
) -> Result<(), String> {
    let near = Near { relative, absolute };
    if found.len() != expected.len() {
        return Err(format!("{} outputs, {} expected", found.len(), expected.len()));
    }
    for ((name, found), (_, expected)) in found.iter().zip(expected) {
        value(found, expected, near).map_err(|e| format!("output {name:?}: {e}"))?;
    }
    Ok(())
}

fn value(found: &HostValue, expected: &HostValue, near: Near) -> Result<(), String> {
    match (found, expected) {
        (HostValue::Tensor(found), HostValue::Tensor(expected)) => tensor(found, expected, near),
        (HostValue::Sequence(found), HostValue::Sequence(expected)) if found.len() == expected.len() => {
            let mut all = found.iter().zip(expected).enumerate();
            let each = |(i, (f, e))| value(f, e, near).map_err(|e| format!("element {i}: {e}"));
            all.try_for_each(each)
        }
        (HostValue::Optional(None), HostValue::Optional(None)) => Ok(()),
        (HostValue::Optional(Some(found)), HostValue::Optional(Some(expected))) => {
            value(found, expected, near)
        }
        _ => Err(format!("{} found, {} expected", found.words(), expected.words())),
    }
}

fn tensor(found: &TensorData, expected: &TensorData, near: Near) -> Result<(), String> {
    if (found.dtype, &found.shape) != (expected.dtype, &expected.shape) {
        return Err(format!("{} found, {} expected", found.spec(), expected.spec()));
    }
    let unequal = |i: usize, f: &dyn std::fmt::Display, e: &dyn std::fmt::Display| {
        Err(format!("element {i} is {f}, {e} expected"))
    };
    if let (Some(found), Some(expected)) = (found.to_strings(), expected.to_strings()) {
        let text = |b: &bytes::Bytes| String::from_utf8_lossy(b).into_owned();
        return match found.iter().zip(&expected).position(|(f, e)| f != e) {
            Some(i) => unequal(i, &text(&found[i]), &text(&expected[i])),
            None => Ok(()),
        };
    }
    if !expected.dtype.is_float() {
        let (found, expected) = (found.to_i64().unwrap(), expected.to_i64().unwrap());
        let pairs = || found.iter().zip(&expected);
        let largest = pairs().map(|(f, e)| f.abs_diff(*e)).max().unwrap_or(0);
        let wanted = |i: usize| format!("{} (the largest difference is {largest})", expected[i]);
        return match pairs().position(|(f, e)| f != e) {
            Some(i) => unequal(i, &found[i], &wanted(i)),
            None => Ok(()),
        };
    }
    let relative = near.relative.max(spacing(expected.dtype));
    let (found, expected) = (found.to_f64().unwrap(), expected.to_f64().unwrap());
    for (i, (&f, &e)) in found.iter().zip(&expected).enumerate() {
        let same = f == e || (f.is_nan() && e.is_nan());
        let near = (f - e).abs() <= near.absolute + relative * e.abs() && e.is_finite();
        if !same && !near {
            return unequal(i, &f, &e);
        }
    }
    Ok(())
}
