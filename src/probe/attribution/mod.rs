//! Attribution: how much each cell of an example speaks for one number that the network computes.
//!
//! [`METHODS`] lists the ways; a [`Subject`] is the example and the number; an [`Attribution`] is worked
//! out bit by bit, with a map to look at after each. Beside a map stand [`Curves`], which say whether
//! what it marks matters to the network, and the [`Sanity`] check, which says whether it depends on what
//! the network has learned at all: both are worth more than a map that looks right.

mod averaged;
mod baseline;
mod curves;
mod deconvolution;
mod grad_cam;
mod grad_cam_plus;
mod gradient;
mod gradient_input;
mod guided;
mod integrated;
mod map;
mod occlusion;
mod picture;
mod relevance;
mod rise;
mod sanity;
mod settings;
mod smooth;
mod subject;
pub(crate) mod target;
mod words;

use std::pin::Pin;

use web_time::Instant;

use crate::ProbeError;

pub use baseline::Baseline;
pub use curves::{Curve, Curves};
pub use map::Map;
pub use picture::Picture;
pub use sanity::{Sanity, Stage, Verdict};
pub use settings::{Kind, Setting, Settings};
pub use subject::Subject;
pub use target::{Target, logits};
pub use words::by_vectors;

/// Begins the work, where the network has what it needs.
type Start = fn(&Subject, &Settings) -> Result<Box<dyn Work>, ProbeError>;

/// A way to attribute.
pub struct Method {
    /// Key.
    pub id: &'static str,
    /// Name for people.
    pub name: &'static str,
    /// What a value of its map means, in a sentence.
    pub about: &'static str,
    /// The paper.
    pub source: &'static str,
    /// What there is to set.
    pub settings: &'static [Setting],
    /// True where it looks at a layer, which [`Settings::layer`] chooses.
    pub layered: bool,
    start: Start,
}

/// Every method.
pub const METHODS: &[&Method] = &[
    &gradient::METHOD,
    &gradient_input::METHOD,
    &smooth::METHOD,
    &integrated::METHOD,
    &guided::METHOD,
    &deconvolution::METHOD,
    &grad_cam::METHOD,
    &grad_cam_plus::METHOD,
    &relevance::METHOD,
    &occlusion::METHOD,
    &rise::METHOD,
];

/// The method called `id`.
pub fn method(id: &str) -> Option<&'static Method> {
    METHODS.iter().copied().find(|m| m.id == id)
}

/// A step on its way; boxed, since each method has its own.
type Task<'a, T> = Pin<Box<dyn Future<Output = Result<T, ProbeError>> + 'a>>;

/// A method at work.
trait Work {
    /// Examples that it runs in all, and those that it has run.
    fn progress(&self) -> (usize, usize);

    /// Runs one batch.
    fn step<'a>(&'a mut self, subject: &'a mut Subject) -> Task<'a, ()>;

    /// What is known so far.
    fn map(&self, subject: &Subject) -> Map;
}

/// An attribution that is worked out bit by bit.
pub struct Attribution {
    method: &'static Method,
    work: Box<dyn Work>,
}

impl Attribution {
    /// Of `subject` by `method`. Nothing runs yet.
    ///
    /// # Errors
    /// [`ProbeError::Setting`] for settings that the method does not have or that do not fit;
    /// [`ProbeError::NoConvolution`], [`ProbeError::NoRectifier`], [`ProbeError::Layer`] and
    /// [`ProbeError::NoRule`] where the
    /// network has not what the method needs.
    pub fn new(subject: &Subject, method: &'static Method, settings: &Settings) -> Result<Self, ProbeError> {
        settings.check(method.settings)?;
        let work = (method.start)(subject, settings)?;
        Ok(Attribution { method, work })
    }

    /// The method.
    pub fn method(&self) -> &'static Method {
        self.method
    }

    /// Share of the work that is done, 0 to 1.
    pub fn progress(&self) -> f32 {
        let (done, total) = self.work.progress();
        done as f32 / total.max(1) as f32
    }

    /// True once all is done.
    pub fn finished(&self) -> bool {
        let (done, total) = self.work.progress();
        done >= total
    }

    /// Works for about so many seconds, one batch at least. `subject` is the one that it was made for.
    ///
    /// # Errors
    /// [`ProbeError::Run`] as for a pass; what was known before stays.
    pub async fn go(&mut self, subject: &mut Subject, seconds: f64) -> Result<(), ProbeError> {
        let begin = Instant::now();
        while !self.finished() {
            self.work.step(subject).await?;
            if begin.elapsed().as_secs_f64() > seconds {
                break;
            }
        }
        Ok(())
    }

    /// The map; `None` before the first step.
    pub fn map(&self, subject: &Subject) -> Option<Map> {
        (self.work.progress().0 > 0).then(|| self.work.map(subject))
    }
}

/// A whole attribution at once.
///
/// # Errors
/// As [`Attribution::new`] and [`Attribution::go`].
pub async fn attribute(
    subject: &mut Subject,
    method: &'static Method,
    settings: &Settings,
) -> Result<Map, ProbeError> {
    let mut attribution = Attribution::new(subject, method, settings)?;
    while !attribution.finished() {
        attribution.go(subject, f64::INFINITY).await?;
    }
    Ok(attribution.work.map(subject))
}
