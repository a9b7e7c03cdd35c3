//! A session that plays without a window, second by second.

use std::path::Path;

use glam::Vec2;
use scene::Stage;
use session::{Command, Level, Session, Source, Tour, tour};

use super::Options;
use crate::Failure;

/// Seconds between two states at most.
const STEP: f32 = 1.0 / 30.0;

/// Seconds that the end of a flow stays.
const HOLD: f32 = 1.5;

/// What a window would hold.
pub struct Show {
    /// What is open.
    pub session: Session,
    /// How it stands in the scene.
    pub stage: Stage,
    size: Vec2,
    tour: Option<Tour>,
}

impl Show {
    /// Opens what `options` name, everything lit, seen as a whole. A tour has not begun.
    pub fn open(options: &Options) -> Result<Self, Failure> {
        let size = options.size()?;
        let mut show = Show {
            session: Session::new(),
            stage: Stage::default(),
            size: Vec2::new(size.0 as f32, size.1 as f32),
            tour: None,
        };
        show.apply(Command::Light(options.light))?;
        let source = match what(options)? {
            What::Tour(tour) => {
                let own = options.collapsed
                    || options.view.is_some()
                    || !options.compare.is_empty()
                    || options.color_by.is_some()
                    || options.size_by.is_some()
                    || options.select.is_some()
                    || !options.bindings.is_empty();
                if options.given.inputs.is_some() || !options.given.text.is_empty() || own {
                    let name = options.what.display();
                    let text = format!(
                        "{name}: a tour brings its own --inputs, --text, --collapsed, --view, --compare, --color-by, --size-by, --select and --bind"
                    );
                    return Err(Failure::Other(text));
                }
                show.tour = Some(tour);
                return Ok(show);
            }
            What::Model(source) => source,
        };
        show.apply(Command::Arrange(options.view.unwrap_or_default()))?;
        show.apply(Command::Color(options.color_by))?;
        show.apply(Command::Size(options.size_by))?;
        show.apply(Command::Open(source))?;
        for other in &options.compare {
            show.apply(Command::Compare(model(other)))?;
        }
        if !options.compare.is_empty() {
            // Their scores are written beside them.
            show.session.wait_for_predictions();
        }
        for (symbol, size) in &options.bindings {
            show.apply(Command::Bind(symbol.clone(), *size))?;
        }
        if let Some(inputs) = &options.given.inputs {
            show.apply(Command::Feed(Source::File(inputs.clone())))?;
        }
        if let Some(tokenizer) = &options.given.tokenizer {
            show.apply(Command::Tokenizer(vec![Source::File(tokenizer.clone())]))?;
        }
        if !options.given.text.is_empty() {
            show.apply(Command::Text(options.given.text.clone()))?;
        }
        show.apply(match options.collapsed {
            true => Command::CollapseAll,
            false => Command::ExpandAll,
        })?;
        if let Some(name) = &options.select {
            show.apply(Command::Select(Some(name.clone())))?;
            show.apply(Command::Trail(options.paths))?;
        }
        show.advance(0.0)?;
        Ok(show)
    }

    /// The end of a tour's first stop, which is what a picture of a tour shows.
    pub fn stop(&self) -> Option<f32> {
        let first = self.tour.as_ref()?.stops.first()?;
        Some(first.seconds - STEP)
    }

    /// Seconds that all of it takes.
    pub fn seconds(&self, options: &Options) -> Result<f32, Failure> {
        let whole = match &self.tour {
            Some(tour) => tour.stops.iter().map(|s| s.seconds).sum(),
            None => self.session.seconds() + HOLD,
        };
        Ok(options.seconds.unwrap_or(whole))
    }

    /// Lets the tour begin, or the flow at the input.
    pub fn roll(&mut self, options: &Options) -> Result<(), Failure> {
        if let Some(tour) = &self.tour {
            return self.apply(Command::Tour(Some(tour.clone())));
        }
        let lit = self.session.document.as_ref().is_some_and(|d| d.trace.is_some());
        if !lit {
            let name = options.what.display();
            let text = format!("{name}: nothing flows without an input; give one with --inputs or --text");
            return Err(Failure::Other(text));
        }
        if let Some(seconds) = options.seconds {
            let flow = (seconds - HOLD).max(0.5 * seconds);
            self.apply(Command::Speed(self.session.seconds() / flow))?;
        }
        self.apply(Command::Seek(0.0))?;
        self.apply(Command::Play)
    }

    /// Lets `seconds` pass; work that they start is done at once.
    pub fn advance(&mut self, seconds: f32) -> Result<(), Failure> {
        let mut left = seconds;
        loop {
            let dt = left.clamp(0.0, STEP);
            self.session.update(dt);
            self.settle()?;
            self.stage.update(&self.session, dt, self.size);
            left -= dt;
            if left <= 1e-4 {
                return Ok(());
            }
        }
    }

    pub fn apply(&mut self, command: Command) -> Result<(), Failure> {
        self.session.apply(command);
        self.settle()
    }

    /// Waits for the worker; what went wrong is a failure here.
    fn settle(&mut self) -> Result<(), Failure> {
        self.session.wait();
        let wrong = self.session.log.iter().find(|(level, _)| *level == Level::Error);
        wrong.map_or(Ok(()), |(_, text)| Err(Failure::Other(text.clone())))
    }
}

enum What {
    Model(Source),
    Tour(Tour),
}

/// A model's file, or the built-in one where no file has its name.
fn model(file: &Path) -> Source {
    match file.to_str() {
        Some("demo") if !file.exists() => Source::Bundled("fashion-mnist".into()),
        Some("sentiment") if !file.exists() => Source::Bundled("sentiment".into()),
        _ => Source::File(file.into()),
    }
}

/// A file, or one of the built-in names where no file has it.
fn what(options: &Options) -> Result<What, Failure> {
    let file = &options.what;
    let told = |tour: Result<Tour, String>| tour.map(What::Tour).map_err(Failure::Other);
    if file.extension().is_some_and(|e| e.eq_ignore_ascii_case("ron")) {
        return told(tour::open(file));
    }
    match file.to_str() {
        Some(name) if tour::TOURS.iter().any(|(known, _)| *known == name) && !file.exists() => {
            told(tour::built_in(name))
        }
        _ => Ok(What::Model(model(file))),
    }
}
