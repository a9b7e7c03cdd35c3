//! Training of classifiers: cross-entropy, momentum, a one-cycle learning rate.

use std::collections::HashMap;
use std::sync::Arc;

use burn_autodiff::Autodiff;
use burn_backend::ops::{ActivationOps, FloatTensorOps};
use burn_backend::tensor::FloatTensor;
use burn_backend::{AutodiffBackend, Backend};
use burn_flex::{Flex, FlexDevice};
use model::network::TensorKind;
use model::{Network, TensorData, TensorId};

use crate::run::{Executor, RunError, RunOptions};
use crate::value::{Value, dims, float, read};

type Plain = Flex;
type Auto = Autodiff<Plain>;

/// Labelled inputs in host memory.
pub struct Samples<'a> {
    /// Row-major values, sample after sample.
    pub values: &'a [f32],
    /// Shape of one sample, without the batch.
    pub shape: Vec<usize>,
    /// Class of each sample.
    pub labels: &'a [usize],
}

impl Samples<'_> {
    fn batch<B: Backend>(&self, picks: &[usize], device: &B::Device) -> Value<B> {
        let size: usize = self.shape.iter().product();
        let mut values = Vec::with_capacity(picks.len() * size);
        picks
            .iter()
            .for_each(|&i| values.extend_from_slice(&self.values[i * size..(i + 1) * size]));
        let shape = [&[picks.len()], &self.shape[..]].concat();
        Value::Float(float::<B>(values, &shape, device))
    }
}

/// How to train.
#[derive(Clone, Debug)]
pub struct TrainOptions {
    /// Passes over the training set.
    pub epochs: usize,
    /// Samples a step.
    pub batch: usize,
    /// Largest learning rate; it rises linearly over the first quarter of the steps and falls
    /// along a half cosine to zero (one cycle: Smith and Topin 2017).
    pub learning_rate: f32,
    /// Nesterov momentum (Sutskever et al. 2013).
    pub momentum: f32,
    /// L2 decay of weights of rank 2 and above.
    pub weight_decay: f32,
    /// Order of the samples.
    pub seed: u64,
}

/// What one epoch came to.
#[derive(Clone, Copy, Debug)]
pub struct Epoch {
    /// Counted from 1.
    pub number: usize,
    /// Mean cross-entropy over the epoch's training batches, nats.
    pub loss: f32,
    /// Share of test samples whose largest logit is their class.
    pub test_accuracy: f32,
    /// Wall time, seconds.
    pub seconds: f64,
}

/// Trains the parameters of `network`, one input and one output of logits, in place.
///
/// # Errors
/// [`RunError`] when the samples do not fit the network.
pub fn train(
    network: Network,
    train: &Samples,
    test: &Samples,
    options: &TrainOptions,
    mut report: impl FnMut(Epoch),
) -> Result<Network, RunError> {
    let network = Arc::new(network);
    let mut executor = Executor::<Auto>::new(network.clone(), FlexDevice)?;
    let mut parameters: Vec<Parameter> = Vec::new();
    for (i, tensor) in network.tensors.iter().enumerate() {
        let id = TensorId(i as u32);
        if let (TensorKind::Parameter, Some(Value::Float(t))) = (tensor.kind, executor.stored(id)) {
            let now = <Auto as AutodiffBackend>::inner(t.clone());
            parameters.push(Parameter {
                id,
                now,
                velocity: None,
            });
        }
    }
    let mut running: HashMap<TensorId, Vec<f32>> = HashMap::new();
    for (i, tensor) in network.tensors.iter().enumerate() {
        if tensor.kind == TensorKind::Buffer
            && let Some(values) = tensor.data.as_ref().and_then(|d| d.to_f32())
        {
            running.insert(TensorId(i as u32), values);
        }
    }
    let mut order: Vec<usize> = (0..train.labels.len()).collect();
    let mut random = options.seed | 1;
    let steps = train.labels.len() / options.batch;
    for number in 1..=options.epochs {
        let start = web_time::Instant::now();
        shuffle(&mut order, &mut random);
        let mut total = 0.0;
        for (step, picks) in order.chunks_exact(options.batch).enumerate() {
            let done = ((number - 1) * steps + step) as f32 / (options.epochs * steps) as f32;
            let rate = options.learning_rate * one_cycle(done);
            total += self::step(
                &mut executor,
                &network,
                &mut parameters,
                &mut running,
                train,
                picks,
                rate,
                options,
            )?;
        }
        let trained = written(&network, &parameters, &running)?;
        let test_accuracy = accuracy(Arc::new(trained), test)?;
        report(Epoch {
            number,
            loss: total / steps.max(1) as f32,
            test_accuracy,
            seconds: start.elapsed().as_secs_f64(),
        });
    }
    written(&network, &parameters, &running)
}

