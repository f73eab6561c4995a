//! The memory that an OS thread has allocated.

use tikv_jemalloc_ctl::thread::{allocatedp, deallocatedp};

/// Returns how many bytes this OS thread has allocated, minus the bytes that it has freed, also those of other threads. The
/// number wraps, so only differences are meaningful. If the allocator cannot tell, the number is constant.
pub(crate) fn allocated_bytes() -> u64 {
    let taken = allocatedp::read().map(|taken| taken.get());
    let given_back = deallocatedp::read().map(|given_back| given_back.get());
    taken.ok().zip(given_back.ok()).map_or(0, |(taken, given_back)| taken.wrapping_sub(given_back))
}
