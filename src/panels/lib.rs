//! The panels around the scene, in egui.
//!
//! In: a [`Session`], to read. Out: [`Command`]s, and the rectangle that is left for the scene.
//! A panel is one file with one [`Panel`] value and one line in [`PANELS`]. Panels share what the
//! session holds and nothing else; what one keeps for itself stands in its [`Memory`].
//! It knows no Bevy and no GPU, so that each panel can be drawn and tested alone.

mod arithmetic;
mod attention;
mod attribution;
mod bar;
mod colors;
mod compare;
mod cost;
mod dock;
mod draw;
mod drawing;
mod dynamics;
mod embedding;
mod features;
mod files;
mod input;
mod inspector;
mod keys;
mod log;
mod outline;
mod output;
mod palette;
mod panel;
mod remember;
mod runs;
mod settings;
mod similarity;
mod status;
pub mod store;
pub mod style;
mod surface;
mod sweep;
mod timeline;
mod train;
mod training;
mod widgets;

use std::sync::Arc;

use egui::{Rect, Ui};
use session::asking::Question;
use session::{Command, Kept, Session};

pub use embedding::handed::{Handed, PointPlaces, PointView, point_ink};
pub use keys::KEYS;
pub use panel::{Ask, Memory, Panel, Side, View};
pub use remember::Settings;
pub use store::Store;
pub use widgets::short;

use dock::Dock;
use files::{Chosen, Files, Wanted};
use remember::Remember;

/// Every panel, in the order of the View menu.
pub const PANELS: &[Panel] = &[
    outline::PANEL,
    input::PANEL,
    draw::PANEL,
    output::PANEL,
    inspector::PANEL,
    compare::PANEL,
    colors::PANEL,
    timeline::PANEL,
    cost::PANEL,
    training::PANEL,
    train::PANEL,
    surface::PANEL,
    sweep::PANEL,
    runs::PANEL,
    dynamics::PANEL,
    arithmetic::PANEL,
    attention::PANEL,
    embedding::PANEL,
    attribution::PANEL,
    features::PANEL,
    similarity::PANEL,
    log::PANEL,
    settings::PANEL,
];

/// The panel of this id.
pub fn panel_of(id: &str) -> Option<&'static Panel> {
    PANELS.iter().find(|p| p.id == id)
}

/// The panel that shows what a command asks for; `None` where that is the scene.
fn panel_for(command: &Command) -> Option<&'static Panel> {
    match command {
        Command::Ask(Question::Layers { .. }) => Some(&similarity::PANEL),
        Command::Ask(Question::Maximize { .. } | Question::Examples { .. }) => Some(&features::PANEL),
        Command::Ask(_) => Some(&attribution::PANEL),
        Command::Project(Some(_)) => Some(&embedding::PANEL),
        Command::Attend(Some(_)) => Some(&attention::PANEL),
        Command::Cell(Some(_)) => Some(&arithmetic::PANEL),
        _ => None,
    }
}

/// The panels, and what they remember.
#[derive(Default)]
pub struct Panels {
    dock: Dock,
    memory: Memory,
    palette: palette::Palette,
    files: Files,
    /// Show the keys.
    help: bool,
    /// A sentence about the window itself.
    notice: Option<String>,
    /// What is to be written.
    export: Option<Export>,
    /// Settings and bookmarks that the session does not know yet.
    fresh: Option<(Settings, Kept)>,
    remember: Option<Remember>,
    settings: Settings,
    kept: Kept,
    /// The training history that is on show.
    history: Option<String>,
    /// The first run of the training that is open.
    training: Option<String>,
    /// The tour that is under way, and its stop.
    stop: Option<(Arc<session::Tour>, usize)>,
}

/// What the user wants written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// Where.
    pub path: std::path::PathBuf,
    /// The text of a chart; `None`: the scene.
    pub chart: Option<String>,
}

/// What the app knows and the session does not.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// Mean time of a frame, milliseconds.
    pub frame: f32,
    /// Graphics device.
    pub device: String,
    /// Bytes read back from the GPU for the last frame.
    pub read_back: u64,
}

impl Panels {
    /// Panels that remember settings and arrangement in `store`, and begin with what is there.
    pub fn open(store: Option<Store>) -> Self {
        let Some((mut remember, settings, dock, kept)) = store.map(Remember::open) else {
            return Panels::default();
        };
        Panels {
            dock,
            memory: Memory::default(),
            palette: palette::Palette::default(),
            files: Files::default(),
            help: false,
            notice: remember.problem.take(),
            export: None,
            fresh: Some((settings.clone(), kept.clone())),
            remember: Some(remember),
            settings,
            kept,
            history: None,
            training: None,
            stop: None,
        }
    }

