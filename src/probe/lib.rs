//! Questions put to a running network: what its gradients agree on, which of its units are used, how
//! its loss looks around the path that training took.
//!
//! In: a network that is trained ([`compute::train::Trainer`]), examples of its data. Out: records of
//! a history, surfaces. Nothing of the training changes. It knows no file and no screen.

#![forbid(unsafe_code)]

mod surface;
mod survey;
mod units;

pub use surface::{Explorer, MAX_SIZE, Plane, Spot, Surface, Trace, Weights};
pub use survey::Surveyor;
