//! Layers that run graphs of their own: branches, loops, scans and maps over sequences.

use std::sync::atomic::Ordering;

use burn_backend::Backend;
use model::{Dim, GraphId, Layer, Network, Op, TensorData, TensorId};

use crate::derivative::derivatives;
use crate::frame::Frame;
use crate::ops::attributes::Attrs;
use crate::ops::shape::{join, take, with_shape};
use crate::run::RunError;
use crate::value::{Ints, Value, axis as resolve, dims, float};

/// Rounds that a loop may take, whatever number it states: exporters state the largest integer for
/// loops that end by their condition.
const ROUNDS: i64 = 1 << 20;

const GRADIENT: &str = "ai.onnx.preview.training.Gradient";

/// What stops such a layer: something inside it, or a fault of its own.
pub(crate) enum ControlError {
    Run(RunError),
    Own(String),
}

impl From<String> for ControlError {
    fn from(problem: String) -> Self {
        ControlError::Own(problem)
    }
}

impl From<&str> for ControlError {
    fn from(problem: &str) -> Self {
        ControlError::Own(problem.to_string())
    }
}

pub(crate) type Made<B> = Result<Vec<Value<B>>, ControlError>;

/// One layer with its inputs.
pub(crate) struct Site<'a, B: Backend> {
    pub(crate) network: &'a Network,
    pub(crate) layer: &'a Layer,
    pub(crate) inputs: &'a [Option<Value<B>>],
    pub(crate) hosts: &'a [Option<Vec<f32>>],
    pub(crate) opset: i64,
}

impl<B: Backend> Site<'_, B> {
    pub(crate) fn subgraph(&self, name: &str) -> Result<GraphId, String> {
        let found = self.layer.subgraphs.iter().find(|(n, _)| n == name);
        found.map(|(_, g)| *g).ok_or_else(|| format!("it has no {name}"))
    }

    pub(crate) fn given(&self, i: usize) -> Option<&Value<B>> {
        self.inputs.get(i)?.as_ref()
    }

    /// Whether input `i` is true; `None` where it is left out.
    fn truth(&self, i: usize) -> Result<Option<bool>, String> {
        let first = match self.given(i) {
            None => return Ok(None),
            Some(Value::Int(ints)) => ints.data.first().map(|&v| v != 0),
            Some(_) => {
                let host = self.hosts.get(i).and_then(Option::as_ref);
                host.and_then(|h| h.first()).map(|&v| v != 0.0)
            }
        };
        first
            .map(Some)
            .ok_or_else(|| "the condition is empty".to_string())
    }
}

/// True for layers that run graphs of their own.
pub(crate) fn controls(layer: &Layer) -> bool {
    matches!(
        layer.op,
        Op::If | Op::Loop | Op::Scan { .. } | Op::FlexAttention { .. }
    ) || matches!(layer.kind.as_str(), "SequenceMap" | GRADIENT)
}

/// Cell `at` of `axis`, which goes.
fn cell<B: Backend>(x: &Value<B>, axis: usize, at: usize, device: &B::Device) -> Result<Value<B>, String> {
    let mut shape = x.shape();
    if axis >= shape.len() {
        return Err(format!("axis {axis} of {shape:?}"));
    }
    shape.remove(axis);
    with_shape(&take(x, axis, &[at], device), shape)
}

/// Values of one shape along a new axis.
fn stack<B: Backend>(values: &[Value<B>], axis: i64, device: &B::Device) -> Result<Value<B>, String> {
    let first = values.first().ok_or("there is nothing to stack")?.shape();
    let axis = resolve(axis, first.len() + 1)?;
    let raised = values.iter().map(|v| {
        let mut shape = v.shape();
        shape.insert(axis.min(shape.len()), 1);
        with_shape(v, shape)
    });
    join(&raised.collect::<Result<Vec<_>, _>>()?, axis as i64, device)
}

