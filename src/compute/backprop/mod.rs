//! Gradients of chosen tensors, asked again and again of one network, by the rule of differentiation or
//! by another one: what answers "which part of the input is it that the network looks at" and "what
//! would this unit like to see".
//!
//! Which rule a layer has is said by who asks; the machinery here only knows a few things that can
//! happen to a gradient on its way back ([`Turn`]).

mod apart;
mod turn;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use burn_autodiff::Autodiff;
use burn_backend::ops::FloatTensorOps;
use burn_backend::tensor::FloatTensor;
use burn_backend::{AutodiffBackend, FloatDType, Shape};
use model::op::Op;
use model::{Layer, LayerId, Network, TensorData, TensorId};

use crate::engine::{Device, Task};
use crate::patch::patched;
use crate::place::{Cpu, Place};
use crate::value::{dims, float, raise, read_async};
use crate::{Executor, Keep, RunError, RunOptions, Value};
use apart::apart;

pub use turn::Turn;

type Auto<P> = Autodiff<<P as Place>::Backend>;
type Float<P> = FloatTensor<Auto<P>>;

/// Weights of the elements of tensors, from their shapes and values: what is differentiated is the sum
/// of all elements by their weights, which count as constants.
pub type Weigh<'a> = dyn FnMut(&[Array]) -> Result<Vec<Vec<f32>>, String> + 'a;

/// Numbers on the host, row-major.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Array {
    /// Sizes of the axes.
    pub shape: Vec<usize>,
    /// The elements.
    pub values: Vec<f32>,
}

/// What is asked.
pub struct Question<'a> {
    /// Every input of the network by its name.
    pub inputs: &'a [(String, TensorData)],
    /// The tensors whose weighted sum is differentiated, of floats, computed in the main graph.
    pub of: &'a [TensorId],
    /// Gives each element of `of` its weight, in the order of `of`.
    pub weigh: &'a mut Weigh<'a>,
    /// The tensors that it is differentiated by: float inputs, or tensors of the main graph.
    pub by: &'a [TensorId],
    /// What happens on the way back through each layer of the main graph.
    pub turn: &'a dyn Fn(&Layer) -> Turn,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// Values of the tensors `of`.
    pub of: Vec<Array>,
    /// Of each tensor of `by`: its values, and the gradient, of the same shape.
    pub by: BTreeMap<TensorId, (Array, Vec<f32>)>,
}

/// A network on a device, ready to be differentiated any number of times.
pub struct Backprop {
    on: On,
}

enum On {
    Cpu(Box<Work<Cpu>>),
    Gpu(Box<Work<crate::Gpu>>),
}

struct Work<P: Place> {
    place: P,
    executor: Executor<Auto<P>>,
}

impl Backprop {
    /// Uploads the weights of `network`. An activation that is part of another layer becomes a layer of
    /// its own, whose [`Layer`] the question's `turn` is asked about.
    ///
    /// # Errors
    /// [`RunError`] as for a pass.
    pub fn new(network: &Arc<Network>, device: &Device) -> Result<Self, RunError> {
        let network = apart(network);
        let on = match device {
            Device::Cpu => On::Cpu(Box::new(Work::new(Cpu, network)?)),
            Device::Gpu(gpu) => On::Gpu(Box::new(Work::new(gpu.clone(), network)?)),
        };
        Ok(Backprop { on })
    }

    /// One pass forth and back. `options` say how to be told, stopped, and give way, and what is patched.
    ///
    /// # Errors
    /// [`RunError`] as for a pass; [`RunError::Layer`] names an operator without a gradient between
    /// `by` and `of`; [`RunError::Tensor`] where `of` is not of floats, the weights do not fit, or
    /// nothing of `of` depends on a tensor of `by`.
    pub fn ask<'a>(
        &'a mut self,
        question: Question<'a>,
        options: &'a RunOptions,
    ) -> Task<'a, Result<Answer, RunError>> {
        Box::pin(async move {
            match &mut self.on {
                On::Cpu(work) => work.ask(question, options).await,
                On::Gpu(work) => work.ask(question, options).await,
            }
        })
    }
}

