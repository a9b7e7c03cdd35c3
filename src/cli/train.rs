//! `layerscope train`: the demo's classifier on a local image data set.

use std::path::Path;

use compute::train::{Samples, TrainOptions};
use data::Images;

use crate::Failure;

/// A data set that can be trained on.
#[derive(Clone, Copy, clap::ValueEnum)]
pub enum Set {
    /// Zalando's articles, IDX files.
    FashionMnist,
    /// CIFAR-10, binary or python version.
    Cifar10,
}

/// Settings of a training run.
pub struct Recipe {
    /// Which reader.
    pub set: Set,
    /// Passes over the training set.
    pub epochs: usize,
    /// Channels of the stem.
    pub width: u64,
    /// Seed of weights and order.
    pub seed: u64,
}

/// Trains a small residual CNN on the set in `folder` and writes it to `out` as ONNX.
pub fn train(folder: &Path, out: &Path, recipe: &Recipe) -> Result<(), Failure> {
    let onnx = formats::format_of(out).filter(|f| f.name == "ONNX");
    let onnx =
        onnx.ok_or_else(|| Failure::Other(format!("{}: a name ending in .onnx is expected", out.display())))?;
    let (split, name) = match recipe.set {
        Set::FashionMnist => (data::idx::fashion_mnist(folder)?, "fashion-mnist-residual"),
        Set::Cifar10 => (data::cifar::folder(folder)?, "cifar-10-residual"),
    };
    let (channels, size) = (split.train.channels, split.train.width);
    let classes = split.train.classes.len();
    let mut network = model::templates::residual_cnn(
        name,
        channels as u64,
        size as u64,
        classes as u64,
        recipe.width,
        recipe.seed,
    );
    let (values, labels) = loaded(&split.train);
    let (test_values, test_labels) = loaded(&split.test);
    let shape = vec![channels, split.train.height, size];
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
    let options = TrainOptions {
        epochs: recipe.epochs,
        batch: 64,
        learning_rate: 0.05,
        momentum: 0.9,
        weight_decay: 5e-4,
        seed: recipe.seed,
    };
    let mut last = None;
    network = compute::train::train(network, &samples, &test, &options, |epoch| {
        eprintln!(
            "epoch {:2}: loss {:.4}, test accuracy {:.2} %, {:.0} s",
            epoch.number,
            epoch.loss,
            100.0 * epoch.test_accuracy,
            epoch.seconds
        );
        last = Some(epoch);
    })?;
    let accuracy = last.map_or(0.0, |e| 100.0 * e.test_accuracy);
    network.metadata.extend([
        ("classes".into(), split.train.classes.join("\n")),
        ("preprocessing".into(), "value / 255".into()),
        (
            "recipe".into(),
            format!(
                "{options:?}, width {}, {} training images",
                recipe.width,
                labels.len()
            ),
        ),
        (
            "test accuracy".into(),
            format!("{accuracy:.2} % of {} images", test_labels.len()),
        ),
    ]);
    std::fs::write(out, onnx.write(&network)?)
        .map_err(|e| Failure::Other(format!("{}: {e}", out.display())))?;
    crate::print(&format!(
        "test accuracy {accuracy:.2} %, written to {}",
        out.display()
    ))
}

/// Values from 0 to 1, and labels.
fn loaded(images: &Images) -> (Vec<f32>, Vec<usize>) {
    let values = images.pixels.iter().map(|&p| p as f32 / 255.0).collect();
    (values, images.labels.iter().map(|&l| l as usize).collect())
}
