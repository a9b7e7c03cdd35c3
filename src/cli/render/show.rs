//! A session that plays without a window, second by second.

use std::path::Path;

use glam::Vec2;
use scene::Stage;
use session::{Command, Level, Session, Source};

use super::Options;
use crate::Failure;

/// Seconds between two states.
const STEP: f32 = 1.0 / 30.0;

/// What a window would hold.
pub struct Show {
    /// What is open.
    pub session: Session,
    /// How it stands in the scene.
    pub stage: Stage,
    size: Vec2,
}

impl Show {
    /// Opens what `options` name, everything lit, seen as a whole.
    pub fn open(options: &Options) -> Result<Self, Failure> {
        let mut show = Show {
            session: Session::new(),
            stage: Stage::default(),
            size: Vec2::new(options.size.0 as f32, options.size.1 as f32),
        };
        show.apply(Command::Light(options.light))?;
        show.apply(Command::Open(source(&options.what)))?;
        for (symbol, size) in &options.bindings {
            show.apply(Command::Bind(symbol.clone(), *size))?;
        }
        if let Some(inputs) = &options.inputs {
            show.apply(Command::Feed(Source::File(inputs.clone())))?;
        }
        show.apply(match options.collapsed {
            true => Command::CollapseAll,
            false => Command::ExpandAll,
        })?;
        show.advance(0.0)?;
        Ok(show)
    }

    /// Lets the flow begin at the input.
    pub fn play(&mut self) {
        self.session.apply(Command::Seek(0.0));
        self.session.apply(Command::Play);
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
            if left <= 0.0 {
                return Ok(());
            }
        }
    }

    fn apply(&mut self, command: Command) -> Result<(), Failure> {
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

/// The built-in model, unless a file has its name.
fn source(what: &Path) -> Source {
    match what.to_str() {
        Some("demo") if !what.exists() => Source::Bundled("fashion-mnist".into()),
        _ => Source::File(what.into()),
    }
}
