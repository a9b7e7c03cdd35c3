//! What a piece of a file holds, before it joins its run: threads fill batches, and one after the
//! other they are added ([`crate::grow`]).

use std::collections::HashMap;

use model::{Point, Record};

/// A clock may go back by this many seconds unnoticed: threads log at about the same time.
pub(crate) const CLOCK_TOLERANCE: f64 = 5.0;

/// Points of one tag.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) tag: String,
    pub(crate) points: Vec<Point>,
    /// Where the first and the last of the points stand in the piece.
    pub(crate) first_at: u64,
    pub(crate) last_at: u64,
}

/// A place where the step or the clock of a tag goes back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Fall {
    /// Where the tag's point before stands.
    pub(crate) before_at: u64,
    pub(crate) at: u64,
    pub(crate) before: Point,
    pub(crate) point: Point,
}

impl Fall {
    pub(crate) fn step(&self) -> bool {
        self.point.step < self.before.step
    }

    pub(crate) fn clock(&self) -> bool {
        self.point.wall < self.before.wall - CLOCK_TOLERANCE
    }
}

/// A place where the file itself says that the process began.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Start {
    pub(crate) at: u64,
    pub(crate) step: i64,
    pub(crate) wall: f64,
}

/// Records of a piece of a file. Places are offsets in the piece, in whatever unit grows.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) slots: Vec<Slot>,
    index: HashMap<String, u32>,
    /// Slots with points.
    pub(crate) touched: Vec<u32>,
    pub(crate) falls: Vec<Fall>,
    pub(crate) starts: Vec<Start>,
    /// Everything but scalars, and where it stands.
    pub(crate) records: Vec<(u64, Record)>,
}

impl Batch {
    /// The slot of `tag`, where it has one.
    pub(crate) fn known(&self, tag: &str) -> Option<u32> {
        self.index.get(tag).copied()
    }

    /// The slot of `tag`, made where it has none.
    pub(crate) fn slot(&mut self, tag: &str) -> u32 {
        if let Some(slot) = self.known(tag) {
            return slot;
        }
        let slot = self.slots.len() as u32;
        self.slots.push(Slot {
            tag: tag.to_string(),
            points: Vec::new(),
            first_at: 0,
            last_at: 0,
        });
        self.index.insert(tag.to_string(), slot);
        slot
    }

    /// Adds a point that stands at `at`.
    #[inline]
    pub(crate) fn push(&mut self, slot: u32, at: u64, point: Point) {
        let index = slot;
        let slot = &mut self.slots[index as usize];
        match slot.points.last() {
            None => {
                self.touched.push(index);
                slot.first_at = at;
            }
            Some(last) => {
                if point.step < last.step || point.wall < last.wall - CLOCK_TOLERANCE {
                    self.falls.push(Fall {
                        before_at: slot.last_at,
                        at,
                        before: *last,
                        point,
                    });
                }
            }
        }
        slot.points.push(point);
        slot.last_at = at;
    }

    /// Forgets the points and records; tags keep their slots.
    pub(crate) fn clear(&mut self) {
        for slot in self.touched.drain(..) {
            self.slots[slot as usize].points.clear();
        }
        self.falls.clear();
        self.starts.clear();
        self.records.clear();
    }

    /// Gives back the memory that points took.
    pub(crate) fn shrink(&mut self) {
        self.slots.iter_mut().for_each(|s| s.points = Vec::new());
        self.records.shrink_to_fit();
    }
}