/// What a pass leaves for the way back.
struct Seen<'a, P: Place> {
    network: &'a Network,
    turn: &'a dyn Fn(&Layer) -> Turn,
    /// The inputs of layers that are passed by.
    kept: HashMap<TensorId, Float<P>>,
    wanted: HashSet<TensorId>,
    /// Values, and the leaf whose gradient is the tensor's.
    by: BTreeMap<TensorId, (Float<P>, Float<P>)>,
    of: HashMap<TensorId, Option<Float<P>>>,
    /// Layers that stand before something wanted without a gradient.
    cut: Vec<(LayerId, TensorId)>,
    tracked: HashSet<TensorId>,
}

impl<P: Place> Work<P> {
    fn new(place: P, network: Arc<Network>) -> Result<Self, RunError> {
        let executor = Executor::within(network, place.device(), place.largest())?;
        Ok(Work { place, executor })
    }

    async fn ask(&mut self, question: Question<'_>, options: &RunOptions) -> Result<Answer, RunError> {
        let network = self.executor.network().clone();
        let device = self.place.device();
        let mut seen = Seen::<P> {
            network: &network,
            turn: question.turn,
            kept: HashMap::new(),
            wanted: question.by.iter().copied().collect(),
            by: BTreeMap::new(),
            of: question.of.iter().map(|&t| (t, None)).collect(),
            cut: Vec::new(),
            tracked: HashSet::new(),
        };
        let mut given = self.executor.inputs(question.inputs)?;
        for (&id, value) in &mut given {
            if let Value::Float(t) = value
                && seen.wanted.contains(&id)
            {
                *t = Auto::<P>::float_set_require_grad(t.clone(), true);
                seen.by.insert(id, (t.clone(), t.clone()));
                seen.tracked.insert(id);
            }
            if let Value::Float(t) = value {
                seen.kept.insert(id, t.clone());
            }
        }
        let options = RunOptions {
            keep: Keep::Outputs,
            unit_strides: P::UNIT_STRIDES,
            ..options.clone()
        };
        let mut tap =
            |id: TensorId, value: Value<Auto<P>>| match patched(&options.patches, id, value, &device) {
                Value::Float(t) => Value::Float(seen.take(id, t, &device)),
                other => {
                    seen.see(id, false);
                    other
                }
            };
        self.executor.run_tapped(given, &options, &mut tap).await?;
        let fail = |id: TensorId, problem: String| RunError::Tensor {
            name: network.tensor(id).name.clone(),
            problem,
        };
        let mut answer = Answer::default();
        let mut tensors = Vec::new();
        for &id in question.of {
            let tensor = seen.of.get(&id).cloned().flatten();
            let tensor = tensor.ok_or_else(|| fail(id, "a computed tensor of floats is expected".into()))?;
            let values = read_async::<P::Backend>(Auto::<P>::inner(tensor.clone())).await;
            answer.of.push(Array {
                shape: dims::<Auto<P>>(&tensor),
                values: values.map_err(|e| fail(id, e))?,
            });
            tensors.push(tensor);
        }
        let first = question.of.first().copied().unwrap_or(TensorId(0));
        let weights = (question.weigh)(&answer.of).map_err(|e| fail(first, e))?;
        let mut score: Option<Float<P>> = None;
        for ((id, tensor), weights) in question.of.iter().zip(tensors).zip(weights) {
            // The backward pass of a sum wants an axis.
            let tensor = raise::<Auto<P>>(tensor, 1);
            let shape = dims::<Auto<P>>(&tensor);
            let elements: usize = shape.iter().product();
            if weights.len() != elements {
                return Err(fail(
                    *id,
                    format!("{} weights for {elements} elements", weights.len()),
                ));
            }
            let weights = float::<Auto<P>>(weights, &shape, &device);
            let sum = Auto::<P>::float_sum(Auto::<P>::float_mul(tensor, weights));
            score = Some(match score {
                Some(before) => Auto::<P>::float_add(before, sum),
                None => sum,
            });
        }
        let Some(score) = score.filter(|s| s.is_tracked()) else {
            return Err(seen.missing(first, question.of));
        };
        let mut found = Auto::<P>::backward(score);
        for &id in question.by {
            let Some((values, leaf)) = seen.by.get(&id) else {
                return Err(fail(
                    id,
                    "a float tensor that the network computes or is given is expected".into(),
                ));
            };
            let gradient = Auto::<P>::grad_remove(leaf, &mut found);
            let gradient = gradient.ok_or_else(|| seen.missing(id, question.of))?;
            let shape = dims::<Auto<P>>(values);
            let values = read_async::<P::Backend>(Auto::<P>::inner(values.clone())).await;
            let gradient = read_async::<P::Backend>(gradient).await;
            let values = values.map_err(|e| fail(id, e))?;
            let gradient = gradient.map_err(|e| fail(id, e))?;
            answer.by.insert(id, (Array { shape, values }, gradient));
        }
        Ok(answer)
    }
}

