//! Attention of the open network: where it is, what the last pass attended to, and heads put out.

use std::sync::Arc;

use compute::Patch;
use model::{AttentionSite, TraceTensor};
use serde::{Deserialize, Serialize};

use crate::{Document, Session};

/// A head of an attention that is put out: what it reads counts as nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Ablated {
    /// The attention's layer ([`AttentionSite::layer`]), as named in the file.
    pub layer: String,
    /// The head, from 0.
    pub head: usize,
}

/// An attention that is looked at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attend {
    /// Its layer ([`AttentionSite::layer`]), as named in the file.
    pub layer: String,
    /// One of its heads, from 0; `None`: their mean.
    #[serde(default)]
    pub head: Option<usize>,
    /// Text or picture of the batch.
    #[serde(default)]
    pub item: usize,
    /// One of the places that ask.
    #[serde(default)]
    pub query: Option<usize>,
}

/// The weights of one attention for one item of the batch.
#[derive(Clone, Debug)]
pub struct Heads {
    /// Number of heads.
    pub heads: usize,
    /// Places that ask.
    pub queries: usize,
    /// Places that are looked at.
    pub keys: usize,
    values: Arc<[f32]>,
    start: usize,
}

impl Heads {
    /// `[queries, keys]` of head `head`, row-major, rows sum to 1.
    ///
    /// # Panics
    /// Where there is no such head.
    pub fn of(&self, head: usize) -> &[f32] {
        let size = self.queries * self.keys;
        &self.values[self.start + head * size..][..size]
    }

    /// `[queries, keys]` of head `head`; of the mean of all without one.
    pub fn map(&self, head: Option<usize>) -> Vec<f32> {
        match head.filter(|h| *h < self.heads) {
            Some(head) => self.of(head).to_vec(),
            None => analyze::mean_of_heads(self.all(), self.queries * self.keys),
        }
    }

    /// What place `query` takes from each key in head `head`; of the mean of all without one.
    ///
    /// # Panics
    /// Where there is no such place.
    pub fn row(&self, head: Option<usize>, query: usize) -> Vec<f32> {
        let row = |head: usize| &self.of(head)[query * self.keys..][..self.keys];
        match head.filter(|h| *h < self.heads) {
            Some(head) => row(head).to_vec(),
            None => {
                let all: Vec<f32> = (0..self.heads).flat_map(row).copied().collect();
                analyze::mean_of_heads(&all, self.keys)
            }
        }
    }

    /// All heads one after the other.
    pub fn all(&self) -> &[f32] {
        &self.values[self.start..][..self.heads * self.queries * self.keys]
    }

    /// Item `item` of a batch of `batch` in weights `[N, H, L, T]`, `[N * H, L, T]` or `[L, T]`; a problem in
    /// words.
    fn new(tensor: &TraceTensor, item: usize, batch: usize) -> Result<Self, String> {
        let values = tensor.host().ok_or("its weights are on their way")?.clone();
        let shape = &tensor.shape;
        let told = || format!("weights of shape {shape:?} have no heads that are known");
        let (heads, queries, keys, items) = match shape[..] {
            [n, h, l, t] => (h, l, t, n),
            [nh, l, t] if batch > 0 && nh.is_multiple_of(batch) => (nh / batch, l, t, batch),
            [l, t] if batch <= 1 => (1, l, t, 1),
            _ => return Err(told()),
        };
        let size = heads * queries * keys;
        if size == 0 || item >= items {
            return Err(format!("item {item} of {items} was asked for, weights {shape:?}"));
        }
        Ok(Heads {
            heads,
            queries,
            keys,
            values,
            start: item * size,
        })
    }
}

/// What heads that are put out change of the network's first output.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    /// Length of the difference over the length of the output before.
    pub relative: f32,
    /// Cosine between both.
    pub cosine: f32,
}

/// An output as it was before heads were put out.
#[derive(Clone)]
pub(crate) struct Before {
    pub input: crate::Input,
    pub output: Arc<[f32]>,
}

impl Document {
    /// Every attention, in flow order.
    pub fn attention(&self) -> &[AttentionSite] {
        self.attention
            .get_or_init(|| model::attention_sites(&self.source))
    }