struct Parameter {
    id: TensorId,
    now: FloatTensor<Flex>,
    velocity: Option<FloatTensor<Flex>>,
}

/// Share of the largest rate after a share `done` of all steps.
fn one_cycle(done: f32) -> f32 {
    const RISE: f32 = 0.25;
    if done < RISE {
        return 0.1 + 0.9 * done / RISE;
    }
    0.5 * (1.0 + (std::f32::consts::PI * (done - RISE) / (1.0 - RISE)).cos())
}

#[allow(clippy::too_many_arguments)]
fn step(
    executor: &mut Executor<Auto>,
    network: &Network,
    parameters: &mut [Parameter],
    running: &mut HashMap<TensorId, Vec<f32>>,
    samples: &Samples,
    picks: &[usize],
    rate: f32,
    options: &TrainOptions,
) -> Result<f32, RunError> {
    let mut tracked = Vec::with_capacity(parameters.len());
    for p in parameters.iter() {
        let t = Auto::float_set_require_grad(<Auto as AutodiffBackend>::from_inner(p.now.clone()), true);
        executor.set(p.id, Value::Float(t.clone()));
        tracked.push(t);
    }
    let main = network.main();
    let inputs = HashMap::from([(main.inputs[0], samples.batch::<Auto>(picks, &FlexDevice))]);
    let pass = executor.run(
        inputs,
        &RunOptions {
            training: true,
            ..RunOptions::default()
        },
    )?;
    let output = main.outputs[0];
    let fail = |problem: String| RunError::Tensor {
        name: network.tensor(output).name.clone(),
        problem,
    };
    let logits = match pass.values.get(&output) {
        Some(Value::Float(t)) => t.clone(),
        _ => return Err(fail("logits are expected as the first output".into())),
    };
    let shape = dims::<Auto>(&logits);
    let [rows, classes] = shape[..] else {
        return Err(fail(format!("logits of shape {shape:?}")));
    };
    // Mean of the negative log-likelihood, as a sum over one-hot labels.
    let mut hot = vec![0f32; rows * classes];
    for (row, &pick) in picks.iter().enumerate() {
        let class = samples.labels[pick];
        *hot.get_mut(row * classes + class)
            .ok_or_else(|| fail(format!("class {class} of {classes}")))? = -1.0 / rows as f32;
    }
    let hot = float::<Auto>(hot, &shape, &FlexDevice);
    let loss = Auto::float_sum(Auto::float_mul(Auto::log_softmax(logits, 1), hot));
    let value = read::<Auto>(loss.clone())
        .map_err(fail)?
        .first()
        .copied()
        .unwrap_or(f32::NAN);
    let mut gradients = Auto::backward(loss);
    for (p, t) in parameters.iter_mut().zip(&tracked) {
        let Some(mut gradient) = Auto::grad_remove(t, &mut gradients) else {
            continue;
        };
        if dims::<Flex>(&p.now).len() > 1 {
            let decay = Plain::float_mul_scalar(p.now.clone(), options.weight_decay.into());
            gradient = Plain::float_add(gradient, decay);
        }
        let velocity = match p.velocity.take() {
            Some(v) => Plain::float_add(
                Plain::float_mul_scalar(v, options.momentum.into()),
                gradient.clone(),
            ),
            None => gradient.clone(),
        };
        let ahead = Plain::float_add(
            gradient,
            Plain::float_mul_scalar(velocity.clone(), options.momentum.into()),
        );
        p.now = Plain::float_sub(p.now.clone(), Plain::float_mul_scalar(ahead, rate.into()));
        p.velocity = Some(velocity);
    }
    for seen in pass.statistics {
        let unbiased = seen.count as f32 / (seen.count.max(2) - 1) as f32;
        for ((id, batch), factor) in [(seen.mean, 1.0), (seen.variance, unbiased)] {
            let batch = read::<Auto>(batch).map_err(fail)?;
            if let Some(kept) = running.get_mut(&id) {
                kept.iter_mut()
                    .zip(batch)
                    .for_each(|(k, b)| *k = 0.9 * *k + 0.1 * b * factor);
            }
        }
    }
    Ok(value)
}

/// Fisher and Yates, with xorshift64*.
fn shuffle(order: &mut [usize], random: &mut u64) {
    for i in (1..order.len()).rev() {
        *random ^= *random >> 12;
        *random ^= *random << 25;
        *random ^= *random >> 27;
        let bits = random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        order.swap(i, bits as usize % (i + 1));
    }
}