impl<P: Place> Seen<'_, P> {
    /// Takes in a computed tensor, and gives what later layers read in its place.
    fn take(
        &mut self,
        id: TensorId,
        t: Float<P>,
        device: &<P::Backend as burn_backend::BackendTypes>::Device,
    ) -> Float<P> {
        let producer = self.network.tensor(id).producer;
        self.see(id, t.is_tracked());
        let mut t = match producer.map(|l| self.network.layer(l)) {
            Some(layer) => {
                let x = layer
                    .inputs
                    .first()
                    .copied()
                    .flatten()
                    .and_then(|x| self.kept.get(&x));
                (self.turn)(layer).apply::<P::Backend>(x, t)
            }
            None => t,
        };
        if self.wanted.contains(&id) {
            // Only leaves keep their gradient, so zeros are added, whose gradient is the same.
            let shape = Shape::from(dims::<Auto<P>>(&t));
            let zeros = Auto::<P>::float_zeros(shape, device, FloatDType::F32);
            let zeros = Auto::<P>::float_set_require_grad(zeros, true);
            let sum = Auto::<P>::float_add(t, zeros.clone());
            self.by.insert(id, (sum.clone(), zeros));
            self.tracked.insert(id);
            t = sum;
        }
        if let Some(place) = self.of.get_mut(&id) {
            *place = Some(t.clone());
        }
        self.kept.insert(id, t.clone());
        t
    }

    /// Takes in whether a computed tensor has a gradient.
    fn see(&mut self, id: TensorId, tracked: bool) {
        if tracked {
            self.tracked.insert(id);
            return;
        }
        let Some(layer) = self.network.tensor(id).producer else {
            return;
        };
        // A shape depends on no value.
        let shape = matches!(self.network.layer(layer).op, Op::Shape { .. } | Op::Size);
        let reads = self.network.dependencies(layer);
        if !shape && reads.iter().any(|t| self.tracked.contains(t)) {
            self.cut.push((layer, id));
        }
    }

    /// Why `id` has no gradient: the layer that cuts the way to `of`, or there is no way.
    fn missing(&self, id: TensorId, of: &[TensorId]) -> RunError {
        let (mut before, mut open) = (HashSet::new(), of.to_vec());
        while let Some(tensor) = open.pop() {
            if before.insert(tensor)
                && let Some(producer) = self.network.tensor(tensor).producer
            {
                open.extend(self.network.dependencies(producer));
            }
        }
        match self.cut.iter().find(|(_, t)| before.contains(t)) {
            Some((layer, _)) => RunError::Layer {
                layer: self.network.layer(*layer).name.clone(),
                op: self.network.layer(*layer).kind.clone(),
                problem: "this operator has no gradient, so that nothing is known of what comes before it"
                    .into(),
            },
            None => RunError::Tensor {
                name: self.network.tensor(id).name.clone(),
                problem: "what was asked about does not depend on it".into(),
            },
        }
    }
}
