//! Whether bytes have been read from a connection since its last request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Set when bytes are read from a connection; the gate clears it at each request. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct ReadFlag(Arc<AtomicBool>);

impl ReadFlag {
    /// Records that bytes have been read.
    pub(super) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Tells whether bytes have been read since the last call.
    pub(super) fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}
