//! The writer's cache: what it knows of the database without a query.
//!
//! Commits are serial, and each carries the next number and a nonce. So what the writer knew after its own commit `n` still
//! stands if the number that it takes next is `n + 1`, and the nonce before it its own: no other writer wrote in between,
//! and the database has not gone back and come here again. Then it reads nothing. If others have written in between it
//! forgets what they [touched](super::others); if that cannot be told, and after any failure, everything.

use std::collections::{HashMap, HashSet};

use super::suspensions::Suspensions;
use crate::backend::time_buckets;
use crate::history::Nonce;
use crate::ids::Pair;

/// How many pairs are cached at most.
const MOST_THREADS: usize = 65_536;

/// How many users are cached at most.
const MOST_USERS: usize = 131_072;

/// How many unread messages of a member are remembered by their place between commits.
const MOST_UNSEEN: usize = 128;

/// The cache, as of the last commit or, while a commit is made, within it.
#[derive(Debug, Default)]
pub(super) struct Cache {
    /// The number and the nonce of this writer's last commit.
    pub(super) commit: i64,
    pub(super) nonce: Nonce,
    /// Known pairs; also those without a thread.
    pub(super) threads: Vec<Thread>,
    slots: HashMap<Pair, usize>,
    users: HashMap<i64, User>,
    pub(super) suspensions: Suspensions,
}

/// A commit's number, and the newest ids that are used up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counters {
    pub(super) commit: i64,
    pub(super) thread: i64,
    pub(super) message: i64,
    pub(super) notification: i64,
}

/// A pair's thread; with the id 0 while it has none.
#[derive(Debug, Clone)]
pub(super) struct Thread {
    pub(super) id: i64,
    pub(super) pair: Pair,
    /// Whether another node has changed it since: then it is read again.
    pub(super) stale: bool,
    pub(super) last_seq: i64,
    pub(super) rev: i64,
    pub(super) last_message: Option<i64>,
    pub(super) created_at: i64,
    pub(super) updated_at: i64,
    /// The commit of its last change.
    pub(super) commit: i64,
    /// In the order of [`Pair::members`].
    pub(super) members: [Member; 2],
    /// The buckets in its row's indexed columns, if there is a row.
    pub(super) stored: Option<TimeBuckets>,
}

/// The buckets of a thread's times: what SQLite's indexes hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TimeBuckets {
    pub(super) updated: i64,
    pub(super) commit: i64,
}

/// How far a member has come in a thread.
#[derive(Debug, Clone, Default)]
pub(super) struct Member {
    pub(super) user: i64,
    pub(super) delivered_seq: i64,
    pub(super) read_seq: i64,
    pub(super) unread: i64,
    pub(super) delivered_at: Option<i64>,
    pub(super) read_at: Option<i64>,
    pub(super) delivered_commit: i64,
    pub(super) read_commit: i64,
    /// The commit of the last change of this row.
    pub(super) commit: i64,
    /// The places of the unread messages above `hidden_to`, ascending.
    pub(super) unseen: Vec<i64>,
    /// How many unread messages there are up to `hidden_to`; only the tables know which.
    pub(super) hidden: i64,
    pub(super) hidden_to: i64,
    pub(super) notification: Option<ThreadNotification>,
    /// Whether its row says that anything is unread, if there is a row.
    pub(super) stored: Option<bool>,
    /// The commit of this writer that last changed what the notification says.
    pub(super) told: i64,
}

/// A member's notification of type `chat`: one row for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ThreadNotification {
    pub(super) id: i64,
    pub(super) created_at: i64,
    pub(super) created_commit: i64,
    pub(super) updated_at: i64,
    pub(super) read_state: ReadState,
    /// The commit of its last change.
    pub(super) commit: i64,
}

/// Whether a notification was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadState {
    Unread,
    Read,
    Deleted,
}

impl ReadState {
    /// Returns the state that a row's columns tell.
    pub(super) fn of(is_read: i64, deleted_at: Option<i64>) -> Self {
        match (is_read, deleted_at) {
            (_, Some(_)) => Self::Deleted,
            (0, None) => Self::Unread,
            (_, None) => Self::Read,
        }
    }
}

/// A person's unread totals.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct User {
    /// Whether there is a row.
    pub(super) stored: bool,
    pub(super) messages: i64,
    pub(super) notifications: i64,
    /// The commit of its last change by this writer.
    pub(super) commit: i64,
}

impl Cache {
    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Forgets everything but the last commit if it has become too much.
    pub(super) fn trim(&mut self) {
        if self.threads.len() > MOST_THREADS || self.users.len() > MOST_USERS {
            let last = (self.commit, self.nonce);
            self.clear();
            (self.commit, self.nonce) = last;
        }
    }

