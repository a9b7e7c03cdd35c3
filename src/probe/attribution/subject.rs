//! What is asked about: one example, one element of one tensor, and the network between both.

use std::collections::BTreeMap;
use std::sync::Arc;

use compute::{Array, Backprop, Device, Engine, Keep, Question, RunOptions, Turn};
use model::{HostValue, Layer, Network, TensorData, TensorId};

use super::target::{Scale, asked, cut, logits};
use super::{Picture, Target};
use crate::ProbeError;

/// Examples in a pass at most, and their elements together.
const MOST: usize = 32;
const ELEMENTS: usize = 1 << 21;
/// How far two copies of an example in one pass may be from it alone, of the largest output.
const ALIKE: f32 = 1e-3;

/// One example in a network, and what of the output is asked about.
pub struct Subject {
    network: Arc<Network>,
    input: TensorId,
    inputs: Vec<(String, TensorData)>,
    at: usize,
    example: Vec<f32>,
    picture: Picture,
    tensor: TensorId,
    shape: Vec<usize>,
    element: usize,
    outputs: Vec<f32>,
    kind: Scale,
    together: usize,
    device: Device,
    engine: Engine,
    backprop: Option<Backprop>,
    options: RunOptions,
}

impl Subject {
    /// Runs the example once. `inputs` are all inputs of `network` by name, with a batch of one; the
    /// first of floats is what is explained. Runs of many examples go in batches where the network
    /// can: where two copies together give what one gives alone. `options` say how to be stopped and
    /// to give way.
    ///
    /// # Errors
    /// [`ProbeError::Input`] without a float input, [`ProbeError::Element`] for an element that is not
    /// there, [`ProbeError::Tensor`] for a target that the main graph does not compute, and
    /// [`ProbeError::Run`] as for a pass.
    pub async fn open(
        network: &Arc<Network>,
        inputs: Vec<(String, TensorData)>,
        target: Target,
        device: &Device,
        options: &RunOptions,
    ) -> Result<Self, ProbeError> {
        let fail = |id: TensorId, problem: &str| ProbeError::Tensor {
            name: network.tensor(id).name.clone(),
            problem: problem.into(),
        };
        let tensor = target
            .tensor
            .or_else(|| logits(network))
            .ok_or_else(|| ProbeError::Tensor {
                name: network.name.clone(),
                problem: "the network has no output to ask about".into(),
            })?;
        let (at, input) = asked(network, &inputs)?;
        let data = &inputs[at].1;
        let example = data
            .to_f32()
            .ok_or_else(|| fail(input, "its values cannot be read"))?;
        let picture = Picture::of(&network.tensor(input).spec, &data.shape);
        if example.is_empty() {
            return Err(fail(input, "it is empty"));
        }
        let computed = network.tensor(tensor).producer.map(|l| network.layer(l).graph.0) == Some(0);
        if !computed {
            return Err(fail(tensor, "a tensor that the main graph computes is expected"));
        }
        let one = inputs.iter().all(|(_, d)| d.shape.len() > 1 && d.shape[0] == 1);
        let mut subject = Subject {
            network: Arc::new(cut(network, tensor, one)),
            input,
            at,
            picture,
            tensor,
            shape: Vec::new(),
            element: 0,
            outputs: Vec::new(),
            kind: Scale::Plain,
            together: 1,
            device: device.clone(),
            engine: Engine::new(device.clone()),
            backprop: None,
            options: RunOptions {
                keep: Keep::Outputs,
                ..options.clone()
            },
            example,
            inputs,
        };
        subject.look(target.element).await?;
        if one {
            subject.together = subject.batch().await;
        }
        Ok(subject)
    }

