//! How well classes were told apart.

use serde::{Deserialize, Serialize};

/// Most classes of a [`Confusion`] (its table then takes 134 MB).
pub const MAX_CLASSES: usize = 4096;

/// Why labels could not be compared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfusionError {
    /// There is not one prediction a label.
    #[error("{predicted} predictions for {labels} labels: found different numbers, expected one each")]
    Lengths {
        /// Number of true labels.
        labels: usize,
        /// Number of predictions.
        predicted: usize,
    },
    /// A label or prediction without a class.
    #[error("sample {sample}: found class {class}, expected below {classes}")]
    Class {
        /// Index of the sample.
        sample: usize,
        /// The class found there.
        class: u16,
        /// Number of classes.
        classes: usize,
    },
    /// A table too large to be of use.
    #[error("classes: found {0}, expected at most {MAX_CLASSES}")]
    Classes(usize),
}

/// How often class `row` was taken for class `column`
/// (`sklearn.metrics.confusion_matrix`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confusion {
    /// Number of classes.
    pub classes: usize,
    /// `classes` x `classes` counts, row-major; rows are true classes, columns predictions.
    pub counts: Vec<u64>,
}

impl Confusion {
    /// A table of zeros, to be filled by [`Confusion::add`].
    pub fn new(classes: usize) -> Result<Self, ConfusionError> {
        if classes > MAX_CLASSES {
            return Err(ConfusionError::Classes(classes));
        }
        let counts = vec![0; classes * classes];
        Ok(Confusion { classes, counts })
    }

    /// Counts one prediction a label.
    pub fn of(labels: &[u16], predicted: &[u16], classes: usize) -> Result<Self, ConfusionError> {
        if labels.len() != predicted.len() {
            return Err(ConfusionError::Lengths {
                labels: labels.len(),
                predicted: predicted.len(),
            });
        }
        let mut table = Confusion::new(classes)?;
        for (sample, (&label, &guess)) in labels.iter().zip(predicted).enumerate() {
            if !table.add(label, guess) {
                let class = label.max(guess);
                return Err(ConfusionError::Class {
                    sample,
                    class,
                    classes,
                });
            }
        }
        Ok(table)
    }

    /// Counts one more sample; false, and nothing counted, when a class is out of range.
    pub fn add(&mut self, label: u16, predicted: u16) -> bool {
        let (row, column) = (usize::from(label), usize::from(predicted));
        let inside = row < self.classes && column < self.classes;
        if inside {
            self.counts[row * self.classes + column] += 1;
        }
        inside
    }

    /// How often class `label` was taken for `predicted`; 0 out of range.
    pub fn count(&self, label: usize, predicted: usize) -> u64 {
        match label < self.classes && predicted < self.classes {
            true => self.counts[label * self.classes + predicted],
            false => 0,
        }
    }

    /// Number of samples counted.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The part told rightly, 0 to 1; NaN without samples.
    pub fn accuracy(&self) -> f64 {
        let right: u64 = (0..self.classes).map(|c| self.count(c, c)).sum();
        right as f64 / self.total() as f64
    }

    /// Mean of [`Confusion::recall`] over the classes that occur
    /// (`sklearn.metrics.balanced_accuracy_score`); NaN without samples.
    pub fn balanced_accuracy(&self) -> f64 {
        let recalls = (0..self.classes).map(|c| self.recall(c));
        let recalls: Vec<f64> = recalls.filter(|r| !r.is_nan()).collect();
        recalls.iter().sum::<f64>() / recalls.len() as f64
    }

    /// The part of class `class` that was found, 0 to 1; NaN when it does not occur.
    pub fn recall(&self, class: usize) -> f64 {
        let row: u64 = (0..self.classes).map(|c| self.count(class, c)).sum();
        self.count(class, class) as f64 / row as f64
    }

    /// The part of the predictions of class `class` that is right, 0 to 1; NaN when it was
    /// never predicted.
    pub fn precision(&self, class: usize) -> f64 {
        let column: u64 = (0..self.classes).map(|c| self.count(c, class)).sum();
        self.count(class, class) as f64 / column as f64
    }

    /// Harmonic mean of precision and recall, 0 to 1; NaN when the class neither occurs nor
    /// was predicted.
    pub fn f1(&self, class: usize) -> f64 {
        let row: u64 = (0..self.classes).map(|c| self.count(class, c)).sum();
        let column: u64 = (0..self.classes).map(|c| self.count(c, class)).sum();
        2.0 * self.count(class, class) as f64 / (row + column) as f64
    }
}

/// The part of predictions equal to their label, 0 to 1
/// (`sklearn.metrics.accuracy_score`); NaN without samples, `None` when the lengths differ.
pub fn accuracy(labels: &[u16], predicted: &[u16]) -> Option<f64> {
    if labels.len() != predicted.len() {
        return None;
    }
    let right = labels.iter().zip(predicted).filter(|(a, b)| a == b).count();
    Some(right as f64 / labels.len() as f64)
}
