//! The writes that wait for the next commit, which takes its part of them as late as it can: other nodes may commit before it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::OwnedSemaphorePermit;

use super::batch_size::BatchSize;
use super::message::{Batch, WriteRequest};
use crate::metrics;

/// The writes that wait. The actor adds to them, and the commit that is under way takes from them.
#[derive(Default)]
pub(super) struct WriteQueue(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    writes: Vec<WaitingWrite>,
    batch_size: BatchSize,
}

struct WaitingWrite {
    write: WriteRequest,
    permit: OwnedSemaphorePermit,
    since: Instant,
}

impl WriteQueue {
    pub(super) fn push(&self, write: WriteRequest, permit: OwnedSemaphorePermit) {
        let writes = &mut self.lock().writes;
        writes.push(WaitingWrite { write, permit, since: Instant::now() });
        metrics::set(&metrics::get().storage_queue, writes.len());
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lock().writes.is_empty()
    }

    /// Takes what the next commit writes.
    pub(super) fn take(&self) -> Batch {
        let mut waiting = self.lock();
        let Waiting { writes, batch_size } = &mut *waiting;
        let next = batch_size.next(writes.len());
        let since = writes.first().map(|oldest| oldest.since);
        let (changes, replies) =
            writes.drain(..next).map(|one| (one.write.change, (one.write.reply, one.permit))).unzip();
        metrics::set(&metrics::get().storage_queue, writes.len());
        Batch { changes, replies, since }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
