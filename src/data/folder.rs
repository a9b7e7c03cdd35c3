//! Pictures from a folder: one sub-folder a class, or all in one place.

use std::path::{Path, PathBuf};

use crate::error::DataError;
use crate::image::Picture;
use crate::images::Images;
use crate::preprocess::{Preprocess, Resize};

/// Most pictures taken from one folder.
pub const MAX_PICTURES: usize = 100_000;
/// Most bytes that all pixels together may take.
pub const MAX_BYTES: usize = 2 << 30;

/// File endings that are opened, compared without case.
pub const ENDINGS: [&str; 6] = ["png", "jpg", "jpeg", "gif", "bmp", "webp"];

/// What every picture of the folder is brought to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Pixels per row (W).
    pub width: usize,
    /// Rows (H).
    pub height: usize,
    /// 1 (grayscale) or 3 (red, green, blue).
    pub channels: usize,
    /// How the size is reached.
    pub resize: Resize,
    /// Most pictures to read for each class.
    pub per_class: usize,
}

/// A folder that has been read.
#[derive(Clone, Debug)]
pub struct FolderImages {
    /// The pictures, in the order of class and file name.
    pub images: Images,
    /// File of each picture, relative to the folder.
    pub files: Vec<PathBuf>,
    /// What was skipped, and why.
    pub warnings: Vec<String>,
}

/// Reads the pictures in `path`. Each sub-folder is a class and gives it its name; a folder
/// without sub-folders is one class, named like itself. Names are taken in byte order.
///
/// Files that cannot be decoded are skipped with a warning, and so are links that lead out of
/// `path`. It is an error when nothing is left.
pub fn read(path: &Path, options: &Options) -> Result<FolderImages, DataError> {
    let how = Preprocess {
        resize: options.resize,
        ..Preprocess::unit(options.width, options.height, options.channels)
    };
    how.check()?;
    let mut reader = Reader {
        root: path.canonicalize().map_err(|e| DataError::io(path, e))?,
        how,
        per_class: options.per_class,
        found: FolderImages {
            images: Images {
                name: title(path),
                width: options.width,
                height: options.height,
                channels: options.channels,
                pixels: Vec::new(),
                labels: Vec::new(),
                classes: Vec::new(),
            },
            files: Vec::new(),
            warnings: Vec::new(),
        },
    };
    let (folders, files) = reader.list(path)?;
    if folders.is_empty() {
        reader.class(title(path), &files, path)?;
    } else {
        if !files.is_empty() {
            let skipped = format!("{} pictures beside the class folders: skipped", files.len());
            reader.found.warnings.push(skipped);
        }
        for folder in &folders {
            let (_, files) = reader.list(folder)?;
            reader.class(title(folder), &files, path)?;
        }
    }
    let file = path.display().to_string();
    if reader.found.images.is_empty() {
        let found = match reader.found.warnings.first() {
            Some(first) => format!("none that can be read ({first})"),
            None => "none".to_string(),
        };
        return Err(DataError::malformed(&file, "pictures", found, ENDINGS.join(", ")));
    }
    let FolderImages {
        images,
        files,
        warnings,
    } = reader.found;
    Ok(FolderImages {
        images: images.checked(&file)?,
        files,
        warnings,
    })
}

struct Reader {
    root: PathBuf,
    how: Preprocess,
    per_class: usize,
    found: FolderImages,
}

impl Reader {
    /// Sub-folders and pictures of `path`, sorted by name, links out of the root left away.
    fn list(&mut self, path: &Path) -> Result<(Vec<PathBuf>, Vec<PathBuf>), DataError> {
        let (mut folders, mut files) = (Vec::new(), Vec::new());
        for entry in std::fs::read_dir(path).map_err(|e| DataError::io(path, e))? {
            let entry = entry.map_err(|e| DataError::io(path, e))?.path();
            let hidden = title(&entry).starts_with('.');
            if hidden || (!entry.is_dir() && !is_picture(&entry)) {
                continue;
            }
            match entry.canonicalize() {
                Ok(real) if real.starts_with(&self.root) && real.is_dir() => folders.push(entry),
                Ok(real) if real.starts_with(&self.root) => files.push(entry),
                Ok(_) => self.warn(&entry, "leads out of the folder"),
                Err(e) => self.warn(&entry, &e.to_string()),
            }
        }
        folders.sort();
        files.sort();
        Ok((folders, files))
    }

    fn class(&mut self, name: String, files: &[PathBuf], root: &Path) -> Result<(), DataError> {
        let Ok(label) = u16::try_from(self.found.images.classes.len()) else {
            let found = "more than 65,536 class folders";
            return Err(self.full(found.into(), "65,536 classes".into()));
        };
        self.found.images.classes.push(name);
        let mut read = 0;
        for file in files {
            if read == self.per_class {
                break;
            }
            let picture = match Picture::open(file).and_then(|p| self.how.fitted(&p)) {
                Ok(picture) => picture,
                Err(e) => {
                    self.found.warnings.push(format!("{e}: skipped"));
                    continue;
                }
            };
            let images = &mut self.found.images;
            if images.len() == MAX_PICTURES {
                let found = format!("more than {MAX_PICTURES} pictures");
                return Err(self.full(found, format!("{MAX_PICTURES} pictures")));
            }
            if images.pixels.len() + picture.pixels.len() > MAX_BYTES {
                let found = format!("more than {MAX_BYTES} bytes of pixels");
                return Err(self.full(found, format!("{MAX_BYTES} bytes")));
            }
            images.pixels.extend_from_slice(&picture.pixels);
            images.labels.push(label);
            let relative = file.strip_prefix(root).unwrap_or(file);
            self.found.files.push(relative.to_path_buf());
            read += 1;
        }
        Ok(())
    }

    fn warn(&mut self, path: &Path, why: &str) {
        let warning = format!("{}: {why}: skipped", path.display());
        self.found.warnings.push(warning);
    }

    fn full(&self, found: String, limit: String) -> DataError {
        DataError::too_large(&self.root.display().to_string(), "pictures", found, limit)
    }
}

fn is_picture(path: &Path) -> bool {
    let ending = path.extension().and_then(|e| e.to_str()).unwrap_or("");
    ENDINGS.iter().any(|e| e.eq_ignore_ascii_case(ending))
}

fn title(path: &Path) -> String {
    match path.file_name() {
        Some(name) => name.to_string_lossy().into_owned(),
        None => path.display().to_string(),
    }
}
