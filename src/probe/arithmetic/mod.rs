//! How one number of a pass came about: the numbers that went into it, what each was multiplied by, their
//! sum, the bias, and what activations made of it.
//!
//! Everything is computed again from the numbers that the pass kept and from the weights, so that what is
//! shown beside the pass's own number is a check of it. `window` explains convolutions and pooling,
//! `product` dense layers, matrix products and attention, `normal` normalisations over axes and reductions,
//! `moved` what only stands elsewhere, `cell` everything that works cell by cell.

mod cell;
mod moved;
mod normal;
mod product;
mod window;

use std::sync::Arc;

use model::op::Op;
use model::{LayerId, Network, TensorId, Trace};

use crate::ProbeError;

/// What is done with the terms.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// The sum of inputs times weights.
    WeightedSum,
    /// The mean of so many inputs.
    Mean(usize),
    /// The largest input.
    Max,
    /// The root of order `p` of the sum of powers.
    Norm(i64),
    /// Exponentials, of which one is divided by their sum.
    Softmax,
    /// The sum of the inputs.
    Sum,
    /// The product of the inputs.
    Product,
    /// The first input minus the second.
    Difference,
    /// The first input over the second.
    Quotient,
    /// One of the inputs less their mean, over their deviation: the root of their variance and a little.
    Normalised {
        /// Which of them.
        own: usize,
        /// What is taken off; 0 where only the deviation counts.
        mean: f32,
        /// What it is divided by.
        deviation: f32,
    },
    /// The number as it comes in, from another place.
    Moved,
    /// The number as it comes in.
    Given,
}

/// A layer that works on the one number.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The layer.
    pub layer: LayerId,
    /// What it computes, with its numbers: `max(0, -0.31)`.
    pub words: String,
    /// What comes out.
    pub value: f32,
    /// What the pass has there.
    pub given: Option<f32>,
}

/// How one number came about.
#[derive(Clone, Debug, PartialEq)]
pub struct Working {
    /// The layer whose terms these are. Where another layer was asked for that works cell by cell, this is
    /// the one that its number comes from, and that layer is among `then`.
    pub layer: LayerId,
    /// The cell of that layer's first output, one index an axis.
    pub cell: Vec<usize>,
    /// What is done with the terms.
    pub rule: Rule,
    /// How the terms stand: `[channels, rows, columns]` or `[channels, places]` of a window, `[n]` else.
    pub shape: Vec<usize>,
    /// The tensor that the inputs are of; of a sum of several tensors the first.
    pub source: TensorId,
    /// The numbers that go in, row-major; 0 in padding.
    pub inputs: Vec<f32>,
    /// Where each stands in `source`, row-major; `None` in padding and where it stands in another tensor.
    pub places: Vec<Option<usize>>,
    /// What each is multiplied by; empty where nothing is.
    pub weights: Vec<f32>,
    /// What each adds: the product, the exponential of a softmax, to the variance of a normalisation the
    /// squared distance from the mean.
    pub products: Vec<f32>,
    /// Factor on the sum, where there is one.
    pub factor: Option<f32>,
    /// What is added to the sum.
    pub bias: Option<f32>,
    /// What comes out, computed here.
    pub value: f32,
    /// What the pass has there.
    pub given: Option<f32>,
    /// Layers that work on this number afterwards: normalisation, activation.
    pub then: Vec<Step>,
}

impl Working {
    /// Terms from the one that adds most, by magnitude, with their places in `inputs`.
    pub fn ranked(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.inputs.len()).collect();
        let weight = |i: &usize| self.products.get(*i).map_or(0.0, |p| p.abs());
        order.sort_by(|a, b| weight(b).total_cmp(&weight(a)));
        order
    }

    /// The largest difference between what was computed here and what the pass has, relative to the larger
    /// of 1 and the number.
    pub fn error(&self) -> f32 {
        let pair = |(value, given): (f32, Option<f32>)| {
            given.map_or(0.0, |g| (value - g).abs() / value.abs().max(1.0))
        };
        let steps = self.then.iter().map(|s| (s.value, s.given));
        steps
            .chain([(self.value, self.given)])
            .map(pair)
            .fold(0.0, f32::max)
    }
}

