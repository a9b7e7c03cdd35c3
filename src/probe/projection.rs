//! Filters of deep layers as the input sees them: what each channel's weights come to when they are followed
//! down to the input.
//!
//! Voss, Cammarata, Goh, Petrov, Schubert, Egan, Lim and Olah, "Visualizing Weights", Distill 2021, expanded
//! weights: with activations that let everything through and averages in place of maxima, all layers down to
//! the input are one linear function, whose weights are a picture. It tells what would excite the channel if
//! nothing on the way were cut off, not what does.

use std::sync::Arc;

use compute::{Array, Backprop, Device, Question, RunOptions, Turn};
use model::op::{Op, Unary};
use model::receptive::receptive_field;
use model::{Bindings, Dim, Network, TensorData, TensorId};
use web_time::Instant;

use crate::ProbeError;
use crate::attribution::Picture;
use crate::attribution::target::cut;
use crate::maximize::image_input;

/// Channels of one pass.
const TOGETHER: usize = 16;
/// Elements of the inputs of one pass at most.
const ELEMENTS: usize = 1 << 22;

/// What channels look for in the input.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Projected {
    /// Planes, rows and columns of one: those that the channel's middle place depends on.
    pub shape: [usize; 3],
    /// First row and column of the input that belong to it.
    pub at: [usize; 2],
    /// Of each channel that is known so far, `[planes, rows, columns]`: by how much its middle place rises
    /// with each cell of the input.
    pub filters: Vec<Arc<[f32]>>,
    /// Channels in all.
    pub channels: usize,
}

/// Finds them, some channels at a time.
pub struct Projection {
    network: Arc<Network>,
    backprop: Backprop,
    options: RunOptions,
    tensor: TensorId,
    input: TensorId,
    name: String,
    shape: Vec<u64>,
    picture: Picture,
    together: usize,
    found: Projected,
    /// Rows and columns of the tensor; 1 and 1 for units.
    places: [usize; 2],
}

impl Projection {
    /// Of the channels of `tensor`, `[N, C, H, W]` or of units `[N, C]`, of an image network with one input of
    /// floats, whose free rows and columns are `size`. Nothing runs yet.
    ///
    /// # Errors
    /// As [`crate::maximize::Maximizer::new`]; [`ProbeError::Tensor`] for a tensor of another shape.
    pub fn new(
        network: &Arc<Network>,
        tensor: TensorId,
        size: Option<[usize; 2]>,
        device: &Device,
        options: &RunOptions,
    ) -> Result<Self, ProbeError> {
        let (input, shape) = image_input(network, size, TOGETHER)?;
        let spec = &network.tensor(input).spec;
        let picture = Picture::of(spec, &shape);
        let mut bindings = Bindings::new();
        for (axis, &size) in spec.axes.iter().flatten().zip(&shape) {
            if let Dim::Symbol(name) = &axis.size {
                bindings.insert(name.clone(), size);
            }
        }
        let fail = |problem: String| ProbeError::Tensor {
            name: network.tensor(tensor).name.clone(),
            problem,
        };
        let dims = network.tensor(tensor).spec.dims().unwrap_or_default();
        let sizes: Vec<Option<usize>> = dims
            .iter()
            .map(|d| d.eval(&bindings).map(|n| n as usize))
            .collect();
        let (channels, places) = match sizes[..] {
            [_, Some(channels), Some(height), Some(width)] => (channels, [height, width]),
            [_, Some(units)] => (units, [1, 1]),
            _ => {
                let found = &network.tensor(tensor).spec;
                return Err(fail(format!("{found}: channels of a known size are expected")));
            }
        };
        let [row, column] = places.map(|n| n as u64 / 2);
        let patches = receptive_field(network, tensor, row, column, &bindings);
        let patch = patches.iter().find(|p| p.input == input);
        let (rows, columns) = patch
            .map(|p| (p.rows.map(|r| r as usize), p.columns.map(|c| c as usize)))
            .filter(|(r, c)| r[0] < r[1] && c[0] < c[1] && r[1] <= picture.height && c[1] <= picture.width)
            .unwrap_or(([0, picture.height], [0, picture.width]));
        let part = Arc::new(linear(cut(network, tensor, shape[0] == 1)));
        let each = picture.len().max(1);
        Ok(Projection {
            backprop: Backprop::new(&part, device)?,
            options: options.clone(),
            tensor,
            input,
            name: network.tensor(input).name.clone(),
            together: (ELEMENTS / each).clamp(1, TOGETHER),
            found: Projected {
                shape: [picture.channels, rows[1] - rows[0], columns[1] - columns[0]],
                at: [rows[0], columns[0]],
                filters: Vec::new(),
                channels,
            },
            network: part,
            shape,
            picture,
            places,
        })
    }