    /// Another example in the same network, whose weights stay where they are.
    ///
    /// # Errors
    /// [`ProbeError::Input`] for inputs of other names or shapes than before, and as [`Subject::open`];
    /// the example is then the one before.
    pub async fn show(
        &mut self,
        inputs: Vec<(String, TensorData)>,
        element: Option<usize>,
    ) -> Result<(), ProbeError> {
        let fail = |problem: String| ProbeError::Input {
            name: self.inputs[self.at].0.clone(),
            problem,
        };
        let same =
            |((a, x), (b, y)): (&(String, TensorData), &(String, TensorData))| a == b && x.shape == y.shape;
        if inputs.len() != self.inputs.len() || !inputs.iter().zip(&self.inputs).all(same) {
            return Err(fail(
                "inputs of the same names and shapes as before are expected".into(),
            ));
        }
        let example = inputs[self.at].1.to_f32();
        let example = example.ok_or_else(|| fail("its values cannot be read".into()))?;
        let before = (self.inputs.clone(), self.example.clone());
        (self.inputs, self.example) = (inputs, example);
        let seen = self.look(element).await;
        if seen.is_err() {
            (self.inputs, self.example) = before;
        }
        seen
    }

    /// Runs the example, and finds the element.
    async fn look(&mut self, element: Option<usize>) -> Result<(), ProbeError> {
        let (shape, outputs) = self.pass(&self.example.clone(), 1).await?;
        let largest = || {
            let best = outputs.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
            best.map_or(0, |(i, _)| i)
        };
        let element = element.unwrap_or_else(largest);
        if element >= outputs.len() {
            return Err(ProbeError::Element {
                name: self.network.tensor(self.tensor).name.clone(),
                element,
                elements: outputs.len(),
            });
        }
        self.kind = Scale::of(&self.network, self.tensor, &shape);
        (self.shape, self.outputs, self.element) = (shape, outputs, element);
        Ok(())
    }

    /// How many examples go in one pass.
    async fn batch(&mut self) -> usize {
        let two = self.example.repeat(2);
        let Ok((shape, found)) = self.pass(&two, 2).await else {
            return 1;
        };
        let alone = &self.outputs;
        let largest = alone.iter().fold(1e-12f32, |a, b| a.max(b.abs()));
        let near = |part: &[f32]| {
            part.iter()
                .zip(alone)
                .all(|(a, b)| (a - b).abs() <= ALIKE * largest)
        };
        let fits = shape.first() == Some(&2) && found.len() == 2 * alone.len();
        match fits && found.chunks(alone.len()).all(near) {
            true => (ELEMENTS / self.example.len().max(1)).clamp(1, MOST),
            false => 1,
        }
    }

    /// The layers between the inputs and the target, in the ids of the network that was given.
    pub fn network(&self) -> &Arc<Network> {
        &self.network
    }

    /// The input that is explained.
    pub fn input(&self) -> TensorId {
        self.input
    }

    /// All inputs.
    pub fn inputs(&self) -> &[(String, TensorData)] {
        &self.inputs
    }

    /// Values of the input that is explained, in its own order.
    pub fn example(&self) -> &[f32] {
        &self.example
    }

    /// How these are planes, rows and columns.
    pub fn picture(&self) -> &Picture {
        &self.picture
    }

    /// The tensor that is asked about.
    pub fn tensor(&self) -> TensorId {
        self.tensor
    }

    /// The element of it.
    pub fn element(&self) -> usize {
        self.element
    }

    /// Shape of that tensor for the one example.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The number that is explained.
    pub fn score(&self) -> f32 {
        self.outputs[self.element]
    }

    /// How many examples go in one pass.
    pub fn together(&self) -> usize {
        self.together
    }

    /// Where it runs.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// How passes are stopped and give way.
    pub fn options(&self) -> &RunOptions {
        &self.options
    }

    /// The probability of the chosen element where the target holds scores of classes (softmax) or one
    /// score (sigmoid), else the element itself. `outputs` is of one example.
    pub fn probability(&self, outputs: &[f32]) -> f32 {
        self.kind.probability(outputs, self.element)
    }

    /// What the target's tensor holds for each of `count` examples that stand one after another.
    ///
    /// # Errors
    /// [`ProbeError::Run`] as for a pass.
    pub async fn run(&mut self, examples: &[f32], count: usize) -> Result<Vec<Vec<f32>>, ProbeError> {
        let length = self.example.len();
        let mut all = Vec::with_capacity(count);
        for part in examples.chunks(length.max(1) * self.together) {
            let here = part.len() / length.max(1);
            let (_, found) = self.pass(part, here).await?;
            let each = self.outputs.len();
            if found.len() != each * here {
                return Err(ProbeError::Tensor {
                    name: self.network.tensor(self.tensor).name.clone(),
                    problem: format!("{} elements for {here} examples of {each}", found.len()),
                });
            }
            all.extend(found.chunks(each.max(1)).map(<[f32]>::to_vec));
        }
        Ok(all)
    }