/// The terms, before what comes after them.
struct Terms {
    rule: Rule,
    shape: Vec<usize>,
    source: TensorId,
    inputs: Vec<f32>,
    places: Vec<Option<usize>>,
    weights: Vec<f32>,
    factor: Option<f32>,
    bias: Option<f32>,
}

/// Most terms that are worked out.
pub const MOST_TERMS: usize = 1 << 20;
/// Most layers that work cell by cell and are followed.
const MOST_STEPS: usize = 8;

/// A tensor's numbers, with its shape.
struct Numbers {
    shape: Vec<usize>,
    values: Arc<[f32]>,
}

/// What the numbers are looked up in.
struct Pass<'a> {
    network: &'a Network,
    trace: &'a Trace,
}

impl Pass<'_> {
    fn layer(&self, id: LayerId) -> &model::Layer {
        self.network.layer(id)
    }

    fn problem(&self, id: LayerId, problem: impl Into<String>) -> ProbeError {
        let layer = self.layer(id);
        ProbeError::Layer {
            layer: layer.name.clone(),
            op: layer.kind.clone(),
            problem: problem.into(),
        }
    }

    fn input(&self, id: LayerId, slot: usize) -> Option<TensorId> {
        self.layer(id).inputs.get(slot).copied().flatten()
    }

    fn output(&self, id: LayerId) -> Option<TensorId> {
        self.layer(id).outputs.first().copied().flatten()
    }

    fn shape(&self, tensor: TensorId) -> Option<Vec<usize>> {
        let kept = self.trace.tensors.get(&tensor).map(|t| t.shape.clone());
        kept.or_else(|| {
            let data = self.network.tensor(tensor).data.as_ref()?;
            Some(data.shape.iter().map(|&d| d as usize).collect())
        })
    }

    /// Numbers of a tensor of the pass or the file.
    fn numbers(&self, tensor: TensorId) -> Result<Numbers, ProbeError> {
        let about = |problem: &str| ProbeError::Tensor {
            name: self.network.tensor(tensor).name.clone(),
            problem: problem.into(),
        };
        let stored = self.network.tensor(tensor).data.as_ref();
        match (self.trace.tensors.get(&tensor), stored) {
            (Some(kept), _) => Ok(Numbers {
                shape: kept.shape.clone(),
                values: kept
                    .host()
                    .ok_or_else(|| about("its numbers are on their way from the device"))?
                    .clone(),
            }),
            (None, Some(data)) => Ok(Numbers {
                shape: data.shape.iter().map(|&d| d as usize).collect(),
                values: data
                    .to_f32()
                    .ok_or_else(|| about("its numbers have a type that is not computed with"))?
                    .into(),
            }),
            (None, None) => Err(about("the pass did not keep it")),
        }
    }

    fn needed(&self, id: LayerId, slot: usize) -> Result<(TensorId, Numbers), ProbeError> {
        let tensor = self.input(id, slot);
        let tensor = tensor.ok_or_else(|| self.problem(id, format!("input {slot} is missing")))?;
        Ok((tensor, self.numbers(tensor)?))
    }

    /// The number of the pass at a place of a layer's first output.
    fn given(&self, id: LayerId, place: usize) -> Option<f32> {
        let kept = self.trace.tensors.get(&self.output(id)?)?;
        kept.host()?.get(place).copied()
    }

    fn computed(&self, tensor: TensorId) -> bool {
        self.network.tensor(tensor).data.is_none()
    }
}

/// Indices along `shape` of the row-major place `place`.
pub fn index(mut place: usize, shape: &[usize]) -> Vec<usize> {
    let mut found = vec![0; shape.len()];
    for (at, &n) in found.iter_mut().zip(shape).rev() {
        *at = place % n.max(1);
        place /= n.max(1);
    }
    found
}

