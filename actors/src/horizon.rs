//! How far everybody on this node has been told: the *released* commit number.
//!
//! A commit is told when every frame that it causes has been pushed to the outboxes of this node. The released number is
//! the highest with every commit up to it told; no cursor goes beyond it. A commit that was written elsewhere, or whose
//! telling failed, is a gap until the follower has read it from the database and told it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chat_database::ids::CommitNo;
use chat_database::time::Timestamp;

use crate::metrics;
use crate::protocol::Cursor;

/// The horizon of a node. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Horizon {
    epoch: Arc<str>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    released: u64,
    /// The highest commit that anybody has begun to tell.
    newest: u64,
    /// The highest commit of our own that was begun.
    newest_own: u64,
    /// Whether a commit of our own is under way.
    committing: bool,
    /// The commit of our own whose parts are being handed out.
    handing_out: Option<u64>,
    /// Commits above `released` that are being told or have been, and the block that they belong to.
    begun: BTreeMap<u64, u64>,
    blocks: HashMap<u64, Block>,
    next_block: u64,
}

/// Commits that are told together.
#[derive(Debug)]
struct Block {
    parts: usize,
    lost: bool,
}

impl Horizon {
    /// Starts at a commit: there is nobody to tell of anything up to it.
    pub(crate) fn new(epoch: Arc<str>, released: CommitNo) -> Self {
        let state = State { released: released.0, newest: released.0, ..State::default() };
        Self { epoch, state: Arc::new(Mutex::new(state)) }
    }

    /// Returns the database's identity.
    pub(crate) fn epoch(&self) -> &Arc<str> {
        &self.epoch
    }

    /// Returns the released number.
    pub(crate) fn released(&self) -> CommitNo {
        CommitNo(self.lock().released)
    }

    /// Returns the released number, and the highest commit that anybody has begun to tell: what a new connection may have missed
    /// lies between the two.
    pub(crate) fn span(&self) -> (CommitNo, CommitNo) {
        let state = self.lock();
        (CommitNo(state.released), CommitNo(state.newest))
    }

    /// Returns the cursor of this moment.
    pub(crate) fn cursor(&self) -> Cursor {
        self.cursor_at(self.released())
    }

    /// Returns a cursor at a commit.
    pub(crate) fn cursor_at(&self, commit: CommitNo) -> Cursor {
        Cursor { epoch: Arc::clone(&self.epoch), commit, minted: Timestamp::now().seconds() }
    }

    /// Notes that a commit of our own is on its way: its number is not a gap.
    pub(crate) fn committing(&self) {
        self.lock().committing = true;
    }

    /// Notes that the commit on its way has failed, or that nobody knows what became of it.
    pub(crate) fn committed_nothing(&self) {
        self.lock().committing = false;
    }

    /// Begins to tell a commit of our own, in as many parts; returns one [`Told`] for each, and whether commits of others
    /// lie before it. Until [`Horizon::handed_out`] the follower goes no further than this commit: what it says to an actor
    /// comes after the actor's part.
    pub(crate) fn begin_own(&self, no: CommitNo, parts: usize) -> (Vec<Told>, bool) {
        let mut state = self.lock();
        let gap = no.0 > state.newest + 1;
        state.handing_out = Some(no.0);
        let block = state.begin(&[no], parts);
        drop(state);
        (self.parts(block, parts), gap)
    }

    /// Notes that every part of the commit that was begun is on its way to its actor.
    pub(crate) fn handed_out(&self) {
        let mut state = self.lock();
        state.committing = false;
        state.newest_own = state.handing_out.take().unwrap_or_default().max(state.newest_own);
    }

