//! A small network on the handwritten digits that scikit-learn ships, trained by Burn and seen by
//! layerscope:
//!
//!     LAYERSCOPE_URL=... LAYERSCOPE_TOKEN=... LAYERSCOPE_DIGITS=.../digits.csv.gz \
//!         cargo run --release --example digits
//!
//! Prints its losses, accuracies and norms as JSON at the end.

use std::io::Read;

use burn::backend::{Autodiff, Flex};
use burn::module::{AutodiffModule, Module};
use burn::nn::loss::CrossEntropyLossConfig;
use burn::nn::{Linear, LinearConfig};
use burn::optim::{GradientsParams, Optimizer, SgdConfig};
use burn::tensor::activation::relu;
use burn::tensor::backend::Backend;
use burn::tensor::{ElementConversion, Int, Tensor, TensorData};
use layerscope_burn::{Before, Run};
use serde_json::json;

type Training = Autodiff<Flex>;

const EVERY: usize = 20;
const BATCH: usize = 64;
const EPOCHS: usize = 6;
const RATE: f64 = 0.2;
const TEST: usize = 360;

#[derive(Module, Debug)]
struct Mlp<B: Backend> {
    hidden: Linear<B>,
    second: Linear<B>,
    logits: Linear<B>,
}

impl<B: Backend> Mlp<B> {
    fn new(device: &B::Device) -> Self {
        Mlp {
            hidden: LinearConfig::new(64, 64).init(device),
            second: LinearConfig::new(64, 32).init(device),
            logits: LinearConfig::new(32, 10).init(device),
        }
    }

    /// Outputs of the three layers, after their ReLU.
    fn forward(&self, x: Tensor<B, 2>) -> [Tensor<B, 2>; 3] {
        let hidden = relu(self.hidden.forward(x));
        let second = relu(self.second.forward(hidden.clone()));
        let logits = self.logits.forward(second.clone());
        [hidden, second, logits]
    }
}

/// Rows of 64 pixels from 0 to 1, and their digits; in an order that a fixed seed mixes.
fn digits() -> Result<Vec<([f32; 64], i64)>, Box<dyn std::error::Error>> {
    let path = std::env::var("LAYERSCOPE_DIGITS")
        .map_err(|_| "LAYERSCOPE_DIGITS: the path of digits.csv.gz is expected")?;
    let mut text = String::new();
    flate2::read::GzDecoder::new(std::fs::File::open(&path)?).read_to_string(&mut text)?;
    let mut rows = Vec::new();
    for line in text.lines() {
        let values = line
            .split(',')
            .map(str::parse::<f32>)
            .collect::<Result<Vec<_>, _>>()?;
        let (label, pixels) = values.split_last().ok_or("an empty line")?;
        let pixels: [f32; 64] = pixels
            .try_into()
            .map_err(|_| "64 pixels and a digit are expected in a line")?;
        rows.push((pixels.map(|p| p / 16.0), *label as i64));
    }
    let mut state = 1u64;
    for i in (1..rows.len()).rev() {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        rows.swap(i, (state >> 33) as usize % (i + 1));
    }
    Ok(rows)
}

fn tensors<B: Backend>(rows: &[([f32; 64], i64)], device: &B::Device) -> (Tensor<B, 2>, Tensor<B, 1, Int>) {
    let pixels: Vec<f32> = rows.iter().flat_map(|(p, _)| *p).collect();
    let labels: Vec<i64> = rows.iter().map(|(_, l)| *l).collect();
    (
        Tensor::from_data(TensorData::new(pixels, [rows.len(), 64]), device),
        Tensor::from_data(TensorData::new(labels, [rows.len()]), device),
    )
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device = Default::default();
    let rows = digits()?;
    let (test, train) = rows.split_at(TEST.min(rows.len() / 2));
    let (test_x, test_y) = tensors::<Flex>(test, &device);
    Training::seed(&device, 3);
    let mut model = Mlp::<Training>::new(&device);
    let mut optimizer = SgdConfig::new().init::<Training, Mlp<Training>>();
    let criterion = CrossEntropyLossConfig::new().init(&device);
    let run = Run::open("examples/digits")?;
    run.config(json!({"optimizer": "SGD", "learning rate": RATE, "batch": BATCH}));
    let (mut losses, mut accuracies, mut norms) = (Vec::new(), Vec::new(), serde_json::Map::new());
    let mut step = 0;
    for epoch in 1..=EPOCHS {
        for batch in train.chunks(BATCH) {
            let (x, y) = tensors::<Training>(batch, &device);
            let outputs = model.forward(x);
            let loss = criterion.forward(outputs[2].clone(), y);
            let value: f64 = loss.clone().into_scalar().elem();
            let gradients = GradientsParams::from_grads(loss.backward(), &model);
            let sends = step % EVERY == 0;
            let before = sends.then(|| Before::new(&model, &gradients));
            model = optimizer.step(RATE, model, gradients);
            if let Some(before) = before {
                run.layers(step as i64, &before, &model);
                for (layer, output) in ["hidden", "second", "logits"].iter().zip(&outputs) {
                    run.activations(layer, step as i64, output);
                }
                norms.insert(step.to_string(), json!(before.norm("hidden")));
            }
            run.log(step as i64, &[("loss/train", value)]);
            losses.push(value);
            step += 1;
        }
        let [.., logits] = model.valid().forward(test_x.clone());
        let right = logits.argmax(1).reshape([-1]).equal(test_y.clone()).int().sum();
        let accuracy = right.into_scalar().elem::<f64>() / test.len() as f64;
        run.log(step as i64, &[("accuracy/test", accuracy)]);
        run.mark(step as i64, "checkpoint", &format!("epoch {epoch}"));
        accuracies.push(accuracy);
    }
    run.tensor("weights", "logits", step as i64, &model.logits.weight.val());
    if run.close() > 0 {
        return Err("records were lost".into());
    }
    println!(
        "{}",
        json!({"losses": losses, "accuracy": accuracies, "norms": norms})
    );
    Ok(())
}