    /// Texts or pictures in the last pass.
    pub fn batch(&self) -> usize {
        let input = self.source.main().inputs.first();
        let tensor = input.and_then(|t| self.trace.as_ref()?.tensors.get(t));
        let first = tensor.and_then(|t| t.shape.first().copied());
        self.tokens.as_ref().map_or(first.unwrap_or(1), Vec::len)
    }

    /// What `site` attended to in the last pass for item `item`; a problem in words.
    ///
    /// # Errors
    /// A sentence where there is nothing to show yet, or nothing that can be shown.
    pub fn heads(&self, site: &AttentionSite, item: usize) -> Result<Heads, String> {
        let trace = self.trace.as_ref().ok_or("give the network an input first")?;
        let weights = site.weights.ok_or("its operator keeps the weights to itself")?;
        let tensor = trace
            .tensors
            .get(&weights)
            .ok_or("the pass could not keep its weights")?;
        Heads::new(tensor, item, self.batch())
    }
}

impl Document {
    /// What is wrong with putting out `head`.
    pub(crate) fn can_ablate(&self, head: &Ablated) -> Result<(), String> {
        let site = self.site_of(&head.layer);
        let site = site.ok_or_else(|| format!("{:?} is no attention of this network", head.layer))?;
        let found = self.heads(site, 0)?;
        match head.head < found.heads {
            true => Ok(()),
            false => Err(format!("head {} of {} was asked for", head.head, found.heads)),
        }
    }

    /// The attention whose layer has this name in the file.
    pub fn site_of(&self, layer: &str) -> Option<&AttentionSite> {
        let mut sites = self.attention().iter();
        sites.find(|s| self.source.layer(s.layer).name == layer)
    }

    /// What a pass does instead, for heads that are put out: their weights become 0.
    pub(crate) fn patches(&self, ablated: &[Ablated]) -> Arc<[Patch]> {
        let mut patches = Vec::new();
        for head in ablated {
            let Some(weights) = self.site_of(&head.layer).and_then(|s| s.weights) else {
                continue;
            };
            let shape = self
                .trace
                .as_ref()
                .and_then(|t| Some(&t.tensors.get(&weights)?.shape));
            let (axis, start, every) = match shape.map(|s| (s.len(), s[0])) {
                // Items and heads on one axis, of any number of items.
                Some((3, rows)) => (0, head.head, (rows / self.batch().max(1)).max(1)),
                // One head alone: all of its rows.
                Some((2, _)) => (0, 0, 1),
                _ => (1, head.head, 0),
            };
            patches.push(Patch {
                tensor: weights,
                axis,
                start,
                count: 1,
                every,
                factor: 0.0,
            });
        }
        patches.into()
    }
}

impl Session {
    /// What the heads that are put out change of the output; `None` where none are, or the pass has not
    /// come.
    pub fn ablation_change(&self) -> Option<Change> {
        let document = self.document.as_ref()?;
        let before = document.before.as_ref().filter(|b| b.input == self.state.input)?;
        let output = *document.network.main().outputs.first()?;
        let now = document.trace.as_ref()?.tensors.get(&output)?.host()?;
        if self.state.ablated.is_empty()
            || document.ablated != self.state.ablated
            || now.len() != before.output.len()
        {
            return None;
        }
        let square =
            |values: &mut dyn Iterator<Item = f32>| values.map(|v| f64::from(v).powi(2)).sum::<f64>().sqrt();
        let pairs = || now.iter().zip(before.output.iter());
        let length = square(&mut before.output.iter().copied());
        let apart = square(&mut pairs().map(|(a, b)| a - b));
        Some(Change {
            relative: (apart / length) as f32,
            cosine: analyze::cosine(now, &before.output).unwrap_or(f64::NAN) as f32,
        })
    }

    /// Keeps the output of a pass in which every head takes part.
    pub(crate) fn remember_output(&mut self) {
        let input = self.state.input.clone();
        let Some(document) = self.document.as_mut().filter(|d| d.ablated.is_empty()) else {
            return;
        };
        let output = document.network.main().outputs.first().copied();
        let output = output.and_then(|o| document.trace.as_ref()?.tensors.get(&o)?.host().cloned());
        document.before = output.map(|output| Before { input, output });
    }
}
