//! What a step does to each layer: a module's path with `/`, its own parameters together.

use std::collections::BTreeMap;

use burn::module::{AutodiffModule, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Tensor, backend::AutodiffBackend};

use crate::{Run, values};

type Layers = BTreeMap<String, Vec<f32>>;

/// Weights and gradients before a step.
pub struct Before {
    weights: Layers,
    gradients: Layers,
}

impl Before {
    /// Copies them to the host: made before the optimizer takes both.
    pub fn new<B: AutodiffBackend, M: AutodiffModule<B>>(model: &M, gradients: &GradientsParams) -> Self {
        let mut visit = Visit {
            path: Vec::new(),
            of: Some(gradients),
            weights: Layers::new(),
            gradients: Layers::new(),
        };
        model.visit(&mut visit);
        Before {
            weights: visit.weights,
            gradients: visit.gradients,
        }
    }

    /// L2 norm of a layer's weights.
    pub fn norm(&self, layer: &str) -> Option<f64> {
        self.weights.get(layer).map(|w| norm(w))
    }
}

impl Run {
    /// Norms of weights and gradients, update ratios and distributions of every layer at a step, after
    /// which the model is `after`.
    pub fn layers<B: AutodiffBackend, M: AutodiffModule<B>>(&self, step: i64, before: &Before, after: &M) {
        let mut visit = Visit {
            path: Vec::new(),
            of: None,
            weights: Layers::new(),
            gradients: Layers::new(),
        };
        after.visit(&mut visit);
        for (layer, old) in &before.weights {
            let size = norm(old);
            self.log(step, &[(&format!("weights/{layer}/norm"), size)]);
            self.histogram(&format!("weights/{layer}"), step, old);
            if let Some(new) = visit.weights.get(layer) {
                let change: Vec<f32> = new.iter().zip(old).map(|(a, b)| a - b).collect();
                self.log(step, &[(&format!("updates/{layer}/ratio"), norm(&change) / size)]);
            }
        }
        for (layer, gradients) in &before.gradients {
            self.log(step, &[(&format!("gradients/{layer}/norm"), norm(gradients))]);
            self.histogram(&format!("gradients/{layer}"), step, gradients);
        }
    }
}

fn norm(values: &[f32]) -> f64 {
    values.iter().map(|&v| v as f64 * v as f64).sum::<f64>().sqrt()
}

struct Visit<'a> {
    path: Vec<String>,
    of: Option<&'a GradientsParams>,
    weights: Layers,
    gradients: Layers,
}

impl<B: AutodiffBackend> ModuleVisitor<B> for Visit<'_> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_string());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        // The last part is the parameter's own name.
        let (_, module) = self.path.split_last().unzip();
        let layer = module
            .filter(|m| !m.is_empty())
            .map_or("model".to_string(), |m| m.join("/"));
        let gradient = self.of.and_then(|g| g.get::<B::InnerBackend, D>(param.id));
        let weights = self.weights.entry(layer.clone()).or_default();
        weights.extend(values(&param.val().inner()));
        if let Some(gradient) = gradient {
            self.gradients.entry(layer).or_default().extend(values(&gradient));
        }
    }
}
