//! `layerscope convert`: a model file in another format.

use std::path::Path;

use crate::Failure;

/// Reads `from` and writes it to `to`, in the format of its extension.
pub fn convert(from: &Path, to: &Path) -> Result<(), Failure> {
    let network = formats::open(from)?;
    for warning in &network.warnings {
        eprintln!("warning: {warning}");
    }
    let format = formats::save(&network, to)?;
    let layers = network.layers.len();
    crate::print(&format!(
        "{layers} layers ({}) as {}, written to {}",
        network.format,
        format.name,
        to.display()
    ))
}
