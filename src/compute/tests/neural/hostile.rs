//! Inputs that do not fit give an error, not a panic.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use compute::{RunOptions, run_cpu};
use model::TensorData;

use crate::cases::{differentiable, discrete};
use crate::single::{Case, given, network, noise};

fn run((op, inputs, outputs): &Case) -> Result<(), String> {
    let network = Arc::new(network(op, inputs, *outputs));
    run_cpu(&network, &given(inputs), &RunOptions::default())
        .map(|_| ())
        .map_err(|e| e.to_string())
}

fn name((op, inputs, _): &Case) -> String {
    let shapes: Vec<_> = inputs
        .iter()
        .map(|i| i.as_ref().map(|d| d.shape.clone()))
        .collect();
    format!("{op:?} of {shapes:?}")
}

/// The same element type with another shape.
fn reshaped(data: &TensorData, shape: &[u64]) -> TensorData {
    match data.dtype.is_float() {
        true => noise(shape, 7),
        false => {
            let values: Vec<i64> = (0..shape.iter().product::<u64>() as i64).map(|v| v % 3).collect();
            TensorData::from_ints(data.dtype, shape, &values).unwrap()
        }
    }
}

/// Everything that is done to one input.
fn spoilt(data: &TensorData) -> Vec<Option<TensorData>> {
    let mut all = vec![None, Some(reshaped(data, &[]))];
    for axis in 0..data.shape.len() {
        for size in [0, 1, data.shape[axis] + 1] {
            let mut shape = data.shape.clone();
            shape[axis] = size;
            all.push(Some(reshaped(data, &shape)));
        }
        let mut shape = data.shape.clone();
        shape.remove(axis);
        all.push(Some(reshaped(data, &shape)));
        let mut shape = data.shape.clone();
        shape.insert(axis, 1);
        all.push(Some(reshaped(data, &shape)));
    }
    // The other kind of numbers, and numbers that no size, place or axis has.
    all.push(Some(match data.dtype.is_float() {
        true => TensorData::from_i64(&data.shape, &vec![1; data.len()]),
        false => noise(&data.shape, 5),
    }));
    for value in [-1, 0, 1 << 20, i64::MIN, i64::MAX] {
        if !data.dtype.is_float() {
            all.push(TensorData::from_ints(
                data.dtype,
                &data.shape,
                &vec![value; data.len()],
            ));
        }
    }
    for value in [f32::NAN, f32::INFINITY, -1e30] {
        if data.dtype.is_float() {
            all.push(Some(TensorData::from_f32(&data.shape, &vec![value; data.len()])));
        }
    }
    all
}

#[test]
fn well_formed_calls_run() {
    for case in differentiable().iter().chain(&discrete()) {
        run(case).unwrap_or_else(|e| panic!("{}: {e}", name(case)));
    }
}

#[test]
fn wrong_inputs_are_errors_and_not_panics() {
    let mut failures = Vec::new();
    let (mut count, mut errors) = (0, 0);
    for case in differentiable().iter().chain(&discrete()) {
        for i in 0..case.1.len() {
            let Some(data) = &case.1[i] else { continue };
            for other in spoilt(data) {
                let mut spoilt = case.clone();
                spoilt.1[i] = other;
                count += 1;
                match catch_unwind(AssertUnwindSafe(|| run(&spoilt))) {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) => errors += 1,
                    Err(_) => failures.push(name(&spoilt)),
                }
            }
        }
    }
    println!("{count} calls, {errors} refused");
    assert!(errors > count / 3, "{errors} of {count} calls are refused");
    assert!(
        failures.is_empty(),
        "{} panicked:\n{}",
        failures.len(),
        failures.join("\n")
    );
}