impl<B: Backend> Frame<'_, B> {
    /// Runs a layer that [`controls`] says yes to.
    pub(crate) async fn control(&mut self, site: &Site<'_, B>) -> Made<B> {
        match &site.layer.op {
            Op::If => self.branch(site).await,
            Op::Loop => self.rounds(site).await,
            Op::FlexAttention { scale } => self.flex_attention(site, *scale).await,
            Op::Scan { num_scan_inputs } if site.opset < 9 => self.batched_scan(site, *num_scan_inputs).await,
            Op::Scan { num_scan_inputs } => {
                let attrs = Attrs(&site.layer.attributes);
                let list = |name| Ok::<_, String>(attrs.ints(name)?.unwrap_or_default().to_vec());
                let plan = Plan {
                    scanned: count(*num_scan_inputs, site.inputs.len())?,
                    input_axes: list("scan_input_axes")?,
                    input_directions: list("scan_input_directions")?,
                    output_axes: list("scan_output_axes")?,
                    output_directions: list("scan_output_directions")?,
                };
                let inputs = site.inputs.iter().cloned().collect::<Option<Vec<_>>>();
                let inputs = inputs.ok_or("an input is missing")?;
                self.scan(site, &inputs, &plan).await
            }
            _ if site.layer.kind == GRADIENT => Ok(self.gradient(site)?),
            _ => self.map(site).await,
        }
    }

    fn gradient(&self, site: &Site<'_, B>) -> Result<Vec<Value<B>>, String> {
        let mut given = Vec::with_capacity(site.inputs.len());
        for (input, host) in site.inputs.iter().zip(site.hosts) {
            let (Some(Value::Float(t)), Some(host)) = (input, host) else {
                return Err("floats are expected".into());
            };
            let shape: Vec<u64> = dims::<B>(t).iter().map(|&d| d as u64).collect();
            given.push(TensorData::from_f32(&shape, host));
        }
        let shapes: Vec<Vec<usize>> = site.inputs.iter().flatten().map(Value::shape).collect();
        let found = derivatives(site.network, site.layer, given, self.options)?;
        let upload = |(values, shape): (_, &Vec<usize>)| {
            Value::Float(float::<B>(values, shape, &self.executor.device))
        };
        Ok(found.into_iter().zip(&shapes).map(upload).collect())
    }

    /// Runs a subgraph on `inputs` and gives its outputs.
    pub(crate) async fn body(&mut self, network: &Network, graph: GraphId, inputs: Vec<Value<B>>) -> Made<B> {
        let inner = network.graph(graph);
        if inner.inputs.len() < inputs.len() {
            let (takes, given) = (inner.inputs.len(), inputs.len());
            return Err(format!("its graph takes {takes} inputs, {given} are given").into());
        }
        for (&id, value) in inner.inputs.iter().zip(inputs) {
            self.keep(id, value);
        }
        self.graph(graph).await.map_err(ControlError::Run)?;
        let values = inner.outputs.iter().map(|&t| {
            let missing = || format!("its graph leaves {:?} without a value", network.tensor(t).name);
            self.value(t).ok_or_else(missing)
        });
        Ok(values.collect::<Result<_, _>>()?)
    }

    async fn branch(&mut self, site: &Site<'_, B>) -> Made<B> {
        let taken = site.truth(0)?.ok_or("the condition is missing")?;
        let name = if taken { "then_branch" } else { "else_branch" };
        let graph = site.subgraph(name)?;
        self.body(site.network, graph, Vec::new()).await
    }

    async fn rounds(&mut self, site: &Site<'_, B>) -> Made<B> {
        let graph = site.subgraph("body")?;
        let limit = match site.given(0) {
            None | Some(Value::Optional(None)) => None,
            Some(Value::Int(ints)) => {
                let first = ints.data.first().copied();
                Some(first.ok_or("the number of rounds is empty")?)
            }
            Some(other) => return Err(other.unexpected("a number of rounds is").into()),
        };
        let mut going = site.truth(1)?.unwrap_or(true);
        let states = site.inputs.get(2..).unwrap_or_default().iter().cloned();
        let mut states: Vec<Value<B>> = states
            .collect::<Option<_>>()
            .ok_or("an initial value is missing")?;
        let outputs = &site.network.graph(graph).outputs;
        let scanned = (outputs.len().checked_sub(1 + states.len())).ok_or("its graph has too few outputs")?;
        let mut rows: Vec<Vec<Value<B>>> = vec![Vec::new(); scanned];
        let (mut round, mut bytes) = (0i64, 0u64);
        while going && limit.is_none_or(|limit| round < limit) {
            if self.options.cancel.load(Ordering::Relaxed) {
                return Err(ControlError::Run(RunError::Cancelled));
            }
            if round >= ROUNDS {
                return Err(format!("it did not end within {ROUNDS} rounds").into());
            }
            let condition = Ints::new(vec![], vec![1]).typed(model::DType::Bool);
            let mut given = vec![Value::Int(Ints::new(vec![], vec![round])), Value::Int(condition)];
            given.append(&mut states);
            let mut made = self.body(site.network, graph, given).await?.into_iter();
            going = match made.next() {
                Some(Value::Int(ints)) => ints.data.first().is_some_and(|&v| v != 0),
                _ => return Err("its graph gives no condition".into()),
            };
            let kept = outputs.len() - 1 - scanned;
            states = made.by_ref().take(kept).collect();
            for (row, value) in rows.iter_mut().zip(made) {
                bytes += value.bytes();
                row.push(value);
            }
            if bytes > self.options.budget {
                return Err(format!("its outputs take more than {} bytes", self.options.budget).into());
            }
            round += 1;
        }
        for (row, &output) in rows.into_iter().zip(&outputs[outputs.len() - scanned..]) {
            states.push(match row.is_empty() {
                true => self.nothing(site.network, output),
                false => stack(&row, 0, &self.executor.device)?,
            });
        }
        Ok(states)
    }

    /// No rows of what `output` would have been.
    fn nothing(&self, network: &Network, output: TensorId) -> Value<B> {
        let spec = &network.tensor(output).spec;
        let dims = spec.dims().unwrap_or_default();
        let sizes = dims.iter().map(|d| Dim::known(d).unwrap_or(0) as usize);
        let shape: Vec<usize> = [0].into_iter().chain(sizes).collect();
        if spec.dtype.is_integer() || spec.dtype == model::DType::Bool {
            return Value::Int(Ints::new(shape, Vec::new()).typed(spec.dtype));
        }
        Value::Float(float::<B>(Vec::new(), &shape, &self.executor.device))
    }

    async fn scan(&mut self, site: &Site<'_, B>, inputs: &[Value<B>], plan: &Plan) -> Made<B> {
        let graph = site.subgraph("body")?;
        let (initial, scanned) = inputs.split_at(inputs.len() - plan.scanned);
        let mut states = initial.to_vec();
        let mut axes = Vec::with_capacity(scanned.len());
        let mut steps = None;
        for (i, x) in scanned.iter().enumerate() {
            let shape = x.shape();
            let axis = resolve(plan.input_axes.get(i).copied().unwrap_or(0), shape.len())?;
            let size = *shape.get(axis).ok_or("a scanned value has no axis")?;
            if *steps.get_or_insert(size) != size {
                return Err(format!("scanned lengths {steps:?} and {size}").into());
            }
            axes.push(axis);
        }
        let steps = steps.ok_or("nothing is scanned")?;
        let outputs = &site.network.graph(graph).outputs;
        let made = (outputs.len().checked_sub(states.len())).ok_or("its graph has too few outputs")?;
        let kept = states.len();
        let mut rows: Vec<Vec<Value<B>>> = vec![Vec::new(); made];
        for step in 0..steps {
            for (i, x) in scanned.iter().enumerate() {
                let back = plan.input_directions.get(i) == Some(&1);
                let at = if back { steps - 1 - step } else { step };
                states.push(cell(x, axes[i], at, &self.executor.device)?);
            }
            let given = std::mem::take(&mut states);
            let mut all = self.body(site.network, graph, given).await?.into_iter();
            states = all.by_ref().take(kept).collect();
            rows.iter_mut().zip(all).for_each(|(row, value)| row.push(value));
        }
        for (i, mut row) in rows.into_iter().enumerate() {
            if plan.output_directions.get(i) == Some(&1) {
                row.reverse();
            }
            let axis = plan.output_axes.get(i).copied().unwrap_or(0);
            states.push(match row.is_empty() {
                true => self.nothing(site.network, outputs[kept + i]),
                false => stack(&row, axis, &self.executor.device)?,
            });
        }
        Ok(states)
    }

    /// Opset 8: the first input counts the steps of each sample, and axis 0 is the batch everywhere.
    async fn batched_scan(&mut self, site: &Site<'_, B>, scanned: i64) -> Made<B> {
        let lengths = match site.given(0) {
            Some(Value::Int(ints)) => Some(ints.data.to_vec()),
            _ => None,
        };
        let inputs = site.inputs.get(1..).unwrap_or_default().iter().cloned();
        let inputs: Vec<Value<B>> = inputs.collect::<Option<_>>().ok_or("an input is missing")?;
        let scanned = count(scanned, inputs.len())?;
        let directions = Attrs(&site.layer.attributes).ints("directions")?;
        let plan = Plan {
            scanned,
            input_directions: directions.unwrap_or_default().to_vec(),
            ..Plan::default()
        };
        let device = self.executor.device.clone();
        let batch = inputs.iter().map(|x| x.shape().first().copied()).min().flatten();
        let batch = batch.ok_or("there is no batch axis")?;
        let mut rows: Vec<Vec<Value<B>>> = Vec::new();
        for b in 0..batch {
            let cells = inputs.iter().map(|x| cell(x, 0, b, &device));
            let mut own = cells.collect::<Result<Vec<_>, _>>()?;
            let steps = lengths.as_ref().and_then(|l| l.get(b)).copied();
            let first = own.len() - scanned;
            if let Some(steps) = steps {
                for x in &mut own[first..] {
                    let shape = x.shape();
                    let places: Vec<usize> = (0..shape.first().copied().unwrap_or(0))
                        .take(steps.max(0) as usize)
                        .collect();
                    if !shape.is_empty() {
                        *x = take(x, 0, &places, &device);
                    }
                }
            }
            let made = self.scan(site, &own, &plan).await?;
            rows.resize(made.len(), Vec::new());
            rows.iter_mut().zip(made).for_each(|(row, value)| row.push(value));
        }
        Ok(rows
            .iter()
            .map(|row| stack(row, 0, &device))
            .collect::<Result<_, _>>()?)
    }

    /// `SequenceMap`: the body on each element of the first sequence.
    async fn map(&mut self, site: &Site<'_, B>) -> Made<B> {
        let graph = site.subgraph("body")?;
        let Some(Value::Sequence(first)) = site.given(0) else {
            return Err("a sequence is expected".into());
        };
        let count = site.network.graph(graph).outputs.len();
        let mut rows: Vec<Vec<Value<B>>> = vec![Vec::new(); count];
        for i in 0..first.len() {
            let one = |input: &Option<Value<B>>| match input {
                Some(Value::Sequence(values)) => {
                    let missing = || format!("a sequence of {} has no element {i}", values.len());
                    values.get(i).cloned().ok_or_else(missing)
                }
                Some(other) => Ok(other.clone()),
                None => Err("an input is missing".to_string()),
            };
            let given = site.inputs.iter().map(one).collect::<Result<Vec<_>, _>>()?;
            let made = self.body(site.network, graph, given).await?;
            rows.iter_mut().zip(made).for_each(|(row, value)| row.push(value));
        }
        Ok(rows.into_iter().map(Value::Sequence).collect())
    }
}

/// How a scan walks: empty lists mean axis 0 and forward.
#[derive(Default)]
struct Plan {
    scanned: usize,
    input_axes: Vec<i64>,
    input_directions: Vec<i64>,
    output_axes: Vec<i64>,
    output_directions: Vec<i64>,
}

fn count(scanned: i64, inputs: usize) -> Result<usize, String> {
    let count = usize::try_from(scanned).ok().filter(|&n| n <= inputs);
    count.ok_or_else(|| format!("{scanned} of {inputs} inputs are scanned"))
}
