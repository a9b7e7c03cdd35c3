//! An example as planes of rows and columns, whatever order its axes have.

use model::{Role, TensorSpec};

/// Where the cells of one example stand in memory. What is no picture has one plane of one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Planes.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Cells of a row.
    pub width: usize,
    /// From one plane, row, column to the next.
    strides: [usize; 3],
}

impl Picture {
    /// Of an example of `shape` (with the batch axis), by the axis roles of its tensor where they are
    /// known: `[1, C, H, W]`, `[1, H, W, C]`, `[1, H, W]`; everything else is one row.
    pub fn of(spec: &TensorSpec, shape: &[u64]) -> Self {
        let shape: Vec<usize> = shape.iter().map(|&d| d as usize).collect();
        let stride = |axis: usize| shape[axis + 1..].iter().product::<usize>();
        let made = |[c, y, x]: [Option<usize>; 3]| {
            let size = |axis: Option<usize>| axis.map_or(1, |a| shape[a]);
            let step = |axis: Option<usize>| axis.map_or(0, stride);
            Picture {
                channels: size(c),
                height: size(y),
                width: size(x),
                strides: [step(c), step(y), step(x)],
            }
        };
        let all: usize = shape.iter().product();
        let whole = |p: &Picture| p.channels * p.height * p.width == all && p.height * p.width > 1;
        let roles = spec.axes.as_ref().filter(|axes| axes.len() == shape.len());
        let found = roles.and_then(|axes| {
            let of = |role: Role| axes.iter().position(|a| a.role == role);
            let (y, x) = (of(Role::Height)?, of(Role::Width)?);
            Some(made([of(Role::Channel), Some(y), Some(x)]))
        });
        let found = found.or_else(|| match shape[..] {
            [_, c, _, last] if matches!(last, 1 | 3) && !matches!(c, 1 | 3) => {
                Some(made([Some(3), Some(1), Some(2)]))
            }
            [_, _, _, _] => Some(made([Some(1), Some(2), Some(3)])),
            [_, _, _] => Some(made([None, Some(1), Some(2)])),
            _ => None,
        });
        let row = Picture {
            channels: 1,
            height: 1,
            width: all,
            strides: [0, 0, 1],
        };
        found.filter(whole).unwrap_or(row)
    }

    /// Cells of all planes.
    pub fn len(&self) -> usize {
        self.channels * self.places()
    }

    /// True without cells.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Cells of a plane.
    pub fn places(&self) -> usize {
        self.height * self.width
    }

    /// Where a cell stands in the example.
    pub fn at(&self, channel: usize, row: usize, column: usize) -> usize {
        channel * self.strides[0] + row * self.strides[1] + column * self.strides[2]
    }

    /// Where cell `place` (row by row) of a plane stands in the example.
    pub fn cell(&self, channel: usize, place: usize) -> usize {
        self.at(channel, place / self.width.max(1), place % self.width.max(1))
    }

    /// An example's values as `[C, H, W]`.
    pub fn planes(&self, values: &[f32]) -> Vec<f32> {
        let plane = |c: usize| (0..self.places()).map(move |p| values[self.cell(c, p)]);
        (0..self.channels).flat_map(plane).collect()
    }

    /// `[C, H, W]` in the example's own order.
    pub fn example(&self, planes: &[f32]) -> Vec<f32> {
        let mut values = vec![0.0; self.len()];
        for c in 0..self.channels {
            for p in 0..self.places() {
                values[self.cell(c, p)] = planes[c * self.places() + p];
            }
        }
        values
    }

    /// `example` in which each place is as far from `other` as `mask` (`[H, W]`) says, 1 for there
    /// and 0 for `other`.
    pub fn blend(&self, example: &[f32], other: &[f32], mask: &[f32]) -> Vec<f32> {
        let mut values = example.to_vec();
        for c in 0..self.channels {
            for (p, &m) in mask.iter().enumerate() {
                let at = self.cell(c, p);
                values[at] = other[at] + m * (example[at] - other[at]);
            }
        }
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_order_of_axes_is_a_picture() {
        let of = |shape: &[u64]| Picture::of(&TensorSpec::unknown(), shape);
        let first = of(&[1, 3, 2, 4]);
        assert_eq!((first.channels, first.height, first.width), (3, 2, 4));
        let last = of(&[1, 8, 4, 3]);
        assert_eq!((last.channels, last.height, last.width), (3, 8, 4));
        assert_eq!(last.at(2, 1, 1), 12 + 3 + 2);
        assert_eq!(of(&[1, 7]).width, 7);
        assert_eq!(of(&[2, 3, 2, 4]).width, 48, "more than one example is a row");
        let values: Vec<f32> = (0..96).map(|v| v as f32).collect();
        assert_eq!(last.example(&last.planes(&values)), values);
    }
}
