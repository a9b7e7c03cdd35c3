//! The architecture format: layers with their settings, and connections.
use crate::{Source, error::Fault};
use model::Network;
pub(crate) fn recognises(_: &[u8]) -> bool {
    false
}
pub(crate) fn read(_: &Source) -> Result<Network, Fault> {
    Err(Fault::new("", ""))
}
pub(crate) fn write(_: &Network) -> Result<Vec<u8>, Fault> {
    Err(Fault::new("", ""))
}
