//! How far everybody on this node has been told: the *released* commit number.
//!
//! A commit is told when every frame that it causes has been pushed to the outboxes of this node. The released number is
//! the highest with every commit up to it told; no cursor goes beyond it. A commit that was written elsewhere, or whose
//! telling failed, is a gap until the follower has read it from the database and told it.
//!
//! All of that is true of one history. When the database goes back to an earlier state, the horizon [begins
//! anew](Horizon::begin_anew) where it stands then.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chat_database::history::{Head, Mark, Nonce};
use chat_database::ids::{CommitNo, UserId};
use chat_database::time::Timestamp;

use crate::metrics;
use crate::protocol::Cursor;

/// The horizon of a node. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Horizon {
    state: Arc<Mutex<State>>,
    /// How often it has begun anew.
    histories: Arc<AtomicU64>,
}

#[derive(Debug)]
struct State {
    released: u64,
    /// The highest commit that anybody has begun to tell, and its nonce.
    newest: u64,
    nonce: Nonce,
    /// The history's name, and the highest commit that was known when it was learnt.
    epoch: Arc<str>,
    named_at: u64,
    /// The newest time that any commit was known to have written.
    time: i64,
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
    pub(crate) fn new(head: Head) -> Self {
        let state = State { time: head.newest.millis(), ..State::at(head.mark) };
        Self { state: Arc::new(Mutex::new(state)), histories: Arc::default() }
    }

    /// Begins anew at a commit of another history: what was begun in the one before is nothing that anybody waits for.
    pub(crate) fn begin_anew(&self, head: Mark) {
        let mut state = self.lock();
        // A commit of our own may be under way.
        let State { committing, handing_out, next_block, time, .. } = *state;
        *state = State { committing, handing_out, next_block, time, ..State::at(head) };
        self.histories.fetch_add(1, Ordering::Release);
    }

    /// Returns how often it has begun anew: what was known before one of them is not true any more.
    pub(crate) fn histories(&self) -> u64 {
        self.histories.load(Ordering::Acquire)
    }

    /// Returns the released number.
    pub(crate) fn released(&self) -> CommitNo {
        CommitNo(self.lock().released)
    }

    /// Returns the highest commit that anybody has begun to tell.
    pub(crate) fn newest(&self) -> Mark {
        self.lock().newest()
    }

    /// Returns the released number, and the highest commit that anybody has begun to tell: what a new connection may have missed
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

    /// Notes how the history is called now, and what time it is in it.
    pub(crate) fn learns(&self, head: &Head) {
        let mut state = self.lock();
        state.is_called(&head.mark.epoch, head.mark.commit.0);
        state.time = state.time.max(head.newest.millis());
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
    pub(crate) fn begin_own(&self, mark: &Mark, newest: Timestamp, parts: usize) -> (Vec<Told>, bool) {
        let no = mark.commit;
        let mut state = self.lock();
        let gap = no.0 > state.newest + 1;
        state.handing_out = Some(no.0);
        state.is_called(&mark.epoch, no.0);
        state.time = state.time.max(newest.millis());
        let block = state.begin(&[(no, mark.nonce)], parts);
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
    pub(crate) fn begin_followed(&self, commits: &[(CommitNo, Nonce)], parts: usize) -> Vec<Told> {
        let mut state = self.lock();
        let block = state.begin(commits, parts);
        drop(state);
        self.parts(block, parts)
    }

    fn parts(&self, block: u64, parts: usize) -> Vec<Told> {
        (0..parts).map(|_| Told { horizon: self.clone(), block, done: false }).collect()
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
    fn at(head: Mark) -> Self {
        let Mark { epoch, commit, nonce } = head;
        Self {
            released: commit.0,
            newest: commit.0,
            nonce,
            epoch,
            named_at: commit.0,
            time: 0,
            newest_own: commit.0,
            committing: false,
            handing_out: None,
            begun: BTreeMap::new(),
            blocks: HashMap::new(),
            next_block: 0,
        }
    }

    fn newest(&self) -> Mark {
        Mark { epoch: Arc::clone(&self.epoch), commit: CommitNo(self.newest), nonce: self.nonce }
    }

    fn cursor(&self, commit: CommitNo, reader: Option<UserId>) -> Cursor {
        Cursor { commit, heard: self.newest(), reader, minted: Timestamp::now().seconds() }
    }

    fn is_called(&mut self, epoch: &Arc<str>, when: u64) {
        if when >= self.named_at && self.epoch != *epoch {
            self.epoch = Arc::clone(epoch);
        }
        self.named_at = self.named_at.max(when);
    }

    fn begin(&mut self, commits: &[(CommitNo, Nonce)], parts: usize) -> u64 {
        self.next_block += 1;
        let block = self.next_block;
        self.blocks.insert(block, Block { parts, lost: false });
        for (no, nonce) in commits {
            if no.0 > self.newest {
                (self.newest, self.nonce) = (no.0, *nonce);
            }
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

    fn mark(no: u64) -> Mark {
        Mark { epoch: "epoch".into(), commit: CommitNo(no), nonce: Nonce(u32::try_from(no).expect("small")) }
    }

    fn head(no: u64) -> Head {
        Head { mark: mark(no), newest: Timestamp::from_millis(0), known: None }
    }

    fn horizon() -> Horizon {
        Horizon::new(head(10))
    }

    fn begin(horizon: &Horizon, no: u64, parts: usize) -> Vec<Told> {
        horizon.committing();
        let (told, _) = horizon.begin_own(&mark(no), Timestamp::from_millis(0), parts);
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
        let parts = horizon.begin_followed(&[(CommitNo(11), Nonce(11)), (CommitNo(13), Nonce(13))], 1);
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
        horizon.begin_followed(&[(CommitNo(11), Nonce(11))], 1).into_iter().for_each(Told::done);
        assert_eq!(horizon.released(), CommitNo(11));
    }

    #[test]
    fn a_cursor_says_how_far_its_reader_may_have_heard_beyond_it() {
        let horizon = horizon();
        let reader = UserId::new(7).expect("an id");
        let parts = begin(&horizon, 11, 1);
        let cursor = horizon.cursor_at(horizon.released(), reader);
        assert_eq!((cursor.commit, cursor.heard, cursor.reader), (CommitNo(10), mark(11), Some(reader)));
        parts.into_iter().for_each(Told::done);
        let elsewhere = Cursor { heard: mark(19), ..horizon.cursor_at(CommitNo(11), reader) };
        assert_eq!(horizon.onward(&elsewhere, CommitNo(11)).heard, mark(19), "another node was further");
    }

    #[test]
    fn what_is_told_in_one_history_releases_nothing_in_the_next() {
        let horizon = horizon();
        let old = begin(&horizon, 12, 1);
        let there = Mark { epoch: "another".into(), ..mark(11) };
        horizon.begin_anew(there.clone());
        assert_eq!((horizon.newest(), horizon.histories()), (there, 1));
        old.into_iter().for_each(Told::done);
        assert_eq!(horizon.released(), CommitNo(11));
        begin(&horizon, 12, 0);
        assert_eq!(horizon.released(), CommitNo(12));
    }

    #[test]
    fn a_name_that_was_learnt_earlier_does_not_come_back() {
        let horizon = horizon();
        horizon.begin_own(&Mark { epoch: "newer".into(), ..mark(12) }, Timestamp::from_millis(0), 0);
        horizon.learns(&head(11));
        assert_eq!(*horizon.newest().epoch, *"newer");
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
