//! Files of weights that break their format, or ask for what they must not have: each is refused
//! by name.

mod arrays;
mod gguf;
mod pytorch;
mod safetensors;

use bytes::Bytes;

/// Opens `bytes` and expects a message with the file's name and `expected` in it.
fn refused(name: &str, bytes: &[u8], expected: &str) {
    let error = formats::open_bytes(name, Bytes::copy_from_slice(bytes), None)
        .err()
        .unwrap_or_else(|| panic!("{name} was read: {expected}"))
        .to_string();
    assert!(error.starts_with(name), "{error}");
    assert!(error.contains(expected), "{expected:?} is missing in: {error}");
}

/// A zip archive of stored or deflated members.
fn zip(members: &[(&str, &[u8])], method: ::zip::CompressionMethod) -> Vec<u8> {
    use std::io::Write;
    let mut out = ::zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = ::zip::write::SimpleFileOptions::default().compression_method(method);
    for (name, bytes) in members {
        out.start_file(*name, options).unwrap();
        out.write_all(bytes).unwrap();
    }
    out.finish().unwrap().into_inner()
}
