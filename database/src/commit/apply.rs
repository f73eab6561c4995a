//! Applies changes in memory, and collects the rows to write and the outcomes.
//!
//! Everything that is read was read under the counter's lock, so what is computed here is what the
//! tables would say. Nothing here waits for anything.

use std::collections::{BTreeSet, HashMap};

use super::cache::{Cache, Counters, Thread};
use super::new_threads::NewThreadTokens;
use super::preloaded::Preloaded;
use super::write_set::WriteSet;
use crate::change::{Change, Committed, Outcome, ThreadBefore};
use crate::history::{CommitRef, Nonce};
use crate::ids::{CommitNo, Pair, Rev, ThreadId, UserId};
use crate::objects::Totals;
use crate::time::Timestamp;

/// The clock of a commit: its times lie between those of earlier and of later commits, and never go back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    now: i64,
    latest: i64,
}

impl Clock {
    /// Makes the clock of a commit that may write these times.
    pub(super) fn between((earliest, latest): (i64, i64)) -> Self {
        Self { now: earliest, latest }
    }

    fn at(&mut self, came: Timestamp) -> Timestamp {
        self.now = came.millis().clamp(self.now, self.latest);
        Timestamp::from_millis(self.now)
    }
}

/// One commit while it is being made.
pub(super) struct Applier<'a> {
    pub(super) changes: &'a [Change],
    pub(super) cache: &'a mut Cache,
    pub(super) preloaded: Preloaded,
    /// The commit's number.
    pub(super) no: i64,
    /// The commit's clock.
    clock: Clock,
    /// The newest ids that are used up.
    pub(super) used: Counters,
    pub(super) new_threads: NewThreadTokens,
    pub(super) write_set: WriteSet<'a>,
    /// Keys of messages of this very commit, by thread's slot and author's side (the marketplace has none), with the index
    /// of the change that made each.
    pub(super) keys: HashMap<(usize, Option<usize>, &'a str), usize>,
    /// The outcomes of the changes so far.
    pub(super) outcomes: Vec<Outcome>,
    /// Threads that the commit touches, and where they stood.
    pub(super) threads: Vec<usize>,
    before: Vec<ThreadBefore>,
    /// Members whose rows the commit touches: slot and side.
    pub(super) members: Vec<(usize, usize)>,
    /// Members whose chat notification's row the commit touches.
    pub(super) thread_notifications: Vec<(usize, usize)>,
    /// Members whose chat notification shows something else now.
    told: Vec<(usize, usize)>,
    /// People whose totals the commit touches.
    pub(super) users: Vec<i64>,
    /// People whose notifications the commit touches, other than through a thread.
    pub(super) notified: BTreeSet<i64>,
}

impl<'a> Applier<'a> {
    /// Applies the changes, in order. `used` are the commit's number, and the ids after which the commit's own come.
    pub(super) fn make(
        changes: &'a [Change],
        cache: &'a mut Cache,
        preloaded: Preloaded,
        clock: Clock,
        used: Counters,
        new_threads: NewThreadTokens,
    ) -> Self {
        let mut applier = Self {
            changes,
            cache,
            preloaded,
            no: used.commit,
            clock,
            used,
            new_threads,
            write_set: WriteSet::default(),
            keys: HashMap::with_capacity(changes.len()),
            outcomes: Vec::with_capacity(changes.len()),
            threads: Vec::new(),
            before: Vec::new(),
            members: Vec::new(),
            thread_notifications: Vec::new(),
            told: Vec::new(),
            users: Vec::new(),
            notified: BTreeSet::new(),
        };
        for change in changes {
            let outcome = applier.apply(change);
            applier.outcomes.push(outcome);
        }
        applier.collect_changed_notifications();
        applier
    }

    /// Returns the newest time that any commit has written, this one among them.
    pub(super) fn newest(&self) -> i64 {
        self.clock.latest
    }

    /// Returns the commit as it stands once it is written, and the tokens that it uses then.
    pub(super) fn committed(self, commit_ref: &CommitRef, nonce_before: Nonce) -> (Committed, NewThreadTokens) {
        let newest = Timestamp::from_millis(self.newest());
        let Self { cache, members, told, users, outcomes, before, notified, new_threads, .. } = self;
        for (slot, side) in members {
            cache.threads[slot].members[side].hide_many();
        }
        let chat_notifications = told
            .into_iter()
            .map(|(slot, side)| {
                let thread = &cache.threads[slot];
                (UserId::from_column(thread.members[side].user), ThreadId::from_column(thread.id))
            })
            .collect();
        let totals = users.into_iter().map(|id| (UserId::from_column(id), totals(cache, id))).collect();
        let notified = notified.into_iter().map(UserId::from_column).collect();
        let commit_ref = commit_ref.clone();
        let committed =
            Committed { commit_ref, nonce_before, newest, outcomes, before, totals, chat_notifications, notified };
        (committed, new_threads)
    }

    /// Returns the time to write for a change that arrived then: not before any other that was written.
    pub(super) fn at(&mut self, came: Timestamp) -> Timestamp {
        self.clock.at(came)
    }

    /// Returns the time of changes that have none of their own.
    pub(super) fn latest(&self) -> i64 {
        self.clock.latest.max(Timestamp::now().millis())
    }

    /// Returns the slot of a pair's thread in the cache; every pair of the changes was read.
    pub(super) fn slot(&mut self, pair: Pair) -> usize {
        if let Some(slot) = self.cache.slot(pair) {
            return slot;
        }
        self.cache.learn(Thread::absent(pair));
        self.cache.threads.len() - 1
    }

    /// Notes that the commit touches a thread.
    pub(super) fn touch_thread(&mut self, slot: usize) {
        let thread = &mut self.cache.threads[slot];
        if thread.commit == self.no {
            return;
        }
        self.threads.push(slot);
        self.before.push(ThreadBefore {
            pair: thread.pair,
            thread_id: ThreadId::from_column(thread.id),
            rev: Rev::from_column(thread.rev),
            commit: CommitNo::from_column(thread.commit),
        });
        thread.commit = self.no;
    }

    /// Notes that the commit touches a member's row.
    pub(super) fn touch_member(&mut self, slot: usize, side: usize) {
        let member = &mut self.cache.threads[slot].members[side];
        if member.commit != self.no {
            member.commit = self.no;
            self.members.push((slot, side));
        }
    }

    /// Notes that a member's chat notification shows something else now.
    pub(super) fn tell(&mut self, slot: usize, side: usize) {
        let member = &mut self.cache.threads[slot].members[side];
        if member.told != self.no {
            member.told = self.no;
            self.told.push((slot, side));
        }
    }

    /// Changes a person's totals.
    pub(super) fn add_to_totals(&mut self, user: i64, messages: i64, notifications: i64) {
        let totals = self.cache.user(user);
        totals.messages += messages;
        totals.notifications += notifications;
        if totals.commit != self.no {
            totals.commit = self.no;
            self.users.push(user);
        }
    }
}

fn totals(cache: &mut Cache, user: i64) -> Totals {
    let user = cache.user(user);
    Totals {
        notifications: u64::try_from(user.notifications).unwrap_or_default(),
        messages: u64::try_from(user.messages).unwrap_or_default(),
    }
}
