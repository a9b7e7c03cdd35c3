//! Takes records from any training process over HTTP and WebSocket.
//!
//! In: requests on a port of this machine, by the protocol of `docs/serve.md`. Out: records on disk,
//! through [`runs::store`], before they are acknowledged, and to who listens in this process. It knows
//! no screen.

mod guard;
mod http;
mod limits;
mod listen;
mod live;
mod problems;
mod records;
mod refusal;
mod server;
mod take;
mod ws;

pub use limits::Limits;
pub use live::{Accepted, Live};
pub use server::{Handle, Interrupted, Options, ServeError, interrupted, start};
