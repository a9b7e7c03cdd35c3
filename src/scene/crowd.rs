//! Rectangles on a screen, and whether there is room between them.

use glam::Vec2;

/// Edge of the squares that a screen is parted into, points.
const SQUARE: f32 = 64.0;

/// Rectangles on a screen. Each is known to the squares that it touches, so that few are asked.
pub(crate) struct Crowd {
    across: usize,
    down: usize,
    squares: Vec<Vec<u32>>,
    /// Upper left and lower right corner, and whose it is.
    rects: Vec<(Vec2, Vec2, usize)>,
}

impl Crowd {
    /// An empty screen of `size` points.
    pub(crate) fn new(size: Vec2) -> Self {
        let count = |length: f32| (length.clamp(1.0, 1e5) / SQUARE).ceil() as usize;
        let (across, down) = (count(size.x), count(size.y));
        Crowd {
            across,
            down,
            squares: vec![Vec::new(); across * down],
            rects: Vec::new(),
        }
    }

    /// The squares from `min` to `max`; what lies outside the screen counts for those at its edge.
    fn squares(&self, min: Vec2, max: Vec2) -> impl Iterator<Item = usize> + use<> {
        let place = |v: f32, count: usize| ((v / SQUARE).max(0.0) as usize).min(count - 1);
        let (left, right) = (place(min.x, self.across), place(max.x, self.across));
        let (top, bottom) = (place(min.y, self.down), place(max.y, self.down));
        let across = self.across;
        (top..=bottom).flat_map(move |y| (left..=right).map(move |x| y * across + x))
    }

    /// Takes the room from `min` to `max` for `owner`.
    pub(crate) fn push(&mut self, min: Vec2, max: Vec2, owner: usize) {
        let index = self.rects.len() as u32;
        self.rects.push((min, max, owner));
        for square in self.squares(min, max) {
            self.squares[square].push(index);
        }
    }

    /// True where no rectangle touches the one from `min` to `max`, of those whose owner `counts`.
    pub(crate) fn free(&self, min: Vec2, max: Vec2, counts: impl Fn(usize) -> bool) -> bool {
        let clear = |index: &u32| {
            let (low, high, owner) = self.rects[*index as usize];
            let apart = max.x < low.x || min.x > high.x || max.y < low.y || min.y > high.y;
            apart || !counts(owner)
        };
        self.squares(min, max)
            .all(|square| self.squares[square].iter().all(clear))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_found_as_when_all_are_asked() {
        let mut state = 3u32;
        let mut next = |most: f32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32 * most
        };
        let mut crowd = Crowd::new(Vec2::new(700.0, 300.0));
        let mut rects: Vec<(Vec2, Vec2, usize)> = Vec::new();
        let mut free = 0;
        for i in 0..2000 {
            // Some lie outside the screen.
            let min = Vec2::new(next(900.0) - 100.0, next(500.0) - 100.0);
            let max = min + Vec2::new(next(60.0), next(20.0));
            let clear = |(low, high, owner): &(Vec2, Vec2, usize)| {
                max.x < low.x || min.x > high.x || max.y < low.y || min.y > high.y || *owner == 1
            };
            let wanted = rects.iter().all(clear);
            assert_eq!(crowd.free(min, max, |owner| owner != 1), wanted);
            if wanted || i % 50 == 0 {
                crowd.push(min, max, i % 3);
                rects.push((min, max, i % 3));
                free += usize::from(wanted);
            }
        }
        assert!((100..1900).contains(&free), "{free}");
    }
}
