//! The examples of a step, in host memory. What they are depends on seed, epoch and place alone.

use std::sync::Arc;

use model::{Cells, Dataset, Network, Part, Random, Targets, TensorData, TextInputs};

use super::plan::Plan;
use crate::RunError;

/// What an example's stream of random numbers is for.
const ORDER: u64 = 1;
const VARIED: u64 = 2;
const NOISE: u64 = 3;

/// What a batch should be answered with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answers {
    /// Classes, one for each place.
    Classes(Vec<i64>),
    /// Numbers.
    Values(Vec<f32>),
}

/// The examples of a step.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    /// By the names of the network's inputs.
    pub inputs: Vec<(String, TensorData)>,
    /// What is wanted.
    pub answers: Answers,
    /// Number of examples.
    pub count: usize,
}

/// The order of the training examples in `epoch`, counted from 0.
pub fn order(data: &Dataset, plan: &Plan, epoch: u64) -> Vec<u32> {
    let mut order = data.training.clone();
    if plan.shuffle {
        Random::new(&[plan.seed, ORDER, epoch]).shuffle(&mut order);
    }
    order
}

/// Makes batches.
#[derive(Clone)]
pub(crate) struct Feed {
    pub data: Arc<Dataset>,
    /// Input and column.
    columns: Vec<(String, usize)>,
    /// Name and shape of inputs that get noise.
    noise: Vec<(String, Vec<usize>)>,
    /// The column of the mask, where the network takes texts of any length: what no text of a batch
    /// reaches is not fed.
    mask: Option<usize>,
}

impl Feed {
    /// Of `data` to `network`.
    ///
    /// # Errors
    /// [`RunError::Input`] for columns and inputs that do not fit each other.
    pub fn new(data: Arc<Dataset>, network: &Network, plan: &Plan) -> Result<Self, RunError> {
        let wrong = |name: &str, problem: String| RunError::Input {
            name: name.into(),
            problem,
        };
        data.check().map_err(|e| wrong(&data.name, e))?;
        let fed = data.feed(network).map_err(|e| wrong(&data.name, e))?;
        let columns: Vec<(String, usize)> = fed
            .into_iter()
            .enumerate()
            .map(|(i, (name, _))| (name, i))
            .collect();
        let mut noise = Vec::new();
        for &input in &network.main().inputs {
            let tensor = network.tensor(input);
            if columns.iter().any(|(name, _)| *name == tensor.name) {
                continue;
            }
            if !plan.noise.contains(&tensor.name) {
                let problem = "the data set has no column for it; name it in `noise` to fill it with noise";
                return Err(wrong(&tensor.name, problem.into()));
            }
            let rest = tensor.spec.axes.as_ref().and_then(|axes| axes.get(1..));
            let sizes: Option<Vec<u64>> =
                rest.and_then(|rest| rest.iter().map(|a| a.size.eval(&Default::default())).collect());
            let sizes = sizes.ok_or_else(|| {
                wrong(
                    &tensor.name,
                    format!("noise wants known sizes, it is {}", tensor.spec),
                )
            })?;
            let shape = sizes.iter().map(|&d| d as usize).collect();
            noise.push((tensor.name.clone(), shape));
        }
        if let Some(name) = plan.noise.iter().find(|n| noise.iter().all(|(own, _)| own != *n)) {
            return Err(wrong(name, "it is named in `noise`, but is no free input".into()));
        }
        if plan.augmentation.wants_pictures() {
            let shape = &data.inputs[0].shape;
            if shape.len() != 3 {
                let problem = format!(
                    "augmentation turns and moves pictures [channels, height, width], the examples are {shape:?}"
                );
                return Err(wrong(&columns[0].0, problem));
            }
        }
        let mask = mask(&data, network, &columns);
        Ok(Feed {
            data,
            columns,
            noise,
            mask,
        })
    }

    /// The examples `picks`. `varied`: seed and epoch of their augmentation; without it they are fed
    /// as they are. `draw` is the key of the noise inputs.
    pub fn batch(&self, picks: &[u32], plan: &Plan, varied: Option<u64>, draw: [u64; 2]) -> Batch {
        let vary = varied.filter(|_| !plan.augmentation.is_none());
        let reach = self
            .mask
            .map(|m| reach(&self.data.inputs[m].ints(picks), picks.len()));
        let mut clean = None;
        let mut inputs = Vec::with_capacity(self.columns.len() + self.noise.len());
        for (name, i) in &self.columns {
            let column = &self.data.inputs[*i];
            let (Some(epoch), 0) = (vary, *i) else {
                let tensor = match reach {
                    Some(length) => cut(&column.ints(picks), picks.len(), length),
                    None => column.tensor(picks),
                };
                inputs.push((name.clone(), tensor));
                continue;
            };
            let mut values = column.floats(picks);
            let width = column.width().max(1);
            let noiseless = super::Augmentation {
                noise: 0.0,
                ..plan.augmentation
            };
            let mut streams: Vec<Random> = picks
                .iter()
                .map(|&p| Random::new(&[plan.seed, VARIED, epoch, u64::from(p)]))
                .collect();
            for (one, random) in values.chunks_exact_mut(width).zip(&mut streams) {
                noiseless.apply(one, &column.shape, random);
            }
            // An autoencoder is to bring back what there was before noise.
            clean = Some(values.clone());
            let noise = super::Augmentation {
                noise: plan.augmentation.noise,
                ..Default::default()
            };
            for (one, random) in values.chunks_exact_mut(width).zip(&mut streams) {
                noise.apply(one, &column.shape, random);
            }
            let mut shape = vec![picks.len() as u64];
            shape.extend(column.shape.iter().map(|&d| d as u64));
            inputs.push((name.clone(), TensorData::from_f32(&shape, &values)));
        }
        for (i, (name, shape)) in self.noise.iter().enumerate() {
            let mut random = Random::new(&[plan.seed, NOISE, i as u64, draw[0], draw[1]]);
            let sizes: Vec<u64> = [picks.len()].iter().chain(shape).map(|&d| d as u64).collect();
            let count = sizes.iter().product::<u64>();
            let values: Vec<f32> = (0..count).map(|_| random.normal() as f32).collect();
            inputs.push((name.clone(), TensorData::from_f32(&sizes, &values)));
        }
        let answers = match &self.data.targets {
            Targets::Classes(column) => Answers::Classes(column.ints(picks)),
            Targets::Values(column) => Answers::Values(column.floats(picks)),
            Targets::Inputs => Answers::Values(clean.unwrap_or_else(|| self.data.inputs[0].floats(picks))),
        };
        Batch {
            inputs,
            answers,
            count: picks.len(),
        }
    }
}

