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

/// Does `jobs` at once.
#[cfg(not(target_arch = "wasm32"))]
pub fn each<T: Send>(mut jobs: Vec<T>, work: impl Fn(T) + Sync + Send) {
    use rayon::prelude::*;
    if jobs.len() < 2 {
        return jobs.drain(..).for_each(work);
    }
    jobs.into_par_iter().for_each(work);
}

/// Does `jobs` one after the other.
#[cfg(target_arch = "wasm32")]
pub fn each<T>(jobs: Vec<T>, work: impl Fn(T)) {
    jobs.into_iter().for_each(work);
}

/// Cores to share work among.
#[cfg(not(target_arch = "wasm32"))]
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Makes this thread one of those that share the work of operators: it begins at once, where it
/// would otherwise sleep until others have woken. One more thread than there are cores, so that
/// others go on while this one waits for orders. Without effect where there are such threads.
#[cfg(not(target_arch = "wasm32"))]
pub fn take_part() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(cores() + 1);
    // An error says that there are.
    let _ = pool.use_current_thread().build_global();
}

/// Cores to share work among.
#[cfg(target_arch = "wasm32")]
pub fn cores() -> usize {
    1
}
