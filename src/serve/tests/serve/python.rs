//! The Python client, by its own tests and by its examples, which train real models.

use std::path::{Path, PathBuf};
use std::process::Command;

use model::Run;
use serde::Deserialize;
use serve::Limits;

use crate::start;

fn integrations() -> PathBuf {
    let room = Path::new(env!("CARGO_MANIFEST_DIR"));
    room.join("../../integrations/python").canonicalize().unwrap()
}

/// The first of the Pythons at hand that has a module: that of the references, then the system's.
fn python(module: &str) -> Option<String> {
    let named = std::env::var("LAYERSCOPE_PYTHON").ok();
    let all = named
        .into_iter()
        .chain(["/usr/bin/python3".into(), "python3".into()]);
    all.into_iter().find(|python| {
        // Keras looks for TensorFlow unless it is told.
        let import = Command::new(python)
            .args(["-c", &format!("import {module}")])
            .env("KERAS_BACKEND", "jax")
            .output();
        import.is_ok_and(|o| o.status.success())
    })
}

/// Where scikit-learn has its digits, in whichever Python has it.
pub(crate) fn digits() -> Option<String> {
    let python = python("sklearn")?;
    let find = "import os, sklearn; print(os.path.join(os.path.dirname(sklearn.__file__), 'datasets', 'data', 'digits.csv.gz'))";
    let output = Command::new(python).args(["-c", find]).output().ok()?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_string())
}

