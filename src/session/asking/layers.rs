//! How alike what layers make of the same rows is: examples of the data set, or the tokens of a text.

use std::sync::Arc;

use compute::{Engine, RunOptions};
use embed::{Kernel, Linkage, Probe, ProbeSettings, Table, Whitened};
use layout::Node;
use model::{Network, TensorId};
use serde::{Deserialize, Serialize};
use web_time::Instant;

use super::answers::News;
use super::work::SLICE;
use crate::Document;
use crate::feed::{Feed, bring, features, fetched};
use crate::text::is_padding;

/// How two layers are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Alike {
    /// Linear centred kernel alignment (Kornblith, Norouzi, Lee and Hinton 2019).
    #[default]
    Cka,
    /// The same without the bias of few rows and many columns (Nguyen, Raghu and Kornblith 2021).
    Unbiased,
    /// Mean canonical correlation of 99 % of the variance (Raghu, Gilmer, Yosinski and Sohl-Dickstein 2017).
    Svcca,
}

impl Alike {
    /// All of them.
    pub const ALL: [Alike; 3] = [Alike::Cka, Alike::Unbiased, Alike::Svcca];

    /// As people call it.
    pub fn name(self) -> &'static str {
        match self {
            Alike::Cka => "CKA",
            Alike::Unbiased => "CKA without bias",
            Alike::Svcca => "SVCCA",
        }
    }
}

/// Which layers are alike, and what can be read from each.
#[derive(Clone, Debug, PartialEq)]
pub struct Similar {
    /// How they are compared.
    pub measure: Alike,
    /// Layers in flow order, as named in the file.
    pub layers: Vec<String>,
    /// Columns of each that were compared: features, or channels of large feature maps.
    pub widths: Vec<usize>,
    /// What the rows are, in words.
    pub rows: String,
    /// Layers × layers, row-major; NaN where it is not known yet, or where a layer says the same of all.
    pub matrix: Vec<f32>,
    /// Accuracy of a linear classifier on each layer, of what it learned from and of what it did not see;
    /// empty for rows without classes.
    pub probes: Vec<Option<[f32; 2]>>,
    /// Share of the most frequent class among the rows that the classifier does not see.
    pub chance: f32,
    /// The layers in an order that has alike ones together; empty until all is known.
    pub order: Vec<usize>,
    /// Pairs of groups in the order in which they are joined, with their distance: a group below the number
    /// of layers is one of them, that number plus `i` what merge `i` gave.
    pub merges: Vec<([u32; 2], f32)>,
}

/// Layers that are compared at most; of more, some that are evenly spread.
const MOST: usize = 48;
/// Values of an example that count as they are; of larger feature maps the mean of each channel does.
const WIDE: usize = 1024;
/// Rows that are compared at most; of more, some that are evenly spread.
const ROWS: usize = 1000;
/// Each so many rows, one is kept from the classifiers.
const HELD: usize = 5;
/// Share of the variance that SVCCA keeps.
const SHARE: f64 = 0.99;

/// Where the rows come from.
#[derive(Clone)]
pub(crate) enum Rows {
    /// Examples are run.
    Examples { feed: Feed, picks: Arc<[usize]> },
    /// They are there: of each layer values and width.
    Known(Arc<[(Vec<f32>, usize)]>),
}

/// What is to be done.
#[derive(Clone)]
pub(crate) struct Comparison {
    network: Arc<Network>,
    measure: Alike,
    layers: Vec<(String, TensorId)>,
    words: String,
    rows: Rows,
    labels: Vec<u32>,
}

/// The layers on show that can be compared.
fn shown(document: &Document) -> Vec<(String, TensorId)> {
    let layer = |node: Node, tensor: Option<TensorId>| {
        let Node::Layer(id) = node else { return None };
        let tensor = tensor.filter(|t| document.source.tensor(*t).spec.dtype.is_float())?;
        Some((document.network.layer(id).name.clone(), tensor))
    };
    let volumes = document.layout.volumes.iter();
    volumes.filter_map(|v| layer(v.node, v.tensor)).collect()
}

fn thinned<T: Clone>(all: &[T], most: usize) -> Vec<T> {
    let count = all.len().min(most);
    (0..count).map(|i| all[i * all.len() / count].clone()).collect()
}

impl Comparison {
    /// What the worker does.
    pub(super) fn of(document: &Document, measure: Alike) -> Result<Self, String> {
        let mut layers = shown(document);
        let (rows, words, labels) = match &document.tokens {
            Some(tokens) => tokens_of(document, tokens, &mut layers)?,
            None => examples_of(document)?,
        };
        if matches!(rows, Rows::Examples { .. }) {
            layers = thinned(&layers, MOST);
        }
        if layers.len() < 2 {
            return Err("two layers of numbers are needed: open a scope to see more".into());
        }
        Ok(Comparison {
            network: document.source.clone(),
            measure,
            layers,
            words,
            rows,
            labels,
        })
    }
}

type Found = (Rows, String, Vec<u32>);

