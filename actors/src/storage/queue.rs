//! The writes that wait for the next commit, which takes its part of them as late as it can.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::OwnedSemaphorePermit;

use super::batch_size::BatchSize;
use super::message::WriteRequest;

/// The writes that wait. The actor and the commit that is under way share it.
#[derive(Default)]
pub(super) struct WriteQueue(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    writes: Vec<WaitingWrite>,
    batch_size: BatchSize,
}

/// A write that waits for the next commit.
pub(super) struct WaitingWrite {
    pub(super) write: WriteRequest,
    pub(super) permit: OwnedSemaphorePermit,
    pub(super) since: Instant,
}

impl WriteQueue {
    /// Adds a write.
    pub(super) fn push(&self, write: WriteRequest, permit: OwnedSemaphorePermit) {
        self.lock().writes.push(WaitingWrite { write, permit, since: Instant::now() });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lock().writes.is_empty()
    }

    /// Takes what the next commit writes; returns also how many writes are left.
    pub(super) fn take(&self) -> (Vec<WaitingWrite>, usize) {
        let mut waiting = self.lock();
        let Waiting { writes, batch_size } = &mut *waiting;
        let next = batch_size.next(writes.len());
        let rest = writes.split_off(next);
        let left = rest.len();
        (std::mem::replace(writes, rest), left)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