#[test]
fn the_client_passes_its_own_tests() {
    let Some(python) = python("unittest") else {
        println!("no Python: the client's tests were not run");
        return;
    };
    let output = Command::new(python)
        .args(["-m", "unittest", "-v", "test_client"])
        .current_dir(integrations().join("tests"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("Ran 1"), "{text}");
}

/// What an example prints at its end.
#[derive(Deserialize)]
pub(crate) struct Printed {
    losses: Vec<f64>,
    accuracy: Vec<f64>,
    /// Norm of a layer's weights by step.
    norms: std::collections::BTreeMap<String, f64>,
}

/// Runs an example against a server; returns what it printed and what was stored.
fn example(file: &str, modules: &str, every: u32) -> Option<(Printed, Run)> {
    let (Some(python), Some(digits)) = (python(modules), digits()) else {
        println!("{modules} or scikit-learn is not installed: {file} was not run");
        return None;
    };
    let here = start(Limits::default());
    let output = Command::new(&python)
        .args([file, "--every", &every.to_string(), "--name", "examples/digits"])
        .current_dir(integrations().join("examples"))
        .env("PYTHONPATH", integrations())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("LAYERSCOPE_URL", &here.handle().url)
        .env("LAYERSCOPE_TOKEN", &here.handle().token)
        .env("LAYERSCOPE_DIGITS", digits)
        .output()
        .unwrap();
    let (text, errors) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(
        output.status.success() && !errors.contains("layerscope:"),
        "{file}: {text}{errors}"
    );
    let last = text.lines().last().unwrap_or_default();
    let printed = serde_json::from_str(last).unwrap_or_else(|e| panic!("{e}: {text}{errors}"));
    let mut runs = here.runs();
    assert_eq!((runs.len(), &*runs[0].name), (1, "examples/digits"));
    println!("{file} ran in {python}");
    Some((printed, runs.remove(0)))
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-5 * b.abs()
}

/// Checks what all examples share: the losses printed are those stored, training worked, each layer
/// has its statistics, and they agree with each other and with the norms printed.
pub(crate) fn check(
    printed: &Printed,
    run: &Run,
    loss: &str,
    normed: &str,
    layers: &[&str],
    activations: &[&str],
    every: i64,
) {
    let values = |tag: &str| -> Vec<f64> {
        let series = run
            .series
            .get(tag)
            .unwrap_or_else(|| panic!("{tag} is missing: {:?}", run.series.keys()));
        series.points().map(|p| p.value).collect()
    };
    let stored = values(loss);
    assert_eq!(stored.len(), printed.losses.len());
    assert!(
        stored.iter().zip(&printed.losses).all(|(&a, &b)| close(a, b)),
        "{stored:?}"
    );
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
    let end = stored.len().div_ceil(5);
    assert!(
        mean(&stored[stored.len() - end..]) < 0.4 * mean(&stored[..end]),
        "the loss falls: {stored:?}"
    );
    assert!(
        printed.accuracy.last().is_some_and(|&a| a > 0.85),
        "{:?}",
        printed.accuracy
    );
    for layer in layers {
        for tag in [
            format!("weights/{layer}/norm"),
            format!("gradients/{layer}/norm"),
            format!("updates/{layer}/ratio"),
        ] {
            let series = values(&tag);
            assert!(
                series.len() > 3 && series.iter().all(|&v| v.is_finite() && v > 0.0),
                "{tag}: {series:?}"
            );
            let steps = run.series[&tag].points().map(|p| p.step);
            assert!(steps.zip(0..).all(|(step, i)| step == i * every), "{tag}");
        }
        for kind in ["weights", "gradients"] {
            let tag = format!("{kind}/{layer}");
            let norms = values(&format!("{tag}/norm"));
            // Both come from the same values: the sum of squares is the norm's square.
            for (at, norm) in run.histograms[&tag].iter().zip(norms) {
                let h = &at.value;
                assert!(
                    (h.squares.sqrt() - norm).abs() <= 1e-3 * norm,
                    "{tag}: {} {norm}",
                    h.squares
                );
                let counted: f64 = h.buckets.iter().map(|b| b.count).sum();
                assert_eq!(counted, h.count, "{tag}");
            }
        }
        let small = values(&format!("updates/{layer}/ratio"));
        assert!(small.iter().all(|&r| r < 0.5), "{layer}: {small:?}");
    }
    for layer in activations {
        let zeros = values(&format!("activations/{layer}/zeros"));
        let (mean, std) = (
            values(&format!("activations/{layer}/mean")),
            values(&format!("activations/{layer}/std")),
        );
        let histograms = &run.histograms[&format!("activations/{layer}")];
        assert!(
            zeros.len() > 3 && zeros.iter().all(|z| (0.0..=1.0).contains(z)),
            "{layer}: {zeros:?}"
        );
        for (i, at) in histograms.iter().enumerate() {
            let h = &at.value;
            assert!((h.sum / h.count - mean[i]).abs() < 1e-4, "{layer}");
            let variance = h.squares / h.count - mean[i] * mean[i];
            assert!((variance.max(0.0).sqrt() - std[i]).abs() < 1e-3, "{layer}");
        }
    }
    let stored = &run.series[&format!("weights/{normed}/norm")];
    for (step, norm) in &printed.norms {
        let step: i64 = step.parse().unwrap();
        let point = stored.points().find(|p| p.step == step).unwrap();
        assert!(
            close(point.value, *norm),
            "step {step}: {} stored, {norm} printed",
            point.value
        );
    }
    assert!(!printed.norms.is_empty() && !run.hyperparameters.is_empty() && !run.tensors.is_empty());
}

#[test]
fn pytorch_trains_and_is_seen() {
    let Some((printed, run)) = example("pytorch.py", "torch", 20) else {
        return;
    };
    let layers = ["conv", "head/0", "head/2"];
    let activations = ["conv", "relu1", "pool", "flat", "head/0", "head/1", "head/2"];
    check(&printed, &run, "loss/train", "head/0", &layers, &activations, 20);
    let zeros = |layer: &str| {
        run.series[&format!("activations/{layer}/zeros")]
            .points()
            .map(|p| p.value)
    };
    // The ReLU after it works in place and must not be taken for it.
    assert!(zeros("conv").all(|z| z < 0.1) && zeros("relu1").all(|z| z > 0.2));
    assert_eq!(run.tensors["weights/head/2"][0].value.shape, [10, 64]);
    assert_eq!(run.marks.len(), 4, "{:?}", run.marks);
}

#[test]
fn keras_on_jax_trains_and_is_seen() {
    let Some((printed, run)) = example("keras_jax.py", "keras, jax", 20) else {
        return;
    };
    let layers = ["hidden", "second", "logits"];
    check(&printed, &run, "loss/train", "hidden", &layers, &layers, 20);
    assert_eq!(run.series["loss/batch"].len(), 6 * 23);
    let validation: Vec<f64> = run.series["accuracy/validation"]
        .points()
        .map(|p| p.value)
        .collect();
    assert!(
        validation
            .iter()
            .zip(&printed.accuracy)
            .all(|(&a, &b)| close(a, b))
    );
}

#[test]
fn jax_trains_and_is_seen() {
    let Some((printed, run)) = example("jax_mlp.py", "jax", 20) else {
        return;
    };
    let layers = ["dense0", "dense1", "dense2"];
    check(&printed, &run, "loss/train", "dense0", &layers, &layers, 20);
    let zeros = |layer: &str| {
        run.series[&format!("activations/{layer}/zeros")]
            .points()
            .map(|p| p.value)
    };
    assert!(zeros("dense0").all(|z| z > 0.2) && zeros("dense2").all(|z| z < 0.01));
}