fn examples_of(document: &Document) -> Result<Found, String> {
    let feed = Feed::of(document)?;
    let picks: Vec<usize> = thinned(&(0..feed.samples.len()).collect::<Vec<_>>(), ROWS);
    let words = format!("{} examples of the data set", picks.len());
    let labels = picks
        .iter()
        .filter_map(|&p| feed.samples.labels.get(p).map(|l| u32::from(*l)));
    let labels: Vec<u32> = labels.collect();
    let labels = if labels.len() == picks.len() {
        labels
    } else {
        Vec::new()
    };
    let picks = picks.into();
    Ok((Rows::Examples { feed, picks }, words, labels))
}

fn tokens_of(
    document: &Document,
    tokens: &[Vec<String>],
    layers: &mut Vec<(String, TensorId)>,
) -> Result<Found, String> {
    let trace = document.trace.as_ref().ok_or("give the network a text first")?;
    let long = tokens.first().map_or(0, Vec::len);
    let places: Vec<usize> = tokens
        .iter()
        .enumerate()
        .flat_map(|(i, text)| {
            let kept = text.iter().enumerate().filter(|(_, t)| !is_padding(t));
            kept.map(move |(place, _)| i * long + place)
        })
        .collect();
    let places = thinned(&places, ROWS);
    if places.len() < 4 {
        return Err(format!(
            "{} tokens are too few to compare layers by: 4 are needed",
            places.len()
        ));
    }
    let by_token = |tensor: &TensorId| {
        let shape = &trace.tensors.get(tensor)?.shape;
        (shape.len() == 3 && shape[0] == tokens.len() && shape[1] == long).then_some(shape[2])
    };
    layers.retain(|(_, t)| by_token(t).is_some());
    *layers = thinned(layers, MOST);
    let mut tables = Vec::new();
    for (name, tensor) in layers.iter() {
        let values = trace.tensors.get(tensor).and_then(|t| t.host());
        let values = values.ok_or_else(|| format!("{name}: its numbers are still on the device"))?;
        let width = by_token(tensor).unwrap_or(0);
        let rows = places.iter().flat_map(|p| &values[p * width..(p + 1) * width]);
        tables.push((rows.copied().collect(), width));
    }
    let words = format!("{} tokens of the text", places.len());
    Ok((Rows::Known(tables.into()), words, Vec::new()))
}

/// The comparison that the worker is at.
pub(super) struct Comparing {
    task: Comparison,
    /// Rows that have run.
    done: usize,
    tables: Vec<(Vec<f32>, usize)>,
    prepared: Vec<Option<Prepared>>,
    found: Similar,
    /// Rows of the matrix that are known.
    compared: usize,
}

enum Prepared {
    Kernel(Kernel),
    Whitened(Whitened),
}

impl Comparing {
    pub(super) fn new(task: Comparison) -> Self {
        let count = task.layers.len();
        let tables = match &task.rows {
            Rows::Known(tables) => tables.to_vec(),
            Rows::Examples { .. } => vec![Default::default(); count],
        };
        Comparing {
            found: Similar {
                measure: task.measure,
                layers: task.layers.iter().map(|(name, _)| name.clone()).collect(),
                widths: Vec::new(),
                rows: task.words.clone(),
                matrix: vec![f32::NAN; count * count],
                probes: Vec::new(),
                chance: 0.0,
                order: Vec::new(),
                merges: Vec::new(),
            },
            done: 0,
            tables,
            prepared: Vec::new(),
            compared: 0,
            task,
        }
    }

    /// A slice of it.
    pub(super) async fn go(
        &mut self,
        engine: &mut Engine,
        options: &RunOptions,
    ) -> Result<(News, f32), String> {
        let begin = Instant::now();
        let count = self.task.layers.len();
        let mut progress = 0.0;
        while begin.elapsed().as_secs_f64() < SLICE {
            if let Some((done, all)) = self.run(engine, options).await? {
                progress = 0.6 * done as f32 / all as f32;
            } else if self.prepared.len() < count {
                self.prepare();
                progress = 0.6 + 0.3 * self.prepared.len() as f32 / count as f32;
            } else if self.compared < count {
                self.compare()?;
                progress = 0.9 + 0.09 * self.compared as f32 / count as f32;
            } else {
                self.arrange();
                progress = 1.0;
                break;
            }
        }
        Ok((News::Layers(Arc::new(self.found.clone())), progress))
    }

