//! Gradients of the suite's operators against differences of their outputs.

use std::sync::Arc;

use compute::RunOptions;
use model::{DType, Network, TensorData, TensorId};

use crate::suite::{Case, Outcome};

/// Elements of each input that are moved.
const PLACES: usize = 3;

/// Inputs whose gradient is not the slope: the beginning of the case's name, the inputs (none: all),
/// and why.
const NOT_SLOPES: &[(&str, &[&str], &str)] = &[
    ("test_adagrad", &[], OPTIMISER),
    ("test_adam", &[], OPTIMISER),
    ("test_momentum", &[], OPTIMISER),
    ("test_nesterov_momentum", &[], OPTIMISER),
    ("test_clip", &["min", "max"], STEERS),
    ("test_constant_pad", &["value"], STEERS),
    ("test_dequantizelinear", &["x_scale"], STEERS),
    ("test_onehot", &["values"], STEERS),
    (
        "test_pow_bcast_scalar",
        &["y"],
        "a square is a product, not a power",
    ),
    ("test_range_float", &[], STEERS),
    ("test_resize", &["scales", "roi"], STEERS),
    ("test_roialign", &["rois"], STEERS),
    ("test_sign", &[], "it jumps at 0"),
    (
        "test_softmax_large_number",
        &[],
        "the curve is shorter than the step",
    ),
];

const OPTIMISER: &str = "a step of an optimiser is not learned through";
const STEERS: &str = "a number that steers the host";

fn left_out(case: &Case, input: &str) -> bool {
    let of = |(start, inputs, _): &&(&str, &[&str], &str)| {
        case.name.starts_with(start) && (inputs.is_empty() || inputs.contains(&input))
    };
    NOT_SLOPES.iter().any(|entry| of(&entry))
}

type Named = Vec<(String, TensorData)>;

fn value(network: &Arc<Network>, given: &Named, id: TensorId, unit: usize) -> Result<f64, String> {
    let trace = compute::run_cpu(network, given, &RunOptions::default()).map_err(|e| e.to_string())?;
    let values = trace.tensors.get(&id).and_then(|t| t.host().cloned());
    let values = values.ok_or("the output is no tensor of numbers")?;
    values
        .get(unit)
        .map(|&v| v as f64)
        .ok_or_else(|| "the output is empty".into())
}

/// The gradient of one output element by float32 inputs, at some of their elements. The remark says
/// how many slopes were compared.
pub fn check(case: &Case, _: &RunOptions) -> (Option<String>, Outcome) {
    match compare(case) {
        Ok(count) => (Some(count.to_string()), Outcome::Passed),
        Err(why) => (None, Outcome::Failed(why)),
    }
}

fn compare(case: &Case) -> Result<usize, String> {
    let (network, inputs) = case.first()?;
    let output = *network.main().outputs.first().ok_or("there is no output")?;
    let given: Option<Named> = (inputs.iter())
        .map(|(name, value)| Some((name.clone(), value.tensor()?.clone())))
        .collect();
    let floats = |d: &TensorData| d.dtype == DType::F32 && !d.is_empty();
    let Some(given) = given.filter(|g| g.iter().any(|(_, d)| floats(d))) else {
        return Ok(0);
    };
    if network.tensor(output).spec.dtype != DType::F32 {
        return Ok(0);
    }
    let trace = compute::run_cpu(&network, &given, &RunOptions::default()).map_err(|e| e.to_string())?;
    let unit = match trace.tensors.get(&output) {
        Some(tensor) if !tensor.is_empty() => tensor.len() / 2,
        _ => return Ok(0),
    };
    let found = compute::gradients(&network, &given, unit, &RunOptions::default());
    let found = found.map_err(|e| format!("gradients: {e}"))?;
    let mut count = 0;
    let moves = |(name, data): &(String, TensorData)| floats(data) && !left_out(case, name);
    for (k, (name, data)) in given.iter().enumerate().filter(|(_, g)| moves(g)) {
        let id = network.tensor_named(name).ok_or("an input is gone")?;
        let own = data.to_f32().ok_or("no floats")?;
        let gradient = found.tensors.get(&id).and_then(|t| t.host().cloned());
        for p in 0..PLACES.min(own.len()) {
            let at = p * (own.len() - 1) / (PLACES - 1).max(1);
            let step = 1e-2 * own[at].abs().max(0.1);
            let moved = |by: f32| {
                let mut values = own.clone();
                values[at] += by;
                let mut given = given.clone();
                given[k].1 = TensorData::from_f32(&data.shape, &values);
                value(&network, &given, output, unit)
            };
            // Some inputs cannot be moved: scales of a resize, ratios at 0.
            let (Ok(above), Ok(here), Ok(below)) = (moved(step), moved(0.0), moved(-step)) else {
                continue;
            };
            let (right, left) = ((above - here) / step as f64, (here - below) / step as f64);
            let slope = (right + left) / 2.0;
            // A corner, a jump, or a curve too strong for the step.
            if !slope.is_finite() || (right - left).abs() > 0.1 * slope.abs() + 0.02 {
                continue;
            }
            let found = gradient.as_ref().map_or(0.0, |g| g[at] as f64);
            if (slope - found).abs() > 0.05 * slope.abs() + 0.02 {
                return Err(format!(
                    "{name}[{at}]: the gradient is {found}, the slope {slope}"
                ));
            }
            count += 1;
        }
    }
    Ok(count)
}
