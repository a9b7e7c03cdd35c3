//! The browser's local storage.

/// Texts under names that begin with `layerscope/`.
pub struct Store(());

fn storage() -> Option<web_sys::Storage> {
    web_sys::window()?.local_storage().ok()?
}

fn key(name: &str) -> String {
    format!("layerscope/{name}")
}

impl Store {
    /// The page's; `None` where the browser forbids it.
    pub fn of_user() -> Option<Self> {
        storage().map(|_| Store(()))
    }

    /// The text kept under `name`; `None` when there is none.
    ///
    /// # Errors
    /// A sentence that names the place.
    pub fn read(&self, name: &str) -> Result<Option<String>, String> {
        let key = key(name);
        let text = storage().and_then(|s| s.get_item(&key).ok());
        text.ok_or_else(|| format!("local storage, {key}: it cannot be read"))
    }

    /// Keeps `text` under `name`.
    ///
    /// # Errors
    /// A sentence that names the place.
    pub fn write(&self, name: &str, text: &str) -> Result<(), String> {
        let key = key(name);
        let kept = storage().and_then(|s| s.set_item(&key, text).ok());
        kept.ok_or_else(|| format!("local storage, {key}: it cannot be written"))
    }

    /// Puts what is kept under `name` aside, and says where it is now.
    pub fn put_aside(&self, name: &str) -> Option<String> {
        let (from, aside) = (key(name), key(&format!("{name}.unreadable")));
        let storage = storage()?;
        let text = storage.get_item(&from).ok()??;
        storage.set_item(&aside, &text).ok()?;
        storage.remove_item(&from).ok()?;
        Some(format!("local storage, {aside}"))
    }
}
