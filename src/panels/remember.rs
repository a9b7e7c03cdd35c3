//! What is kept between runs: the user's settings, where the panels stand, and bookmarks by model.

use serde::Serialize;
use serde::de::DeserializeOwned;
use session::{Command, Kept, Paint, State};

use crate::dock::Dock;
use crate::store::Store;

/// What the user set, apart from any network.
#[derive(Clone, Debug, PartialEq, Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Light colours.
    pub light: bool,
    /// How values are coloured.
    pub paint: Paint,
    /// Flow speed.
    pub speed: f32,
    /// Begin the flow again at its end.
    pub looping: bool,
    /// Scores pass a softmax.
    pub softmax: bool,
    /// Share of the names that are written in the scene.
    pub labels: f32,
}

impl Default for Settings {
    fn default() -> Self {
        Settings::of(&State::default())
    }
}

impl Settings {
    /// The settings in force.
    pub fn of(state: &State) -> Self {
        Settings {
            light: state.light,
            paint: state.paint,
            speed: state.speed,
            looping: state.looping,
            softmax: state.softmax,
            labels: state.labels,
        }
    }

    /// What brings `state` to these settings.
    pub fn commands(&self, state: &State) -> Vec<Command> {
        let now = Settings::of(state);
        let changes = [
            (self.light != now.light, Command::Light(self.light)),
            (self.paint != now.paint, Command::Paint(self.paint)),
            (self.speed != now.speed, Command::Speed(self.speed)),
            (self.looping != now.looping, Command::Loop(self.looping)),
            (self.softmax != now.softmax, Command::Softmax(self.softmax)),
            (self.labels != now.labels, Command::Labels(self.labels)),
        ];
        changes.into_iter().filter(|c| c.0).map(|c| c.1).collect()
    }
}

const SETTINGS: &str = "settings.ron";
const WINDOW: &str = "window.ron";
const BOOKMARKS: &str = "bookmarks.ron";

/// Keeps settings and arrangement in a store.
pub struct Remember {
    store: Store,
    /// As they stand in the store.
    written: [String; 3],
    /// When they were last compared, seconds of the frame's clock.
    compared: f64,
    /// What went wrong, for the user.
    pub problem: Option<String>,
}

/// Seconds between two looks at what has changed.
const EVERY: f64 = 2.0;

impl Remember {
    /// Reads what is kept; what is unreadable is put aside and told.
    pub fn open(store: Store) -> (Self, Settings, Dock, Kept) {
        let mut problems = Vec::new();
        let settings: Option<Settings> = read(&store, SETTINGS, &mut problems);
        let state = read(&store, WINDOW, &mut problems);
        let dock = state.and_then(Dock::checked).unwrap_or_default();
        let kept: Option<Kept> = read(&store, BOOKMARKS, &mut problems);
        let problem = (!problems.is_empty()).then(|| problems.join("; "));
        if let Some(problem) = &problem {
            log::warn!("{problem}");
        }
        let remember = Remember {
            store,
            written: Default::default(),
            compared: 0.0,
            problem,
        };
        (
            remember,
            settings.unwrap_or_default(),
            dock,
            kept.unwrap_or_default(),
        )
    }

    /// Writes what has changed; looks now and then only, or `now`.
    pub fn keep(&mut self, (settings, kept): (&Settings, &Kept), dock: &Dock, time: f64, now: bool) {
        if !now && time - self.compared < EVERY {
            return;
        }
        self.compared = time;
        let texts = [text(settings), text(&dock.0), text(kept)];
        for (i, name) in [SETTINGS, WINDOW, BOOKMARKS].into_iter().enumerate() {
            let Some(text) = &texts[i] else { continue };
            if self.written[i] == *text {
                continue;
            }
            if let Err(problem) = self.store.write(name, text) {
                log::warn!("{problem}");
                self.problem = Some(format!("Not remembered: {problem}"));
            }
            // Tried once a change: a full disk is not asked again and again.
            self.written[i].clone_from(text);
        }
    }
}

fn text<T: Serialize>(value: &T) -> Option<String> {
    let text = ron::ser::to_string_pretty(value, ron::ser::PrettyConfig::default());
    text.inspect_err(|e| log::warn!("settings cannot be written: {e}"))
        .ok()
}

fn read<T: DeserializeOwned>(store: &Store, name: &str, problems: &mut Vec<String>) -> Option<T> {
    let text = match store.read(name) {
        Ok(text) => text?,
        Err(problem) => {
            problems.push(problem);
            return None;
        }
    };
    match ron::from_str(&text) {
        Ok(value) => Some(value),
        Err(e) => {
            let aside = store
                .put_aside(name)
                .map_or(String::new(), |a| format!("; it is kept as {a}"));
            problems.push(format!("{name}: {e}; the defaults are taken{aside}"));
            None
        }
    }
}
