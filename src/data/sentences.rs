//! Sentences with a rating or a class: tables of tab- or comma-separated values, and the folder of
//! rated sentences that comes with vaderSentiment (Hutto and Gilbert 2014, MIT licence).
//!
//! A rating becomes a class by its sign; what lies nearer to 0 than `neutral` is left out, or is a
//! class of its own. Which part a sentence belongs to is a function of the seed and of its document
//! alone, so that no document is learned from and judged by, and other sentences change nothing.

use std::collections::HashSet;
use std::path::Path;

use model::Random;
use serde::{Deserialize, Serialize};

use crate::error::{DataError, read_file};

/// Largest file that is read, bytes.
pub const MAX_BYTES: u64 = 256 << 20;
/// Most sentences of all files.
pub const MAX_SENTENCES: usize = 1 << 22;
/// Longest sentence, bytes.
pub const MAX_TEXT: usize = 1 << 16;
/// Most classes.
const MAX_CLASSES: usize = 1000;
/// Ends the names of vaderSentiment's files.
const RATED: &str = "_GroundTruth.txt";

/// How a table is read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Reading {
    /// The column of the sentences: its name in the first line.
    pub text: String,
    /// The column of ratings (a file without a header has identifier, rating, sentence).
    pub rating: String,
    /// The column of classes, in place of ratings.
    pub class: Option<String>,
    /// The column of what a sentence is taken from; without it each is its own document.
    pub document: Option<String>,
    /// Ratings nearer to 0 are neutral.
    pub neutral: f64,
    /// Whether neutral sentences are a third class; else they are left out.
    pub keep_neutral: bool,
    /// Share of the documents that is kept aside to judge by.
    pub validation: f64,
    /// Share of the documents that is judged when all is over.
    pub test: f64,
}

impl Default for Reading {
    fn default() -> Self {
        Reading {
            text: "text".into(),
            rating: "rating".into(),
            class: None,
            document: None,
            neutral: 0.5,
            keep_neutral: false,
            validation: 0.1,
            test: 0.1,
        }
    }
}

impl Reading {
    /// Checks its numbers.
    ///
    /// # Errors
    /// [`DataError::Request`] that names what is wrong.
    pub fn check(&self) -> Result<(), DataError> {
        let wrong = |what: &str, found: f64, expected: &str| {
            Err(DataError::request(what, found.to_string(), expected))
        };
        if !(self.neutral >= 0.0 && self.neutral.is_finite()) {
            return wrong("neutral", self.neutral, "a number from 0");
        }
        for (what, share) in [("validation", self.validation), ("test", self.test)] {
            if !(0.0..1.0).contains(&share) {
                return wrong(what, share, "a number from 0 to below 1");
            }
        }
        match self.validation + self.test < 1.0 {
            true => Ok(()),
            false => wrong(
                "validation and test together",
                self.validation + self.test,
                "below 1",
            ),
        }
    }

    /// The class of a rating; `None` where it is left out.
    fn class_of(&self, rating: f64) -> Option<i64> {
        let neutral = rating.abs() < self.neutral || rating == 0.0;
        match (neutral, self.keep_neutral) {
            (true, false) => None,
            (true, true) => Some(1),
            (false, third) => Some(if rating > 0.0 { 1 + i64::from(third) } else { 0 }),
        }
    }
}

/// The part that a sentence belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Part {
    Training,
    Validation,
    Test,
}

/// One sentence.
#[derive(Clone, Debug, PartialEq)]
pub struct Sentence {
    /// As it is written.
    pub text: String,
    /// Its place among [`Sentences::classes`].
    pub class: i64,
    /// What it is for.
    pub part: Part,
}

/// Sentences of some classes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sentences {
    /// What they are called, for titles.
    pub name: String,
    /// In the order of the files; of equal texts the first.
    pub all: Vec<Sentence>,
    /// Names of the classes.
    pub classes: Vec<String>,
}