    /// Returns which commits up to `head` have to be read from the database: an end, and the commits up to it that nobody
    /// here has begun. `is_ours` tells whether the log says that this node wrote a commit.
    ///
    /// Stops before a commit of our own that is still on its way to [`Horizon::handed_out`].
    pub(crate) fn gaps(&self, head: CommitNo, is_ours: impl Fn(CommitNo) -> bool) -> (CommitNo, Vec<CommitNo>) {
        let state = self.lock();
        let mut missing = Vec::new();
        let mut end = state.released;
        for no in state.released + 1..=head.0 {
            if state.handing_out == Some(no) {
                break;
            }
            let begun = state.begun.get(&no).and_then(|block| state.blocks.get(block));
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

    /// Begins to tell commits that were read from the database, in as many parts; returns one [`Told`] for each.
    pub(crate) fn begin_followed(&self, commits: &[CommitNo], parts: usize) -> Vec<Told> {
        let mut state = self.lock();
        let block = state.begin(commits, parts);
        drop(state);
        self.parts(block, parts)
    }

    fn parts(&self, block: u64, parts: usize) -> Vec<Told> {
        (0..parts).map(|_| Told { horizon: self.clone(), block, done: false }).collect()
    }

    /// Gives up on everything up to `head`: those who were connected are being sent away, to catch up by their cursors.
    pub(crate) fn skip_to(&self, head: CommitNo) {
        let mut state = self.lock();
        state.released = state.released.max(head.0);
        state.newest = state.newest.max(head.0);
        state.begun.retain(|no, _| *no > head.0);
        state.advance();
    }

    fn finish(&self, block: u64, told: bool) {
        let mut state = self.lock();
        if let Some(block) = state.blocks.get_mut(&block) {
            block.parts -= 1;
            block.lost |= !told;
        }
        state.advance();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn begin(&mut self, commits: &[CommitNo], parts: usize) -> u64 {
        self.next_block += 1;
        let block = self.next_block;
        self.blocks.insert(block, Block { parts, lost: false });
        for no in commits {
            self.newest = self.newest.max(no.0);
            if no.0 > self.released {
                self.begun.insert(no.0, block);
            }
        }
        if parts == 0 {
            self.advance();
        }
        block
    }

    fn advance(&mut self) {
        let before = self.released;
        while let Some(entry) = self.begun.first_entry() {
            let told = self.blocks.get(entry.get()).is_some_and(|block| block.parts == 0 && !block.lost);
            if *entry.key() != self.released + 1 || !told {
                break;
            }
            self.released += 1;
            entry.remove();
        }
        if self.released != before {
            // A number is exact in a gauge up to 2^53.
            #[expect(clippy::cast_precision_loss, reason = "commit numbers stay far below 2^53")]
            metrics::get().released.set(self.released as f64);
            let begun = &self.begun;
            self.blocks.retain(|id, block| block.parts > 0 || begun.values().any(|of| of == id));
        }
    }
}

/// One part of a commit's telling. Whoever has pushed the part says so; dropped unsaid (a panic), the commit is a gap again.
#[derive(Debug)]
pub(crate) struct Told {
    horizon: Horizon,
    block: u64,
    done: bool,
}

impl Told {
    /// Says that the part has been pushed.
    pub(crate) fn done(mut self) {
        self.done = true;
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        self.horizon.finish(self.block, self.done);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn horizon() -> Horizon {
        Horizon::new("epoch".into(), CommitNo(10))
    }

    fn begin(horizon: &Horizon, no: u64, parts: usize) -> Vec<Told> {
        horizon.committing();
        let (told, _) = horizon.begin_own(CommitNo(no), parts);
        horizon.handed_out();
        told
    }

    fn gaps(horizon: &Horizon, head: u64) -> (u64, Vec<u64>) {
        let (end, missing) = horizon.gaps(CommitNo(head), |_| false);
        (end.0, missing.into_iter().map(|no| no.0).collect())
    }

    #[test]
    fn nothing_is_released_before_all_parts_of_all_commits_up_to_it_are_told() {
        let horizon = horizon();
        let mut eleven = begin(&horizon, 11, 2);
        let twelve = begin(&horizon, 12, 1);
        twelve.into_iter().for_each(Told::done);
        assert_eq!(horizon.released(), CommitNo(10));
        eleven.pop().expect("a part").done();
        assert_eq!(horizon.released(), CommitNo(10));
        eleven.pop().expect("a part").done();
        assert_eq!(horizon.released(), CommitNo(12));
    }

    #[test]
    fn a_commit_with_nobody_to_tell_is_released_at_once() {
        let horizon = horizon();
        begin(&horizon, 11, 0);
        assert_eq!(horizon.released(), CommitNo(11));
    }

    #[test]
    fn a_commit_of_another_node_is_a_gap_until_it_is_followed() {
        let horizon = horizon();
        begin(&horizon, 12, 1).into_iter().for_each(Told::done);
        assert_eq!(horizon.released(), CommitNo(10));
        assert_eq!(gaps(&horizon, 13), (13, vec![11, 13]));
        let parts = horizon.begin_followed(&[CommitNo(11), CommitNo(13)], 1);
        assert_eq!(gaps(&horizon, 13), (13, vec![]));
        parts.into_iter().for_each(Told::done);
        assert_eq!(horizon.released(), CommitNo(13));
    }

    #[test]
    fn a_part_that_was_dropped_untold_makes_its_commit_a_gap_again() {
        let horizon = horizon();
        let mut parts = begin(&horizon, 11, 2);
        parts.pop().expect("a part").done();
        drop(parts);
        assert_eq!(horizon.released(), CommitNo(10));
        assert_eq!(gaps(&horizon, 11), (11, vec![11]));
        horizon.begin_followed(&[CommitNo(11)], 1).into_iter().for_each(Told::done);
        assert_eq!(horizon.released(), CommitNo(11));
    }

    #[test]
    fn a_commit_of_our_own_that_is_on_its_way_is_no_gap() {
        let horizon = horizon();
        horizon.committing();
        let (end, missing) = horizon.gaps(CommitNo(12), |no| no.0 == 12);
        assert_eq!((end.0, missing), (11, vec![CommitNo(11)]));
        horizon.committed_nothing();
        let (end, missing) = horizon.gaps(CommitNo(12), |no| no.0 == 12);
        assert_eq!((end.0, missing.len()), (12, 2), "its answer was lost: it is told from the database");
    }
}
