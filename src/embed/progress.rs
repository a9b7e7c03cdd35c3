//! How far something is that goes on in slices.

/// What a projection is busy with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Looking for the nearest rows.
    Neighbours,
    /// Turning distances into a weighted graph.
    Graph,
    /// Finding places to begin with.
    Start,
    /// Moving places.
    Places,
    /// Nothing: all is done.
    Done,
}

/// How far a projection is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// What comes next.
    pub stage: Stage,
    /// Share of this stage that is done, 0 to 1.
    pub fraction: f32,
    /// Epochs or iterations that places have moved for.
    pub iterations: usize,
}

impl Progress {
    /// Whether nothing is left to do.
    pub fn done(&self) -> bool {
        self.stage == Stage::Done
    }
}
