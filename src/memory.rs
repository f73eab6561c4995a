//! What a thread holds of the memory.

use tikv_jemalloc_ctl::thread::{allocatedp, deallocatedp};

/// Returns how many bytes the thread has taken and not given back, which others may have for it: it is good for comparing,
/// and wraps. Where it cannot be told, it is always the same.
pub(crate) fn held() -> u64 {
    let taken = allocatedp::read().map(|taken| taken.get());
    let given_back = deallocatedp::read().map(|given_back| given_back.get());
    taken.ok().zip(given_back.ok()).map_or(0, |(taken, given_back)| taken.wrapping_sub(given_back))
}
