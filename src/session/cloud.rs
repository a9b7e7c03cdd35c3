//! Points in two or three dimensions: what a layer makes of the data set, the tokens of the last text, the
//! rows of a parameter, a table from a file.
//!
//! `cloud/work.rs` is what the worker does, `cloud/points.rs` where points come from.

mod kmeans;
mod linear;
mod points;
mod subject;
mod work;

use std::sync::Arc;

use embed::{Alignment, Scaling, Table};
use model::{Network, Trace};
use serde::{Deserialize, Serialize};

use crate::worker::Job;
use crate::{Session, Source};

pub use subject::Subject;
pub(crate) use work::{Mapped, Mapper, Order, work};

/// Where points come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Origin {
    /// What the layer of this name makes of each example of the data set; of large feature maps the mean
    /// of each channel.
    Layer(String),
    /// What it made of each token of the last pass.
    Tokens(String),
    /// Rows of a parameter of two axes: token embeddings, the weights of classes.
    Parameter(String),
    /// A table: `.npy`, `.npz`, CSV, TSV, Parquet, a projector's folder.
    File(Source),
}

/// How many dimensions become two or three.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Projection {
    /// The directions in which points differ most.
    #[default]
    Pca,
    /// t-SNE (van der Maaten and Hinton 2008): neighbours stay neighbours, distances say little.
    Tsne,
    /// UMAP (McInnes, Healy and Melville 2018): neighbours stay neighbours, groups stand apart.
    Umap,
    /// Dimensions as they are, those of [`Wanted::axes`].
    Axes,
    /// First the direction from the mean of [`Wanted::group`] to the mean of the rest, then the directions
    /// in which points differ most apart from it.
    Direction,
}

impl Projection {
    /// All of them.
    pub const ALL: [Projection; 5] = [
        Projection::Pca,
        Projection::Tsne,
        Projection::Umap,
        Projection::Axes,
        Projection::Direction,
    ];

    /// As people call it.
    pub fn name(self) -> &'static str {
        match self {
            Projection::Pca => "PCA",
            Projection::Tsne => "t-SNE",
            Projection::Umap => "UMAP",
            Projection::Axes => "Axes",
            Projection::Direction => "Direction",
        }
    }
}

/// A cloud that is asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Wanted {
    /// What the points are.
    pub origin: Origin,
    /// How they are brought to so few dimensions.
    #[serde(default)]
    pub projection: Projection,
    /// 2 or 3.
    pub dimensions: usize,
    /// Neighbours that UMAP keeps together, or t-SNE's perplexity.
    pub neighbours: usize,
    /// Neighbours by direction alone, instead of by distance.
    #[serde(default)]
    pub cosine: bool,
    /// Of what is random.
    #[serde(default)]
    pub seed: u64,
    /// The dimensions that [`Projection::Axes`] draws.
    #[serde(default = "first_axes")]
    pub axes: [usize; 3],
    /// The points that [`Projection::Direction`] leads from.
    #[serde(default)]
    pub group: Arc<[u32]>,
}

fn first_axes() -> [usize; 3] {
    [0, 1, 2]
}

impl Wanted {
    /// PCA in three dimensions.
    pub fn new(origin: Origin) -> Self {
        Wanted {
            origin,
            projection: Projection::default(),
            dimensions: 3,
            neighbours: 15,
            cosine: false,
            seed: 0,
            axes: first_axes(),
            group: Arc::default(),
        }
    }
}

/// How far the worker is.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// What it does.
    pub words: String,
    /// Share of that, 0 to 1.
    pub share: f32,
}

/// Groups around their means, in all dimensions (Lloyd 1982, with the starts of k-means++).
#[derive(Clone, Debug, PartialEq)]
pub struct Kmeans {
    /// How many were asked for.
    pub clusters: usize,
    /// The group of each point.
    pub of: Vec<Option<u32>>,
    /// A name for each group: what most of its points are, or the words or the dimension that tell it from
    /// the others.
    pub names: Vec<String>,
    /// Sum of squared distances to the means.
    pub inertia: f64,
    /// Another one for other groups.
    pub version: u64,
}

