//! Weights along the way, as safetensors files: `weights/STEP.safetensors` in the folder of the log.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use compute::train::Trainer;

use super::waited;
use crate::Failure;

/// Files over a whole training.
const COUNT: u64 = 40;

/// The files of one training.
pub struct Snapshots {
    folder: PathBuf,
    /// Bytes of all files.
    budget: u64,
    /// Sizes by step.
    kept: BTreeMap<u64, u64>,
    /// How many times the usual distance lies between two: it doubles with each thinning, so that
    /// late steps are as far apart as early ones.
    stretch: u64,
}

impl Snapshots {
    /// In the folder `log`, with the weights as they are; those of an earlier part of the training
    /// stay.
    ///
    /// # Errors
    /// [`Failure`] that names the file.
    pub fn new(log: &Path, budget: u64, trainer: &Trainer) -> Result<Self, Failure> {
        let mut snapshots = Snapshots {
            folder: log.join("weights"),
            budget,
            kept: BTreeMap::new(),
            stretch: 1,
        };
        if budget == 0 {
            return Ok(snapshots);
        }
        let told = |e: std::io::Error, at: &Path| Failure::Other(format!("{}: {e}", at.display()));
        std::fs::create_dir_all(&snapshots.folder).map_err(|e| told(e, &snapshots.folder))?;
        let begun = trainer.progress().step;
        for entry in std::fs::read_dir(&snapshots.folder).map_err(|e| told(e, &snapshots.folder))? {
            let path = entry.map_err(|e| told(e, &snapshots.folder))?.path();
            let step = path.file_stem().and_then(|s| s.to_str()?.parse::<u64>().ok());
            let own = path.extension().is_some_and(|e| e == "safetensors");
            if let Some(step) = step.filter(|_| own) {
                // What came after the checkpoint that is gone on from did not happen.
                if step >= begun {
                    std::fs::remove_file(&path).map_err(|e| told(e, &path))?;
                    continue;
                }
                let size = std::fs::metadata(&path).map_err(|e| told(e, &path))?.len();
                snapshots.kept.insert(step, size);
            }
        }
        snapshots.write(trainer)?;
        Ok(snapshots)
    }

    /// Writes the weights where a step is due, and after the last one.
    ///
    /// # Errors
    /// [`Failure`] that names the file.
    pub fn after(&mut self, trainer: &Trainer) -> Result<(), Failure> {
        let step = trainer.progress().step;
        let every = (trainer.total_steps() / COUNT).max(1) * self.stretch;
        let last = self.kept.keys().next_back().copied().unwrap_or(0);
        match self.budget > 0 && step > last && (step >= last + every || trainer.done()) {
            true => self.write(trainer),
            false => Ok(()),
        }
    }

    fn path(&self, step: u64) -> PathBuf {
        self.folder.join(format!("{step}.safetensors"))
    }

    fn write(&mut self, trainer: &Trainer) -> Result<(), Failure> {
        let step = trainer.progress().step;
        let path = self.path(step);
        formats::save(&waited(trainer.network())?, &path)?;
        let size = std::fs::metadata(&path).map_or(0, |m| m.len());
        self.kept.insert(step, size);
        let (gone, rounds) = thinned(&mut self.kept, self.budget);
        self.stretch <<= rounds;
        for step in gone {
            let path = self.path(step);
            let told = |e| Failure::Other(format!("{}: {e}", path.display()));
            std::fs::remove_file(&path).map_err(told)?;
        }
        Ok(())
    }
}

/// Takes every other step out until the rest fits, and gives those, and how many times that took; the
/// first and the last stay.
fn thinned(kept: &mut BTreeMap<u64, u64>, budget: u64) -> (Vec<u64>, u32) {
    let (mut gone, mut rounds) = (Vec::new(), 0);
    while kept.len() > 2 && kept.values().sum::<u64>() > budget {
        rounds = (rounds + 1).min(16);
        let last = kept.keys().next_back().copied();
        let some: Vec<u64> = kept.keys().copied().skip(1).step_by(2).collect();
        for step in some.into_iter().filter(|s| Some(*s) != last) {
            kept.remove(&step);
            gone.push(step);
        }
    }
    (gone, rounds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_holds_and_both_ends_stay() {
        let mut kept: BTreeMap<u64, u64> = (0..=10).map(|s| (s, 10)).collect();
        let gone = thinned(&mut kept, 60);
        assert_eq!(gone, (vec![1, 3, 5, 7, 9], 1));
        assert_eq!(kept.keys().copied().collect::<Vec<_>>(), [0, 2, 4, 6, 8, 10]);
        assert!(thinned(&mut kept, 60).0.is_empty());
        thinned(&mut kept, 1);
        assert_eq!(kept.keys().copied().collect::<Vec<_>>(), [0, 10]);
    }
}
