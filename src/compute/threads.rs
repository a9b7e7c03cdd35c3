//! Work on slices by all cores; in the browser by one.

/// Elements below which one core is faster: waking another takes tens of microseconds, and many
/// times that where other programs compete for it.
#[cfg(not(target_arch = "wasm32"))]
const LEAST: usize = 1 << 17;

/// Calls `work` with the index and content of each chunk of `size` elements of `out`.
#[cfg(not(target_arch = "wasm32"))]
pub fn chunks<T: Send>(out: &mut [T], size: usize, work: impl Fn(usize, &mut [T]) + Sync + Send) {
    use rayon::prelude::*;
    let size = size.max(1);
    if out.len() < LEAST {
        return out.chunks_mut(size).enumerate().for_each(|(i, c)| work(i, c));
    }
    let least = (LEAST / 4).div_ceil(size);
    out.par_chunks_mut(size)
        .with_min_len(least)
        .enumerate()
        .for_each(|(i, c)| work(i, c));
}

/// Calls `work` with the index and content of each chunk of `size` elements of `out`.
#[cfg(target_arch = "wasm32")]
pub fn chunks<T>(out: &mut [T], size: usize, work: impl Fn(usize, &mut [T])) {
    out.chunks_mut(size.max(1))
        .enumerate()
        .for_each(|(i, c)| work(i, c));
}
