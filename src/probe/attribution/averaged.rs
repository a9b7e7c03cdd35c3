//! Methods that are a weighted sum of gradients at several examples.

use compute::Turn;
use model::Layer;

use super::{Map, Subject, Task, Work};

/// An example, and the weight of its gradient; the weights of all add up to 1.
type Sample = (Vec<f32>, f32);
/// What the map becomes of the sum.
type Finish = fn(f32) -> f32;

/// Gradients of examples that are made one by one.
pub(super) struct Averaged {
    count: usize,
    sample: Box<dyn Fn(usize) -> Sample>,
    turn: Box<dyn Fn(&Layer) -> Turn>,
    finish: Finish,
    each: Finish,
    factor: Option<Vec<f32>>,
    sum: Vec<f32>,
    weight: f32,
    done: usize,
}

impl Averaged {
    /// The gradient at the example alone.
    pub fn one(subject: &Subject) -> Self {
        let example = subject.example().to_vec();
        Self::new(1, Box::new(move |_| (example.clone(), 1.0)))
    }

    /// Of `count` examples.
    pub fn new(count: usize, sample: Box<dyn Fn(usize) -> Sample>) -> Self {
        Averaged {
            count,
            sample,
            turn: Box::new(|_| Turn::Own),
            finish: |v| v,
            each: |v| v,
            factor: None,
            sum: Vec::new(),
            weight: 0.0,
            done: 0,
        }
    }

    /// With rules of its own.
    pub fn turned(mut self, turn: impl Fn(&Layer) -> Turn + 'static) -> Self {
        self.turn = Box::new(turn);
        self
    }

    /// Each element of the sum times that of `factor`.
    pub fn times(mut self, factor: Vec<f32>) -> Self {
        self.factor = Some(factor);
        self
    }

    /// What becomes of each gradient before the sum, and of the sum.
    pub fn with(mut self, each: Finish, finish: Finish) -> Self {
        (self.each, self.finish) = (each, finish);
        self
    }
}

impl Work for Averaged {
    fn progress(&self) -> (usize, usize) {
        (self.done, self.count)
    }

    fn step<'a>(&'a mut self, subject: &'a mut Subject) -> Task<'a, ()> {
        Box::pin(async move {
            let last = (self.done + subject.together()).min(self.count);
            let (mut examples, mut weights) = (Vec::new(), Vec::new());
            for i in self.done..last {
                let (example, weight) = (self.sample)(i);
                examples.extend(example);
                weights.push(weight);
            }
            let found = subject.gradients(&examples, &*self.turn).await?;
            let length = subject.example().len().max(1);
            self.sum.resize(length, 0.0);
            for (gradient, weight) in found.chunks(length).zip(weights) {
                let both = self.sum.iter_mut().zip(gradient);
                both.for_each(|(s, &g)| *s += weight * (self.each)(g));
                self.weight += weight;
            }
            self.done = last;
            Ok(())
        })
    }

    fn map(&self, subject: &Subject) -> Map {
        // Part of the way, the mean of what is there.
        let scale = match self.done < self.count && self.weight > 0.0 {
            true => 1.0 / self.weight,
            false => 1.0,
        };
        let factor = |i: usize| self.factor.as_ref().map_or(1.0, |f| f[i]);
        let values = self.sum.iter().enumerate();
        let values: Vec<f32> = values
            .map(|(i, v)| (self.finish)(v * scale * factor(i)))
            .collect();
        of_cells(subject, &values)
    }
}

/// A map of a number for each cell, in the example's own order.
pub(super) fn of_cells(subject: &Subject, values: &[f32]) -> Map {
    let picture = subject.picture();
    Map {
        channels: picture.channels,
        height: picture.height,
        width: picture.width,
        values: picture.planes(values),
    }
}
