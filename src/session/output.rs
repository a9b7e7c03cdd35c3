//! What the network says.

use model::TensorId;

use crate::Session;

/// One class.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// Element of the output.
    pub index: usize,
    /// Class name, or its number.
    pub name: String,
    /// As shown: after the softmax where that is asked for.
    pub value: f32,
}

/// Scores of the first item of the first output.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// In the output's order; at least one.
    pub scores: Vec<Score>,
}

impl Output {
    /// The `k` largest, largest first.
    pub fn ranked(&self, k: usize) -> Vec<Score> {
        let values: Vec<f32> = self.scores.iter().map(|s| s.value).collect();
        let top = analyze::top_k(&values, k.min(values.len()));
        top.iter().map(|r| self.scores[r.index].clone()).collect()
    }
}

impl Session {
    /// The scores of the last pass, for an output of one list of values an item.
    pub fn output(&self) -> Option<Output> {
        let document = self.document.as_ref()?;
        self.output_of(*document.network.main().outputs.first()?, &document.classes)
    }

    /// The scores in `id` of the last pass, where it is a list of values an item, under the names
    /// `classes`.
    pub(crate) fn output_of(&self, id: TensorId, classes: &[String]) -> Option<Output> {
        let document = self.document.as_ref()?;
        let tensor = document.trace.as_ref()?.tensors.get(&id)?;
        let long = tensor.shape.iter().filter(|&&n| n > 1).count();
        let values = tensor.host()?;
        if long > 1 || values.is_empty() || values.len() > 100_000 {
            return None;
        }
        let probabilities = crate::predictions::gives_probabilities(&document.network, id);
        let values = match self.state.softmax && !probabilities && values.len() > 1 {
            true => analyze::softmax(values),
            false => values.to_vec(),
        };
        let name = |i: usize| classes.get(i).cloned().unwrap_or_else(|| format!("#{i}"));
        let score = |(index, value)| Score {
            index,
            name: name(index),
            value,
        };
        Some(Output {
            scores: values.into_iter().enumerate().map(score).collect(),
        })
    }
}
