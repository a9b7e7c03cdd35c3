//! Occlusion: what the score loses when a window of the example is covered.

use super::{Kind, Map, Method, Setting, Settings, Subject, Task, Work, baseline};
use crate::ProbeError;

pub(super) const METHOD: Method = Method {
    id: "occlusion",
    name: "Occlusion",
    about: "How much the score falls when a window around the place is covered; the mean over all windows.",
    source: "Zeiler, Fergus: Visualizing and Understanding Convolutional Networks, 2013 (arXiv:1311.2901)",
    settings: &[
        Setting {
            id: "window",
            name: "Window",
            about: "Side of the window in cells; 0 for a fifth of the shorter side.",
            kind: Kind::Whole {
                default: 0,
                low: 0,
                high: 4096,
            },
        },
        Setting {
            id: "stride",
            name: "Stride",
            about: "Cells from one window to the next; 0 for half of the window.",
            kind: Kind::Whole {
                default: 0,
                low: 0,
                high: 4096,
            },
        },
        Setting {
            id: "together",
            name: "All channels",
            about: "A window covers all channels; off: each channel on its own.",
            kind: Kind::Switch { default: true },
        },
        baseline::SETTING,
    ],
    layered: false,
    start,
};

struct Occlusion {
    from: Vec<f32>,
    /// Sides of a window in planes, rows and columns; cells to the next; windows along each.
    window: [usize; 3],
    stride: [usize; 3],
    counts: [usize; 3],
    /// Of each cell: what all windows over it lost, and how many there were.
    lost: Vec<f32>,
    covered: Vec<f32>,
    done: usize,
}

fn start(subject: &Subject, settings: &Settings) -> Result<Box<dyn Work>, ProbeError> {
    let from = baseline::of(subject, settings, settings.of(&METHOD, "baseline"))?;
    let picture = subject.picture();
    let sizes = [picture.channels, picture.height, picture.width];
    let shorter = match sizes[1] {
        1 => sizes[2],
        _ => sizes[1].min(sizes[2]),
    };
    let side = match settings.whole(&METHOD, "window") {
        0 => (shorter / 5).max(1),
        side => side,
    };
    let step = match settings.whole(&METHOD, "stride") {
        0 => side.div_ceil(2),
        step => step,
    };
    let together = settings.on(&METHOD, "together");
    let planes = if together { sizes[0] } else { 1 };
    let window = [planes, side.min(sizes[1]), side.min(sizes[2])];
    let stride = [planes, step, step].map(|s| s.max(1));
    if step > side {
        return Err(ProbeError::Setting {
            name: "stride".into(),
            problem: format!("{step} cells would leave gaps between windows of {side}"),
        });
    }
    let count = |axis: usize| (sizes[axis] - window[axis]).div_ceil(stride[axis]) + 1;
    Ok(Box::new(Occlusion {
        from,
        window,
        stride,
        counts: [count(0), count(1), count(2)],
        lost: vec![0.0; picture.len()],
        covered: vec![0.0; picture.len()],
        done: 0,
    }))
}

impl Occlusion {
    fn total(&self) -> usize {
        self.counts.iter().product()
    }

    /// First plane, row and column of a window, and those after the last; cut off at the border.
    fn ranges(&self, window: usize, sizes: [usize; 3]) -> [[usize; 2]; 3] {
        let [_, rows, columns] = self.counts;
        let at = [
            window / (rows * columns),
            window / columns % rows,
            window % columns,
        ];
        [0, 1, 2].map(|axis| {
            let first = at[axis] * self.stride[axis];
            [first, (first + self.window[axis]).min(sizes[axis])]
        })
    }
}

impl Work for Occlusion {
    fn progress(&self) -> (usize, usize) {
        (self.done, self.total())
    }

    fn step<'a>(&'a mut self, subject: &'a mut Subject) -> Task<'a, ()> {
        Box::pin(async move {
            let picture = *subject.picture();
            let sizes = [picture.channels, picture.height, picture.width];
            let last = (self.done + subject.together()).min(self.total());
            let mut examples = Vec::new();
            for window in self.done..last {
                let mut example = subject.example().to_vec();
                let [planes, rows, columns] = self.ranges(window, sizes);
                for c in planes[0]..planes[1] {
                    for y in rows[0]..rows[1] {
                        for x in columns[0]..columns[1] {
                            let at = picture.at(c, y, x);
                            example[at] = self.from[at];
                        }
                    }
                }
                examples.extend(example);
            }
            let found = subject.run(&examples, last - self.done).await?;
            let whole = subject.score();
            for (window, outputs) in (self.done..last).zip(found) {
                let lost = whole - outputs[subject.element()];
                let [planes, rows, columns] = self.ranges(window, sizes);
                for c in planes[0]..planes[1] {
                    for y in rows[0]..rows[1] {
                        let row = (c * sizes[1] + y) * sizes[2];
                        for at in row + columns[0]..row + columns[1] {
                            self.lost[at] += lost;
                            self.covered[at] += 1.0;
                        }
                    }
                }
            }
            self.done = last;
            Ok(())
        })
    }

    fn map(&self, subject: &Subject) -> Map {
        let picture = subject.picture();
        let mean = |(l, c): (&f32, &f32)| l / c.max(1.0);
        Map {
            channels: picture.channels,
            height: picture.height,
            width: picture.width,
            values: self.lost.iter().zip(&self.covered).map(mean).collect(),
        }
    }
}
