//! The delivery frontier of a node: the *released* commit number.
//!
//! A commit is delivered when every frame that it causes has been pushed to the outboxes of this node. The released number
//! is the highest with every commit up to it delivered; no cursor goes beyond it. A commit that another node wrote, or whose
//! delivery failed, is a gap until the follower has read it from the database and delivered it.
//!
//! All of that is true of one history. When the database goes back to an earlier state, the frontier [starts
//! again](DeliveryFrontier::restart_at) where the database stands then.

mod state;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use chat_database::history::{CommitRef, Head, Nonce};
use chat_database::ids::{CommitNo, UserId};
use chat_database::time::Timestamp;

use crate::protocol::Cursor;
use state::State;

/// The delivery frontier of a node. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct DeliveryFrontier(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// How often the history was replaced by another.
    histories: AtomicU64,
    on_lost: OnceLock<OnLost>,
}

/// The callback for when a part of a commit was lost.
struct OnLost(Box<dyn Fn() + Send + Sync>);

impl fmt::Debug for OnLost {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("OnLost")
    }
}

impl DeliveryFrontier {
    /// Starts at a commit: no connection waits for anything up to it.
    pub(crate) fn new(head: Head) -> Self {
        let state = State { time: head.newest.millis(), ..State::at(head.commit_ref) };
        Self(Arc::new(Shared {
            state: Mutex::new(state),
            histories: AtomicU64::default(),
            on_lost: OnceLock::default(),
        }))
    }

    /// Sets the callback for when a part of a commit was lost and must be read from the database. To be called once.
    pub(crate) fn on_lost(&self, done: impl Fn() + Send + Sync + 'static) {
        let first = self.0.on_lost.set(OnLost(Box::new(done))).is_ok();
        debug_assert!(first, "one follower reads what is lost");
    }

    /// Starts again at a commit of another history, and forgets the deliveries of the former one.
    pub(crate) fn restart_at(&self, head: CommitRef) {
        let mut state = self.lock();
        // A commit of our own may be under way.
        let State { committing, dispatching, next_block, time, .. } = *state;
        *state = State { committing, dispatching, next_block, time, ..State::at(head) };
        self.0.histories.fetch_add(1, Ordering::Release);
    }

    /// Returns how often the history was replaced. When the number has changed, what a caller knew of the former history is
    /// void.
    pub(crate) fn histories(&self) -> u64 {
        self.0.histories.load(Ordering::Acquire)
    }

    /// Returns the released number.
    pub(crate) fn released(&self) -> CommitNo {
        CommitNo(self.lock().released)
    }

    /// Returns the highest commit whose delivery has begun.
    pub(crate) fn newest(&self) -> CommitRef {
        self.lock().newest()
    }

    /// Returns the history's name.
    pub(crate) fn epoch(&self) -> Arc<str> {
        Arc::clone(&self.lock().epoch)
    }

    /// Tells whether a name is the history's present name, or one of its last earlier names.
    pub(crate) fn knows_name(&self, name: &str) -> bool {
        let state = self.lock();
        *state.epoch == *name || state.earlier_names.iter().any(|earlier| **earlier == *name)
    }

    /// Returns the highest commit such that it and all before it were dispatched to the actors that deliver them, and none
    /// was lost. What the follower sends to an actor afterwards arrives after the parts of all of them.
    pub(crate) fn unbroken(&self) -> CommitNo {
        let state = self.lock();
        let dispatched = state.dispatching.map_or(u64::MAX, |dispatching| dispatching - 1);
        CommitNo(state.unbroken.min(dispatched))
    }

    /// Returns the nonce of a commit whose delivery has begun, for as long as it is remembered.
    pub(crate) fn nonce_of(&self, commit: CommitNo) -> Option<Nonce> {
        let state = self.lock();
        match state.released.checked_sub(commit.0) {
            Some(back) => state.nonces.get(usize::try_from(back).ok()?).copied(),
            None => state.begun.get(&commit.0).map(|begun| begun.nonce),
        }
    }

    /// Returns the released number, and the highest commit whose delivery has begun: what a new connection may have missed
    /// lies between the two.
    pub(crate) fn span(&self) -> (CommitNo, CommitNo) {
        let state = self.lock();
        (CommitNo(state.released), CommitNo(state.newest))
    }

    /// Returns the present cursor without a reader, for a frame whose reader is set later.
    pub(crate) fn cursor(&self) -> Cursor {
        let state = self.lock();
        state.cursor(CommitNo(state.released), None)
    }

    /// Returns a reader's cursor at a commit that is released.
    pub(crate) fn cursor_at(&self, commit: CommitNo, reader: UserId) -> Cursor {
        self.lock().cursor(commit, Some(reader))
    }