    /// The gradient of the chosen element with respect to the input, for each of some examples; `turn`
    /// says what happens in each layer. One example after the other in the input's own order.
    ///
    /// # Errors
    /// [`ProbeError::Run`] as for [`Backprop::ask`].
    pub async fn gradients(
        &mut self,
        examples: &[f32],
        turn: &dyn Fn(&Layer) -> Turn,
    ) -> Result<Vec<f32>, ProbeError> {
        let input = self.input;
        let mut all = Vec::with_capacity(examples.len());
        for part in examples.chunks(self.example.len().max(1) * self.together) {
            let found = self.slopes(part, &[input], turn).await?;
            let gradient = found.into_values().next().map(|(_, gradient)| gradient);
            all.extend(gradient.unwrap_or_default());
        }
        Ok(all)
    }

    /// Values of the tensors `by` and their gradients, for examples that go in one pass.
    ///
    /// # Errors
    /// As [`Subject::gradients`].
    pub async fn slopes(
        &mut self,
        examples: &[f32],
        by: &[TensorId],
        turn: &dyn Fn(&Layer) -> Turn,
    ) -> Result<BTreeMap<TensorId, (Array, Vec<f32>)>, ProbeError> {
        let count = examples.len() / self.example.len().max(1);
        let inputs = self.given(examples, count);
        let mut backprop = match self.backprop.take() {
            Some(backprop) => backprop,
            None => Backprop::new(&self.network, &self.device)?,
        };
        let element = self.element;
        let mut weigh = |of: &[Array]| {
            let all = of.first().map_or(0, |a| a.values.len());
            let mut weights = vec![0f32; all];
            weights
                .chunks_mut((all / count.max(1)).max(1))
                .for_each(|one| one[element] = 1.0);
            Ok(vec![weights])
        };
        let question = Question {
            inputs: &inputs,
            of: &[self.tensor],
            weigh: &mut weigh,
            by,
            turn,
        };
        let answer = backprop.ask(question, &self.options).await;
        self.backprop = Some(backprop);
        Ok(answer?.by)
    }

    /// All inputs for `count` examples.
    fn given(&self, examples: &[f32], count: usize) -> Vec<(String, TensorData)> {
        let grown = |shape: &[u64]| {
            let mut shape = shape.to_vec();
            if count > 1 {
                shape[0] = count as u64;
            }
            shape
        };
        let one = |(i, (name, data)): (usize, &(String, TensorData))| {
            let data = match (i == self.at, count) {
                (true, _) => TensorData::from_f32(&grown(&data.shape), examples),
                (false, 1) => data.clone(),
                (false, _) => TensorData {
                    dtype: data.dtype,
                    shape: grown(&data.shape),
                    payload: model::Payload::Bytes(data.to_bytes().repeat(count).into()),
                },
            };
            (name.clone(), data)
        };
        self.inputs.iter().enumerate().map(one).collect()
    }

    /// Shape and values of the target's tensor for `count` examples in one pass.
    async fn pass(&mut self, examples: &[f32], count: usize) -> Result<(Vec<usize>, Vec<f32>), ProbeError> {
        let inputs = self.given(examples, count);
        let inputs: Vec<(String, HostValue)> = inputs
            .into_iter()
            .map(|(n, d)| (n, HostValue::Tensor(d)))
            .collect();
        let outputs = self
            .engine
            .evaluate(&self.network, &inputs, &self.options)
            .await?;
        let fail = |problem: &str| ProbeError::Tensor {
            name: self.network.tensor(self.tensor).name.clone(),
            problem: problem.into(),
        };
        let Some((_, HostValue::Tensor(data))) = outputs.into_iter().next() else {
            return Err(fail("a tensor is expected"));
        };
        if !data.dtype.is_float() {
            return Err(fail("floats are expected"));
        }
        let values = data.to_f32().ok_or_else(|| fail("floats are expected"))?;
        if values.is_empty() {
            return Err(fail("it is empty"));
        }
        Ok((data.shape.iter().map(|&d| d as usize).collect(), values))
    }
}
