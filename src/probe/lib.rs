//! Questions put to a running network: what its gradients agree on, which of its units are used, how
//! its loss looks around the path that training took; what in an example speaks for an answer
//! ([`attribution`]), what a unit would like to see ([`maximize`]), what its filter comes to in the
//! input ([`Projection`]), and how one number of a pass came about
//! ([`arithmetic`]).
//!
//! In: a network that is trained ([`compute::train::Trainer`]) or one that is open, examples of its
//! data. Out: records of a history, surfaces, maps, pictures. Nothing of the training and of the
//! network changes. It knows no file and no screen.

#![forbid(unsafe_code)]

pub mod arithmetic;
pub mod attribution;
mod error;
pub mod maximize;
mod projection;
mod surface;
mod survey;
mod units;

pub use error::ProbeError;
pub use projection::{Projected, Projection};
pub use surface::{Explorer, MAX_SIZE, Plane, Spot, Surface, Trace, Weights};
pub use survey::Surveyor;
