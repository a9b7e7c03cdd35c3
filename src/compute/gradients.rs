//! Gradients of one output value with respect to every tensor of a pass.

use std::sync::Arc;

use burn_autodiff::Autodiff;
use burn_backend::ops::FloatTensorOps;
use burn_backend::tensor::FloatTensor;
use burn_backend::{AutodiffBackend, FloatDType, Shape};
use model::{Network, TensorData, TensorId, Trace};

use crate::patch::patched;
use crate::place::{Cpu, Place, trace};
use crate::value::{dims, float, raise, wait};
use crate::{Executor, RunError, RunOptions, Value};

type Auto<P> = Autodiff<<P as Place>::Backend>;

/// The gradient of element `unit` of the network's first output with respect to every float
/// tensor that the pass computes and every float input, in the tensors' own shapes, on the CPU.
/// Tensors that the element does not depend on are left out.
///
/// # Errors
/// [`RunError`] as for a pass; [`RunError::Tensor`] when the output is not of floats or has no
/// element `unit`.
pub fn gradients(
    network: &Arc<Network>,
    inputs: &[(String, TensorData)],
    unit: usize,
    options: &RunOptions,
) -> Result<Trace, RunError> {
    wait(gradients_on(&Cpu, network, inputs, unit, options)).ok_or(RunError::CannotWait)?
}

/// [`gradients`] on any device.
pub(crate) async fn gradients_on<P: Place>(
    place: &P,
    network: &Arc<Network>,
    inputs: &[(String, TensorData)],
    unit: usize,
    options: &RunOptions,
) -> Result<Trace, RunError> {
    let start = web_time::Instant::now();
    let device = place.device();
    let executor = Executor::<Auto<P>>::within(network.clone(), device.clone(), place.largest())?;
    let mut watched: Vec<(TensorId, FloatTensor<Auto<P>>)> = Vec::new();
    let mut given = executor.inputs(inputs)?;
    for (&id, value) in &mut given {
        if let Value::Float(t) = value {
            *t = Auto::<P>::float_set_require_grad(t.clone(), true);
            watched.push((id, t.clone()));
        }
    }
    // Only leaves keep their gradient, so each computed tensor gets a leaf of zeros added to it,
    // whose gradient is the same.
    let mut tap = |id: TensorId, value: Value<Auto<P>>| match patched(&options.patches, id, value, &device) {
        Value::Float(t) => {
            let shape = Shape::from(dims::<Auto<P>>(&t));
            let zeros = Auto::<P>::float_zeros(shape, &device, FloatDType::F32);
            let zeros = Auto::<P>::float_set_require_grad(zeros, true);
            watched.push((id, zeros.clone()));
            Value::Float(Auto::<P>::float_add(t, zeros))
        }
        ints => ints,
    };
    let options = RunOptions {
        unit_strides: P::UNIT_STRIDES,
        ..options.clone()
    };
    let pass = executor.run_tapped(given, &options, &mut tap).await?;
    let output = *network.main().outputs.first().ok_or_else(|| RunError::Tensor {
        name: network.name.clone(),
        problem: "the network has no output".into(),
    })?;
    let fail = |problem: String| RunError::Tensor {
        name: network.tensor(output).name.clone(),
        problem,
    };
    let Some(Value::Float(scores)) = pass.values.get(&output) else {
        return Err(fail("an output of floats is expected for gradients".into()));
    };
    // The backward pass of a sum wants an axis.
    let scores = raise::<Auto<P>>(scores.clone(), 1);
    let shape = dims::<Auto<P>>(&scores);
    let mut chosen = vec![0f32; shape.iter().product()];
    let elements = chosen.len();
    *chosen
        .get_mut(unit)
        .ok_or_else(|| fail(format!("element {unit} of {elements} was asked for")))? = 1.0;
    let chosen = float::<Auto<P>>(chosen, &shape, &device);
    let score = Auto::<P>::float_sum(Auto::<P>::float_mul(scores, chosen));
    let mut found = Auto::<P>::backward(score);
    let left = watched.into_iter().filter_map(|(id, leaf)| {
        let gradient = Auto::<P>::grad_remove(&leaf, &mut found)?;
        Some((id, Value::<P::Backend>::Float(gradient)))
    });
    let mut made = trace(place, network, left.collect::<Vec<_>>()).await?;
    made.seconds = start.elapsed().as_secs_f64();
    made.read_back += pass.read_back;
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Central differences of the pass itself, on the input.
    #[test]
    fn gradients_equal_finite_differences() {
        let network = Arc::new(model::templates::residual_cnn("t", 1, 8, 3, 4, 5));
        let input: Vec<f32> = (0..64).map(|i| ((i * 37 % 64) as f32) / 64.0).collect();
        let name = network.tensor(network.main().inputs[0]).name.clone();
        let arrays = |values: &[f32]| vec![(name.clone(), TensorData::from_f32(&[1, 1, 8, 8], values))];
        let options = RunOptions::default();
        let score = |values: &[f32]| {
            let trace = crate::run_cpu(&network, &arrays(values), &options).unwrap();
            trace.tensors[&network.main().outputs[0]].host().unwrap()[1]
        };
        let trace = gradients(&network, &arrays(&input), 1, &options).unwrap();
        let found = trace.tensors[&network.main().inputs[0]].host().unwrap().clone();
        let largest = found.iter().fold(0f32, |a, b| a.max(b.abs()));
        assert!(largest > 0.0);
        for i in [0, 9, 27, 45, 63] {
            let step = 1e-2;
            let mut moved = input.clone();
            moved[i] += step;
            let above = score(&moved);
            moved[i] -= 2.0 * step;
            let expected = (above - score(&moved)) / (2.0 * step);
            assert!(
                (found[i] - expected).abs() < 0.05 * largest,
                "{i}: {} {expected}",
                found[i]
            );
        }
        // Every activation on the way has one, in its own shape.
        for id in network
            .main()
            .layers
            .iter()
            .flat_map(|&l| &network.layer(l).outputs)
            .flatten()
        {
            assert!(trace.tensors.contains_key(id), "{}", network.tensor(*id).name);
        }
        assert!(gradients(&network, &arrays(&input), 3, &options).is_err());
    }
}
