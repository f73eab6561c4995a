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

use chat_database::history::{Head, Mark, Nonce};
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

/// What is done when a part of a commit was lost.
struct OnLost(Box<dyn Fn() + Send + Sync>);

impl fmt::Debug for OnLost {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("OnLost")
    }
}

impl DeliveryFrontier {
    /// Starts at a commit: no connection waits for anything up to it.
    pub(crate) fn new(head: Head) -> Self {
        let state = State { time: head.newest.millis(), ..State::at(head.mark) };
        Self(Arc::new(Shared {
            state: Mutex::new(state),
            histories: AtomicU64::default(),
            on_lost: OnceLock::default(),
        }))
    }

    /// Says what is to be done when a part of a commit was lost: it has to be read from the database. To be called once.
    pub(crate) fn on_lost(&self, done: impl Fn() + Send + Sync + 'static) {
        let first = self.0.on_lost.set(OnLost(Box::new(done))).is_ok();
        debug_assert!(first, "one follower reads what is lost");
    }

    /// Starts again at a commit of another history: no connection waits for what was begun in the one before.
    pub(crate) fn restart_at(&self, head: Mark) {
        let mut state = self.lock();
        // A commit of our own may be under way.
        let State { committing, dispatching, next_block, time, .. } = *state;
        *state = State { committing, dispatching, next_block, time, ..State::at(head) };
        self.0.histories.fetch_add(1, Ordering::Release);
    }

    /// Returns how often the history was replaced by another: what was known before that is not true any more.
    pub(crate) fn histories(&self) -> u64 {
        self.0.histories.load(Ordering::Acquire)
    }

    /// Returns the released number.
    pub(crate) fn released(&self) -> CommitNo {
        CommitNo(self.lock().released)
    }

    /// Returns the highest commit whose delivery has begun.
    pub(crate) fn newest(&self) -> Mark {
        self.lock().newest()
    }

    /// Returns the history's name.
    pub(crate) fn epoch(&self) -> Arc<str> {
        Arc::clone(&self.lock().epoch)
    }

    /// Tells whether a name is the history's, or was.
    pub(crate) fn knows_name(&self, name: &str) -> bool {
        let state = self.lock();
        *state.epoch == *name || state.earlier_names.iter().any(|earlier| **earlier == *name)
    }

    /// Returns the highest commit with every commit up to it on its way to the actors that deliver it, and none lost. What
    /// the follower sends to an actor then comes after the parts of all of them.
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

    /// Returns the cursor of this moment, for a frame that is addressed later.
    pub(crate) fn cursor(&self) -> Cursor {
        let state = self.lock();
        state.cursor(CommitNo(state.released), None)
    }

    /// Returns a reader's cursor at a commit that is released.
    pub(crate) fn cursor_at(&self, commit: CommitNo, reader: UserId) -> Cursor {
        self.lock().cursor(commit, Some(reader))
    }

    /// Returns where the reader of a cursor stands who was served from it, with everything that was released by `released`.
    pub(crate) fn onward(&self, from: &Cursor, released: CommitNo) -> Cursor {
        let state = self.lock();
        let mut cursor = state.cursor(released.max(from.commit), from.reader);
        if from.heard.commit.0 > state.newest {
            // Another node knew more than this one does yet.
            cursor.heard.clone_from(&from.heard);
        }
        cursor
    }

    /// Returns what time it is: not before anything that was written.
    pub(crate) fn time(&self) -> Timestamp {
        Timestamp::now().max(Timestamp::from_millis(self.lock().time))
    }

    /// Notes the name of the history at a commit that stands, and what time it is in it.
    pub(crate) fn learn(&self, mark: &Mark, newest: Timestamp) {
        let mut state = self.lock();
        state.set_name(&mark.epoch, mark.commit.0);
        state.time = state.time.max(newest.millis());
    }

    /// Notes that a commit of our own is on its way: its number is not a gap.
    pub(crate) fn commit_started(&self) {
        self.lock().committing = true;
    }

    /// Notes that the commit on its way has failed, or that its outcome is unknown.
    pub(crate) fn commit_failed(&self) {
        self.lock().committing = false;
    }

    /// Begins to deliver a commit of our own, in as many parts; returns one [`DeliveryGuard`] for each, and whether commits of
    /// others lie before it. Until [`DeliveryFrontier::dispatched`] the follower goes no further than this commit: what it
    /// sends to an actor comes after the actor's part.
    pub(crate) fn begin_own(&self, mark: &Mark, newest: Timestamp, parts: usize) -> (Vec<DeliveryGuard>, bool) {
        let no = mark.commit;
        let mut state = self.lock();
        let gap = no.0 > state.newest + 1;
        state.dispatching = Some(no.0);
        state.set_name(&mark.epoch, no.0);
        state.time = state.time.max(newest.millis());
        let block = state.begin(&[(no, mark.nonce)], parts);
        drop(state);
        (self.parts(block, parts), gap)
    }

    /// Notes that every part of the commit that was begun is on its way to its actor.
    pub(crate) fn dispatched(&self) {
        let mut state = self.lock();
        state.committing = false;
        state.newest_own = state.dispatching.take().unwrap_or_default().max(state.newest_own);
    }

    /// Returns which commits up to `head` have to be read from the database: an end, and the commits up to it whose delivery
    /// has not begun on this node. `is_ours` tells whether the commit log says that this node wrote a commit.
    ///
    /// Stops before a commit of our own that is still on its way to [`DeliveryFrontier::dispatched`].
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

    /// Begins to deliver commits that were read from the database, in as many parts; returns one [`DeliveryGuard`] for each.
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