/// The row-major place of `index` in `shape`; axes that are broadcast (size 1) count as 0, and `index` may
/// have more axes in front.
fn place(index: &[usize], shape: &[usize]) -> usize {
    let skipped = index.len().saturating_sub(shape.len());
    let axes = index[skipped..].iter().zip(shape);
    axes.fold(0, |sum, (&at, &n)| sum * n + if n == 1 { 0 } else { at })
}

/// How the number at the row-major place `cell` of the first output of `layer` came about in a pass.
///
/// A layer that works cell by cell (an activation, batch normalisation, a bias) is explained from the layer
/// that its number comes from on; layers of that kind that alone read the number follow too.
///
/// # Errors
/// [`ProbeError`] for a cell that is not there, numbers that the pass did not keep or that are not yet read
/// from the device, and operators that mix numbers in another way than those known here.
pub fn working(network: &Network, trace: &Trace, layer: LayerId, cell: usize) -> Result<Working, ProbeError> {
    let pass = Pass { network, trace };
    let tensor = pass
        .output(layer)
        .ok_or_else(|| pass.problem(layer, "it has no output"))?;
    let shape = pass
        .shape(tensor)
        .ok_or_else(|| pass.problem(layer, "the pass did not keep its output"))?;
    let size: usize = shape.iter().product();
    if cell >= size {
        let name = network.tensor(tensor).name.clone();
        return Err(ProbeError::Element {
            name,
            element: cell,
            elements: size,
        });
    }
    let path = cell::back(&pass, layer);
    let (root, rest) = path.split_first().unwrap_or((&layer, &[]));
    // A reshape on the way keeps the place, not the axes.
    let shape = pass.output(*root).and_then(|t| pass.shape(t));
    let shape = shape.ok_or_else(|| pass.problem(*root, "the pass did not keep its output"))?;
    let at = index(cell, &shape);
    let (terms, own) = terms(&pass, *root, &at)?;
    let products: Vec<f32> = match terms.rule {
        Rule::WeightedSum => terms
            .inputs
            .iter()
            .zip(&terms.weights)
            .map(|(a, b)| a * b)
            .collect(),
        Rule::Softmax => {
            let top = terms.inputs.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            terms.inputs.iter().map(|v| (v - top).exp()).collect()
        }
        Rule::Normalised { mean, .. } => terms.inputs.iter().map(|v| (v - mean).powi(2)).collect(),
        Rule::Norm(p) => terms.inputs.iter().map(|v| v.abs().powi(p as i32)).collect(),
        _ => terms.inputs.clone(),
    };
    let sum = || products.iter().map(|&p| f64::from(p)).sum::<f64>();
    let pair = || (f64::from(terms.inputs[0]), f64::from(terms.inputs[1]));
    let value = match terms.rule {
        Rule::WeightedSum | Rule::Sum => {
            sum() * f64::from(terms.factor.unwrap_or(1.0)) + f64::from(terms.bias.unwrap_or(0.0))
        }
        Rule::Mean(n) => sum() / n.max(1) as f64,
        // Padding is never the largest.
        Rule::Max => {
            let inside = terms
                .inputs
                .iter()
                .zip(&terms.places)
                .filter(|(_, p)| p.is_some());
            f64::from(inside.map(|(v, _)| *v).fold(f32::NEG_INFINITY, f32::max))
        }
        Rule::Norm(p) => sum().powf(1.0 / p.max(1) as f64),
        Rule::Softmax => f64::from(products[own]) / sum(),
        Rule::Product => terms.inputs.iter().map(|&v| f64::from(v)).product(),
        Rule::Difference => pair().0 - pair().1,
        Rule::Quotient => pair().0 / pair().1,
        Rule::Normalised { own, mean, deviation } => {
            let x = (f64::from(terms.inputs[own]) - f64::from(mean)) / f64::from(deviation);
            x * f64::from(terms.factor.unwrap_or(1.0)) + f64::from(terms.bias.unwrap_or(0.0))
        }
        Rule::Given | Rule::Moved => f64::from(terms.inputs[0]),
    };
    let value = value as f32;
    let mut working = Working {
        layer: *root,
        rule: terms.rule,
        shape: terms.shape,
        source: terms.source,
        inputs: terms.inputs,
        places: terms.places,
        weights: terms.weights,
        products,
        factor: terms.factor,
        bias: terms.bias,
        value,
        given: match terms.rule {
            Rule::Given => None,
            _ => pass.given(*root, cell),
        },
        then: Vec::new(),
        cell: at,
    };
    let mut path = rest.to_vec();
    if working.rule == Rule::Given {
        path.insert(0, *root);
    }
    cell::onward(&pass, *path.last().unwrap_or(root), &mut path);
    // Each goes on from what the pass has, so that a difference shows where it arises.
    let mut now = working.given.unwrap_or(value);
    for layer in path {
        let (words, value) = cell::apply(&pass, layer, now, cell)?;
        let given = pass.given(layer, cell);
        now = given.unwrap_or(value);
        working.then.push(Step {
            layer,
            words,
            value,
            given,
        });
    }
    Ok(working)
}