/// The column of the mask, where all columns are texts of as many tokens and the network takes any
/// number of them.
fn mask(data: &Dataset, network: &Network, columns: &[(String, usize)]) -> Option<usize> {
    let text = TextInputs::of(network).ok().filter(|t| t.length.is_none())?;
    let (_, id) = text.parts.iter().find(|(part, _)| *part == Part::Mask)?;
    let name = &network.tensor(*id).name;
    let (_, at) = columns.iter().find(|(n, _)| n == name)?;
    let alike = data
        .inputs
        .iter()
        .all(|c| matches!(c.cells, Cells::Ints(_)) && c.shape == data.inputs[*at].shape);
    (alike && data.inputs[*at].shape.len() == 1).then_some(*at)
}

/// Places from the first to the last that one of `rows` masks counts, at least 1.
fn reach(masks: &[i64], rows: usize) -> usize {
    let width = masks.len() / rows.max(1);
    let last = |row: &[i64]| row.iter().rposition(|&m| m != 0).map_or(0, |i| i + 1);
    let longest = masks.chunks_exact(width.max(1)).map(last).max();
    longest.unwrap_or(0).max(1)
}

/// The first `length` of each of `rows`.
fn cut(values: &[i64], rows: usize, length: usize) -> TensorData {
    let width = values.len() / rows.max(1);
    let kept = values.chunks_exact(width.max(1)).flat_map(|row| &row[..length]);
    let kept: Vec<i64> = kept.copied().collect();
    TensorData::from_i64(&[rows as u64, length as u64], &kept)
}

impl Answers {
    /// Numbers for an output of `shape`.
    ///
    /// # Errors
    /// A sentence where there are more or fewer.
    pub fn values(&self, shape: &[usize]) -> Result<Vec<f32>, String> {
        let values = match self {
            Answers::Values(values) => values.clone(),
            Answers::Classes(classes) => classes.iter().map(|&c| c as f32).collect(),
        };
        let wanted: usize = shape.iter().product();
        match values.len() == wanted {
            true => Ok(values),
            false => Err(format!(
                "{} target values for an output of {shape:?}, which has {wanted}",
                values.len()
            )),
        }
    }

    /// Probabilities for logits of `shape` `[batch, classes, ...]`, and for how many places.
    ///
    /// # Errors
    /// A sentence where classes and logits do not fit.
    pub fn hot(&self, shape: &[usize], smoothing: f64) -> Result<(Vec<f32>, usize), String> {
        let Answers::Classes(wanted) = self else {
            return Err("classes are expected as targets".into());
        };
        let &[rows, classes, ref rest @ ..] = shape else {
            return Err(format!(
                "logits [batch, classes, ...] are expected, the output is {shape:?}"
            ));
        };
        let inner: usize = rest.iter().product();
        if wanted.len() != rows * inner {
            return Err(format!("{} classes for an output of {shape:?}", wanted.len()));
        }
        let mut hot = vec![(smoothing / classes.max(1) as f64) as f32; rows * classes * inner];
        for (k, &class) in wanted.iter().enumerate() {
            let at = usize::try_from(class).ok().filter(|&c| c < classes);
            let at = at.ok_or_else(|| format!("class {class}, but the output has {classes}"))?;
            hot[(k / inner * classes + at) * inner + k % inner] += (1.0 - smoothing) as f32;
        }
        Ok((hot, wanted.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_fed_as_far_as_the_longest_of_a_batch_reaches() {
        let masks = [1, 1, 0, 0, 1, 0, 0, 0, 1, 1, 1, 0];
        assert_eq!(
            (reach(&masks, 3), reach(&masks[..8], 2), reach(&[0, 0], 1)),
            (3, 2, 1)
        );
        let fed = cut(&[1, 2, 3, 4, 5, 6, 7, 8], 2, 3);
        assert_eq!(fed.shape, [2, 3]);
        assert_eq!(fed.to_i64(), Some(vec![1, 2, 3, 5, 6, 7]));
    }
}