/// Points on show.
pub struct Cloud {
    /// What was asked for.
    pub wanted: Wanted,
    /// The points, once they are there.
    pub subject: Arc<Subject>,
    /// Points x dimensions of the projection, as far as it is; of the one before until the new one has
    /// places.
    pub places: Arc<[f32]>,
    /// 2 or 3: of `places`.
    pub dimensions: usize,
    /// What the worker still does.
    pub stage: Option<Stage>,
    /// Share of the variance that each axis of PCA holds.
    pub explained: Vec<f64>,
    /// Trustworthiness (Venna and Kaski 2001) and shared neighbours, both of 15 and 0 to 1, of finished
    /// places.
    pub quality: Option<[f64; 2]>,
    /// Dense groups of finished places (HDBSCAN), `None` for points between them; empty where there are
    /// too many points.
    pub clusters: Vec<Option<u32>>,
    /// A name for each: its most frequent class with its share.
    pub cluster_names: Vec<String>,
    /// Groups around their means, once they were asked for.
    pub kmeans: Option<Kmeans>,
    /// What the axes of places are, where they are something of their own.
    pub axes: Vec<String>,
    /// Why there is none.
    pub problem: Option<String>,
    /// Grows with each change.
    pub version: u64,
    waiting: bool,
    /// What the points were made by.
    of: Maker,
    /// Places of the projection before, and their dimensions: what new ones are laid onto.
    anchor: (Arc<[f32]>, usize),
}

/// What points are made by: the open network with its weights, of tokens a pass; nothing of a file.
#[derive(Clone, Default)]
struct Maker {
    opened: u64,
    network: Option<Arc<Network>>,
    trace: Option<Arc<Trace>>,
}

impl Maker {
    fn of(origin: &Origin, session: &Session) -> Self {
        let document = session.document.as_ref();
        Maker {
            opened: session.opened,
            network: match origin {
                Origin::Layer(_) | Origin::Parameter(_) => document.map(|d| d.source.clone()),
                Origin::Tokens(_) | Origin::File(_) => None,
            },
            trace: match origin {
                Origin::Tokens(_) => document.and_then(|d| d.trace.clone()),
                _ => None,
            },
        }
    }

    fn same(&self, other: &Maker) -> bool {
        fn same<T>(a: &Option<Arc<T>>, b: &Option<Arc<T>>) -> bool {
            match (a, b) {
                (Some(a), Some(b)) => Arc::ptr_eq(a, b),
                (a, b) => a.is_none() && b.is_none(),
            }
        }
        same(&self.network, &other.network) && same(&self.trace, &other.trace)
    }
}

impl Cloud {
    /// Lays new places onto those of the projection before, so that points do not jump.
    fn align(&self, places: Vec<f32>, dimensions: usize) -> Vec<f32> {
        let (anchor, width) = &self.anchor;
        if *width != dimensions || anchor.len() != places.len() || anchor.iter().all(|v| *v == 0.0) {
            return places;
        }
        let aligned = || {
            let from = Table::new(&places, dimensions).ok()?;
            let to = Table::new(anchor, dimensions).ok()?;
            let shared: Vec<(u32, u32)> = (0..from.rows() as u32).map(|i| (i, i)).collect();
            let fit = Alignment::fit(&from, &to, &shared, Scaling::Keep).ok()?;
            let mut moved = places.clone();
            fit.apply(&mut moved);
            Some(moved)
        };
        aligned().unwrap_or(places)
    }
}

/// Has the worker map points, or takes them away.
pub(crate) fn apply(session: &mut Session, wanted: Option<Wanted>) -> Result<(), String> {
    let Some(wanted) = wanted else {
        session.cloud = None;
        session
            .worker
            .submit(session.opened, session.budget, Job::Map(Order::End));
        return Ok(());
    };
    if !matches!(wanted.dimensions, 2 | 3) {
        return Err(format!(
            "{} dimensions cannot be drawn: 2 or 3 are expected",
            wanted.dimensions
        ));
    }
    let of = Maker::of(&wanted.origin, session);
    let known = session
        .cloud
        .as_ref()
        .filter(|c| c.wanted.origin == wanted.origin && c.of.same(&of) && !c.subject.is_empty());
    let points = match known {
        Some(cloud) => points::Points::Known(cloud.subject.clone()),
        None => points::Points::of(&wanted.origin, session.document.as_ref())?,
    };
    let before = session.cloud.take();
    session.cloud = Some(Cloud {
        subject: before
            .as_ref()
            .map(|c| c.subject.clone())
            .filter(|_| known_origin(&before, &wanted))
            .unwrap_or_default(),
        places: before.as_ref().map_or_else(Arc::default, |c| c.places.clone()),
        anchor: before
            .as_ref()
            .map_or_else(Default::default, |c| (c.places.clone(), c.dimensions)),
        dimensions: before.as_ref().map_or(wanted.dimensions, |c| c.dimensions),
        stage: Some(Stage {
            words: "waiting".into(),
            share: 0.0,
        }),
        explained: Vec::new(),
        quality: None,
        clusters: Vec::new(),
        cluster_names: Vec::new(),
        // Groups are of all dimensions: another projection keeps them.
        kmeans: before
            .as_ref()
            .and_then(|c| c.kmeans.clone())
            .filter(|_| known_origin(&before, &wanted)),
        axes: Vec::new(),
        problem: None,
        version: before.map_or(0, |c| c.version) + 1,
        waiting: true,
        of,
        wanted: wanted.clone(),
    });
    let order = Order::Begin(Box::new((points, wanted)));
    session
        .worker
        .submit(session.opened, session.budget, Job::Map(order));
    Ok(())
}

