//! What the worker does of a cloud: gathers its points, then moves them, a slice at a time.

use std::sync::Arc;

use compute::{Engine, RunOptions};
use embed::{HdbscanSettings, Metric, Pca, Table, Tsne, TsneSettings, Umap, UmapSettings};
use web_time::Instant;

use super::kmeans::Grouping;
use super::linear::{axes, direction};
use super::points::{Gathered, Points, gather, read};
use super::{Kmeans, Projection, Stage, Subject, Wanted};

/// Seconds of work between two looks at what else is to be done.
const SLICE: f64 = 0.05;
/// Points above which the quality of places is not worked out, and the neighbours that it counts.
const JUDGED: usize = 5000;
const NEAR: usize = 15;

/// An order to the worker.
#[derive(Clone)]
pub(crate) enum Order {
    Begin(Box<(Points, Wanted)>),
    Go,
    /// Points, the cloud that they are of, and how many groups are wanted.
    Group(Box<(Arc<Subject>, Wanted, usize)>),
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
    pub(super) axes: Vec<String>,
    /// Only groups were worked at.
    pub(super) grouping: bool,
    pub(super) kmeans: Option<Kmeans>,
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
    Judge(Arc<Subject>, Placed),
    Group(Box<Grouping>),
    Rest,
}

/// Places, and what their axes are.
#[derive(Default)]
pub(super) struct Placed {
    pub(super) places: Vec<f32>,
    pub(super) explained: Vec<f64>,
    pub(super) axes: Vec<String>,
}

impl Placed {
    fn of(places: &[f32]) -> Self {
        Placed {
            places: places.to_vec(),
            ..Placed::default()
        }
    }
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
        Order::Group(group) => {
            let (subject, wanted, clusters) = *group;
            mapper.0 = Some((wanted, Step::Group(Box::new(Grouping::new(subject, clusters)))));
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
        axes: Vec::new(),
        grouping: matches!(step, Step::Group(_)),
        kmeans: None,
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
        Step::Gather(mut points, mut so_far) => {
            let Points::Run { feed, .. } = &points else {
                return Ok(Step::Rest);
            };
            let samples = feed.samples.clone();
            let count = samples.len();
            while so_far.rows < count && !late() {
                gather(&mut points, &mut so_far, engine, options).await?;
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
                ..Subject::default()
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
                true => Step::Judge(subject, Placed::of(tsne.places())),
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
                true => Step::Judge(subject, Placed::of(umap.places())),
                false => Step::Umap(subject, umap),
            })
        }
        Step::Judge(subject, placed) => {
            mapped.quality = judge(&subject, &placed.places, wanted);
            mapped.clusters = clusters(&subject, &placed.places, wanted.dimensions);
            (mapped.explained, mapped.axes) = (placed.explained, placed.axes);
            Ok(Step::Rest)
        }
        Step::Group(mut grouping) => {
            let mut found = None;
            while found.is_none() && !late() {
                found = grouping.step().map_err(told)?;
            }
            mapped.stage = stage("grouping", grouping.share());
            mapped.kmeans = found;
            Ok(match mapped.kmeans {
                Some(_) => Step::Rest,
                None => Step::Group(grouping),
            })
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
            let explained = pca.explained;
            let axes = Vec::new();
            Ok(Step::Judge(
                subject,
                Placed {
                    places,
                    explained,
                    axes,
                },
            ))
        }
        Projection::Axes => {
            let placed = axes(&subject, wanted)?;
            mapped.places = Some(placed.places.clone());
            mapped.axes.clone_from(&placed.axes);
            Ok(Step::Judge(subject, placed))
        }
        Projection::Direction => {
            let placed = direction(&subject, wanted)?;
            mapped.places = Some(placed.places.clone());
            mapped.axes.clone_from(&placed.axes);
            Ok(Step::Judge(subject, placed))
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
    if !(3 * NEAR..=JUDGED).contains(&rows) {
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
    let classes: Vec<&str> = (0..rows).map(|i| subject.class(i).unwrap_or_default()).collect();
    let named = embed::name_by_class(&found.labels, &classes).unwrap_or_default();
    let name = |(i, majority): (usize, &embed::Majority)| match majority.class.as_str() {
        "" => format!("group {} ({})", i + 1, majority.points),
        class => format!("{class} ({:.0} %)", 100.0 * majority.share),
    };
    let names = named.iter().enumerate().map(name).collect();
    (found.labels, names)
}
