//! The reader in a page: files do not grow there, and a little is read in each frame.

use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use runs::Library;

use super::{Judge, News, library, news};
use crate::Source;

/// What reading takes of a frame.
const SHARE: Duration = Duration::from_millis(8);

pub(super) enum Follower {
    /// The library, and whether it was read in this frame. The mutex only makes the session shareable;
    /// nobody waits for it.
    Reading(Box<Mutex<Library>>, bool),
    Wrong(Option<String>),
    Done,
}

impl Follower {
    pub(super) fn new(source: Source) -> Self {
        match library(&source) {
            Ok(library) => Follower::Reading(Box::new(library.into()), false),
            Err(problem) => Follower::Wrong(Some(problem)),
        }
    }

    pub(super) fn poll(&mut self) -> Option<Result<News, String>> {
        let (library, read) = match self {
            Follower::Reading(library, read) => (library.get_mut().ok()?, read),
            Follower::Wrong(problem) => return problem.take().map(Err),
            Follower::Done => return None,
        };
        // Once a frame: who polls goes on until there is nothing.
        if std::mem::take(read) {
            return None;
        }
        *read = true;
        let progress = library.refresh(SHARE, &AtomicBool::new(false));
        let mut found = news(library, &progress);
        if progress.finished {
            found.findings = Judge::default().look(library.runs());
            *self = Follower::Done;
        }
        Some(Ok(found))
    }

    pub(super) fn wait(&mut self) -> Option<Result<News, String>> {
        self.poll().or_else(|| self.poll())
    }
}
