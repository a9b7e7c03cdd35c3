//! Sparse weights, unpacked: TFLite stores the cells that are not zero, by nested lists of places.

use model::{Payload, TensorData};

use super::flat::Table;
use crate::error::Fault;

/// One level of the nesting.
struct Level {
    /// Places at this level, where all of them are there.
    size: usize,
    /// Otherwise: where the places of each parent begin, and the places.
    listed: Option<(Vec<i32>, Vec<i32>)>,
}

fn ints(table: &Table, kind: usize, field: usize) -> Result<Vec<i32>, Fault> {
    let list = table
        .table(field)?
        .ok_or_else(|| Fault::new("", "a list of sparse places is missing"))?;
    match table.byte(kind)? {
        1 => list.ints(0),
        2 => list.shorts(0),
        _ => list.small(0),
    }
}

/// `values` holds the cells that are stored; the result has all of `shape`.
///
/// # Errors
/// Where the lists lead outside the tensor, or to another number of cells than are stored.
pub(super) fn dense(sparsity: &Table, values: TensorData, shape: &[u64]) -> Result<TensorData, Fault> {
    let wrong = |problem: &str| Fault::new("", format!("sparse values: {problem}"));
    let order = sparsity.ints(0)?;
    let blocks = sparsity.ints(1)?;
    let mut levels = Vec::new();
    for level in sparsity.tables(2)?.iter() {
        let level = level?;
        let size = usize::try_from(level.int(1, 0)?).map_err(|_| wrong("a negative size"))?;
        let listed = match level.byte(0)? {
            0 => None,
            _ => Some((ints(&level, 2, 3)?, ints(&level, 4, 5)?)),
        };
        levels.push(Level { size, listed });
    }
    let rank = shape.len();
    let places = |list: &[i32], below: usize| list.iter().all(|&p| (0..below as i32).contains(&p));
    let mut sorted = order.clone();
    sorted.sort_unstable();
    let whole = sorted.iter().enumerate().all(|(i, &p)| p == i as i32);
    if levels.len() != rank + blocks.len()
        || order.len() != levels.len()
        || levels.len() > 16
        || !places(&blocks, rank)
        || !whole
        || !order[..rank].iter().all(|&p| (p as usize) < rank)
    {
        return Err(wrong("its levels do not fit the tensor"));
    }
    let elements = shape
        .iter()
        .try_fold(1u64, |p, &d| p.checked_mul(d))
        .unwrap_or(u64::MAX);
    let width = (values.dtype.bits() / 8) as usize;
    let bytes = values.to_bytes();
    // The values of honest files are a fair share of the whole.
    let limit = (bytes.len() as u64 / width.max(1) as u64).saturating_mul(4096);
    if width == 0 || elements > limit {
        return Err(wrong("far fewer cells than its shape has"));
    }
    let mut walk = Walk {
        order: &order,
        blocks: &blocks,
        levels: &levels,
        shape,
        source: &bytes,
        width,
        next: 0,
        out: vec![0; elements as usize * width],
        indices: vec![0; levels.len()],
        steps: elements.saturating_mul(8).saturating_add(1024),
    };
    walk.level(0, 0)
        .ok_or_else(|| wrong("its lists lead outside the tensor"))?;
    if walk.next != bytes.len() / width {
        return Err(wrong("its lists name another number of cells than are stored"));
    }
    Ok(TensorData {
        dtype: values.dtype,
        shape: shape.to_vec(),
        payload: Payload::Bytes(walk.out.into()),
    })
}

struct Walk<'a> {
    order: &'a [i32],
    blocks: &'a [i32],
    levels: &'a [Level],
    shape: &'a [u64],
    source: &'a [u8],
    width: usize,
    next: usize,
    out: Vec<u8>,
    indices: Vec<usize>,
    /// How many places may still be visited.
    steps: u64,
}

impl Walk<'_> {
    fn level(&mut self, at: usize, parent: usize) -> Option<()> {
        let levels = self.levels;
        let Some(level) = levels.get(at) else {
            return self.cell();
        };
        let (range, places) = match &level.listed {
            None => (0..level.size, None),
            Some((starts, places)) => {
                let start = usize::try_from(*starts.get(parent)?).ok()?;
                let end = usize::try_from(*starts.get(parent.checked_add(1)?)?).ok()?;
                (start..end, Some(places))
            }
        };
        for i in range {
            self.steps = self.steps.checked_sub(1)?;
            self.indices[at] = match places {
                Some(places) => usize::try_from(*places.get(i)?).ok()?,
                None => i,
            };
            let child = match places {
                Some(_) => i,
                None => parent.checked_mul(level.size)?.checked_add(i)?,
            };
            self.level(at + 1, child)?;
        }
        Some(())
    }

    /// Puts the next stored cell where the indices say.
    fn cell(&mut self) -> Option<()> {
        let rank = self.shape.len();
        let mut place = vec![0usize; rank];
        for (i, &index) in self.indices.iter().enumerate() {
            let axis = self.order[i] as usize;
            if i < rank {
                place[axis] = index;
            } else {
                let axis = *self.blocks.get(axis.checked_sub(rank)?)? as usize;
                place[axis] = place[axis].checked_mul(self.levels[i].size)?.checked_add(index)?;
            }
        }
        let mut flat = 0usize;
        for (&p, &size) in place.iter().zip(self.shape) {
            if p as u64 >= size {
                return None;
            }
            flat = flat * size as usize + p;
        }
        let from = self.next * self.width;
        let value = self.source.get(from..from + self.width)?;
        self.out[flat * self.width..(flat + 1) * self.width].copy_from_slice(value);
        self.next += 1;
        Some(())
    }
}
