//! Which examples of a data set a layer's channels answer to most, and where in them: beside a picture
//! that was made up, what the channel really meets.

use std::sync::Arc;

use compute::{Device, RunOptions};
use model::receptive::{Patch, receptive_field};
use model::{Column, Network, TensorData, TensorId, cost};
use web_time::Instant;

use crate::ProbeError;
use crate::attribution::{Subject, Target};

/// An example that a channel answers to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Top {
    /// Its place in the data set.
    pub example: u32,
    /// The highest activation of the channel in it.
    pub value: f32,
    /// Row and column of that in the feature map; 0, 0 for a layer without places.
    pub at: [usize; 2],
    /// What of the input that place sees; `None` where the input is no picture or sizes are not known.
    pub patch: Option<Patch>,
}

/// The examples with the highest activations, channel by channel, worked out bit by bit.
pub struct TopExamples {
    subject: Subject,
    network: Arc<Network>,
    tensor: TensorId,
    count: usize,
    channels: Vec<Vec<Top>>,
    places: [usize; 2],
    picks: Vec<u32>,
    done: usize,
}

impl TopExamples {
    /// The `count` best of `picks` in `column`, which feeds the only input of `network`, for each channel
    /// of `tensor` (`[1, C, H, W]`, `[1, C, L]` or `[1, F]`). The first example runs.
    ///
    /// # Errors
    /// [`ProbeError::Setting`] without examples or for one that is not there, [`ProbeError::Tensor`] for
    /// a tensor of another shape, and as [`Subject::open`].
    pub async fn open(
        network: &Arc<Network>,
        tensor: TensorId,
        count: usize,
        column: &Column,
        picks: Vec<u32>,
        device: &Device,
        options: &RunOptions,
    ) -> Result<Self, ProbeError> {
        let wrong = |problem: String| ProbeError::Setting {
            name: "examples".into(),
            problem,
        };
        let first = *picks.first().ok_or_else(|| wrong("none given".into()))?;
        if let Some(beyond) = picks.iter().find(|&&p| p as usize >= column.len()) {
            return Err(wrong(format!("there is no example {beyond} of {}", column.len())));
        }
        let input = network
            .main()
            .inputs
            .first()
            .map(|&t| network.tensor(t).name.clone());
        let mut shape = vec![1];
        shape.extend(column.shape.iter().map(|&d| d as u64));
        let data = TensorData::from_f32(&shape, &column.floats(&[first]));
        let target = Target {
            tensor: Some(tensor),
            element: Some(0),
        };
        let inputs = vec![(input.unwrap_or_default(), data)];
        let subject = Subject::open(network, inputs, target, device, options).await?;
        let (channels, places) = match *subject.shape() {
            [1, c, h, w] => (c, [h, w]),
            [1, c, l] => (c, [1, l]),
            [1, c] => (c, [1, 1]),
            ref other => {
                return Err(ProbeError::Tensor {
                    name: network.tensor(tensor).name.clone(),
                    problem: format!(
                        "shape {other:?}: one example of channels, with or without places, is expected"
                    ),
                });
            }
        };
        Ok(TopExamples {
            subject,
            network: network.clone(),
            tensor,
            count,
            channels: vec![Vec::new(); channels],
            places,
            picks,
            done: 0,
        })
    }

    /// What is known so far: of each channel, the best first.
    pub fn channels(&self) -> &[Vec<Top>] {
        &self.channels
    }

    /// Examples that have run, and all.
    pub fn progress(&self) -> (usize, usize) {
        (self.done, self.picks.len())
    }

    /// True once all examples have run.
    pub fn finished(&self) -> bool {
        self.done == self.picks.len()
    }

    /// Works for about so many seconds, one batch at least. `column` is the one that it was opened with.
    ///
    /// # Errors
    /// [`ProbeError::Run`] as for a pass.
    pub async fn go(&mut self, column: &Column, seconds: f64) -> Result<(), ProbeError> {
        let begin = Instant::now();
        while !self.finished() {
            let last = (self.done + self.subject.together()).min(self.picks.len());
            let picks = self.picks[self.done..last].to_vec();
            let found = self.subject.run(&column.floats(&picks), picks.len()).await?;
            for (&example, outputs) in picks.iter().zip(&found) {
                self.take(example, outputs);
            }
            self.done = last;
            if begin.elapsed().as_secs_f64() > seconds {
                break;
            }
        }
        if self.finished() {
            self.patches();
        }
        Ok(())
    }

    fn take(&mut self, example: u32, outputs: &[f32]) {
        let [height, width] = self.places;
        for (top, plane) in self
            .channels
            .iter_mut()
            .zip(outputs.chunks((height * width).max(1)))
        {
            let best = plane.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
            let Some((at, &value)) = best.filter(|(_, v)| v.is_finite()) else {
                continue;
            };
            let place = top.partition_point(|t| t.value >= value);
            if place < self.count {
                let at = [at / width, at % width];
                top.insert(
                    place,
                    Top {
                        example,
                        value,
                        at,
                        patch: None,
                    },
                );
                top.truncate(self.count);
            }
        }
    }

    /// What of the input each place sees.
    fn patches(&mut self) {
        let bindings = cost::default_bindings(&self.network);
        let input = self.subject.input();
        for top in self.channels.iter_mut().flatten() {
            let [row, column] = top.at.map(|v| v as u64);
            let found = receptive_field(&self.network, self.tensor, row, column, &bindings);
            top.patch = found.into_iter().find(|p| p.input == input);
        }
    }
}
