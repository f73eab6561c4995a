//! The writes that wait for the next commit, which takes its part of them as late as it can: other nodes may commit before it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::OwnedSemaphorePermit;

use super::batch_size::BatchSize;
use super::later::Later;
use super::message::{Batch, WriteRequest};
use crate::metrics;

/// The writes that wait. The actor adds to them, and the commit that is under way takes from them.
#[derive(Default)]
pub(super) struct WriteQueue(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    writes: Vec<WaitingWrite>,
    batch_size: BatchSize,
    later: Later<WaitingWrite>,
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

    /// Adds a write that is less urgent than the others.
    pub(super) fn push_later(&self, write: WriteRequest, permit: OwnedSemaphorePermit) {
        self.lock().later.push(WaitingWrite { write, permit, since: Instant::now() });
    }

    pub(super) fn is_empty(&self) -> bool {
        let waiting = self.lock();
        waiting.writes.is_empty() && waiting.later.is_empty()
    }

    /// Takes the next commit's part of the writes.
    pub(super) fn take(&self) -> Batch {
        let mut waiting = self.lock();
        let Waiting { writes, batch_size, later } = &mut *waiting;
        let next = batch_size.next(writes.len());
        let since = writes.first().map(|oldest| oldest.since);
        let later = later.next(writes.is_empty(), Instant::now());
        let taken = writes.drain(..next).chain(later);
        let (changes, replies) = taken.map(|one| (one.write.change, (one.write.reply, one.permit))).unzip();
        metrics::set(&metrics::get().storage_queue, writes.len());
        Batch { changes, replies, since }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
