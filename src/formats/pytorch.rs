//! PyTorch files: zip archives (`torch.save` since 1.6), the format before that, and the tensors
//! and modules of TorchScript archives.
//!
//! Their pickles are read as plain values ([`crate::pickle`]); only the globals in
//! `allow.rs` may be named.

mod allow;
mod legacy;
mod state;
mod storage;

use bytes::Bytes;
use model::Network;

use crate::Source;
use crate::archive::{self, Archive};
use crate::error::Fault;
use crate::pickle;
use crate::weights::Weights;
use storage::Storages;

/// The member that holds the values.
const DATA: &str = "data.pkl";

/// True for a zip archive with `data.pkl`, the old format, or a bare pickle.
pub(crate) fn recognises(bytes: &Bytes) -> bool {
    let pickled = matches!(bytes[..], [0x80, 2..=5, ..]);
    pickled || archive::holds(bytes, |name| name == DATA || name.ends_with("/data.pkl"))
}

/// Reads a file of weights.
pub(crate) fn read(source: &Source) -> Result<Network, Fault> {
    Ok(crate::architecture::network(
        source,
        tensors(&source.bytes, source.stem)?,
    ))
}

/// All tensors of a file, sharing its bytes. A tensor that is alone is called `stem`.
pub(crate) fn tensors(bytes: &Bytes, stem: &str) -> Result<Weights, Fault> {
    if !bytes.starts_with(archive::SIGNATURE) {
        return legacy::tensors(bytes, stem);
    }
    let archive = Archive::open(bytes)?;
    let mut members = archive.members().iter().map(|m| m.name.as_str());
    let data = members
        .find_map(|name| Some((name, name.strip_suffix(DATA)?)))
        .filter(|(_, root)| root.is_empty() || root.ends_with('/'));
    let (data, root) =
        data.ok_or_else(|| Fault::new("zip archive", format!("expected a member {DATA:?}, found none")))?;
    let named = |name: &str| format!("{root}{name}");
    if archive.find(&named("byteorder")).is_some() {
        let order = archive.read(&named("byteorder"))?;
        if &order[..] != b"little" {
            let problem = "expected values in little-endian order, found another";
            return Err(Fault::new("zip member \"byteorder\"", problem));
        }
    }
    let script = archive.find(&named("constants.pkl")).is_some();
    let policy = if script { allow::script } else { allow::weights };
    let pickle = pickle::read(&archive.read(data)?, 0, policy).map_err(|f| f.within(data))?;
    let storages = Storages::in_archive(&archive, root);
    let format = if script { "TorchScript" } else { "PyTorch" };
    state::weights(&pickle, storages, format, stem)
}
