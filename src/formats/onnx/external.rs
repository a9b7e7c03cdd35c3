//! Values that stand in other files, never outside the model's folder.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::proto::StringStringEntry;
use crate::beside::{self, Folder};

/// Reads external data files, each once; tensors share their bytes.
pub(super) struct External<'a> {
    folder: Option<Folder<'a>>,
    files: RefCell<HashMap<PathBuf, Bytes>>,
}

impl<'a> External<'a> {
    /// Files below `folder`; without one no file is read.
    pub(super) fn new(folder: Option<Folder<'a>>) -> Self {
        External {
            folder,
            files: RefCell::default(),
        }
    }

    /// The bytes that `entries` point to, `expected` of them unless a length is stated.
    /// An inner `Err` says why the values are absent: the network opens without them. An outer
    /// one is a claim that no honest file makes.
    pub(super) fn bytes(
        &self,
        entries: &[StringStringEntry],
        expected: u64,
    ) -> Result<Result<Bytes, String>, String> {
        let entry = |key: &str| entries.iter().find(|e| e.key == key).map(|e| e.value.as_str());
        let location = entry("location").unwrap_or("");
        let relative = beside::relative(location).map_err(|e| format!("external data: {e}"))?;
        let number = |key: &str| match entry(key) {
            None => Ok(None),
            Some(text) => text.trim().parse::<u64>().map(Some).map_err(|_| {
                format!("external data {location:?}: expected a number as {key:?}, found {text:?}")
            }),
        };
        let (offset, length) = (
            number("offset")?.unwrap_or(0),
            number("length")?.unwrap_or(expected),
        );
        let Some(folder) = self.folder else {
            return Ok(Err(format!("external data {location:?} was not given")));
        };
        let file = match self.file(folder, &relative)? {
            Ok(file) => file,
            Err(why) => return Ok(Err(format!("external data {location:?}: {why}"))),
        };
        let size = file.len() as u64;
        match offset.checked_add(length) {
            Some(end) if end <= size => Ok(Ok(file.slice(offset as usize..end as usize))),
            _ => Err(format!(
                "external data {location:?}: offset {offset} and length {length} reach beyond \
                 the file's {size} bytes"
            )),
        }
    }

    fn file(&self, folder: Folder, relative: &Path) -> Result<Result<Bytes, String>, String> {
        if let Some(bytes) = self.files.borrow().get(relative) {
            return Ok(Ok(bytes.clone()));
        }
        let read = beside::read(folder, relative).map_err(|e| format!("external data: {e}"))?;
        if let Ok(bytes) = &read {
            self.files
                .borrow_mut()
                .insert(relative.to_path_buf(), bytes.clone());
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(pairs: &[(&str, &str)]) -> Vec<StringStringEntry> {
        let entry = |(key, value): &(&str, &str)| StringStringEntry {
            key: key.to_string(),
            value: value.to_string(),
        };
        pairs.iter().map(entry).collect()
    }

    #[test]
    fn ranges_inside_the_folder_are_read() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("data")).unwrap();
        std::fs::write(folder.path().join("data/w.bin"), [1, 2, 3, 4, 5]).unwrap();
        let external = External::new(Some(Folder::Disk(folder.path())));
        let got = external.bytes(&entries(&[("location", "data/w.bin"), ("offset", "1")]), 3);
        assert_eq!(got.unwrap().unwrap(), Bytes::from_static(&[2, 3, 4]));
        let absent = external.bytes(&entries(&[("location", "other.bin")]), 3);
        assert!(absent.unwrap().unwrap_err().contains("no such file"));
        let no_folder = External::new(None).bytes(&entries(&[("location", "w.bin")]), 3);
        assert!(no_folder.unwrap().unwrap_err().contains("was not given"));
    }

    #[test]
    fn nothing_outside_the_folder_is_read() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("model");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(outer.path().join("secret"), [0; 8]).unwrap();
        std::fs::write(folder.join("w.bin"), [0; 8]).unwrap();
        let external = External::new(Some(Folder::Disk(&folder)));
        let check = |pairs: &[(&str, &str)], expected: &str| {
            let message = external.bytes(&entries(pairs), 8).unwrap_err();
            assert!(message.contains(expected), "{message}");
        };
        check(&[("location", "../secret")], "\"..\"");
        check(&[("location", "a/../../secret")], "\"..\"");
        check(&[("location", "/etc/passwd")], "an absolute path");
        check(&[("location", "C:\\w.bin")], "an absolute path");
        check(&[], "found none");
        check(
            &[("location", "w.bin"), ("offset", "4")],
            "reach beyond the file's 8 bytes",
        );
        check(
            &[("location", "w.bin"), ("offset", "18446744073709551615")],
            "reach beyond",
        );
        check(&[("location", "w.bin"), ("length", "-1")], "expected a number");
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(outer.path().join("secret"), folder.join("link")).unwrap();
            check(&[("location", "link")], "a link that leaves it");
        }
    }
}
