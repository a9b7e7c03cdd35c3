//! RISE: the mean of random masks, each weighted by the probability that the network gives what is seen
//! through it.

use model::Random;

use super::map::enlarged;
use super::smooth::{SEED, whole};
use super::{Kind, Map, Method, Setting, Settings, Subject, Task, Work, baseline};
use crate::ProbeError;

pub(super) const METHOD: Method = Method {
    id: "rise",
    name: "RISE",
    about: "The probability that the network gives on average when the place is seen. It looks at nothing inside \
            the network.",
    source: "Petsiuk, Das, Saenko: RISE, 2018 (arXiv:1806.07421)",
    settings: &[
        Setting {
            id: "masks",
            name: "Masks",
            about: "Random masks; the error falls with the square root of their number.",
            kind: Kind::Whole {
                default: 512,
                low: 1,
                high: 65536,
            },
        },
        Setting {
            id: "cells",
            name: "Cells",
            about: "Cells along a side that a mask is drawn in, before it is enlarged.",
            kind: Kind::Whole {
                default: 7,
                low: 1,
                high: 256,
            },
        },
        Setting {
            id: "seen",
            name: "Seen",
            about: "Share of cells that a mask leaves open.",
            kind: Kind::Number {
                default: 0.5,
                low: 0.01,
                high: 0.99,
            },
        },
        baseline::SETTING,
        SEED,
    ],
    layered: false,
    start,
};

/// Draws masks.
const STREAM: u64 = 0x415e;

struct Rise {
    from: Vec<f32>,
    size: [usize; 2],
    cells: usize,
    seen: f64,
    seed: u64,
    given: Option<Vec<f32>>,
    count: usize,
    sum: Vec<f32>,
    done: usize,
}

fn start(subject: &Subject, settings: &Settings) -> Result<Box<dyn Work>, ProbeError> {
    let picture = subject.picture();
    let size = [picture.height, picture.width];
    let given = settings.given.get("masks").cloned();
    Ok(Box::new(Rise {
        from: baseline::of(subject, settings, settings.of(&METHOD, "baseline"))?,
        size,
        cells: settings.whole(&METHOD, "cells"),
        seen: settings.of(&METHOD, "seen"),
        seed: settings.whole(&METHOD, "seed") as u64,
        count: match &given {
            Some(masks) => whole("masks", masks.len(), picture.places())?,
            None => settings.whole(&METHOD, "masks"),
        },
        given,
        sum: vec![0.0; picture.places()],
        done: 0,
    }))
}

impl Rise {
    /// Mask `i`, `[H, W]` from 0 to 1: coarse cells, enlarged, at a random place.
    fn mask(&self, i: usize) -> Vec<f32> {
        let places = self.sum.len();
        if let Some(given) = &self.given {
            return given[i * places..(i + 1) * places].to_vec();
        }
        let mut random = Random::new(&[self.seed, STREAM, i as u64]);
        // A row has cells along it only.
        let grid = self.size.map(|side| self.cells.min(side));
        let drawn = (0..grid[0] * grid[1]).map(|_| f32::from(u8::from(random.uniform() < self.seen)));
        let drawn: Vec<f32> = drawn.collect();
        let cell = [0, 1].map(|a| self.size[a].div_ceil(grid[a]));
        let place = [0, 1].map(|a: usize| random.below(cell[a]));
        cropped(&drawn, grid, cell, place, self.size)
    }
}

/// `drawn`, enlarged to one cell more than the picture, from `place` on.
fn cropped(
    drawn: &[f32],
    grid: [usize; 2],
    cell: [usize; 2],
    place: [usize; 2],
    size: [usize; 2],
) -> Vec<f32> {
    let large = [0, 1].map(|a| (grid[a] + 1) * cell[a]);
    let all = enlarged(drawn, grid, large);
    let row = |y: usize| {
        let first = (y + place[0]) * large[1] + place[1];
        all[first..first + size[1]].iter().copied()
    };
    (0..size[0]).flat_map(row).collect()
}

impl Work for Rise {
    fn progress(&self) -> (usize, usize) {
        (self.done, self.count)
    }

    fn step<'a>(&'a mut self, subject: &'a mut Subject) -> Task<'a, ()> {
        Box::pin(async move {
            let last = (self.done + subject.together()).min(self.count);
            let masks: Vec<Vec<f32>> = (self.done..last).map(|i| self.mask(i)).collect();
            let (picture, example) = (*subject.picture(), subject.example());
            let seen = masks.iter().flat_map(|m| picture.blend(example, &self.from, m));
            let examples: Vec<f32> = seen.collect();
            let found = subject.run(&examples, masks.len()).await?;
            for (mask, outputs) in masks.iter().zip(found) {
                let probability = subject.probability(&outputs);
                self.sum
                    .iter_mut()
                    .zip(mask)
                    .for_each(|(s, m)| *s += probability * m);
            }
            self.done = last;
            Ok(())
        })
    }

    fn map(&self, _: &Subject) -> Map {
        let share = 1.0 / (self.done.max(1) as f32 * self.seen as f32);
        Map {
            channels: 1,
            height: self.size[0],
            width: self.size[1],
            values: self.sum.iter().map(|s| s * share).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `F.interpolate(grid, size, mode = "bilinear")`, cropped; the numbers are those of PyTorch.
    #[test]
    fn masks_are_cut_out_of_enlarged_cells() {
        let arrays =
            data::npz::from_bytes("captum", include_bytes!("../tests/attribution/captum.npz")).unwrap();
        let of = |name: &str| {
            let (_, found) = arrays.iter().find(|(n, _)| n == name).unwrap();
            found.to_f32().unwrap()
        };
        let (grids, shifts, masks) = (of("rise_grid"), of("rise_shift"), of("rise_masks"));
        for i in 0..16 {
            let place = [0, 1].map(|a| shifts[2 * i + a] as usize);
            let made = cropped(&grids[16 * i..][..16], [4, 4], [3, 3], place, [12, 12]);
            let wanted = &masks[144 * i..][..144];
            assert!(made.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-6), "{i}");
        }
    }
}