    /// Returns the cursor of a reader who was served from the cursor `from` and has received everything up to `released`.
    pub(crate) fn onward(&self, from: &Cursor, released: CommitNo) -> Cursor {
        let state = self.lock();
        let mut cursor = state.cursor(released.max(from.commit), from.reader);
        if from.heard.commit.0 > state.newest {
            // The cursor comes from a node that knew newer commits than this one does.
            cursor.heard.clone_from(&from.heard);
        }
        cursor
    }

    /// Returns the present time, but none before the newest time that a commit is known to have written.
    pub(crate) fn time(&self) -> Timestamp {
        Timestamp::now().max(Timestamp::from_millis(self.lock().time))
    }

    /// Notes the history's name as of a commit, and the newest time that the history has written.
    pub(crate) fn learn(&self, commit_ref: &CommitRef, newest: Timestamp) {
        let mut state = self.lock();
        state.set_name(&commit_ref.epoch, commit_ref.commit.0);
        state.time = state.time.max(newest.millis());
    }

    /// Notes that a commit of this node is under way: its number is not a gap.
    pub(crate) fn commit_started(&self) {
        self.lock().committing = true;
    }

    /// Notes that the commit under way has failed, or that its outcome is unknown.
    pub(crate) fn commit_failed(&self) {
        self.lock().committing = false;
    }

    /// Begins to deliver a commit of this node in `parts` parts. Returns one [`DeliveryGuard`] for each part, and whether
    /// undelivered commits of other nodes lie before it. Until [`DeliveryFrontier::dispatched`] the follower does not go
    /// past this commit, so what it sends to an actor arrives after this commit's part.
    pub(crate) fn begin_own(
        &self,
        commit_ref: &CommitRef,
        newest: Timestamp,
        parts: usize,
    ) -> (Vec<DeliveryGuard>, bool) {
        let no = commit_ref.commit;
        let mut state = self.lock();
        let gap = no.0 > state.newest + 1;
        state.dispatching = Some(no.0);
        state.set_name(&commit_ref.epoch, no.0);
        state.time = state.time.max(newest.millis());
        let block = state.begin(&[(no, commit_ref.nonce)], parts);
        drop(state);
        (self.parts(block, parts), gap)
    }

    /// Notes that every part of the commit that was begun was sent to its actor.
    pub(crate) fn dispatched(&self) {
        let mut state = self.lock();
        state.committing = false;
        state.newest_own = state.dispatching.take().unwrap_or_default().max(state.newest_own);
    }

    /// Returns an end, and the commits up to it that must be read from the database: their delivery has not begun on this
    /// node, or was lost. `is_ours` tells whether the commit log says that this node wrote a commit.
    ///
    /// The end is `head`, or lies before a commit of this node that is under way until [`DeliveryFrontier::dispatched`].
    pub(crate) fn gaps(&self, head: CommitNo, is_ours: impl Fn(CommitNo) -> bool) -> (CommitNo, Vec<CommitNo>) {
        let state = self.lock();
        let mut missing = Vec::new();
        let mut end = state.released;
        for no in state.released + 1..=head.0 {
            if state.dispatching == Some(no) {
                break;
            }
            let begun = state.begun.get(&no).and_then(|begun| state.blocks.get(&begun.block));
            match begun {
                Some(block) if !block.lost => {}
                Some(_) => missing.push(CommitNo(no)),
                None => {
                    let on_its_way = state.committing && no > state.newest_own && is_ours(CommitNo(no));
                    if on_its_way {
                        break;
                    }
                    missing.push(CommitNo(no));
                }
            }
            end = no;
        }
        (CommitNo(end), missing)
    }

    /// Begins to deliver commits that were read from the database, in `parts` parts. Returns one [`DeliveryGuard`] for each
    /// part.
    pub(crate) fn begin_followed(&self, commits: &[(CommitNo, Nonce)], parts: usize) -> Vec<DeliveryGuard> {
        let mut state = self.lock();
        let block = state.begin(commits, parts);
        drop(state);
        self.parts(block, parts)
    }

    fn parts(&self, block: u64, parts: usize) -> Vec<DeliveryGuard> {
        (0..parts).map(|_| DeliveryGuard { frontier: self.clone(), block, delivered: false }).collect()
    }

    fn finish(&self, block: u64, delivered: bool) {
        let mut state = self.lock();
        state.finish(block, delivered);
        drop(state);
        if !delivered && let Some(OnLost(done)) = self.0.on_lost.get() {
            done();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One part of a commit's delivery. The actor that has pushed the part to the outboxes calls [`DeliveryGuard::delivered`];
/// if the guard is dropped without that (a panic), the commit is a gap again.
#[derive(Debug)]
pub(crate) struct DeliveryGuard {
    frontier: DeliveryFrontier,
    block: u64,
    delivered: bool,
}

impl DeliveryGuard {
    /// Notes that the part has been pushed to the outboxes.
    pub(crate) fn delivered(mut self) {
        self.delivered = true;
    }
}

impl Drop for DeliveryGuard {
    fn drop(&mut self) {
        self.frontier.finish(self.block, self.delivered);
    }
}

#[cfg(test)]
mod tests;