    /// Draws all panels into `ui`, and gives the space that they leave for the scene.
    pub fn show(&mut self, ui: &mut Ui, session: &Session, status: &Status, out: &mut Vec<Command>) -> Rect {
        self.follow_history(session);
        self.follow_tour(session);
        let fresh = self.fresh.take();
        let known = fresh.is_none();
        if let Some((settings, kept)) = fresh {
            out.extend(settings.commands(&session.state));
            out.push(Command::Keep(kept));
        }
        style::apply(ui.ctx(), session.state.light);
        ui.set_style(ui.ctx().style_of(ui.ctx().theme()));
        let mut asks = keys::asked(ui);
        let mut view = View {
            session,
            status,
            memory: &mut self.memory,
            out,
            asks: &mut asks,
        };
        let bar = egui::Frame::new()
            .fill(ui.visuals().extreme_bg_color)
            .inner_margin(egui::Margin::symmetric(10, 4));
        egui::Panel::top("bar")
            .frame(bar)
            .show_separator_line(false)
            .show_inside(ui, |ui| bar::show(ui, &self.dock, &mut view));
        egui::Panel::bottom("status")
            .frame(bar)
            .show_separator_line(false)
            .show_inside(ui, |ui| status::show(ui, &mut view, &mut self.notice));
        let rect = self.dock.show(ui, &mut view);
        self.palette.show(ui, &self.dock, &mut view);
        keys::help(ui, &mut self.help);
        if !asks.is_empty() {
            ui.ctx().request_repaint();
        }
        for ask in asks {
            self.answer(ui, ask);
        }
        match self.files.poll() {
            Some(Ok(Chosen::Command(command))) => out.push(command),
            Some(Ok(Chosen::Export(path))) => self.export = Some(Export { path, chart: None }),
            Some(Ok(Chosen::Chart(name, path))) => {
                match cost::svg(name, session, &mut self.memory, ui.visuals()) {
                    Some(text) => {
                        let chart = Some(text);
                        self.export = Some(Export { path, chart });
                    }
                    None => self.notice = Some("The chart is empty".into()),
                }
            }
            Some(Ok(Chosen::Curves(ending, path))) => {
                match training::file(ending, session, &mut self.memory, ui.visuals()) {
                    Some(text) => {
                        let chart = Some(text);
                        self.export = Some(Export { path, chart });
                    }
                    None => self.notice = Some("Nothing is drawn there".into()),
                }
            }
            Some(Err(problem)) => self.notice = Some(problem),
            None => (),
        }
        self.settings = Settings::of(&session.state);
        // In the first frame the session has not taken them in yet.
        if known && self.kept != session.kept {
            self.kept.clone_from(&session.kept);
        }
        if let Some(remember) = &mut self.remember {
            let time = ui.input(|i| i.time);
            remember.keep((&self.settings, &self.kept), &self.dock, time, false);
            if let Some(problem) = remember.problem.take() {
                self.notice = Some(problem);
            }
        }
        rect
    }

    /// Brings charts to the front when a training history is opened or a training begins.
    fn follow_history(&mut self, session: &Session) {
        let training = session.training.as_ref().and_then(|t| t.racers.first());
        if self.training.as_ref() != training.map(|r| &r.name) {
            self.training = training.map(|r| r.name.clone());
            if training.is_some() {
                self.dock.open(&training::PANEL);
            }
        }
        let now = session.histories.as_ref().map(|h| &h.source);
        if self.history.as_ref() != now {
            self.history = now.cloned();
            // Those that come with the demo wait until they are asked for.
            if now.is_some_and(|source| source != session::histories::DEMO) {
                self.dock.open(&training::PANEL);
                self.dock.open(&runs::PANEL);
            }
        }
    }

    /// Brings the panel to the front that shows what a stop of a tour asks for.
    fn follow_tour(&mut self, session: &Session) {
        let now = session.tour.as_ref().map(|(tour, stop, _)| (tour.clone(), *stop));
        let same = match (&now, &self.stop) {
            (Some((a, i)), Some((b, j))) => Arc::ptr_eq(a, b) && i == j,
            (now, before) => now.is_none() && before.is_none(),
        };
        if same {
            return;
        }
        let commands = now.iter().flat_map(|(tour, stop)| &tour.stops[*stop].commands);
        for panel in commands.filter_map(panel_for) {
            self.dock.open(panel);
        }
        self.stop = now;
    }

    /// True when the panel of this id has a tab.
    pub fn is_open(&self, id: &str) -> bool {
        self.dock.has(id)
    }

    /// True when the panel of this id is the tab that is seen of its place.
    pub fn is_front(&self, id: &str) -> bool {
        self.dock.is_front(id)
    }

    /// The doorway between the panel of points and a device that draws them.
    pub fn points(&mut self) -> &mut Handed {
        self.memory.of()
    }

    /// What the user is told about the window itself.
    pub fn notice(&self) -> Option<&str> {
        self.notice.as_deref()
    }

    /// What the user wants written, once.
    pub fn export(&mut self) -> Option<Export> {
        self.export.take()
    }

    /// Tells the user a sentence about the window.
    pub fn tell(&mut self, sentence: String) {
        self.notice = Some(sentence);
    }

    fn answer(&mut self, ui: &Ui, ask: Ask) {
        match ask {
            Ask::OpenModel => self.files.ask(Wanted::Model, ui.ctx()),
            Ask::OpenBeside => {
                self.dock.open(&compare::PANEL);
                self.files.ask(Wanted::Beside, ui.ctx());
            }
            Ask::Chart(name) => self.files.ask(Wanted::Chart(name), ui.ctx()),
            Ask::Curves(ending) => self.files.ask(Wanted::Curves(ending), ui.ctx()),
            Ask::OpenHistory => self.files.ask(Wanted::History, ui.ctx()),
            Ask::OpenHistoryFolder => self.files.ask(Wanted::HistoryFolder, ui.ctx()),
            Ask::Export(ending) => self.files.ask(Wanted::Export(ending), ui.ctx()),
            Ask::OpenTable => self.files.ask(Wanted::Table, ui.ctx()),
            Ask::OpenInput => self.files.ask(Wanted::Input, ui.ctx()),
            Ask::Show(id) => {
                if let Some(panel) = panel_of(id) {
                    self.dock.open(panel);
                }
            }
            Ask::Close(id) => self.dock.close(id),
            Ask::Rearrange => self.dock = Dock::default(),
            Ask::Palette => self.palette.toggle(),
            Ask::Help => self.help = !self.help,
        }
    }
}

impl Drop for Panels {
    /// The last changes are kept too.
    fn drop(&mut self) {
        if let Some(remember) = &mut self.remember {
            remember.keep((&self.settings, &self.kept), &self.dock, 0.0, true);
        }
    }
}