    /// Tells whether nothing is known.
    pub(super) fn is_empty(&self) -> bool {
        self.threads.is_empty() && self.users.is_empty()
    }

    /// Forgets what other nodes have touched: threads with their members' totals, and notifications of users.
    pub(super) fn forget(&mut self, pairs: impl IntoIterator<Item = Pair>, users: &HashSet<i64>) {
        for pair in pairs {
            if let Some(slot) = self.slots.get(&pair) {
                self.threads[*slot].stale = true;
            }
            for user in pair.members() {
                self.users.remove(&user.column());
            }
        }
        if users.is_empty() {
            return;
        }
        self.users.retain(|user, _| !users.contains(user));
        // A notification of type `chat` may be among theirs, and it is kept with its thread.
        for thread in &mut self.threads {
            thread.stale |= thread.members.iter().any(|member| users.contains(&member.user));
        }
    }

    /// Returns the slot of a pair's thread, if it is known.
    pub(super) fn slot(&self, pair: Pair) -> Option<usize> {
        self.slots.get(&pair).copied().filter(|slot| !self.threads[*slot].stale)
    }

    /// Notes a pair's thread as it was read.
    pub(super) fn learn(&mut self, thread: Thread) {
        match self.slots.get(&thread.pair) {
            Some(slot) => self.threads[*slot] = thread,
            None => {
                self.slots.insert(thread.pair, self.threads.len());
                self.threads.push(thread);
            }
        }
    }

    /// Returns whether a person's totals are known.
    pub(super) fn knows_user(&self, user: i64) -> bool {
        self.users.contains_key(&user)
    }

    /// Notes a person's totals as they were read.
    pub(super) fn learn_user(&mut self, id: i64, user: User) {
        self.users.insert(id, user);
    }

    /// Returns a person's totals.
    pub(super) fn user(&mut self, id: i64) -> &mut User {
        self.users.entry(id).or_default()
    }
}

impl Thread {
    /// Makes the entry of a pair that has no thread yet.
    pub(super) fn absent(pair: Pair) -> Self {
        let members = pair.members().map(|user| Member { user: user.column(), ..Member::default() });
        Self {
            id: 0,
            pair,
            stale: false,
            last_seq: 0,
            rev: 0,
            last_message: None,
            created_at: 0,
            updated_at: 0,
            commit: 0,
            members,
            stored: None,
        }
    }

    /// Returns the buckets of its times.
    pub(super) fn time_buckets(&self) -> TimeBuckets {
        TimeBuckets { updated: time_buckets::updated(self.updated_at), commit: time_buckets::commit(self.commit) }
    }

    /// Returns whether there is such a thread.
    pub(super) fn exists(&self) -> bool {
        self.id != 0
    }

    /// Returns which of the two members a user is.
    pub(super) fn side(&self, user: i64) -> Option<usize> {
        self.members.iter().position(|member| member.user == user)
    }
}

impl Member {
    /// Notes a new message of the other side.
    pub(super) fn add_unread(&mut self, seq: i64) {
        self.unread += 1;
        self.unseen.push(seq);
    }

    /// Removes a deleted message from the unread ones.
    pub(super) fn remove_unread(&mut self, seq: i64) {
        self.unread -= 1;
        if seq <= self.hidden_to {
            self.hidden -= 1;
        } else {
            self.unseen.retain(|unseen| *unseen != seq);
        }
    }

    /// Removes all messages up to a place from the unread ones; `places` are those of the hidden ones, as far as needed.
    pub(super) fn read_up_to(&mut self, seq: i64, places: Option<&mut Vec<i64>>) {
        if seq >= self.hidden_to {
            self.hidden = 0;
        } else if let Some(places) = places {
            let before = places.len();
            places.retain(|place| *place > seq);
            self.hidden -= i64::try_from(before - places.len()).unwrap_or_default();
        }
        self.unseen.retain(|unseen| *unseen > seq);
        self.unread = self.hidden + i64::try_from(self.unseen.len()).unwrap_or_default();
    }

    /// Forgets the places of unread messages if there are many. Not to be called within a list of changes, for which the
    /// places were read that were hidden when it began.
    pub(super) fn hide_many(&mut self) {
        if self.unseen.len() > MOST_UNSEEN
            && let Some(newest) = self.unseen.last()
        {
            self.hidden_to = *newest;
            self.hidden = self.unread;
            self.unseen = Vec::new();
        }
    }
}
