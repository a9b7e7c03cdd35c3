//! Sends a Burn training run to `layerscope serve`: numbers, arrays, and what every layer does.
//!
//! In: modules, gradients, tensors. Out: records over HTTP, by the protocol and the tags of
//! `docs/serve.md`. Sending happens on a thread of its own; training waits only when 10,000 records do.

mod layers;
mod send;

use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{SystemTime, UNIX_EPOCH};

use burn::tensor::{Tensor, backend::Backend};
use serde_json::{Value, json};

pub use layers::Before;

/// Records that may wait.
const WAITING: usize = 10_000;
const BUCKETS: usize = 64;

/// A training run.
pub struct Run {
    records: SyncSender<Value>,
    thread: JoinHandle<u64>,
}

impl Run {
    /// Opens run `name` at the server that `LAYERSCOPE_URL` and `LAYERSCOPE_TOKEN` name.
    pub fn open(name: &str) -> Result<Self, String> {
        let of = |name: &str| {
            std::env::var(name).map_err(|_| format!("{name} is expected: layerscope serve prints it"))
        };
        let (url, token) = (of("LAYERSCOPE_URL")?, of("LAYERSCOPE_TOKEN")?);
        let (records, waiting) = sync_channel(WAITING);
        let mut sender = send::Sender::new(&url, &token, name)?;
        let thread = std::thread::Builder::new()
            .name("layerscope".into())
            .spawn(move || sender.work(waiting))
            .map_err(|e| e.to_string())?;
        Ok(Run { records, thread })
    }

    fn put(&self, record: Value) {
        // The thread ends only after this sender.
        let _ = self.records.send(record);
    }

    /// Numbers by tag at a step.
    pub fn log(&self, step: i64, values: &[(&str, f64)]) {
        for (tag, value) in values {
            self.put(json!({"scalar": tag, "step": step, "wall": now(), "value": number(*value)}));
        }
    }

    /// Hyperparameters: an object of numbers, texts and truth values.
    pub fn config(&self, settings: Value) {
        self.put(json!({"hyperparameters": settings}));
    }

    /// Something that happened; `kind` is intervention, checkpoint, restart or problem.
    pub fn mark(&self, step: i64, kind: &str, text: &str) {
        self.put(json!({"mark": text, "kind": kind, "step": step, "wall": now()}));
    }

    /// The distribution of the finite ones of `values`, in 64 equal buckets.
    pub fn histogram(&self, tag: &str, step: i64, values: &[f32]) {
        let mut record = histogram(values);
        record["histogram"] = json!(tag);
        record["step"] = json!(step);
        record["wall"] = json!(now());
        self.put(record);
    }

    /// A whole array; `kind` is weights, gradients, activations or embedding.
    pub fn tensor<B: Backend, const D: usize>(
        &self,
        kind: &str,
        tag: &str,
        step: i64,
        tensor: &Tensor<B, D>,
    ) {
        let values: Vec<Value> = values(tensor).into_iter().map(|v| number(v as f64)).collect();
        let shape: [usize; D] = tensor.dims();
        self.put(json!({
            "tensor": tag, "kind": kind, "step": step, "wall": now(), "shape": shape.as_slice(), "data": values,
        }));
    }

    /// Mean, standard deviation, share of zeros and distribution of a layer's output.
    pub fn activations<B: Backend, const D: usize>(&self, layer: &str, step: i64, output: &Tensor<B, D>) {
        let values = values(output);
        let count = values.len().max(1) as f64;
        let mean = values.iter().map(|&v| v as f64).sum::<f64>() / count;
        let variance = values.iter().map(|&v| (v as f64 - mean).powi(2)).sum::<f64>() / count;
        let zeros = values.iter().filter(|&&v| v == 0.0).count() as f64 / count;
        let tag = |what: &str| format!("activations/{layer}/{what}");
        self.log(
            step,
            &[
                (&tag("mean"), mean),
                (&tag("std"), variance.sqrt()),
                (&tag("zeros"), zeros),
            ],
        );
        self.histogram(&format!("activations/{layer}"), step, &values);
    }

    /// Sends what is left; returns how many records were lost, which is said on standard error too.
    pub fn close(self) -> u64 {
        drop(self.records);
        self.thread.join().unwrap_or(u64::MAX)
    }
}

fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0.0, |d| d.as_secs_f64())
}

/// JSON has no NaN and no infinities.
fn number(value: f64) -> Value {
    match value {
        v if v.is_finite() => json!(v),
        v if v.is_nan() => json!("NaN"),
        v if v > 0.0 => json!("Infinity"),
        _ => json!("-Infinity"),
    }
}

/// The elements of a tensor as float32.
fn values<B: Backend, const D: usize>(tensor: &Tensor<B, D>) -> Vec<f32> {
    tensor.to_data().iter::<f32>().collect()
}

fn histogram(values: &[f32]) -> Value {
    let finite: Vec<f64> = values
        .iter()
        .map(|&v| v as f64)
        .filter(|v| v.is_finite())
        .collect();
    let low = finite.iter().copied().fold(f64::INFINITY, f64::min);
    let high = finite.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if finite.is_empty() {
        return json!({"min": "NaN", "max": "NaN", "count": 0, "sum": 0, "squares": 0, "buckets": []});
    }
    let width = (high - low) / BUCKETS as f64;
    let mut counts = vec![0u64; if width > 0.0 { BUCKETS } else { 1 }];
    let last = counts.len() - 1;
    for v in &finite {
        let i = if width > 0.0 {
            ((v - low) / width) as usize
        } else {
            0
        };
        counts[i.min(last)] += 1;
    }
    let edge = |i: usize| if i > last { high } else { low + i as f64 * width };
    let buckets: Vec<Value> = counts
        .iter()
        .enumerate()
        .map(|(i, n)| json!([edge(i), edge(i + 1), n]))
        .collect();
    json!({
        "min": low, "max": high, "count": finite.len(), "sum": finite.iter().sum::<f64>(),
        "squares": finite.iter().map(|v| v * v).sum::<f64>(), "buckets": buckets,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_finite_value_is_counted_once() {
        let h = histogram(&[1.0, 2.0, f32::NAN, 5.0, f32::INFINITY]);
        assert_eq!(
            (&h["min"], &h["max"], &h["count"], &h["sum"], &h["squares"]),
            (&json!(1.0), &json!(5.0), &json!(3), &json!(8.0), &json!(30.0))
        );
        let counts: u64 = h["buckets"]
            .as_array()
            .unwrap()
            .iter()
            .map(|b| b[2].as_u64().unwrap())
            .sum();
        assert_eq!((counts, h["buckets"].as_array().unwrap().len()), (3, 64));
        assert_eq!(histogram(&[2.0, 2.0])["buckets"], json!([[2.0, 2.0, 2]]));
        assert_eq!(histogram(&[])["count"], 0);
        assert_eq!(
            [number(f64::NAN), number(f64::NEG_INFINITY)],
            [json!("NaN"), json!("-Infinity")]
        );
    }
}
