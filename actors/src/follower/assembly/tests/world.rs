//! A node for which the test says what is on its way, and what is told of commits.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use chat_database::change::ThreadBefore;
use chat_database::history::{CommitRef, Nonce};
use chat_database::ids::{CommitNo, Pair, Rev, ThreadId, UserId};
use chat_database::nodes::NodeId;
use chat_database::objects::Totals;
use chat_database::queries::changes::LogEntry;
use chat_database::time::Timestamp;

use crate::follower::assembly::{Node, Run};
use crate::notifications::message::UserUpdate;
use crate::relay::commit::{Content, Header, ThreadContent, Touched, UserContent};

pub(super) fn user(id: u64) -> UserId {
    UserId::new(id).expect("an id")
}

/// The thread of a user and the next one.
pub(super) fn pair(low: u64) -> Pair {
    Pair::new(user(low), user(low + 1)).expect("two users")
}

pub(super) fn thread(low: u64) -> (ThreadId, Pair) {
    (ThreadId::new(low).expect("an id"), pair(low))
}

pub(super) fn nonce(no: u64) -> Nonce {
    Nonce(u32::try_from(no * 7 + 1).expect("small"))
}

/// A node for which the test says what is on its way.
#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) begun: BTreeMap<CommitNo, Nonce>,
    pub(super) lost: BTreeSet<CommitNo>,
    pub(super) connected: BTreeSet<UserId>,
    /// Whether enough of what is on its way is being read.
    pub(super) reads: bool,
    /// The highest commit that was unbroken when it was asked for last.
    known: Cell<u64>,
}

impl World {
    pub(super) fn at(no: u64, connected: impl IntoIterator<Item = u64>) -> Self {
        let begun = (0..=no).map(|no| (CommitNo(no), nonce(no))).collect();
        Self { begun, connected: connected.into_iter().map(user).collect(), ..Self::default() }
    }

    pub(super) fn begin(&mut self, run: &Run) {
        for (commit, nonce) in &run.commits {
            self.begun.insert(*commit, *nonce);
            self.lost.remove(commit);
        }
    }
}

impl Node for World {
    fn unbroken(&self) -> CommitNo {
        let has = |no: u64| self.begun.contains_key(&CommitNo(no)) && !self.lost.contains(&CommitNo(no));
        let first = self.begun.first_key_value().map_or(0, |(first, _)| first.0);
        let lost = self.lost.first().map_or(u64::MAX, |lost| lost.0 - 1);
        let known = self.known.get().max(first).min(lost);
        self.known.set((known..).take_while(|no| has(*no)).last().unwrap_or(known));
        CommitNo(self.known.get())
    }

    fn newest(&self) -> CommitNo {
        self.begun.last_key_value().map_or(CommitNo(0), |(last, _)| *last)
    }

    fn nonce_of(&self, commit: CommitNo) -> Option<Nonce> {
        self.begun.get(&commit).copied()
    }

    fn is_connected(&self, user: UserId) -> bool {
        self.connected.contains(&user)
    }

    fn has_enough_reads(&self) -> bool {
        self.reads
    }
}

/// The header of a commit that touched the threads of these users with the next ones.
pub(super) fn header(no: u64, threads: &[u64], users: &[u64]) -> Header {
    Header {
        commit_ref: CommitRef { epoch: "epoch".into(), commit: CommitNo(no), nonce: nonce(no) },
        nonce_before: nonce(no - 1),
        newest: Timestamp::from_millis(0),
        touched: Touched {
            threads: threads.iter().map(|low| thread(*low)).collect(),
            users: users.iter().map(|id| user(*id)).collect(),
        },
    }
}

/// The content of that commit for these users, with the number of the commit in it.
pub(super) fn content(no: u64, threads: &[u64], users: &[u64]) -> Content {
    let of_thread = |low: &u64| {
        let (thread_id, pair) = thread(*low);
        let before = ThreadBefore { pair, thread_id, rev: Rev(no), commit: CommitNo(no - 1) };
        (pair, ThreadContent { before, outcomes: Vec::new() })
    };
    let of_user = |id: &u64| {
        let totals = Some(Totals { notifications: *id, messages: no });
        (user(*id), UserContent { totals, update: UserUpdate::default() })
    };
    let (threads, users) = (threads.iter().map(of_thread).collect(), users.iter().map(of_user).collect());
    Content { commit: CommitNo(no), nonce: nonce(no), threads, users }
}

pub(super) fn writer(name: &str) -> NodeId {
    NodeId::of(name.into(), 1)
}

pub(super) fn entry(no: u64, threads: &[u64], users: &[u64], node: &str) -> LogEntry {
    let Touched { threads, users } = header(no, threads, users).touched;
    LogEntry { no: CommitNo(no), nonce: nonce(no), node: writer(node), threads, users }
}