/// Tensors of the pass that [`working`] reads for `layer`.
pub fn reads(network: &Network, layer: LayerId) -> Vec<TensorId> {
    let pass = Pass {
        network,
        trace: &Trace::default(),
    };
    let mut path = cell::back(&pass, layer);
    let last = path.last().copied().unwrap_or(layer);
    cell::onward(&pass, last, &mut path);
    let mut found = Vec::new();
    for id in path {
        let layer = network.layer(id);
        found.extend(layer.inputs.iter().chain(&layer.outputs).copied().flatten());
    }
    found.sort();
    found.dedup();
    found
}

/// The terms of a cell, and which of them is the cell itself.
fn terms(pass: &Pass, id: LayerId, at: &[usize]) -> Result<(Terms, usize), ProbeError> {
    let terms = match &pass.layer(id).op {
        Op::Conv { window, groups } => window::convolution(pass, id, window, *groups, at),
        Op::ConvTranspose { window, groups, .. } => window::transposed(pass, id, window, *groups, at),
        Op::MaxPool { window, .. } => window::pooled(pass, id, window, Rule::Max, at),
        Op::LpPool { window, p, .. } => window::pooled(pass, id, window, Rule::Norm(*p), at),
        Op::AveragePool {
            window,
            count_include_pad,
            ceil,
        } => window::averaged(pass, id, window, *count_include_pad, *ceil, at),
        Op::GlobalAveragePool => window::global(pass, id, Rule::Mean(0), at),
        Op::GlobalMaxPool => window::global(pass, id, Rule::Max, at),
        Op::Gemm { .. } => product::dense(pass, id, at),
        Op::MatMul => product::matrices(pass, id, at),
        Op::Attention(_) => product::attention(pass, id, at),
        Op::LayerNorm { .. } | Op::RmsNorm { .. } | Op::InstanceNorm { .. } | Op::GroupNorm { .. } => {
            normal::normalised(pass, id, at)
        }
        Op::Reduce { .. } => normal::reduced(pass, id, at),
        Op::Transpose { .. } | Op::Gather { .. } | Op::Concat { .. } | Op::Split { .. } | Op::Expand => {
            moved::moved(pass, id, at)
        }
        Op::Softmax { axis, coerce: false } => return product::softmax(pass, id, *axis, at),
        _ => cell::terms(pass, id, at),
    }?;
    if terms.inputs.len() > MOST_TERMS {
        return Err(pass.problem(
            id,
            format!("{} terms are more than can be shown", terms.inputs.len()),
        ));
    }
    Ok((terms, 0))
}
