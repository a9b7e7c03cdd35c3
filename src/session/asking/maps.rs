//! What a layer makes of several examples, beside each other.

use std::sync::Arc;

use compute::{Engine, RunOptions};
use model::{Network, TensorId};
use web_time::Instant;

use super::answers::News;
use super::work::SLICE;
use crate::Document;
use crate::feed::{Feed, fetched};

/// Examples that are compared at most.
const MOST: usize = 64;

/// A layer's output for several examples.
#[derive(Clone, Debug, PartialEq)]
pub struct Maps {
    /// The layer.
    pub layer: String,
    /// The examples, those that have run first.
    pub examples: Vec<usize>,
    /// Channels, rows and columns of one.
    pub shape: [usize; 3],
    /// Of each example that has run, `[C, H, W]`.
    pub values: Vec<Arc<[f32]>>,
}

/// What is to be done.
#[derive(Clone)]
pub(crate) struct Task {
    network: Arc<Network>,
    layer: String,
    tensor: TensorId,
    feed: Feed,
    examples: Arc<[usize]>,
}

impl Task {
    /// What the worker does.
    pub(super) fn of(
        document: &Document,
        layer: &str,
        tensor: TensorId,
        examples: &[usize],
    ) -> Result<Self, String> {
        let feed = Feed::of(document)?;
        let count = feed.samples.len();
        if examples.is_empty() || examples.len() > MOST {
            return Err(format!(
                "{} examples were given, 1 to {MOST} are expected",
                examples.len()
            ));
        }
        match examples.iter().find(|e| **e >= count) {
            Some(beyond) => Err(format!("example {beyond} of {count} was asked for")),
            None => Ok(Task {
                network: document.source.clone(),
                layer: layer.into(),
                tensor,
                feed,
                examples: examples.into(),
            }),
        }
    }
}

/// The maps that the worker is at.
pub(super) struct Mapping {
    task: Task,
    found: Maps,
}

impl Mapping {
    pub(super) fn new(task: Task) -> Self {
        Mapping {
            found: Maps {
                layer: task.layer.clone(),
                examples: task.examples.to_vec(),
                shape: [0; 3],
                values: Vec::new(),
            },
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
        let all = self.task.examples.len();
        let Task {
            feed,
            network,
            tensor,
            ..
        } = &mut self.task;
        if all > 3 {
            feed.several(engine, options, network, &[*tensor]).await?;
        }
        while self.found.values.len() < all && begin.elapsed().as_secs_f64() < SLICE {
            let done = self.found.values.len();
            let now = &self.task.examples[done..all.min(done + self.task.feed.batch)];
            let feed = &self.task.feed;
            let trace = feed.run(engine, options, &self.task.network, now).await?;
            let name = &self.task.layer;
            let (kept, values) = fetched(engine, &trace, self.task.tensor, name).await?;
            self.found.shape = match kept.shape[..] {
                [n, c, h, w] if n == now.len() => [c, h, w],
                [n, c, l] if n == now.len() => [c, 1, l],
                [n, f] if n == now.len() => [f, 1, 1],
                _ => {
                    return Err(format!(
                        "{name}: an output of examples and channels is expected, found {:?}",
                        kept.shape
                    ));
                }
            };
            let size = self.found.shape.iter().product::<usize>().max(1);
            self.found.values.extend(values.chunks_exact(size).map(Arc::from));
        }
        let progress = self.found.values.len() as f32 / all as f32;
        Ok((News::Maps(Arc::new(self.found.clone())), progress))
    }
}
