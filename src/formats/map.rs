//! Large files as memory: the system reads a page when it is looked at, so that a model opens
//! from its headers. Native only.

use std::fs::File;

use bytes::Bytes;

/// The content of `file`, mapped.
#[allow(unsafe_code)]
pub(crate) fn map(file: &File) -> std::io::Result<Bytes> {
    // SAFETY: the mapping is private and read-only, nothing here writes to it, and it lives as long
    // as the last slice of it. What the language cannot rule out is another program that changes
    // the file meanwhile: changed bytes are checked like any others, since nothing read from them
    // is trusted; a file that is cut short ends the process when the lost part is looked at, which
    // every program that maps files accepts.
    let map = unsafe { memmap2::Mmap::map(file)? };
    Ok(Bytes::from_owner(map))
}