/// Reads the table at `path`, or the files of a folder that are called `…_GroundTruth.txt`.
///
/// # Errors
/// [`DataError`] that names the file, the line and what was expected.
pub fn read(path: &Path, reading: &Reading) -> Result<Sentences, DataError> {
    reading.check()?;
    let mut table = Table::new(reading);
    let file = path.display().to_string();
    if path.is_dir() {
        let entries = std::fs::read_dir(path).map_err(|e| DataError::io(path, e))?;
        let names = entries.filter_map(|e| e.ok()?.file_name().into_string().ok());
        let mut names: Vec<String> = names.filter(|n| n.ends_with(RATED)).collect();
        names.sort_unstable();
        if names.is_empty() {
            let expected = format!("vaderSentiment's rated sentences (NAME{RATED}), or name a table in it");
            return Err(DataError::malformed(&file, "folder", "no such file", expected));
        }
        for name in names {
            let own = path.join(&name);
            let bytes = read_file(&own, MAX_BYTES)?;
            table.add(&own.display().to_string(), &bytes)?;
        }
    } else {
        table.add(&file, &read_file(path, MAX_BYTES)?)?;
    }
    let name = path.file_stem().map(|s| s.to_string_lossy().into_owned());
    table.done(&file, name.unwrap_or_default())
}

/// The sentences of one table, whose bytes these are.
///
/// # Errors
/// As [`read`].
pub fn from_bytes(file: &str, bytes: &[u8], reading: &Reading) -> Result<Sentences, DataError> {
    reading.check()?;
    let mut table = Table::new(reading);
    table.add(file, bytes)?;
    let name = Path::new(file)
        .file_stem()
        .map(|s| s.to_string_lossy().into_owned());
    table.done(file, name.unwrap_or_default())
}

/// Sentences under way.
struct Table<'a> {
    reading: &'a Reading,
    all: Vec<Sentence>,
    seen: HashSet<String>,
    classes: Vec<String>,
}

/// Where the columns of a table are.
struct Columns {
    text: usize,
    label: usize,
    document: Option<usize>,
}

impl<'a> Table<'a> {
    fn new(reading: &'a Reading) -> Self {
        let names: &[&str] = match (&reading.class, reading.keep_neutral) {
            (Some(_), _) => &[],
            (None, false) => &["negative", "positive"],
            (None, true) => &["negative", "neutral", "positive"],
        };
        Table {
            reading,
            all: Vec::new(),
            seen: HashSet::new(),
            classes: names.iter().map(|s| s.to_string()).collect(),
        }
    }

    fn add(&mut self, file: &str, bytes: &[u8]) -> Result<(), DataError> {
        let text = std::str::from_utf8(bytes).map_err(|e| {
            let line = bytes[..e.valid_up_to()].iter().filter(|&&b| b == b'\n').count() + 1;
            DataError::malformed(file, format!("line {line}"), "bytes of no text", "UTF-8")
        })?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let first = text.lines().next().unwrap_or("");
        let tabs = first.contains('\t');
        // A rating in the second of three columns: there is no header.
        let mut cells = first.split('\t');
        let bare = tabs
            && cells.nth(1).is_some_and(|c| c.trim().parse::<f64>().is_ok())
            && cells.next().is_some()
            && self.reading.class.is_none();
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .delimiter(if tabs { b'\t' } else { b',' })
            .quoting(!bare)
            .from_reader(text.as_bytes());
        let broken = |e: csv::Error| {
            let line = e.position().map_or(1, csv::Position::line);
            let expected = "as many values as in the first line";
            DataError::malformed(file, format!("line {line}"), e.to_string(), expected)
        };
        let mut records = reader.records();
        let columns = match bare {
            true => Columns {
                text: 2,
                label: 1,
                document: Some(0),
            },
            false => {
                let header = records.next().transpose().map_err(broken)?;
                self.columns(file, &header.unwrap_or_default())?
            }
        };
        let stem = Path::new(file).file_stem().unwrap_or_default().to_string_lossy();
        for record in records {
            let record = record.map_err(broken)?;
            let line = record.position().map_or(0, csv::Position::line);
            let cell = |i: usize| record.get(i).unwrap_or("").trim();
            let document = columns.document.map(|i| match bare {
                // vaderSentiment numbers a sentence as DOCUMENT_SENTENCE.
                true => cell(i).split('_').next().unwrap_or(""),
                false => cell(i),
            });
            self.sentence(
                file,
                &stem,
                line,
                cell(columns.text),
                cell(columns.label),
                document,
            )?;
        }
        Ok(())
    }

