//! The reader's thread: it ends with the [`Follower`].

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::{Judge, News, library, news};
use crate::Source;

/// How long reading goes on before what is there is shown.
const SHOW: Duration = Duration::from_millis(150);
/// Between two looks at files that do not change.
const REST: Duration = Duration::from_millis(500);

pub(super) struct Follower {
    // The mutex only makes the session shareable; nobody waits for it.
    news: Mutex<Receiver<Result<News, String>>>,
    stop: Arc<AtomicBool>,
}

impl Follower {
    pub(super) fn new(source: Source) -> Self {
        let (sender, news) = channel();
        let stop = Arc::new(AtomicBool::new(false));
        let watch = stop.clone();
        std::thread::spawn(move || follow(&source, &sender, &watch));
        Follower {
            news: news.into(),
            stop,
        }
    }

    pub(super) fn poll(&mut self) -> Option<Result<News, String>> {
        self.news.get_mut().ok()?.try_recv().ok()
    }

    pub(super) fn wait(&mut self) -> Option<Result<News, String>> {
        self.news.get_mut().ok()?.recv().ok()
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn follow(source: &Source, sender: &Sender<Result<News, String>>, stop: &AtomicBool) {
    let mut library = match library(source) {
        Ok(library) => library,
        Err(problem) => return drop(sender.send(Err(problem))),
    };
    let mut judge = Judge::default();
    let mut first = true;
    while !stop.load(Ordering::Relaxed) {
        let begin = Instant::now();
        let progress = library.refresh(SHOW, stop);
        if (progress.changed || first && progress.finished)
            && sender.send(Ok(news(&library, &progress))).is_err()
        {
            return;
        }
        first &= !progress.finished;
        if progress.finished {
            // Curves are shown before they are judged.
            if let Some(findings) = judge.look(library.runs()) {
                let judged = News {
                    findings: Some(findings),
                    ..news(&library, &progress)
                };
                if sender.send(Ok(judged)).is_err() {
                    return;
                }
            }
            // Looking at a thousand files takes a while: rest much longer than that.
            let rest = REST.max(begin.elapsed() * 10);
            let until = Instant::now() + rest;
            while Instant::now() < until && !stop.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(50));
            }
        }
    }
}
