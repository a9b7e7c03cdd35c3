//! k-means in slices, and what its groups are called.

use std::sync::Arc;

use embed::{EmbedError, KMeans, KMeansSettings, Table, kmeans, kmeans_from};

use super::{Kmeans, Subject};

/// Starts, of which the best counts, and rounds of each at most.
const STARTS: usize = 4;
const ROUNDS: usize = 60;

/// Groups that are being found, one round a step.
pub(super) struct Grouping {
    subject: Arc<Subject>,
    clusters: usize,
    start: usize,
    round: usize,
    now: Option<KMeans>,
    best: Option<KMeans>,
}

impl Grouping {
    pub(super) fn new(subject: Arc<Subject>, clusters: usize) -> Self {
        Grouping {
            subject,
            clusters,
            start: 0,
            round: 0,
            now: None,
            best: None,
        }
    }

    /// Share of the work that is done, at least.
    pub(super) fn share(&self) -> f32 {
        (self.start as f32 + self.round as f32 / ROUNDS as f32) / STARTS as f32
    }

    /// Another round; the groups, after the last one.
    pub(super) fn step(&mut self) -> Result<Option<Kmeans>, EmbedError> {
        let table = Table::shared(self.subject.values.clone(), self.subject.width)?;
        let settings = KMeansSettings {
            clusters: self.clusters,
            starts: 1,
            rounds: 1,
            seed: self.start as u64,
            ..KMeansSettings::default()
        };
        let before = self.now.take();
        let found = match &before {
            None => kmeans(&table, &settings)?,
            Some(before) => kmeans_from(&table, &before.centres, &settings)?,
        };
        self.round += 1;
        let rests = before.is_some_and(|b| b.labels == found.labels);
        if !rests && self.round < ROUNDS {
            self.now = Some(found);
            return Ok(None);
        }
        (self.start, self.round) = (self.start + 1, 0);
        if self.best.as_ref().is_none_or(|b| found.inertia < b.inertia) {
            self.best = Some(found);
        }
        if self.start < STARTS {
            return Ok(None);
        }
        Ok(self.best.take().map(|best| {
            let of: Vec<Option<u32>> = best.labels.iter().map(|l| Some(*l)).collect();
            Kmeans {
                clusters: self.clusters,
                names: names(&self.subject, &of, &best.centres),
                of,
                inertia: best.inertia,
                version: 0,
            }
        }))
    }
}

/// What most points of a group are; else the words of its names that tell it from the others; else the
/// dimension in which it differs most from all points, where dimensions have names.
fn names(subject: &Subject, of: &[Option<u32>], centres: &[f32]) -> Vec<String> {
    let rows = subject.len();
    let count = centres.len() / subject.width;
    let plain = |i: usize| format!("group {}", i + 1);
    if !subject.classes.is_empty() {
        let classes: Vec<&str> = (0..rows).map(|i| subject.class(i).unwrap_or_default()).collect();
        let found = embed::name_by_class(of, &classes).unwrap_or_default();
        let name = |i: usize| match found.get(i) {
            Some(m) if !m.class.is_empty() => format!("{} ({:.0} %)", m.class, 100.0 * m.share),
            _ => plain(i),
        };
        return (0..count).map(name).collect();
    }
    if !subject.names.is_empty() {
        let found = embed::name_by_words(of, &subject.names, 3).unwrap_or_default();
        let name = |i: usize| match found.get(i) {
            Some(words) if !words.is_empty() => {
                let words: Vec<&str> = words.iter().map(|w| w.word.as_str()).collect();
                words.join(", ")
            }
            _ => plain(i),
        };
        return (0..count).map(name).collect();
    }
    if subject.columns.is_empty() {
        return (0..count).map(plain).collect();
    }
    let width = subject.width;
    let (mut mean, mut square) = (vec![0f64; width], vec![0f64; width]);
    for row in subject.values.chunks_exact(width) {
        for (k, v) in row.iter().enumerate() {
            mean[k] += f64::from(*v) / rows as f64;
            square[k] += f64::from(*v).powi(2) / rows as f64;
        }
    }
    let name = |i: usize| {
        let away = |k: usize| {
            let spread = (square[k] - mean[k] * mean[k]).max(0.0).sqrt();
            let apart = f64::from(centres[i * width + k]) - mean[k];
            if spread > 0.0 { apart / spread } else { 0.0 }
        };
        let most = (0..width).max_by(|a, b| away(*a).abs().total_cmp(&away(*b).abs()));
        match most {
            Some(k) if away(k) != 0.0 => {
                let side = if away(k) > 0.0 { "high" } else { "low" };
                format!("{side} {}", subject.dimension(k))
            }
            _ => plain(i),
        }
    };
    (0..count).map(name).collect()
}
