//! The height that is taken above each rank.

/// Heights by rank, with the largest of an interval and "fill an interval up to" in O(log n).
/// Heights never sink.
pub(crate) struct Skyline {
    ranks: usize,
    /// Largest height in the subtree.
    top: Vec<f32>,
    /// Height that all of the subtree has at least.
    floor: Vec<f32>,
}

impl Skyline {
    /// The skyline over `heights`, one a rank.
    pub fn new(heights: &[f32]) -> Self {
        let ranks = heights.len().next_power_of_two();
        let mut top = vec![f32::NEG_INFINITY; 2 * ranks];
        top[ranks..ranks + heights.len()].copy_from_slice(heights);
        for i in (1..ranks).rev() {
            top[i] = top[2 * i].max(top[2 * i + 1]);
        }
        Skyline {
            ranks,
            floor: vec![f32::NEG_INFINITY; 2 * ranks],
            top,
        }
    }

    /// The largest height from rank `first` to rank `last`, both included.
    pub fn max(&self, first: usize, last: usize) -> f32 {
        let (mut a, mut b) = (first + self.ranks, last + self.ranks + 1);
        let mut height = self.floors(first).max(self.floors(last));
        while a < b {
            if a & 1 == 1 {
                height = height.max(self.top[a]);
                a += 1;
            }
            if b & 1 == 1 {
                b -= 1;
                height = height.max(self.top[b]);
            }
            a /= 2;
            b /= 2;
        }
        height
    }

    /// The floor above rank `rank`, from all subtrees that it stands in.
    fn floors(&self, rank: usize) -> f32 {
        let up = std::iter::successors(Some(rank + self.ranks), |&i| (i > 1).then_some(i / 2));
        up.fold(f32::NEG_INFINITY, |h, i| h.max(self.floor[i]))
    }

    /// Raises ranks `first` to `last`, both included, to at least `height`.
    pub fn raise(&mut self, first: usize, last: usize, height: f32) {
        let (mut a, mut b) = (first + self.ranks, last + self.ranks + 1);
        while a < b {
            if a & 1 == 1 {
                self.set(a, height);
                a += 1;
            }
            if b & 1 == 1 {
                b -= 1;
                self.set(b, height);
            }
            a /= 2;
            b /= 2;
        }
        for end in [first, last] {
            let mut i = (end + self.ranks) / 2;
            while i >= 1 {
                self.top[i] = self.top[i].max(self.top[2 * i]).max(self.top[2 * i + 1]);
                i /= 2;
            }
        }
    }

    fn set(&mut self, i: usize, height: f32) {
        self.top[i] = self.top[i].max(height);
        self.floor[i] = self.floor[i].max(height);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn equals_a_plain_array(
            heights in prop::collection::vec(-4f32..4.0, 1..40),
            steps in prop::collection::vec((0usize..40, 0usize..40, -4f32..9.0), 0..40),
        ) {
            let (mut plain, mut sky) = (heights.clone(), Skyline::new(&heights));
            for (a, b, h) in steps {
                let (a, b) = (a % plain.len(), b % plain.len());
                let (a, b) = (a.min(b), a.max(b));
                let max = plain[a..=b].iter().copied().fold(f32::NEG_INFINITY, f32::max);
                prop_assert_eq!(sky.max(a, b), max);
                plain[a..=b].iter_mut().for_each(|p| *p = p.max(h));
                sky.raise(a, b, h);
            }
        }
    }
}
