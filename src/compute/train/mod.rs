//! Training: any network whose operators have gradients, on a data set in host memory.
//!
//! In: a `Network`, a [`model::Dataset`], a [`Plan`], a device. Out: steps, one after the other, each
//! with what was recorded of it; checkpoints that resume exactly; the trained network. What is drawn
//! at random (order, augmentation, dropout, noise) is a function of the seed and the place in the
//! training, so that no state of a generator has to be kept. It knows no file and no screen.

mod ask;
mod augment;
mod batch;
mod change;
mod checkpoint;
mod cuts;
mod host;
mod judge;
mod keep;
mod loss;
mod optimizer;
mod plan;
mod problem;
mod schedule;
mod statistics;
mod trainer;
mod work;

pub use ask::Slopes;
pub use augment::Augmentation;
pub use batch::order;
pub use change::Change;
pub use checkpoint::{Best, Checkpoint, Progress};
pub use judge::Judgement;
pub use loss::{Loss, Reconstruction};
pub use optimizer::{Moments, Optimizer};
pub use plan::{Cadence, Clip, Every, OnProblem, Plan};
pub use schedule::{Memory, Schedule, Unit, Warmup};
pub use statistics::{BUCKETS, Moments as LayerMoments, SHARE};
pub use trainer::{Step, Trainer};
