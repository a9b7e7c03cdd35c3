//! Deletion and insertion: what becomes of the probability when the cells that a map marks are taken
//! away first, or shown first. A map of what matters to the network makes the first fall fast and the
//! second rise fast (Petsiuk, Das, Saenko: RISE, 2018, section 4.2, arXiv:1806.07421).

use web_time::Instant;

use super::{Baseline, Map, Subject};
use crate::ProbeError;

/// Probability by the share of places that are changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curve {
    /// Share of places, 0 to 1, and probability. Where the target is no score of a class, the target
    /// itself.
    pub points: Vec<[f32; 2]>,
}

impl Curve {
    /// The area under it, by trapezoids; NaN with less than two points.
    pub fn area(&self) -> f32 {
        if self.points.len() < 2 {
            return f32::NAN;
        }
        let piece = |pair: &[[f32; 2]]| (pair[1][0] - pair[0][0]) * (pair[0][1] + pair[1][1]) / 2.0;
        self.points.windows(2).map(piece).sum()
    }
}

/// Both curves of a map, worked out bit by bit.
pub struct Curves {
    /// Places in the order of the map, the highest first.
    order: Vec<usize>,
    /// How many of them are changed at each point.
    counts: Vec<usize>,
    removed: Vec<f32>,
    hidden: Vec<f32>,
    deletion: Curve,
    insertion: Curve,
}

impl Curves {
    /// Of `map` of `subject`, at `steps` places besides the start (at least 1). What is deleted becomes
    /// `removed`, what is not inserted yet is `hidden`; the paper has zero and a blurred picture.
    ///
    /// # Errors
    /// [`ProbeError::Setting`] for a map of another size than the example, and for no steps.
    pub fn new(
        subject: &Subject,
        map: &Map,
        steps: usize,
        removed: Baseline,
        hidden: Baseline,
    ) -> Result<Self, ProbeError> {
        let picture = subject.picture();
        let fail = |name: &str, problem: String| ProbeError::Setting {
            name: name.into(),
            problem,
        };
        if [map.height, map.width] != [picture.height, picture.width] {
            let problem = format!(
                "{} x {} places for an example of {} x {}",
                map.height, map.width, picture.height, picture.width
            );
            return Err(fail("map", problem));
        }
        if steps == 0 {
            return Err(fail("steps", "at least 1 expected".into()));
        }
        let values = map.places();
        let mut order: Vec<usize> = (0..values.len()).collect();
        order.sort_by(|&a, &b| values[b].total_cmp(&values[a]));
        let steps = steps.min(order.len());
        Ok(Curves {
            counts: (0..=steps).map(|i| i * order.len() / steps).collect(),
            order,
            removed: removed.make(picture, subject.example()),
            hidden: hidden.make(picture, subject.example()),
            deletion: Curve::default(),
            insertion: Curve::default(),
        })
    }

    /// What is known so far when cells are taken away.
    pub fn deletion(&self) -> &Curve {
        &self.deletion
    }

    /// What is known so far when cells are shown.
    pub fn insertion(&self) -> &Curve {
        &self.insertion
    }

    /// True once both are whole.
    pub fn finished(&self) -> bool {
        self.insertion.points.len() == self.counts.len()
    }

    /// Works for about so many seconds, one batch at least.
    ///
    /// # Errors
    /// [`ProbeError::Run`] as for a pass.
    pub async fn go(&mut self, subject: &mut Subject, seconds: f64) -> Result<(), ProbeError> {
        let begin = Instant::now();
        while !self.finished() {
            let whole = self.deletion.points.len() == self.counts.len();
            let done = if whole {
                self.insertion.points.len()
            } else {
                self.deletion.points.len()
            };
            let last = (done + subject.together()).min(self.counts.len());
            let picture = *subject.picture();
            let mut examples = Vec::new();
            for &count in &self.counts[done..last] {
                let mut mask = vec![f32::from(u8::from(!whole)); self.order.len()];
                self.order[..count]
                    .iter()
                    .for_each(|&p| mask[p] = f32::from(u8::from(whole)));
                let other = if whole { &self.hidden } else { &self.removed };
                examples.extend(picture.blend(subject.example(), other, &mask));
            }
            let found = subject.run(&examples, last - done).await?;
            let curve = if whole {
                &mut self.insertion
            } else {
                &mut self.deletion
            };
            for (&count, outputs) in self.counts[done..last].iter().zip(&found) {
                let share = count as f32 / self.order.len().max(1) as f32;
                curve.points.push([share, subject.probability(outputs)]);
            }
            if begin.elapsed().as_secs_f64() > seconds {
                break;
            }
        }
        Ok(())
    }
}
