//! Stored values laid out anew, and sizes.

use model::{Payload, TensorData};

use super::Order;

/// The permutation that brings the last axis to the second place.
pub(crate) fn to_first(rank: usize) -> Vec<i64> {
    let rank = rank as i64;
    [0, rank - 1].into_iter().chain(1..rank - 1).collect()
}

/// The permutation that brings the second axis to the last place.
pub(crate) fn to_file(rank: usize) -> Vec<i64> {
    let rank = rank as i64;
    std::iter::once(0).chain(2..rank).chain([1]).collect()
}

/// The size after a sliding window.
pub(crate) fn windowed(size: u64, kernel: i64, stride: i64, dilation: i64, same: bool) -> Option<u64> {
    let (stride, extent) = (
        stride as u64,
        (kernel as u64 - 1).checked_mul(dilation as u64)? + 1,
    );
    match same {
        true => Some(size.div_ceil(stride)),
        false => Some(size.checked_sub(extent)? / stride + 1),
    }
}

/// `data` with its axes in the order `perm`; `perm` must be a permutation of its axes.
pub(crate) fn permute(data: &TensorData, perm: &[usize]) -> TensorData {
    let shape: Vec<u64> = perm.iter().map(|&p| data.shape[p]).collect();
    let width = (data.dtype.bits() / 8) as usize;
    let Payload::Bytes(bytes) = &data.payload else {
        return TensorData {
            shape,
            ..data.clone()
        };
    };
    let mut steps = vec![width; data.shape.len()];
    for i in (1..steps.len()).rev() {
        steps[i - 1] = steps[i] * data.shape[i] as usize;
    }
    let mut out = Vec::with_capacity(bytes.len());
    let mut place = vec![0u64; shape.len()];
    let mut from = 0usize;
    for _ in 0..data.len() {
        out.extend_from_slice(&bytes[from..from + width]);
        for axis in (0..shape.len()).rev() {
            place[axis] += 1;
            from += steps[perm[axis]];
            if place[axis] < shape[axis] {
                break;
            }
            from -= steps[perm[axis]] * shape[axis] as usize;
            place[axis] = 0;
        }
    }
    TensorData {
        dtype: data.dtype,
        shape,
        payload: Payload::Bytes(out.into()),
    }
}

/// Values that broadcast to the file's order of `rank` axes, brought to `order`.
pub(crate) fn broadcasting(values: &TensorData, rank: usize, order: Order) -> TensorData {
    let missing = rank.saturating_sub(values.shape.len());
    let shape: Vec<u64> = std::iter::repeat_n(1, missing)
        .chain(values.shape.iter().copied())
        .collect();
    let full = reshaped(values, &shape);
    match order {
        Order::ChannelsFirst if shape.len() >= 3 => {
            let perm: Vec<usize> = to_first(shape.len()).iter().map(|&p| p as usize).collect();
            permute(&full, &perm)
        }
        _ => full,
    }
}

/// `data` under another shape of as many elements.
pub(crate) fn reshaped(data: &TensorData, shape: &[u64]) -> TensorData {
    TensorData {
        shape: shape.to_vec(),
        ..data.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_follow_their_axes() {
        let data = TensorData::from_f32(&[2, 3, 4], &(0..24).map(|v| v as f32).collect::<Vec<_>>());
        let turned = permute(&data, &[2, 0, 1]);
        assert_eq!(turned.shape, [4, 2, 3]);
        let values = turned.to_f32().unwrap();
        for (i, v) in values.iter().enumerate() {
            let (c, a, b) = (i / 6, i / 3 % 2, i % 3);
            assert_eq!(*v, (a * 12 + b * 4 + c) as f32);
        }
        assert_eq!(permute(&turned, &[1, 2, 0]), data);
    }

    #[test]
    fn the_two_orders_are_inverse() {
        for rank in 3..6 {
            let (first, file) = (to_first(rank), to_file(rank));
            let back: Vec<i64> = file.iter().map(|&p| first[p as usize]).collect();
            assert_eq!(back, (0..rank as i64).collect::<Vec<_>>());
        }
    }
}
