//! Gradients against differences of the output.

use std::sync::Arc;

use compute::{RunOptions, gradients, run_cpu};
use model::{Network, TensorData, Trace};

use crate::cases::differentiable;
use crate::single::{given, network};

fn values(trace: &Trace, network: &Network, name: &str) -> Option<Vec<f32>> {
    let id = network.tensors.iter().position(|t| t.name == name)?;
    let tensor = trace.tensors.get(&model::TensorId(id as u32))?;
    tensor.host().map(|v| v.to_vec())
}

/// Inputs whose numbers steer the host, so that gradients do not reach them.
fn steers(op: &model::Op, input: usize) -> bool {
    use model::Op;
    match op {
        Op::GridSample(_) | Op::RoiAlign(_) | Op::Resize(_) => input == 1,
        Op::DeformConv(_) => input == 2 || input == 4,
        _ => false,
    }
}

#[test]
fn gradients_are_the_slopes_of_the_output() {
    let options = RunOptions::default();
    let mut checked = 0;
    for (op, inputs, outputs) in differentiable() {
        let network = Arc::new(network(&op, &inputs, outputs));
        let given = given(&inputs);
        let output = |given: &[(String, TensorData)]| {
            let trace = run_cpu(&network, given, &options).unwrap();
            values(&trace, &network, "y0").unwrap()
        };
        let unit = output(&given).len() / 2;
        let trace = gradients(&network, &given, unit, &options).unwrap_or_else(|e| panic!("{op:?}: {e}"));
        for (k, (name, data)) in given.iter().enumerate() {
            let input: usize = name[1..].parse().unwrap();
            if steers(&op, input) {
                continue;
            }
            let gradient = values(&trace, &network, name).unwrap_or_else(|| vec![0.0; data.len()]);
            let own = data.to_f32().unwrap();
            for at in [0, own.len() / 2, own.len() - 1] {
                let step = 4e-3;
                let moved = |by: f32| {
                    let mut values = own.clone();
                    values[at] += by;
                    let mut given = given.clone();
                    given[k].1 = TensorData::from_f32(&data.shape, &values);
                    output(&given)[unit]
                };
                let slope = (moved(step) - moved(-step)) / (2.0 * step);
                let found = gradient[at];
                let near = (slope - found).abs() < 0.02 + 0.02 * slope.abs();
                assert!(
                    near,
                    "{op:?}, {name}[{at}]: the gradient is {found}, the slope {slope}"
                );
                checked += 1;
            }
        }
    }
    println!("{checked} slopes");
    assert!(checked > 200);
}
