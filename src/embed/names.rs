//! Names for clusters.

use std::collections::HashMap;

use crate::EmbedError;

/// What most points of a cluster are.
#[derive(Clone, Debug, PartialEq)]
pub struct Majority {
    /// The class; of equally frequent ones the first by name. Empty for a cluster without points.
    pub class: String,
    /// Share of the cluster's points that are of it, 0 to 1.
    pub share: f64,
    /// Points of the cluster.
    pub points: usize,
}

/// The most frequent class of each cluster, from the cluster of each point (`None` belongs to none) and the
/// class of each point.
///
/// # Errors
/// When there are not as many classes as labels.
pub fn name_by_class<S: AsRef<str>>(
    labels: &[Option<u32>],
    classes: &[S],
) -> Result<Vec<Majority>, EmbedError> {
    check(labels, classes.len(), "classes of points")?;
    let mut counts: Vec<HashMap<&str, usize>> = vec![HashMap::new(); clusters(labels)];
    for (label, class) in labels.iter().zip(classes) {
        if let Some(label) = label {
            *counts[*label as usize].entry(class.as_ref()).or_default() += 1;
        }
    }
    let majority = |counts: HashMap<&str, usize>| {
        let points = counts.values().sum();
        let best = counts.iter().max_by(|a, b| a.1.cmp(b.1).then(b.0.cmp(a.0)));
        Majority {
            class: best.map_or(String::new(), |b| b.0.to_string()),
            share: best.map_or(0.0, |b| *b.1 as f64 / points as f64),
            points,
        }
    };
    Ok(counts.into_iter().map(majority).collect())
}

/// A word and how much it says about a cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct Word {
    /// In lower case.
    pub word: String,
    /// Its c-TF-IDF: share of the cluster's words × ln(1 + words of an average cluster / occurrences in all).
    pub weight: f64,
}

/// Up to `count` words that tell each cluster from the others, most telling first (class-based TF-IDF,
/// Grootendorst 2022). Words are runs of two or more letters and digits; points of no cluster are left out.
///
/// # Errors
/// When there are not as many texts as labels.
pub fn name_by_words<S: AsRef<str>>(
    labels: &[Option<u32>],
    texts: &[S],
    count: usize,
) -> Result<Vec<Vec<Word>>, EmbedError> {
    check(labels, texts.len(), "texts of points")?;
    let clusters = clusters(labels);
    let mut counts: Vec<HashMap<String, usize>> = vec![HashMap::new(); clusters];
    let mut all: HashMap<String, usize> = HashMap::new();
    for (label, text) in labels.iter().zip(texts) {
        let Some(label) = label else { continue };
        let lower = text.as_ref().to_lowercase();
        let words = lower.split(|c: char| !c.is_alphanumeric());
        for word in words.filter(|w| w.chars().nth(1).is_some()) {
            *counts[*label as usize].entry(word.to_string()).or_default() += 1;
            *all.entry(word.to_string()).or_default() += 1;
        }
    }
    let average = all.values().sum::<usize>() as f64 / clusters.max(1) as f64;
    let name = |counts: HashMap<String, usize>| {
        let total: usize = counts.values().sum();
        let mut words: Vec<Word> = counts
            .into_iter()
            .map(|(word, n)| {
                let rarity = (1.0 + average / all[&word] as f64).ln();
                let weight = n as f64 / total as f64 * rarity;
                Word { word, weight }
            })
            .collect();
        words.sort_by(|a, b| b.weight.total_cmp(&a.weight).then(a.word.cmp(&b.word)));
        words.truncate(count);
        words
    };
    Ok(counts.into_iter().map(name).collect())
}

fn clusters(labels: &[Option<u32>]) -> usize {
    labels.iter().flatten().max().map_or(0, |&m| m as usize + 1)
}

fn check(labels: &[Option<u32>], found: usize, what: &'static str) -> Result<(), EmbedError> {
    let expected = labels.len();
    if found != expected {
        return Err(EmbedError::Lengths {
            what,
            expected,
            found,
        });
    }
    // A cluster a point is the most there can be; more are no labels.
    let most = expected.max(1) as f64 - 1.0;
    let last = labels.iter().flatten().max().copied().unwrap_or(0);
    crate::error::within("label", f64::from(last), 0.0, most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_and_words() {
        let labels = [Some(0), Some(0), Some(0), Some(1), None];
        let names = name_by_class(&labels, &["coat", "coat", "shirt", "bag", "bag"]).unwrap();
        assert_eq!((names[0].class.as_str(), names[0].points), ("coat", 3));
        assert!((names[0].share - 2.0 / 3.0).abs() < 1e-12);
        assert_eq!((names[1].class.as_str(), names[1].share), ("bag", 1.0));

        let texts = [
            "the red coat",
            "the Coat!",
            "a coat, the",
            "the bag of the bag",
            "noise",
        ];
        let words = name_by_words(&labels, &texts, 2).unwrap();
        assert_eq!(
            (words[0][0].word.as_str(), words[1][0].word.as_str()),
            ("coat", "bag")
        );
        // Cluster 0 has 7 words of 2 letters and more, cluster 1 has 5; "coat" is 3 of them.
        let weight = 3.0 / 7.0 * (1.0f64 + 6.0 / 3.0).ln();
        assert!((words[0][0].weight - weight).abs() < 1e-12);
        assert!(name_by_class(&labels, &["coat"]).is_err());
        assert!(name_by_class(&[Some(7)], &["coat"]).is_err());
        assert_eq!(
            name_by_words::<&str>(&[], &[], 3).unwrap(),
            Vec::<Vec<Word>>::new()
        );
    }
}
