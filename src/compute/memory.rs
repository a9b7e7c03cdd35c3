//! What fits into memory.

use model::Network;

use crate::run::RunError;

/// Bytes of memory that can be had without swapping; `None` where the system does not say.
#[cfg(not(target_arch = "wasm32"))]
pub fn free() -> Option<u64> {
    let mut system = sysinfo::System::new().ok()?;
    system.refresh_memory_specifics(sysinfo::MemoryRefreshKind::nothing().with_ram());
    let host = system.available_memory();
    // A container may have less than its host.
    let limited = system.cgroup_limits().map(|l| l.free_memory);
    Some(limited.map_or(host, |l| l.min(host))).filter(|&free| free > 0)
}

/// Bytes that a page can have beside what it has.
#[cfg(target_arch = "wasm32")]
pub fn free() -> Option<u64> {
    let pages = core::arch::wasm32::memory_size::<0>() as u64;
    Some((1 << 32) - (pages << 16))
}

/// Bytes in words.
pub fn words(bytes: u64) -> String {
    const GIB: f64 = (1u64 << 30) as f64;
    const MIB: f64 = (1u64 << 20) as f64;
    match bytes as f64 {
        b if b >= GIB => format!("{:.1} GiB", b / GIB),
        b => format!("{:.0} MiB", b / MIB),
    }
}

/// An error where the weights of `network`, as float32, do not fit into what is free.
pub fn weights_fit(network: &Network) -> Result<(), RunError> {
    let stored = network.tensors.iter().filter_map(|t| t.data.as_ref());
    let needed: u64 = stored.map(|d| 4 * d.len() as u64).sum();
    // Small networks do not ask the system.
    if needed < 1 << 28 {
        return Ok(());
    }
    match free() {
        Some(free) if needed > free => Err(RunError::Memory { needed, free }),
        _ => Ok(()),
    }
}