    fn columns(&self, file: &str, header: &csv::StringRecord) -> Result<Columns, DataError> {
        let place = |name: &str| {
            let found = header.iter().position(|h| h.trim().eq_ignore_ascii_case(name));
            found.ok_or_else(|| {
                let names = header.iter().take(20).collect::<Vec<_>>().join(", ");
                let found = format!("no column {name:?} among {names:?}");
                let expected =
                    "a header that names text and rating, or rows of identifier, rating and sentence";
                DataError::malformed(file, "line 1", found, expected)
            })
        };
        let reading = self.reading;
        Ok(Columns {
            text: place(&reading.text)?,
            label: place(reading.class.as_ref().unwrap_or(&reading.rating))?,
            document: reading.document.as_deref().map(place).transpose()?,
        })
    }

    fn sentence(
        &mut self,
        file: &str,
        stem: &str,
        line: u64,
        text: &str,
        label: &str,
        document: Option<&str>,
    ) -> Result<(), DataError> {
        let wrong = |found: String, expected: &str| {
            DataError::malformed(file, format!("line {line}"), found, expected)
        };
        let shown = |s: &str| format!("{:?}", s.chars().take(40).collect::<String>());
        if text.is_empty() {
            return Err(wrong("no text".into(), "a sentence"));
        }
        if text.len() > MAX_TEXT {
            let (found, limit) = (format!("{} bytes", text.len()), format!("{MAX_TEXT} bytes"));
            return Err(DataError::too_large(
                file,
                format!("line {line}, sentence"),
                found,
                limit,
            ));
        }
        let class = match self.reading.class {
            Some(_) if label.is_empty() => return Err(wrong("no class".into(), "a class")),
            Some(_) => match self.classes.iter().position(|c| c == label) {
                Some(at) => Some(at as i64),
                None => {
                    self.classes.push(label.chars().take(80).collect());
                    Some(self.classes.len() as i64 - 1)
                }
            },
            None => {
                let rating = label.parse().ok().filter(|r: &f64| r.is_finite());
                let rating = rating.ok_or_else(|| wrong(shown(label), "a rating, a finite number"))?;
                self.reading.class_of(rating)
            }
        };
        if self.classes.len() > MAX_CLASSES {
            let found = format!("{} classes by line {line}", self.classes.len());
            return Err(DataError::too_large(
                file,
                "classes",
                found,
                MAX_CLASSES.to_string(),
            ));
        }
        let Some(class) = class.filter(|_| !self.seen.contains(text)) else {
            return Ok(());
        };
        if self.all.len() == MAX_SENTENCES {
            let found = format!("more than {MAX_SENTENCES}");
            return Err(DataError::too_large(
                file,
                "sentences",
                found,
                MAX_SENTENCES.to_string(),
            ));
        }
        self.seen.insert(text.into());
        let part = match document {
            Some(document) => self.part(&format!("{stem}/{document}")),
            None => self.part(text),
        };
        self.all.push(Sentence {
            text: text.into(),
            class,
            part,
        });
        Ok(())
    }

    /// The part of a document, the same whatever else there is.
    fn part(&self, document: &str) -> Part {
        let drawn = Random::new(&[SPLIT, fnv1a(document.as_bytes())]).uniform();
        match drawn {
            d if d < self.reading.test => Part::Test,
            d if d < self.reading.test + self.reading.validation => Part::Validation,
            _ => Part::Training,
        }
    }

    fn done(mut self, file: &str, name: String) -> Result<Sentences, DataError> {
        // Classes as they come would depend on the order of the lines.
        if self.reading.class.is_some() {
            let mut sorted = self.classes.clone();
            sorted.sort_unstable();
            let at = |c: i64| sorted.iter().position(|s| *s == self.classes[c as usize]);
            for sentence in &mut self.all {
                sentence.class = at(sentence.class).unwrap_or(0) as i64;
            }
            self.classes = sorted;
        }
        if !self.all.iter().any(|s| s.part == Part::Training) {
            let found = format!("{} sentences of a class, none to learn from", self.all.len());
            return Err(DataError::malformed(
                file,
                "sentences",
                found,
                "one or more to learn from",
            ));
        }
        Ok(Sentences {
            name,
            all: self.all,
            classes: self.classes,
        })
    }
}

/// The seed of the split: fixed, so that trainings of all seeds are judged by the same sentences.
const SPLIT: u64 = 1;

/// The hash FNV-1a of 64 bits (Fowler, Noll and Vo).
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |h, &b| {
        (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3)
    })
}
