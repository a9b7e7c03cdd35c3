//! The one doorway to threads: all cores natively, the caller's own in a browser.

#[cfg(not(target_arch = "wasm32"))]
use rayon::prelude::*;

/// `f(i)` for each of `count`, in order.
#[cfg(not(target_arch = "wasm32"))]
pub fn map<R: Send>(count: usize, f: impl Fn(usize) -> R + Sync + Send) -> Vec<R> {
    (0..count).into_par_iter().map(f).collect()
}

/// `f(i, chunk)` for each `size` values of `out`, the last of which may be fewer.
#[cfg(not(target_arch = "wasm32"))]
pub fn chunks<T: Send>(out: &mut [T], size: usize, f: impl Fn(usize, &mut [T]) + Sync + Send) {
    out.par_chunks_mut(size.max(1))
        .enumerate()
        .for_each(|(i, chunk)| f(i, chunk));
}

/// `f(i, chunks)` for each `size` values of several slices of one length, side by side; what it gives, in
/// order.
pub fn beside<const N: usize, T: Send, R: Send>(
    slices: [&mut [T]; N],
    size: usize,
    f: impl Fn(usize, [&mut [T]; N]) -> R + Sync + Send,
) -> Vec<R> {
    let size = size.max(1);
    let count = slices.first().map_or(0, |s| s.len().div_ceil(size));
    let mut parts = slices.map(|s| s.chunks_mut(size));
    let jobs: Vec<[&mut [T]; N]> = (0..count)
        .map(|_| parts.each_mut().map(|p| p.next().unwrap_or_default()))
        .collect();
    #[cfg(not(target_arch = "wasm32"))]
    let jobs = jobs.into_par_iter();
    #[cfg(target_arch = "wasm32")]
    let jobs = jobs.into_iter();
    jobs.enumerate().map(|(i, job)| f(i, job)).collect()
}

/// `f(i)` for each of `count`, in order.
#[cfg(target_arch = "wasm32")]
pub fn map<R: Send>(count: usize, f: impl Fn(usize) -> R + Sync + Send) -> Vec<R> {
    (0..count).map(f).collect()
}

/// `f(i, chunk)` for each `size` values of `out`, the last of which may be fewer.
#[cfg(target_arch = "wasm32")]
pub fn chunks<T: Send>(out: &mut [T], size: usize, f: impl Fn(usize, &mut [T]) + Sync + Send) {
    for (i, chunk) in out.chunks_mut(size.max(1)).enumerate() {
        f(i, chunk);
    }
}