/// Has the worker find `clusters` groups of the points on show.
pub(crate) fn group(session: &mut Session, clusters: usize) -> Result<(), String> {
    let cloud = session.cloud.as_mut().ok_or("there are no points to group")?;
    let most = cloud.subject.len();
    if cloud.stage.is_some() {
        return Err("points are still being placed: group them afterwards".into());
    }
    if !(1..=most).contains(&clusters) {
        return Err(format!(
            "{clusters} groups of {most} points: 1 to {most} are expected"
        ));
    }
    cloud.stage = Some(Stage {
        words: "grouping".into(),
        share: 0.0,
    });
    cloud.waiting = true;
    let order = Order::Group(Box::new((cloud.subject.clone(), cloud.wanted.clone(), clusters)));
    session
        .worker
        .submit(session.opened, session.budget, Job::Map(order));
    Ok(())
}

fn known_origin(before: &Option<Cloud>, wanted: &Wanted) -> bool {
    before.as_ref().is_some_and(|c| c.wanted.origin == wanted.origin)
}

impl Session {
    /// Has the worker go on with a cloud that is not finished.
    pub(crate) fn follow_cloud(&mut self) {
        self.renew_cloud();
        let Some(cloud) = &mut self.cloud else { return };
        if cloud.stage.is_some() && !cloud.waiting {
            cloud.waiting = true;
            self.worker.submit(self.opened, self.budget, Job::Map(Order::Go));
        }
    }

    /// Has points made again by other weights of the network: those of another step of the timeline, or
    /// those that a training brings. Neighbours take longer to be found than a training takes to go on:
    /// those wait until it stands still.
    fn renew_cloud(&mut self) {
        let trains = self.training.as_ref().is_some_and(|t| t.playing);
        let renewed = self.cloud.as_ref().filter(|cloud| {
            let now = Maker::of(&cloud.wanted.origin, self);
            let rests = cloud.stage.is_none() && cloud.problem.is_none();
            let quick = !matches!(cloud.wanted.projection, Projection::Tsne | Projection::Umap);
            let other = cloud.of.opened == now.opened && now.network.is_some() && !cloud.of.same(&now);
            rests && other && (quick || !trains)
        });
        let Some(wanted) = renewed.map(|cloud| cloud.wanted.clone()) else {
            return;
        };
        if let Err(problem) = apply(self, Some(wanted)) {
            self.not_mapped(problem);
        }
    }

    /// Takes in what the worker mapped.
    pub(crate) fn take_mapped(&mut self, mapped: Mapped) {
        let Some(cloud) = self.cloud.as_mut().filter(|c| c.wanted == mapped.wanted) else {
            return;
        };
        cloud.waiting = false;
        cloud.version += 1;
        if mapped.grouping {
            cloud.stage = mapped.stage;
            if let Some(mut kmeans) = mapped.kmeans {
                kmeans.version = cloud.version;
                cloud.kmeans = Some(kmeans);
            }
            return;
        }
        if let Some(subject) = mapped.subject {
            // Points of another number stand nowhere yet.
            if subject.len() * cloud.dimensions != cloud.places.len() {
                cloud.places = Arc::default();
            }
            cloud.subject = subject;
        }
        cloud.stage = mapped.stage;
        if let Some(places) = mapped.places {
            cloud.places = cloud.align(places, cloud.wanted.dimensions).into();
            cloud.dimensions = cloud.wanted.dimensions;
        }
        cloud.explained = mapped.explained;
        cloud.axes = mapped.axes;
        cloud.quality = mapped.quality;
        (cloud.clusters, cloud.cluster_names) = mapped.clusters;
        if let Some(problem) = mapped.problem {
            (cloud.problem, cloud.stage) = (Some(problem), None);
        }
    }

    /// The cloud ends with a problem.
    pub(crate) fn not_mapped(&mut self, problem: String) {
        if let Some(cloud) = &mut self.cloud {
            (cloud.problem, cloud.stage, cloud.waiting) = (Some(problem), None, false);
        }
    }

    /// Waits until the cloud has come to rest.
    pub fn wait_for_cloud(&mut self) {
        loop {
            self.wait();
            self.follow_cloud();
            if !self.worker.pending() {
                return;
            }
        }
    }
}