/// The network with its trained values.
fn written(
    network: &Network,
    parameters: &[Parameter],
    running: &HashMap<TensorId, Vec<f32>>,
) -> Result<Network, RunError> {
    let mut network = network.clone();
    let mut put = |id: TensorId, values: &[f32]| {
        let tensor = &mut network.tensors[id.0 as usize];
        if let Some(data) = &tensor.data {
            tensor.data = Some(Arc::new(TensorData::from_f32(&data.shape, values)));
        }
    };
    for p in parameters {
        let values = read::<Flex>(p.now.clone());
        put(
            p.id,
            &values.map_err(|problem| RunError::Tensor {
                name: format!("{:?}", p.id),
                problem,
            })?,
        );
    }
    running.iter().for_each(|(&id, values)| put(id, values));
    Ok(network)
}

/// Share of samples whose largest logit is their class.
///
/// # Errors
/// [`RunError`] when the samples do not fit the network.
pub fn accuracy(network: Arc<Network>, samples: &Samples) -> Result<f32, RunError> {
    let executor = Executor::<Flex>::new(network.clone(), FlexDevice)?;
    let (input, output) = (network.main().inputs[0], network.main().outputs[0]);
    let all: Vec<usize> = (0..samples.labels.len()).collect();
    let mut right = 0;
    for picks in all.chunks(500) {
        let inputs = HashMap::from([(input, samples.batch::<Flex>(picks, &FlexDevice))]);
        let pass = executor.run(inputs, &RunOptions::default())?;
        let logits = pass.values[&output].to_host();
        let logits = logits.map_err(|problem| RunError::Tensor {
            name: network.tensor(output).name.clone(),
            problem,
        })?;
        let classes = logits.len() / picks.len().max(1);
        for (row, &pick) in logits.chunks_exact(classes.max(1)).zip(picks) {
            let best = (0..classes).max_by(|&a, &b| row[a].total_cmp(&row[b]));
            right += usize::from(best == Some(samples.labels[pick]));
        }
    }
    Ok(right as f32 / samples.labels.len().max(1) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 8 x 8 images whose left or right half is brighter, with noise.
    fn halves(count: usize) -> (Vec<f32>, Vec<usize>) {
        let mut random = 5u64;
        let mut noise = || {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (random >> 40) as f32 / (1 << 24) as f32
        };
        let labels: Vec<usize> = (0..count).map(|i| i % 2).collect();
        let pixel = |class: usize, i: usize| if (i % 8 < 4) == (class == 0) { 0.3 } else { 0.0 };
        let values = labels
            .iter()
            .flat_map(|&l| (0..64).map(move |i| pixel(l, i)))
            .map(|v| v + noise())
            .collect();
        (values, labels)
    }

    #[test]
    fn training_learns_and_leaves_running_statistics() {
        let (values, labels) = halves(512);
        let (test_values, test_labels) = halves(200);
        let shape = vec![1, 8, 8];
        let samples = Samples {
            values: &values,
            shape: shape.clone(),
            labels: &labels,
        };
        let test = Samples {
            values: &test_values,
            shape,
            labels: &test_labels,
        };
        let network = model::templates::residual_cnn("halves", 1, 8, 2, 4, 3);
        let before = accuracy(Arc::new(network.clone()), &test).unwrap();
        let options = TrainOptions {
            epochs: 3,
            batch: 32,
            learning_rate: 0.05,
            momentum: 0.9,
            weight_decay: 1e-4,
            seed: 1,
        };
        let mut epochs = Vec::new();
        let trained = train(network.clone(), &samples, &test, &options, |e| epochs.push(e)).unwrap();
        let last = epochs.last().unwrap();
        assert!(
            epochs[0].loss > last.loss && last.test_accuracy > 0.97,
            "{before} {epochs:?}"
        );
        let mean = trained.tensor_named("stem/norm.mean").unwrap();
        let values = |n: &Network| n.tensor(mean).data.as_ref().unwrap().to_f32().unwrap();
        assert_ne!(values(&network), values(&trained));
        // The same seed gives the same weights.
        let again = train(network, &samples, &test, &options, |_| {}).unwrap();
        assert_eq!(values(&again), values(&trained));
    }

    #[test]
    fn the_rate_rises_then_falls_to_zero() {
        assert!((one_cycle(0.0) - 0.1).abs() < 1e-6);
        assert!((one_cycle(0.25) - 1.0).abs() < 1e-6);
        assert!(one_cycle(1.0).abs() < 1e-6);
    }
}
