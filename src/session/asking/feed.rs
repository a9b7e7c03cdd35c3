//! Examples of the data set, as the open networks take them.

use std::sync::Arc;

use data::{Images, Preprocess};
use model::{TensorData, TensorId};

use crate::Document;

/// Examples of one pass at most.
const BATCH: usize = 10;

/// How examples get in.
#[derive(Clone)]
pub(crate) struct Feed {
    /// The data set.
    pub samples: Arc<Images>,
    /// Inputs by name, and how pictures are brought into each.
    inputs: Arc<[(String, Preprocess)]>,
    /// Examples of one pass.
    pub batch: usize,
}

impl Feed {
    /// For the networks of `document`, each of which takes the same picture.
    ///
    /// # Errors
    /// A sentence where there is no data set, or a network that takes no picture.
    pub fn of(document: &Document) -> Result<Self, String> {
        let none =
            "this network has no data set and no text: give it a text, or open the network of a data set";
        let samples = document.samples.clone().filter(|s| !s.is_empty()).ok_or(none)?;
        let (hows, inputs): (Vec<_>, Vec<Option<TensorId>>) = match document.sides.is_empty() {
            true => (
                vec![document.preprocess.clone()],
                vec![document.source.main().inputs.first().copied()],
            ),
            false => (
                document.sides.iter().map(|s| s.preprocess.clone()).collect(),
                document
                    .source
                    .members
                    .iter()
                    .map(|m| m.inputs.first().copied())
                    .collect(),
            ),
        };
        let mut fed = Vec::new();
        let mut batch = BATCH;
        for (how, input) in hows.into_iter().zip(inputs) {
            let both = how.zip(input);
            let (how, input) = both.ok_or("one of the networks does not take pictures of the data set")?;
            let tensor = document.source.tensor(input);
            if let Some(fixed) = tensor.spec.dims().and_then(|d| d.first()?.known()) {
                batch = fixed.clamp(1, batch as u64) as usize;
            }
            fed.push((tensor.name.clone(), how));
        }
        Ok(Feed {
            samples,
            inputs: fed.into(),
            batch,
        })
    }

    /// The inputs of a pass of these examples, at most `batch` of them.
    ///
    /// # Errors
    /// A sentence for pictures that do not fit.
    pub fn arrays(&self, picks: &[usize]) -> Result<Vec<(String, TensorData)>, String> {
        let one = |(name, how): &(String, Preprocess)| {
            let mut values = Vec::new();
            for &pick in picks {
                values.extend(self.samples.to_f32(pick, how).map_err(|e| e.to_string())?);
            }
            let mut shape = how.shape();
            shape[0] = picks.len() as u64;
            Ok((name.clone(), TensorData::from_f32(&shape, &values)))
        };
        self.inputs.iter().map(one).collect()
    }
}
