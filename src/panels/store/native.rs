//! Files in the user's configuration directory.

use std::path::PathBuf;

/// A folder of small texts.
pub struct Store(PathBuf);

impl Store {
    /// The user's; `None` where the platform has no such place.
    pub fn of_user() -> Option<Self> {
        Some(Store(dirs::config_dir()?.join("layerscope")))
    }

    /// A folder of choice.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Store(folder.into())
    }

    /// The text kept under `name`; `None` when there is none.
    ///
    /// # Errors
    /// A sentence that names the file.
    pub fn read(&self, name: &str) -> Result<Option<String>, String> {
        let path = self.0.join(name);
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(format!("{}: {e}", path.display())),
        }
    }

    /// Keeps `text` under `name`. A crash on the way leaves the old text whole.
    ///
    /// # Errors
    /// A sentence that names the file.
    pub fn write(&self, name: &str, text: &str) -> Result<(), String> {
        let path = self.0.join(name);
        let part = self.0.join(format!("{name}.{}.part", std::process::id()));
        std::fs::create_dir_all(&self.0)
            .and_then(|()| std::fs::write(&part, text))
            .and_then(|()| std::fs::rename(&part, &path))
            .map_err(|e| format!("{}: {e}", path.display()))
    }

    /// Puts what is kept under `name` aside, and says where it is now.
    pub fn put_aside(&self, name: &str) -> Option<String> {
        let aside = self.0.join(format!("{name}.unreadable"));
        std::fs::rename(self.0.join(name), &aside).ok()?;
        Some(aside.display().to_string())
    }
}
