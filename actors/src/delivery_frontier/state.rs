//! What a delivery frontier knows: plain state, without a lock.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use chat_database::history::{CommitRef, Nonce};
use chat_database::ids::{CommitNo, UserId};
use chat_database::time::Timestamp;

use crate::metrics;
use crate::protocol::Cursor;

/// How many released commits' nonces are remembered. Messages of other nodes may be that many commits late.
const REMEMBERED: usize = 1_024;

/// How many earlier names of the history are remembered: each process that writes gives it a new one.
const EARLIER_NAMES: usize = 16;

/// What a delivery frontier knows.
#[derive(Debug)]
pub(super) struct State {
    pub(super) released: u64,
    /// The highest commit whose delivery has begun, and its nonce.
    pub(super) newest: u64,
    pub(super) nonce: Nonce,
    /// The history's name, and the highest commit that was known when it was learnt.
    pub(super) epoch: Arc<str>,
    pub(super) named_at: u64,
    /// The names that the same history had before, the last few.
    pub(super) earlier_names: VecDeque<Arc<str>>,
    /// The newest time that any commit was known to have written.
    pub(super) time: i64,
    /// The highest commit of this node whose parts were all dispatched.
    pub(super) newest_own: u64,
    /// Whether a commit of this node is under way.
    pub(super) committing: bool,
    /// The commit of this node whose parts are being dispatched.
    pub(super) dispatching: Option<u64>,
    /// Commits above `released` whose delivery has begun.
    pub(super) begun: BTreeMap<u64, Begun>,
    /// The highest commit such that the delivery of it and of all before it has begun, and none was lost.
    pub(super) unbroken: u64,
    /// The nonces of the last released commits, newest first.
    pub(super) nonces: VecDeque<Nonce>,
    pub(super) blocks: HashMap<u64, Block>,
    pub(super) next_block: u64,
}

/// A commit whose delivery has begun.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) block: u64,
    pub(super) nonce: Nonce,
}

/// Commits that are delivered together.
#[derive(Debug)]
pub(super) struct Block {
    /// How many parts are under way.
    pub(super) parts: usize,
    /// How many commits in `begun` belong to it.
    pub(super) commits: usize,
    pub(super) lost: bool,
}

impl State {
    pub(super) fn at(head: CommitRef) -> Self {
        let CommitRef { epoch, commit, nonce } = head;
        Self {
            released: commit.0,
            newest: commit.0,
            nonce,
            epoch,
            named_at: commit.0,
            earlier_names: VecDeque::new(),
            time: 0,
            newest_own: commit.0,
            committing: false,
            dispatching: None,
            begun: BTreeMap::new(),
            unbroken: commit.0,
            nonces: VecDeque::from([nonce]),
            blocks: HashMap::new(),
            next_block: 0,
        }
    }

    pub(super) fn newest(&self) -> CommitRef {
        CommitRef { epoch: Arc::clone(&self.epoch), commit: CommitNo(self.newest), nonce: self.nonce }
    }

    pub(super) fn cursor(&self, commit: CommitNo, reader: Option<UserId>) -> Cursor {
        Cursor { commit, heard: self.newest(), reader, minted: Timestamp::now().seconds() }
    }

    pub(super) fn set_name(&mut self, epoch: &Arc<str>, when: u64) {
        if when >= self.named_at && self.epoch != *epoch {
            let earlier = std::mem::replace(&mut self.epoch, Arc::clone(epoch));
            if self.earlier_names.len() >= EARLIER_NAMES {
                self.earlier_names.pop_front();
            }
            self.earlier_names.push_back(earlier);
        }
        self.named_at = self.named_at.max(when);
    }

    pub(super) fn begin(&mut self, commits: &[(CommitNo, Nonce)], parts: usize) -> u64 {
        self.next_block += 1;
        let block = self.next_block;
        let mut of_block = 0;
        for (no, nonce) in commits {
            if no.0 > self.newest {
                (self.newest, self.nonce) = (no.0, *nonce);
            }
            if no.0 > self.released {
                of_block += 1;
                if let Some(lost) = self.begun.insert(no.0, Begun { block, nonce: *nonce }) {
                    self.leave(lost.block);
                }
            }
        }
        self.blocks.insert(block, Block { parts, commits: of_block, lost: false });
        while self.begun.get(&(self.unbroken + 1)).is_some_and(|begun| !self.is_lost(begun)) {
            self.unbroken += 1;
        }
        if parts == 0 {
            self.advance();
            self.forget_if_over(block);
        }
        block
    }

    pub(super) fn finish(&mut self, block: u64, delivered: bool) {
        if let Some(of) = self.blocks.get_mut(&block) {
            of.parts -= 1;
            of.lost |= !delivered;
        }
        if !delivered && let Some((first, _)) = self.begun.iter().find(|(_, begun)| begun.block == block) {
            self.unbroken = self.unbroken.min(first - 1);
        }
        self.advance();
        self.forget_if_over(block);
    }

    pub(super) fn advance(&mut self) {
        let before = self.released;
        while let Some(begun) = self.begun.get(&(self.released + 1)) {
            let delivered = self.blocks.get(&begun.block).is_some_and(|block| block.parts == 0 && !block.lost);
            if !delivered {
                break;
            }
            let Begun { block, nonce } = *begun;
            self.released += 1;
            self.begun.remove(&self.released);
            self.leave(block);
            self.nonces.push_front(nonce);
        }
        if self.released != before {
            self.nonces.truncate(REMEMBERED);
            // A number is exact in a gauge up to 2^53.
            #[expect(clippy::cast_precision_loss, reason = "commit numbers stay far below 2^53")]
            metrics::get().released.set(self.released as f64);
        }
    }

    /// Notes that a commit does not belong to a block any more.
    pub(super) fn leave(&mut self, block: u64) {
        if let Some(of) = self.blocks.get_mut(&block) {
            of.commits -= 1;
        }
        self.forget_if_over(block);
    }

    pub(super) fn forget_if_over(&mut self, block: u64) {
        if self.blocks.get(&block).is_some_and(|block| block.parts == 0 && block.commits == 0) {
            self.blocks.remove(&block);
        }
    }

    pub(super) fn is_lost(&self, begun: &Begun) -> bool {
        self.blocks.get(&begun.block).is_some_and(|block| block.lost)
    }
}
