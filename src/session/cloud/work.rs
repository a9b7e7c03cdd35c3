//! What the worker does of a cloud: gathers its points, then moves them, a slice at a time.

use std::sync::Arc;

use compute::{Engine, RunOptions};
use data::{Images, Preprocess};
use embed::{HdbscanSettings, Metric, Pca, Table, Tsne, TsneSettings, Umap, UmapSettings};
use model::{LayerId, Network, TensorData, TensorId};
use web_time::Instant;

use super::{Origin, Projection, Stage, Subject, Wanted};
use crate::{Document, Source};

/// Seconds of work between two looks at what else is to be done.
const SLICE: f64 = 0.05;
/// Examples of one pass.
const BATCH: usize = 10;
/// Values of a layer that are points as they are; of larger feature maps the mean of each channel counts.
const MOST: usize = 4096;
/// Points above which the quality of places is not worked out, and the neighbours that it counts.
const JUDGED: usize = 5000;
const NEAR: usize = 15;

/// Points, or how to come by them.
#[derive(Clone)]
pub(crate) enum Points {
    /// They are there.
    Known(Arc<Subject>),
    /// Examples are run, and this tensor read.
    Run {
        network: Arc<Network>,
        samples: Arc<Images>,
        how: Preprocess,
        tensor: TensorId,
        batch: usize,
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
    pub(super) fn of(origin: &Origin, document: Option<&Document>) -> Result<Self, String> {
        let open = || document.ok_or("open a model first");
        match origin {
            Origin::File(source) => Ok(Points::File(source.clone())),
            Origin::Layer(layer) => {
                let document = open()?;
                let (_, tensor) = output(&document.source, layer)?;
                let none = "this network has no data set; look at its tokens or parameters, or open a table";
                let samples = document.samples.clone().ok_or(none)?;
                let how = document.preprocess.clone().ok_or(none)?;
                let input = document.source.tensor(document.source.main().inputs[0]);
                let batch = input.spec.dims().and_then(|d| d.first()?.known());
                Ok(Points::Run {
                    network: document.source.clone(),
                    samples,
                    how,
                    tensor,
                    batch: batch.map_or(BATCH, |n| n.max(1) as usize),
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
        for (place, token) in text
            .iter()
            .enumerate()
            .filter(|(_, t)| *t != "[PAD]" && *t != "<pad>")
        {
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

/// An order to the worker.
#[derive(Clone)]
pub(crate) enum Order {
    Begin(Box<(Points, Wanted)>),
    Go,
    End,
}

/// What came of it.
pub(crate) struct Mapped {
    pub(super) wanted: Wanted,
    pub(super) subject: Option<Arc<Subject>>,
    pub(super) stage: Option<Stage>,
    pub(super) places: Option<Vec<f32>>,
    pub(super) explained: Vec<f64>,
    pub(super) quality: Option<[f64; 2]>,
    pub(super) clusters: (Vec<Option<u32>>, Vec<String>),
    pub(super) problem: Option<String>,
}

/// The map that the worker makes.
#[derive(Default)]
pub(crate) struct Mapper(Option<(Wanted, Step)>);

enum Step {
    Gather(Points, Gathered),
    Place(Arc<Subject>),
    Tsne(Arc<Subject>, Box<Tsne<'static>>),
    Umap(Arc<Subject>, Box<Umap<'static>>),
    Judge(Arc<Subject>, Vec<f32>, Vec<f64>),
    Rest,
}

/// What the examples gave so far.
#[derive(Default)]
struct Gathered {
    values: Vec<f32>,
    width: usize,
    rows: usize,
}

/// What the worker does for `order`; `None` where nothing is to be shown.
pub(crate) async fn work(
    mapper: &mut Mapper,
    engine: &mut Engine,
    options: &RunOptions,
    order: Order,
) -> Option<Mapped> {
    match order {
        Order::End => {
            mapper.0 = None;
            return None;
        }
        Order::Begin(begin) => {
            let (points, wanted) = *begin;
            mapper.0 = Some((wanted, Step::Gather(points, Gathered::default())));
        }
        Order::Go => (),
    }
    let (wanted, step) = mapper.0.take()?;
    let mut mapped = Mapped {
        wanted: wanted.clone(),
        subject: None,
        stage: None,
        places: None,
        explained: Vec::new(),
        quality: None,
        clusters: Default::default(),
        problem: None,
    };
    match go(step, &wanted, engine, options, &mut mapped).await {
        Ok(Step::Rest) => mapped.stage = None,
        Ok(step) => mapper.0 = Some((wanted, step)),
        Err(problem) => mapped.problem = Some(problem),
    }
    Some(mapped)
}

fn told(e: embed::EmbedError) -> String {
    e.to_string()
}

async fn go(
    step: Step,
    wanted: &Wanted,
    engine: &mut Engine,
    options: &RunOptions,
    mapped: &mut Mapped,
) -> Result<Step, String> {
    let begin = Instant::now();
    let late = || begin.elapsed().as_secs_f64() > SLICE;
    let stage = |words: &str, share: f32| {
        Some(Stage {
            words: words.into(),
            share,
        })
    };
    match step {
        Step::Gather(Points::Known(subject), _) => {
            mapped.subject = Some(subject.clone());
            mapped.stage = stage("placing", 0.0);
            Ok(Step::Place(subject))
        }
        Step::Gather(Points::File(source), _) => {
            let subject = Arc::new(read(&source)?);
            mapped.subject = Some(subject.clone());
            mapped.stage = stage("placing", 0.0);
            Ok(Step::Place(subject))
        }
        Step::Gather(points, mut so_far) => {
            let Points::Run { samples, .. } = &points else {
                return Ok(Step::Rest);
            };
            let count = samples.len();
            while so_far.rows < count && !late() {
                gather(&points, &mut so_far, engine, options).await?;
            }
            if so_far.rows < count {
                mapped.stage = stage("running the examples", so_far.rows as f32 / count as f32);
                return Ok(Step::Gather(points, so_far));
            }
            let subject = Arc::new(Subject {
                values: so_far.values.into(),
                width: so_far.width,
                names: Vec::new(),
                labels: samples.labels.iter().map(|l| u32::from(*l)).collect(),
                classes: samples.classes.clone(),
                examples: Some(samples.clone()),
            });
            mapped.subject = Some(subject.clone());
            mapped.stage = stage("placing", 0.0);
            Ok(Step::Place(subject))
        }
        Step::Place(subject) => {
            mapped.stage = stage("placing", 0.0);
            place(subject, wanted, mapped)
        }
        Step::Tsne(subject, mut tsne) => {
            let mut progress = tsne.progress();
            while !progress.done() && !late() {
                progress = tsne.step(1);
            }
            if progress.iterations > 0 {
                mapped.places = Some(tsne.places().to_vec());
            }
            mapped.stage = stage(words(progress.stage), progress.fraction);
            Ok(match progress.done() {
                true => Step::Judge(subject, tsne.places().to_vec(), Vec::new()),
                false => Step::Tsne(subject, tsne),
            })
        }
        Step::Umap(subject, mut umap) => {
            let mut progress = umap.progress();
            while !progress.done() && !late() {
                progress = umap.step(1);
            }
            if progress.iterations > 0 {
                mapped.places = Some(umap.places().to_vec());
            }
            mapped.stage = stage(words(progress.stage), progress.fraction);
            Ok(match progress.done() {
                true => Step::Judge(subject, umap.places().to_vec(), Vec::new()),
                false => Step::Umap(subject, umap),
            })
        }
        Step::Judge(subject, places, explained) => {
            mapped.explained = explained;
            mapped.quality = judge(&subject, &places, wanted);
            mapped.clusters = clusters(&subject, &places, wanted.dimensions);
            Ok(Step::Rest)
        }
        Step::Rest => Ok(Step::Rest),
    }
}

fn words(stage: embed::Stage) -> &'static str {
    match stage {
        embed::Stage::Neighbours => "looking for neighbours",
        embed::Stage::Graph => "weighing neighbours",
        embed::Stage::Start => "finding a beginning",
        embed::Stage::Places => "moving points",
        embed::Stage::Done => "done",
    }
}

/// Runs the next examples.
async fn gather(
    points: &Points,
    so_far: &mut Gathered,
    engine: &mut Engine,
    options: &RunOptions,
) -> Result<(), String> {
    let Points::Run {
        network,
        samples,
        how,
        tensor,
        batch,
    } = points
    else {
        return Ok(());
    };
    let until = (so_far.rows + batch).min(samples.len());
    let count = until - so_far.rows;
    let mut values = Vec::new();
    for i in so_far.rows..until {
        values.extend(samples.to_f32(i, how).map_err(|e| e.to_string())?);
    }
    let mut shape = how.shape();
    shape[0] = count as u64;
    let name = network.tensor(network.main().inputs[0]).name.clone();
    let given = [(name, TensorData::from_f32(&shape, &values))];
    let trace = engine
        .run(network, &given, options)
        .await
        .map_err(|e| e.to_string())?;
    let layer = &network.tensor(*tensor).name;
    let found = trace
        .tensors
        .get(tensor)
        .ok_or_else(|| format!("{layer}: the pass did not keep it"))?;
    engine.fetch(found).await?;
    let values = found
        .host()
        .ok_or_else(|| format!("{layer}: its values did not come"))?;
    if found.shape.first() != Some(&count) {
        return Err(format!(
            "{layer}: {count} examples give {:?}: its first axis is not that of the examples",
            found.shape
        ));
    }
    let size = values.len() / count.max(1);
    let channels = found.shape.get(1).copied().unwrap_or(1).max(1);
    let mut row = |example: &[f32]| match size > MOST && found.shape.len() > 2 {
        true => {
            let places = size / channels;
            let mean = |c: &[f32]| c.iter().sum::<f32>() / places as f32;
            so_far.values.extend(example.chunks_exact(places).map(mean));
            channels
        }
        false => {
            so_far.values.extend_from_slice(example);
            size
        }
    };
    let widths: Vec<usize> = values.chunks_exact(size.max(1)).map(&mut row).collect();
    so_far.width = widths.first().copied().unwrap_or(0);
    so_far.rows = until;
    Ok(())
}

/// A table from a file.
fn read(source: &Source) -> Result<Subject, String> {
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
        examples: None,
    })
}

/// Begins to place points; PCA is done at once.
fn place(subject: Arc<Subject>, wanted: &Wanted, mapped: &mut Mapped) -> Result<Step, String> {
    let table = Table::shared(subject.values.clone(), subject.width).map_err(told)?;
    let metric = if wanted.cosine {
        Metric::Cosine
    } else {
        Metric::Euclidean
    };
    let (dimensions, seed) = (wanted.dimensions, wanted.seed);
    match wanted.projection {
        Projection::Pca => {
            // Points of fewer dimensions than are drawn lie in a plane, or on a line.
            let count = dimensions.min(subject.width).min(subject.len());
            let pca = Pca::fit(&table, count, seed).map_err(told)?;
            let flat = pca.project(&table).map_err(told)?;
            let mut places = vec![0.0; subject.len() * dimensions];
            for (place, row) in places.chunks_exact_mut(dimensions).zip(flat.chunks_exact(count)) {
                place[..count].copy_from_slice(row);
            }
            mapped.places = Some(places.clone());
            mapped.explained.clone_from(&pca.explained);
            Ok(Step::Judge(subject, places, pca.explained))
        }
        Projection::Tsne => {
            let settings = TsneSettings {
                dimensions,
                perplexity: (wanted.neighbours as f32).min(TsneSettings::most_perplexity(subject.len())),
                metric,
                seed,
                ..TsneSettings::default()
            };
            let tsne = Tsne::new(table, settings).map_err(told)?;
            Ok(Step::Tsne(subject, tsne.into()))
        }
        Projection::Umap => {
            let settings = UmapSettings {
                dimensions,
                neighbours: wanted.neighbours.min(subject.len()),
                metric,
                seed,
                ..UmapSettings::default()
            };
            let umap = Umap::new(table, settings).map_err(told)?;
            Ok(Step::Umap(subject, umap.into()))
        }
    }
}

/// How far places can be trusted, where points are few enough to be compared with each other.
fn judge(subject: &Subject, places: &[f32], wanted: &Wanted) -> Option<[f64; 2]> {
    let rows = subject.len();
    if rows > JUDGED || rows < 3 * NEAR {
        return None;
    }
    let table = Table::shared(subject.values.clone(), subject.width).ok()?;
    let places = Table::new(places, wanted.dimensions).ok()?;
    let metric = if wanted.cosine {
        Metric::Cosine
    } else {
        Metric::Euclidean
    };
    let trust = embed::trustworthiness(&table, &places, NEAR, metric).ok()?;
    let recall = embed::neighbour_recall(&table, &places, NEAR, metric, None).ok()?;
    Some([trust, recall])
}

/// Dense groups of places, each of at least a fiftieth of the points, and what they are.
fn clusters(subject: &Subject, places: &[f32], dimensions: usize) -> (Vec<Option<u32>>, Vec<String>) {
    let rows = subject.len();
    let settings = HdbscanSettings {
        min_cluster_size: (rows / 50).max(5),
        min_samples: Some(5),
    };
    let table = Table::new(places, dimensions).ok().filter(|_| rows <= JUDGED);
    let Some(found) = table.and_then(|t| embed::hdbscan(&t, &settings).ok()) else {
        return Default::default();
    };
    let count = found.labels.iter().flatten().max().map_or(0, |m| m + 1);
    let name = |cluster: u32| {
        let members: Vec<usize> = (0..rows).filter(|&i| found.labels[i] == Some(cluster)).collect();
        let mut counts = vec![0usize; subject.classes.len()];
        for &i in &members {
            if let Some(count) = subject.labels.get(i).and_then(|l| counts.get_mut(*l as usize)) {
                *count += 1;
            }
        }
        let most = (0..counts.len())
            .max_by_key(|&c| counts[c])
            .filter(|&c| counts[c] > 0);
        match most {
            Some(class) => format!(
                "{} ({:.0} % of {})",
                subject.classes[class],
                100.0 * counts[class] as f64 / members.len() as f64,
                members.len()
            ),
            None => format!("group {} ({})", cluster + 1, members.len()),
        }
    };
    let names = (0..count).map(name).collect();
    (found.labels, names)
}
