//! Whether the other nodes can be reached now.

use std::sync::Arc;

use tokio::sync::watch;

use crate::metrics;

/// Whether the other nodes can be reached now. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Link(Arc<watch::Sender<bool>>);

impl Link {
    pub(super) fn is_up(&self) -> bool {
        *self.0.borrow()
    }

    /// Sets whether the other nodes can be reached; tells whether that has changed.
    pub(super) fn set(&self, up: bool) -> bool {
        metrics::get().relay.up.set(if up { 1.0 } else { 0.0 });
        self.0.send_if_modified(|was| std::mem::replace(was, up) != up)
    }

    /// Waits until it is down.
    pub(super) async fn down(&self) {
        // `self` holds the sender, so that the wait does not end early.
        let _ = self.0.subscribe().wait_for(|up| !up).await;
    }
}
