//! Examples of the data set, as the open networks take them, and what a layer makes of each.

use std::sync::Arc;

use compute::{Engine, RunOptions};
use data::{Images, Preprocess};
use model::{Network, TensorData, TensorId, Trace, TraceTensor};

use crate::Document;

/// Examples of one pass, where the network takes any number.
const BATCH: usize = 10;
/// As near as that, of the largest number, two passes are the same.
const ALIKE: f32 = 1e-4;

/// How examples get in.
#[derive(Clone)]
pub(crate) struct Feed {
    /// The data set.
    pub samples: Arc<Images>,
    /// Inputs by name, and how pictures are brought into each.
    inputs: Arc<[(String, Preprocess)]>,
    /// Examples of one pass.
    pub batch: usize,
    /// Several go in one pass of a network that states one: that network, and it as it takes any number.
    freed: Option<[Arc<Network>; 2]>,
    tried: bool,
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
        let mut fixed = None;
        for (how, input) in hows.into_iter().zip(inputs) {
            let both = how.zip(input);
            let (how, input) = both.ok_or("one of the networks does not take pictures of the data set")?;
            let tensor = document.source.tensor(input);
            let own = tensor.spec.dims().and_then(|d| d.first()?.known());
            fixed = own
                .map(|own| fixed.map_or(own, |known: u64| known.min(own)))
                .or(fixed);
            fed.push((tensor.name.clone(), how));
        }
        Ok(Feed {
            samples,
            inputs: fed.into(),
            batch: fixed.map_or(BATCH, |n| n.max(1) as usize),
            freed: None,
            tried: false,
        })
    }

    /// The inputs of a pass of these examples, at most `batch` of them.
    ///
    /// # Errors
    /// A sentence for pictures that do not fit.
    fn arrays(&self, picks: &[usize]) -> Result<Vec<(String, TensorData)>, String> {
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

    /// Tries, once, whether a network that states one example a pass gives each of two in one pass the same
    /// numbers in `tensors`. Several go in one pass then: what is read back from a device comes in fewer pieces.
    ///
    /// # Errors
    /// As [`Feed::run`] for one example; what two come to is no error.
    pub async fn several(
        &mut self,
        engine: &mut Engine,
        options: &RunOptions,
        network: &Arc<Network>,
        tensors: &[TensorId],
    ) -> Result<(), String> {
        if self.tried || self.batch > 1 || self.samples.len() < 2 {
            return Ok(());
        }
        self.tried = true;
        let mut free = Network::clone(network);
        free.free_batches();
        let free = Arc::new(free);
        let alone = [
            self.run(engine, options, network, &[0]).await?,
            self.run(engine, options, network, &[1]).await?,
        ];
        let Ok(both) = self.run(engine, options, &free, &[0, 1]).await else {
            return Ok(());
        };
        for trace in alone.iter().chain([&both]) {
            bring(engine, trace, tensors).await?;
        }
        for &tensor in tensors {
            let Ok((kept, both)) = fetched(engine, &both, tensor, "").await else {
                return Ok(());
            };
            let examples = kept.shape.first() == Some(&2);
            for (i, trace) in alone.iter().enumerate() {
                let (_, one) = fetched(engine, trace, tensor, "").await?;
                // What does not go by example is the same for all.
                let own = match examples {
                    true => both.get(i * one.len()..(i + 1) * one.len()),
                    false => Some(&both[..]),
                };
                if !own.is_some_and(|own| alike(one, own)) {
                    return Ok(());
                }
            }
        }
        self.batch = BATCH;
        self.freed = Some([network.clone(), free]);
        Ok(())
    }

    /// A pass of these examples.
    ///
    /// # Errors
    /// A sentence for pictures that do not fit, and for what cannot be run.
    pub async fn run(
        &self,
        engine: &mut Engine,
        options: &RunOptions,
        network: &Arc<Network>,
        picks: &[usize],
    ) -> Result<Trace, String> {
        let given = self.arrays(picks)?;
        let network = match &self.freed {
            Some([stated, free]) if Arc::ptr_eq(stated, network) => free,
            _ => network,
        };
        engine
            .run(network, &given, options)
            .await
            .map_err(|e| e.to_string())
    }
}

/// True for the same numbers, but for rounding.
fn alike(one: &[f32], other: &[f32]) -> bool {
    let largest = one.iter().fold(1e-12f32, |m, v| m.max(v.abs()));
    let near = |(a, b): (&f32, &f32)| (a - b).abs() <= ALIKE * largest || a == b || a.is_nan() && b.is_nan();
    one.len() == other.len() && one.iter().zip(other).all(near)
}

/// Reads what a pass kept of `tensors` back, all at once.
///
/// # Errors
/// A sentence where the device fails.
pub(crate) async fn bring(engine: &Engine, trace: &Trace, tensors: &[TensorId]) -> Result<(), String> {
    let kept: Vec<&TraceTensor> = tensors.iter().filter_map(|t| trace.tensors.get(t)).collect();
    engine.fetch_all(&kept).await.map(|_| ())
}

/// What a pass kept of a tensor, in host memory; `name` is told in errors.
///
/// # Errors
/// A sentence where there is nothing.
pub(crate) async fn fetched<'a>(
    engine: &Engine,
    trace: &'a Trace,
    tensor: TensorId,
    name: &str,
) -> Result<(&'a TraceTensor, &'a Arc<[f32]>), String> {
    let kept = trace.tensors.get(&tensor);
    let kept = kept.ok_or_else(|| format!("{name}: the pass did not keep it"))?;
    engine.fetch(kept).await?;
    let values = kept
        .host()
        .ok_or_else(|| format!("{name}: its values did not come"))?;
    Ok((kept, values))
}

/// Appends what counts of an example of a tensor of `shape`: its values, or of feature maps of more than `most`
/// values the mean of each channel. Gives how many those are.
pub(crate) fn features(example: &[f32], shape: &[usize], most: usize, out: &mut Vec<f32>) -> usize {
    let channels = shape.get(1).copied().unwrap_or(1).max(1);
    if example.len() <= most || shape.len() <= 2 {
        out.extend_from_slice(example);
        return example.len();
    }
    let places = example.len() / channels;
    let mean = |c: &[f32]| c.iter().sum::<f32>() / places as f32;
    out.extend(example.chunks_exact(places).map(mean));
    channels
}
