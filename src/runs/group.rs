//! The files of one run, or one file of several, as far as they were read.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::Run;

use crate::error::{Notes, Warning};
use crate::find::{File, Found, order};
use crate::follow::{Current, Follow, Format, Read, Sink, Until};
use crate::grow::Growing;
use crate::settings;
use crate::source::{Source, Stat};

/// A file is another one when its first bytes changed: event files begin with their time.
const FIRST: usize = 64;

/// A file of a group.
struct Member {
    file: File,
    follow: Box<dyn Follow>,
    notes: Notes,
    /// As it was when it was read to its end.
    done: Option<Stat>,
    /// True at the end of a file that may show more without a change.
    waits: bool,
    len: u64,
    first: Vec<u8>,
}

/// A folder.
pub(crate) enum Place<'a> {
    Disk(&'a Path),
    /// Of files that are in memory, by name.
    Memory(&'a str),
}

/// See the module.
pub(crate) struct Group {
    name: String,
    format: &'static Format,
    members: Vec<Member>,
    settings: Option<(File, Option<Stat>, Notes)>,
    growing: BTreeMap<String, Growing>,
    /// As they were last shown.
    published: BTreeMap<String, Arc<Run>>,
    /// True where runs that a file names are called by that name alone.
    bare: bool,
    /// True when everything that is there was read.
    pub(crate) done: bool,
    /// True when `runs` or warnings are others than before.
    pub(crate) changed: bool,
}

impl Group {
    /// `bare`: nothing else was opened, so that names need not say which file.
    pub(crate) fn new(found: Found, bare: bool) -> Self {
        let mut group = Group {
            name: found.name,
            format: found.format,
            members: Vec::new(),
            settings: found.settings.map(|file| (file, None, Notes::default())),
            growing: BTreeMap::new(),
            published: BTreeMap::new(),
            bare,
            done: false,
            changed: true,
        };
        group
            .members
            .extend(found.files.into_iter().map(|f| member(found.format, f)));
        group.reset();
        group.publish();
        group
    }

    /// The folder that its files lie in.
    pub(crate) fn folder(&self) -> Option<Place<'_>> {
        let file = &self.members.first()?.file;
        match &file.source {
            Source::File(path) => path.parent().map(Place::Disk),
            Source::Bytes(_) => Some(Place::Memory(file.name.rsplit_once('/').map_or("", |(f, _)| f))),
        }
    }

    /// Takes in what a later look into the folder found.
    pub(crate) fn update(&mut self, found: Found) {
        for file in found.files {
            if self.members.iter().any(|m| m.file.name == file.name) {
                continue;
            }
            let after = |m: &Member| order(&m.file.name, &file.name).is_lt();
            let i = self
                .members
                .iter()
                .position(|m| !after(m))
                .unwrap_or(self.members.len());
            let behind = self.members[i..].iter().any(|m| m.follow.position() > 0);
            self.members.insert(i, member(self.format, file));
            if behind {
                // An older file that came late: only from the start are the points in order.
                self.reset();
            }
        }
        if let (None, Some(file)) = (&self.settings, found.settings) {
            self.settings = Some((file, None, Notes::default()));
        }
        if self.name != found.name {
            self.name = found.name;
            self.reset();
        }
    }

    /// Forgets what was read.
    fn reset(&mut self) {
        self.growing.clear();
        for member in &mut self.members {
            member.follow = (self.format.follow)();
            member.notes = Notes::default();
            (member.done, member.len, member.first) = (None, 0, Vec::new());
        }
        if let Some((_, stat, notes)) = &mut self.settings {
            (*stat, *notes) = (None, Notes::default());
        }
        self.sink().run("");
    }

    fn sink(&mut self) -> Sink<'_> {
        Sink {
            name: &self.name,
            bare: self.bare,
            runs: &mut self.growing,
        }
    }

    /// Bytes that were read, and bytes that there are.
    pub(crate) fn bytes(&self) -> (u64, u64) {
        let member = |m: &Member| match m.done {
            Some(stat) => (stat.len, stat.len),
            None if m.waits => (m.len, m.len),
            None => (m.follow.position().min(m.len), m.len),
        };
        let sum = |a: (u64, u64), b: (u64, u64)| (a.0 + b.0, a.1 + b.1);
        self.members.iter().map(member).fold((0, 0), sum)
    }

    pub(crate) fn warnings(&self) -> impl Iterator<Item = Warning> + '_ {
        let path = |file: &File| match &file.source {
            Source::File(path) => path.clone(),
            Source::Bytes(_) => PathBuf::from(&file.name),
        };
        let of_settings = self
            .settings
            .iter()
            .map(move |(file, _, notes)| (path(file), notes));
        let of_members = self.members.iter().map(move |m| (path(&m.file), &m.notes));
        of_members
            .chain(of_settings)
            .flat_map(|(path, notes)| notes.warnings(&path).collect::<Vec<_>>())
    }

    /// Reads what is new.
    pub(crate) fn refresh(&mut self, until: &Until) {
        self.read_settings();
        self.done = true;
        let mut i = 0;
        let mut resets = 0;
        while i < self.members.len() {
            match self.read(i, until) {
                Ok(Next::Done) => {}
                Ok(Next::Later) => {
                    self.done = false;
                    break;
                }
                Ok(Next::Replaced(problem)) => {
                    resets += 1;
                    self.reset();
                    self.read_settings();
                    if let Some(problem) = problem {
                        self.members[i].notes.add("", problem);
                    }
                    if resets > 1 {
                        // Somebody rewrites it faster than it is read.
                        self.done = false;
                        break;
                    }
                    i = 0;
                    continue;
                }
                Err(e) => {
                    let problem = match e.kind() {
                        io::ErrorKind::NotFound => "the file is gone; what was read of it stays".to_string(),
                        _ => format!("the file cannot be read: {e}"),
                    };
                    self.members[i].notes.now(Some((String::new(), problem)));
                }
            }
            i += 1;
        }
        let noted = |notes: &mut Notes| std::mem::take(&mut notes.changed);
        for member in &mut self.members {
            self.changed |= noted(&mut member.notes);
        }
        if let Some((_, _, notes)) = &mut self.settings {
            self.changed |= noted(notes);
        }
        self.publish();
    }

    fn read(&mut self, i: usize, until: &Until) -> io::Result<Next> {
        let member = &mut self.members[i];
        let stat = member.file.source.stat()?;
        if member.done == Some(stat) {
            return Ok(Next::Done);
        }
        let (from, to) = (member.follow.position(), stat.len);
        if to < from {
            let problem = format!("the file was cut from {from} to {to} bytes and is read anew");
            return Ok(Next::Replaced(Some(problem)));
        }
        member.len = stat.len;
        if until.over() {
            member.done = None;
            return Ok(Next::Later);
        }
        let reader = Arc::new(member.file.source.open()?);
        let first = reader.take(0, FIRST)?;
        if !first.starts_with(&member.first) && member.follow.position() > 0 {
            // Lightning writes its CSV anew whenever a metric appears: nothing to worry about.
            let problem = "the file was replaced by another one and is read anew";
            return Ok(Next::Replaced(self.format.folder.then(|| problem.to_string())));
        }
        member.first = first;
        let current = Current {
            reader: &reader,
            stat,
        };
        let mut sink = Sink {
            name: &self.name,
            bare: self.bare,
            runs: &mut self.growing,
        };
        let read = member
            .follow
            .read(&current, &mut sink, &mut member.notes, until)?;
        member.done = (read == Read::All).then_some(stat);
        member.waits = read == Read::Wait;
        Ok(match read {
            Read::All | Read::Wait => Next::Done,
            Read::More => Next::Later,
            Read::Anew => Next::Replaced(None),
        })
    }

    fn read_settings(&mut self) {
        let Some((file, seen, notes)) = &mut self.settings else {
            return;
        };
        let Ok(stat) = file.source.stat() else {
            return;
        };
        if *seen == Some(stat) {
            return;
        }
        *seen = Some(stat);
        let records = settings::read(&file.source, notes);
        let growing = self.sink();
        for record in records {
            for growing in growing.runs.values_mut() {
                growing.run.take(record.clone());
                growing.changed = true;
            }
        }
    }

    /// The runs as they were last shown.
    pub(crate) fn runs(&self) -> impl Iterator<Item = &Arc<Run>> {
        self.published.values()
    }

    /// Shows the runs as they are now; those that did not grow keep their `Arc`.
    fn publish(&mut self) {
        // A file whose runs have names of their own holds nothing without one.
        if self.growing.len() > 1 && self.growing.get("").is_some_and(Growing::is_empty) {
            self.growing.remove("");
        }
        let before = self.published.len();
        self.published.retain(|part, _| self.growing.contains_key(part));
        self.changed |= self.published.len() != before;
        for (part, growing) in &mut self.growing {
            if std::mem::take(&mut growing.changed) || !self.published.contains_key(part) {
                self.published.insert(part.clone(), Arc::new(growing.run.clone()));
                self.changed = true;
            }
        }
    }
}

/// What to do after a file.
enum Next {
    /// Go on with the next file.
    Done,
    /// Come back.
    Later,
    /// Begin again, and say why where that is worth a warning.
    Replaced(Option<String>),
}

fn member(format: &'static Format, file: File) -> Member {
    Member {
        file,
        follow: (format.follow)(),
        notes: Notes::default(),
        done: None,
        waits: false,
        len: 0,
        first: Vec::new(),
    }
}
