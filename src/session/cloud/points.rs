//! Where points come from: layers that examples run through, tokens, parameters, files.

use std::sync::Arc;

use compute::{Engine, RunOptions};
use model::{LayerId, Network, TensorId};

use super::{Origin, Subject};
use crate::feed::{Feed, features, fetched};
use crate::text::is_padding;
use crate::{Document, Source};

/// Values of a layer that are points as they are; of larger feature maps the mean of each channel counts.
const MOST: usize = 4096;

/// Points, or how to come by them.
#[derive(Clone)]
pub(crate) enum Points {
    /// They are there.
    Known(Arc<Subject>),
    /// Examples are run, and this tensor read.
    Run {
        network: Arc<Network>,
        feed: Feed,
        tensor: TensorId,
    },
    /// They are read from a file.
    File(Source),
}

/// The output of the layer of this name.
fn output(network: &Network, layer: &str) -> Result<(LayerId, TensorId), String> {
    let id = network
        .layer_named(layer)
        .ok_or_else(|| format!("there is no layer {layer:?}"))?;
    let tensor = network.layer(id).outputs.first().copied().flatten();
    Ok((id, tensor.ok_or_else(|| format!("{layer}: it gives nothing"))?))
}

impl Points {
    /// How to come by the points of `origin`.
    pub(in crate::cloud) fn of(origin: &Origin, document: Option<&Document>) -> Result<Self, String> {
        let open = || document.ok_or("open a model first");
        match origin {
            Origin::File(source) => Ok(Points::File(source.clone())),
            Origin::Layer(layer) => {
                let document = open()?;
                let (_, tensor) = output(&document.source, layer)?;
                let none = "this network has no data set; look at its tokens or parameters, or open a table";
                if document.samples.is_none() || document.preprocess.is_none() {
                    return Err(none.into());
                }
                Ok(Points::Run {
                    network: document.source.clone(),
                    feed: Feed::of(document)?,
                    tensor,
                })
            }
            Origin::Tokens(layer) => tokens(open()?, layer).map(|s| Points::Known(s.into())),
            Origin::Parameter(name) => parameter(open()?, name).map(|s| Points::Known(s.into())),
        }
    }
}

/// What `layer` made of each token of the last pass.
fn tokens(document: &Document, layer: &str) -> Result<Subject, String> {
    let (_, tensor) = output(&document.source, layer)?;
    let trace = document.trace.as_ref().ok_or("give the network a text first")?;
    let texts = document.tokens.as_ref().ok_or("the last input was no text")?;
    let found = trace
        .tensors
        .get(&tensor)
        .ok_or_else(|| format!("{layer}: the pass did not keep its output"))?;
    let values = found
        .host()
        .ok_or_else(|| format!("{layer}: its values are on their way; select it and try again"))?;
    let [n, t, width] = found.shape[..] else {
        return Err(format!(
            "{layer}: an output [texts, tokens, features] is expected, found {:?}",
            found.shape
        ));
    };
    if n != texts.len() || texts.iter().any(|text| text.len() != t) {
        return Err(format!("{layer}: {n} x {t} rows are no tokens of this text"));
    }
    let mut subject = Subject {
        width,
        ..Subject::default()
    };
    let mut kept = Vec::new();
    for (i, text) in texts.iter().enumerate() {
        for (place, token) in text.iter().enumerate().filter(|(_, t)| !is_padding(t)) {
            kept.extend_from_slice(&values[(i * t + place) * width..][..width]);
            subject.names.push(token.clone());
            subject.labels.push(i as u32);
        }
    }
    subject.values = kept.into();
    subject.classes = (1..=n).map(|i| format!("text {i}")).collect();
    Ok(subject)
}

/// Rows of a parameter of two axes.
fn parameter(document: &Document, name: &str) -> Result<Subject, String> {
    let network = &document.network;
    let id = network
        .tensor_named(name)
        .ok_or_else(|| format!("there is no tensor {name:?}"))?;
    let data = network
        .tensor(id)
        .data
        .as_ref()
        .ok_or_else(|| format!("{name}: its values are not stored"))?;
    let [rows, width] = data.shape[..] else {
        return Err(format!("{name}: two axes are expected, found {:?}", data.shape));
    };
    let values = data
        .to_f32()
        .ok_or_else(|| format!("{name}: it holds no numbers"))?;
    let named = rows as usize == document.classes.len();
    Ok(Subject {
        values: values.to_vec().into(),
        width: width as usize,
        names: if named {
            document.classes.clone()
        } else {
            Vec::new()
        },
        ..Subject::default()
    })
}

/// What the examples gave so far.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) values: Vec<f32>,
    pub(super) width: usize,
    pub(super) rows: usize,
}

/// Runs the next examples.
pub(super) async fn gather(
    points: &mut Points,
    so_far: &mut Gathered,
    engine: &mut Engine,
    options: &RunOptions,
) -> Result<(), String> {
    let Points::Run {
        network,
        feed,
        tensor,
    } = points
    else {
        return Ok(());
    };
    feed.several(engine, options, network, &[*tensor]).await?;
    let until = (so_far.rows + feed.batch).min(feed.samples.len());
    let picks: Vec<usize> = (so_far.rows..until).collect();
    let count = picks.len();
    let trace = feed.run(engine, options, network, &picks).await?;
    let layer = &network.tensor(*tensor).name;
    let (found, values) = fetched(engine, &trace, *tensor, layer).await?;
    if found.shape.first() != Some(&count) {
        return Err(format!(
            "{layer}: {count} examples give {:?}: its first axis is not that of the examples",
            found.shape
        ));
    }
    let size = values.len() / count.max(1);
    for example in values.chunks_exact(size.max(1)) {
        so_far.width = features(example, &found.shape, MOST, &mut so_far.values);
    }
    so_far.rows = until;
    Ok(())
}

/// A table from a file.
pub(super) fn read(source: &Source) -> Result<Subject, String> {
    let points = match source {
        Source::File(path) => data::Points::read(path),
        Source::Bytes { name, bytes } => data::Points::from_bytes(name, bytes),
        Source::Bundled(name) => return Err(format!("{name}: there is no built-in table")),
        Source::Together(_) => return Err("one table is expected".into()),
    };
    let points = points.map_err(|e| e.to_string())?;
    Ok(Subject {
        values: points.values.into(),
        width: points.width,
        names: points.names,
        labels: points.labels,
        classes: points.classes,
        columns: points.columns,
        examples: None,
        sprites: points.sprites.map(Arc::new),
    })
}