    /// Runs the next examples; `None` once all rows are there.
    async fn run(
        &mut self,
        engine: &mut Engine,
        options: &RunOptions,
    ) -> Result<Option<(usize, usize)>, String> {
        let Rows::Examples { feed, picks } = &mut self.task.rows else {
            return Ok(None);
        };
        let tensors: Vec<TensorId> = self.task.layers.iter().map(|(_, tensor)| *tensor).collect();
        feed.several(engine, options, &self.task.network, &tensors)
            .await?;
        let now = &picks[self.done..picks.len().min(self.done + feed.batch)];
        if now.is_empty() {
            return Ok(None);
        }
        let trace = feed.run(engine, options, &self.task.network, now).await?;
        bring(engine, &trace, &tensors).await?;
        for ((name, tensor), (values, width)) in self.task.layers.iter().zip(&mut self.tables) {
            let (kept, numbers) = fetched(engine, &trace, *tensor, name).await?;
            // What does not go by example has the same row for all.
            let rows = match kept.shape.first() == Some(&now.len()) {
                true => now.len(),
                false => 1,
            };
            let size = numbers.len() / rows;
            for i in 0..now.len() {
                let row = &numbers[(i % rows) * size..][..size];
                *width = features(row, &kept.shape, WIDE, values);
            }
        }
        self.done += now.len();
        Ok(Some((self.done, picks.len())))
    }

    /// Prepares the next layer, and has a classifier learn from it.
    fn prepare(&mut self) {
        let (values, width) = std::mem::take(&mut self.tables[self.prepared.len()]);
        self.found.widths.push(width);
        let table = Table::new(&values, width.max(1)).ok();
        let prepared = table.as_ref().and_then(|table| match self.task.measure {
            Alike::Svcca => Whitened::new(table, SHARE).ok().map(Prepared::Whitened),
            _ => Kernel::new(table).ok().map(Prepared::Kernel),
        });
        self.prepared.push(prepared);
        if self.task.labels.is_empty() {
            return;
        }
        let rows = self.task.labels.len() as u32;
        let (test, train): (Vec<u32>, Vec<u32>) = (0..rows).partition(|r| *r as usize % HELD == HELD - 1);
        if self.found.chance == 0.0 {
            let mut counts = std::collections::BTreeMap::<u32, u32>::new();
            test.iter()
                .for_each(|r| *counts.entry(self.task.labels[*r as usize]).or_default() += 1);
            let most = counts.values().max().copied().unwrap_or(0);
            self.found.chance = most as f32 / test.len().max(1) as f32;
        }
        let probe = table.and_then(|table| {
            let table = standardised(&table, &train);
            let table = Table::new(&table, width).ok()?;
            let sets = [&train[..], &test[..]];
            Probe::fit(&table, &self.task.labels, sets, &ProbeSettings::default()).ok()
        });
        let accuracy = probe.map(|p| [p.train_accuracy as f32, p.test_accuracy as f32]);
        self.found.probes.push(accuracy);
    }

    /// The next row of the matrix.
    fn compare(&mut self) -> Result<(), String> {
        let (i, count) = (self.compared, self.task.layers.len());
        for j in i..count {
            let value = match (&self.prepared[i], &self.prepared[j]) {
                (Some(Prepared::Kernel(a)), Some(Prepared::Kernel(b))) => match self.task.measure {
                    Alike::Unbiased => a.cka_unbiased(b),
                    _ => a.cka(b),
                },
                (Some(Prepared::Whitened(a)), Some(Prepared::Whitened(b))) => a.svcca(b),
                _ => Ok(f64::NAN),
            };
            let value = value.map_err(|e| e.to_string())? as f32;
            self.found.matrix[i * count + j] = value;
            self.found.matrix[j * count + i] = value;
        }
        self.compared += 1;
        Ok(())
    }

    /// Groups the layers by their rows of the matrix.
    fn arrange(&mut self) {
        let count = self.task.layers.len();
        let known = |v: &f32| if v.is_finite() { *v } else { 0.0 };
        let rows: Vec<f32> = self.found.matrix.iter().map(known).collect();
        let linked = Table::new(&rows, count).ok();
        let linked = linked.and_then(|table| embed::link(&table, Linkage::Average).ok());
        let Some(linked) = linked else { return };
        self.found.merges = linked.merges.iter().map(|m| (m.clusters, m.distance)).collect();
        self.found.order = linked.leaves().into_iter().map(|l| l as usize).collect();
    }
}

/// Columns brought to mean 0 and deviation 1 over the rows that are learned from, as is usual before a
/// penalised classifier.
fn standardised(table: &Table, train: &[u32]) -> Vec<f32> {
    let width = table.width();
    let n = train.len().max(1) as f64;
    let mut sums = vec![[0f64; 2]; width];
    for &row in train {
        for (sum, &v) in sums.iter_mut().zip(table.row(row as usize)) {
            sum[0] += f64::from(v);
            sum[1] += f64::from(v) * f64::from(v);
        }
    }
    let scale = |s: &[f64; 2]| {
        let mean = s[0] / n;
        let deviation = (s[1] / n - mean * mean).max(0.0).sqrt();
        (
            mean as f32,
            if deviation > 1e-12 {
                1.0 / deviation as f32
            } else {
                0.0
            },
        )
    };
    let scales: Vec<(f32, f32)> = sums.iter().map(scale).collect();
    let rows = table.values().chunks(width);
    rows.flat_map(|row| row.iter().zip(&scales).map(|(v, (m, s))| (v - m) * s))
        .collect()
}