    /// What is known so far.
    pub fn found(&self) -> &Projected {
        &self.found
    }

    /// True once all channels are known.
    pub fn finished(&self) -> bool {
        self.found.filters.len() >= self.found.channels
    }

    /// Goes on for some `seconds`, at least by one pass.
    ///
    /// # Errors
    /// [`ProbeError::Run`] as for [`Backprop::ask`].
    pub async fn go(&mut self, seconds: f64) -> Result<(), ProbeError> {
        let begin = Instant::now();
        while !self.finished() {
            match self.pass(self.together).await? {
                Some(slopes) => self.take(&slopes),
                // It takes one example at a time after all.
                None => self.together = 1,
            }
            if begin.elapsed().as_secs_f64() >= seconds {
                break;
            }
        }
        Ok(())
    }

    /// Slopes of the next channels, one example each; `None` where the network does not take so many.
    async fn pass(&mut self, together: usize) -> Result<Option<Vec<f32>>, ProbeError> {
        let first = self.found.filters.len();
        let count = together.min(self.found.channels - first);
        let mut shape = self.shape.clone();
        shape[0] *= count as u64;
        // A linear function has the same slopes everywhere; what is left of another kind (gates,
        // normalisations of a layer) has those at 0.
        let nothing = vec![0.0; count * self.picture.len()];
        let inputs = [(self.name.clone(), TensorData::from_f32(&shape, &nothing))];
        let (channels, [height, width]) = (self.found.channels, self.places);
        let middle = height / 2 * width + width / 2;
        let mut fits = true;
        let mut weigh = |of: &[Array]| -> Result<Vec<Vec<f32>>, String> {
            let each = channels * height * width;
            let all = of.first().map_or(0, |a| a.values.len());
            if all != count * each {
                fits = false;
                return Err(format!("{all} elements for {count} examples of {each}"));
            }
            let mut weights = vec![0.0; all];
            for (example, weights) in weights.chunks_mut(each).enumerate() {
                weights[(first + example) * height * width + middle] = 1.0;
            }
            Ok(vec![weights])
        };
        let question = Question {
            inputs: &inputs,
            of: &[self.tensor],
            weigh: &mut weigh,
            by: &[self.input],
            turn: &|_| Turn::Own,
        };
        let answer = self.backprop.ask(question, &self.options).await;
        if !fits && count > 1 {
            return Ok(None);
        }
        let mut by = answer?.by;
        let (_, slopes) = by.remove(&self.input).unwrap_or_default();
        Ok(Some(slopes))
    }

    fn take(&mut self, slopes: &[f32]) {
        let [planes, rows, columns] = self.found.shape;
        let [row, column] = self.found.at;
        for slopes in slopes.chunks_exact(self.picture.len().max(1)) {
            let mut filter = Vec::with_capacity(planes * rows * columns);
            for plane in 0..planes {
                for y in row..row + rows {
                    filter.extend((column..column + columns).map(|x| slopes[self.picture.at(plane, y, x)]));
                }
            }
            self.found.filters.push(filter.into());
        }
    }

    /// The linear network that is asked.
    pub fn network(&self) -> &Arc<Network> {
        &self.network
    }
}

/// True for activations; gates, which are multiplied with something, stay.
fn activates(kind: Unary) -> bool {
    use Unary::{Shrink, Softplus, Softsign, Tanh};
    kind.rectifies() || matches!(kind, Shrink { .. } | Softplus | Softsign | Tanh)
}

/// `network` with activations that let everything through, and averages in place of maxima.
fn linear(mut network: Network) -> Network {
    for id in network.graphs[0].layers.clone() {
        let layer = &mut network.layers[id.0 as usize];
        layer.activation = None;
        let op = match &layer.op {
            Op::Unary(kind) if activates(*kind) => Op::Identity,
            Op::PRelu | Op::Clip { .. } => {
                layer.inputs.truncate(1);
                Op::Identity
            }
            Op::MaxPool { window, ceil, .. } => {
                layer.outputs.truncate(1);
                Op::AveragePool {
                    window: window.clone(),
                    ceil: *ceil,
                    count_include_pad: false,
                }
            }
            Op::GlobalMaxPool => Op::GlobalAveragePool,
            _ => continue,
        };
        layer.op = op;
    }
    network
}
