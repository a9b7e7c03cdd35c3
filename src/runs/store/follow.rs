//! Reading a store, once or as it grows, while another process may write to it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::{Record, Run};

use super::frame::{Found, Frames};
use super::{StoreError, commit, folder, part};

/// All runs of the store in `dir`, sorted by name, and what could not be read.
pub fn read(dir: &Path) -> Result<(Vec<Run>, Vec<String>), StoreError> {
    let mut follower = Follower::open(dir)?;
    let news = follower.refresh()?;
    let mut runs = BTreeMap::new();
    for (name, record) in news.records {
        let run = runs.entry(name.clone()).or_insert_with(|| Run::new(&*name));
        run.take(record);
    }
    Ok((runs.into_values().collect(), news.warnings))
}

/// What came since the last look.
#[derive(Debug, Default)]
pub struct News {
    /// Names of runs and their records, those of each run in order of recording.
    pub records: Vec<(Arc<str>, Record)>,
    /// What cannot be read, each said once.
    pub warnings: Vec<String>,
}

/// Reads a store along, whoever writes to it.
#[derive(Debug)]
pub struct Follower {
    dir: PathBuf,
    runs: BTreeMap<Arc<str>, State>,
    said: HashSet<String>,
}

#[derive(Debug, Default)]
struct State {
    taken: Taken,
    parts: HashSet<u64>,
    /// How far each log was read.
    logs: HashMap<String, u64>,
}

impl Follower {
    /// Opens the store in `dir` for reading.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        super::check_marker(dir)?;
        Ok(Follower {
            dir: dir.into(),
            runs: BTreeMap::new(),
            said: HashSet::new(),
        })
    }

    /// What was recorded since the last call; at first, everything.
    pub fn refresh(&mut self) -> Result<News, StoreError> {
        let mut news = News::default();
        let mut warnings = Vec::new();
        for (name, dir) in commit::folders(&self.dir)? {
            let name: Arc<str> = name.into();
            let state = self.runs.entry(name.clone()).or_default();
            let new = state.refresh(&dir, &mut warnings);
            news.records
                .extend(new.into_iter().map(|(_, record)| (name.clone(), record)));
        }
        warnings.retain(|w| self.said.insert(w.clone()));
        news.warnings = warnings;
        Ok(news)
    }
}

impl State {
    fn refresh(&mut self, dir: &Path, warnings: &mut Vec<String>) -> Vec<(u64, Record)> {
        let mut new = Vec::new();
        let mut problems = Vec::new();
        // Logs first: one that is gone before it is read has its part by then.
        match folder::list(dir) {
            Ok(listing) => {
                self.logs
                    .retain(|name, _| listing.segments.iter().any(|s| s.name == *name));
                for segment in listing.segments {
                    let done = self.logs.entry(segment.name.clone()).or_default();
                    problems.extend(log(dir, &segment.name, done, |sequence, record| {
                        if self.taken.add(sequence) {
                            new.push((sequence, record));
                        }
                    }));
                }
            }
            Err(e) => problems.push(StoreError::io(dir, e).to_string()),
        }
        match folder::list(dir) {
            Ok(listing) => {
                for range in listing.parts {
                    if !self.parts.insert(range.start) || self.taken.has_all(&range) {
                        continue;
                    }
                    let (records, damage) = part::read(dir, &range);
                    problems.extend(damage);
                    new.extend(
                        records
                            .into_iter()
                            .filter(|(sequence, _)| self.taken.add(*sequence)),
                    );
                }
            }
            Err(e) => problems.push(StoreError::io(dir, e).to_string()),
        }
        warnings.extend(problems);
        if !new.is_sorted_by_key(|(sequence, _)| *sequence) {
            new.sort_by_key(|(sequence, _)| *sequence);
        }
        new
    }
}

/// Reads the log `name` from byte `done` on, as far as it is whole.
fn log(dir: &Path, name: &str, done: &mut u64, mut take: impl FnMut(u64, Record)) -> Vec<String> {
    let path = dir.join(name);
    let opened = std::fs::File::open(&path).and_then(|mut file| {
        let length = file.metadata()?.len();
        let mut bytes = Vec::new();
        if length > *done {
            file.seek(SeekFrom::Start(*done))?;
            file.take(length - *done).read_to_end(&mut bytes)?;
        }
        Ok(bytes)
    });
    let bytes = match opened {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Vec::new(),
        Err(e) => return vec![StoreError::io(&path, e).to_string()],
    };
    if *done == 0
        && let Err(e) = super::check_version(&path, &bytes)
    {
        return vec![e.to_string()];
    }
    let mut warnings = Vec::new();
    let start = *done;
    let mut frames = match start {
        0 => Frames::new(bytes.into()),
        _ => Frames::resumed(bytes.into()),
    };
    loop {
        match frames.next() {
            Found::Body(body) => {
                *done = start + frames.at as u64;
                match part::taken_apart(&body) {
                    Some((_, records)) => records.into_iter().for_each(|(s, r)| take(s, r)),
                    None => warnings.push(format!(
                        "{}: the batch that ends at byte {done} is not understood",
                        path.display()
                    )),
                }
            }
            Found::Damage(at) => {
                let (a, b) = (start + at.start as u64, start + at.end as u64);
                warnings.push(format!("{}: bytes {a} to {b} are damaged", path.display()));
            }
            Found::Torn | Found::End => return warnings,
        }
    }
}

/// Sequence numbers that were read, as ranges: one, unless something was damaged.
#[derive(Debug, Default)]
struct Taken(Vec<Range<u64>>);

impl Taken {
    /// False where it was there.
    fn add(&mut self, n: u64) -> bool {
        let i = self.0.partition_point(|r| r.end < n);
        match self.0.get_mut(i) {
            Some(r) if r.contains(&n) => return false,
            Some(r) if r.end == n => {
                r.end = n + 1;
                if let Some(next) = self.0.get(i + 1).filter(|next| next.start == n + 1) {
                    self.0[i].end = next.end;
                    self.0.remove(i + 1);
                }
            }
            Some(r) if r.start == n + 1 => r.start = n,
            _ => self.0.insert(i, n..n + 1),
        }
        true
    }

    fn has_all(&self, range: &Range<u64>) -> bool {
        let i = self.0.partition_point(|r| r.end < range.end);
        self.0
            .get(i)
            .is_some_and(|r| r.start <= range.start && range.end <= r.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ranges_are_a_set(numbers in prop::collection::vec(0u64..60, 0..80), a in 0u64..60, n in 1u64..9) {
            let mut set = std::collections::BTreeSet::new();
            let mut taken = Taken::default();
            for &n in &numbers {
                prop_assert_eq!(taken.add(n), set.insert(n));
            }
            prop_assert_eq!(taken.has_all(&(a..a + n)), (a..a + n).all(|x| set.contains(&x)));
            prop_assert!(taken.0.windows(2).all(|w| w[0].end < w[1].start));
        }
    }
}
