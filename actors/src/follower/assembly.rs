//! Puts commits of other nodes together from what the relay brings: a plain state machine, without a clock, a database or
//! an actor.
//!
//! A commit is delivered when its [header](Header) is known and every commit before it was dispatched. What it holds for
//! users who are connected here is taken from its [content](Content), or read from the database if the content has not come
//! within [`PATIENCE`]. A header that has not come within that time is looked up in the commit log. So whatever the relay
//! loses, delays, repeats or reorders costs time, and nothing else.
//!
//! Where many commits must be read, and the database does not keep up, they are read together: each thread and each user
//! once for all of them. So a node whose reads are slow is late, but does not fall behind further and further.

mod pending;
mod polls;
mod run;

use std::collections::BTreeMap;
use std::time::Duration;

use chat_database::history::Nonce;
use chat_database::ids::CommitNo;
use chat_database::nodes::NodeId;
use chat_database::queries::changes::LogEntry;
use chat_database::sabotage::Sabotage;
use tokio::time::Instant;

use crate::relay::commit::{Content, Header, Touched};
pub(super) use pending::Node;
use pending::Pending;
use polls::Polls;
pub(super) use run::{Run, UserPart};

/// How long the assembly waits for a relay message that other messages show to be missing. Messages overtake each other by
/// less than a millisecond, and lost ones do not come.
pub(super) const PATIENCE: Duration = Duration::from_millis(10);

/// How many headers, and how many contents, are kept at most. The rest is read from the database.
const MAX_PENDING: usize = 4_096;

/// How long a content waits for its header.
const KEPT: Duration = Duration::from_secs(5);

/// What is to be done next.
#[derive(Debug)]
pub(super) enum Step {
    /// Deliver these commits.
    Deliver(Run),
    /// Read the database, then call [`Assembly::seen`] or [`Assembly::failed`].
    Poll,
}

/// What is known of commits that were not dispatched on this node yet.
#[derive(Debug)]
pub(super) struct Assembly {
    headers: BTreeMap<CommitNo, Pending>,
    contents: BTreeMap<CommitNo, (Content, Instant)>,
    polls: Polls,
    patience: Duration,
    /// When [`Assembly::next`] is to be called at the latest.
    wake_at: Option<Instant>,
}

/// The headers contradict each other: they may be of two histories.
struct Doubt;

impl Assembly {
    /// Starts without knowing of any commit. Without a relay there is nothing to wait for.
    pub(super) fn new(has_relay: bool, now: Instant) -> Self {
        let patience = if has_relay { PATIENCE } else { Duration::ZERO };
        Self { headers: BTreeMap::new(), contents: BTreeMap::new(), polls: Polls::new(now), patience, wake_at: None }
    }

    /// Takes in a header.
    pub(super) fn heard_header(&mut self, header: Header, node: &impl Node, now: Instant) {
        let (commit, nonce) = (header.commit_ref.commit, header.commit_ref.nonce);
        let known = node.nonce_of(commit).or_else(|| self.headers.get(&commit).map(|pending| pending.nonce));
        match known {
            // The header was repeated.
            Some(known) if known == nonce => return,
            Some(_) => return self.start_over(now),
            // The header is later than the remembered nonces, or of another history.
            None if commit <= node.unbroken() => return self.polls.want(now),
            None => {}
        }
        if self.headers.len() < MAX_PENDING {
            let Header { commit_ref, nonce_before, newest, touched } = header;
            let (nonce_before, named) = (Some(nonce_before), Some((commit_ref, newest)));
            let read_from = now + self.patience;
            self.headers.insert(commit, Pending { nonce, nonce_before, named, touched, since: now, read_from });
        }
    }

    /// Takes in a content.
    pub(super) fn heard_content(&mut self, content: Content, node: &impl Node, now: Instant) {
        let commit = content.commit;
        if commit <= node.unbroken() || node.nonce_of(commit).is_some() {
            return;
        }
        if let Some((known, _)) = self.contents.get_mut(&commit).filter(|(known, _)| known.nonce == content.nonce) {
            known.add(content);
        } else if self.contents.len() < MAX_PENDING {
            self.contents.insert(commit, (content, now));
        }
    }

    /// Asks for a read of the database at once, because something may have been missed.
    pub(super) fn poll(&mut self, now: Instant) {
        self.polls.want(now);
    }

    /// Takes in a read of the database: its newest commit, and the log's entries of commits that were not dispatched here
    /// yet. `ours` is this process.
    pub(super) fn seen(
        &mut self,
        newest: CommitNo,
        log: impl IntoIterator<Item = LogEntry>,
        ours: &NodeId,
        node: &impl Node,
        now: Instant,
    ) {
        let started = self.polls.ended(now);
        // What was received before the read began and is newer than the database is of another history.
        self.headers.retain(|commit, pending| *commit <= newest || pending.since > started);
        self.contents.retain(|commit, (_, since)| *commit <= newest || *since > started);
        let highest = self.headers.last_key_value().map(|(commit, _)| *commit).max(Some(node.newest()));
        let missing_since = self.polls.missing_since().unwrap_or(now);
        for entry in log {
            let LogEntry { no, nonce, node: writer, threads, users } = entry;
            if self.headers.get(&no).is_some_and(|pending| pending.nonce == nonce) {
                continue;
            }
            // The content of a commit just written may still come; for a commit that was missing, the wait began when it
            // was missed.
            let read_from = match (writer == *ours, Some(no) > highest) {
                (true, _) => now,
                (false, true) => now + self.patience,
                (false, false) => missing_since + self.patience,
            };
            let touched = Touched { threads, users };
            self.headers.insert(no, Pending { nonce, nonce_before: None, named: None, touched, since: now, read_from });
        }
    }

    /// Notes that the database could not be read.
    pub(super) fn failed(&mut self, now: Instant) {
        self.polls.failed(now);
    }

    /// Forgets all headers and contents, for they may be of another history, and asks for a read of the database.
    pub(super) fn start_over(&mut self, now: Instant) {
        self.headers.clear();
        self.contents.clear();
        self.polls.want(now);
    }

    /// Returns the next step, if there is one. To be called until it returns `None`, whenever something was taken in, a
    /// commit of this node was dispatched or lost, enough reads have ended, and at [`Assembly::wake_at`].
    pub(super) fn next(&mut self, node: &impl Node, now: Instant) -> Option<Step> {
        self.wake_at = None;
        let unbroken = node.unbroken();
        self.headers = self.headers.split_off(&unbroken.next());
        self.contents = self.contents.split_off(&unbroken.next());
        self.contents.retain(|_, (_, since)| *since + KEPT > now);
        match self.next_run(node, now) {
            Ok(Some(run)) => return Some(Step::Deliver(run)),
            Ok(None) => {}
            Err(Doubt) => self.start_over(now),
        }
        let next = unbroken.next();
        let is_known = self.headers.contains_key(&next);
        let others_are = !self.headers.is_empty() || !self.contents.is_empty() || node.newest() >= next;
        self.polls.note_hole((!is_known && others_are).then_some(next), now);
        if self.polls.is_due(now, self.patience) {
            return Some(Step::Poll);
        }
        if let Some(at) = self.polls.due_at(self.patience) {
            self.wait_until(at);
        }
        None
    }

    /// Returns when [`Assembly::next`] is to be called if nothing happens before.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        self.wake_at
    }

    /// Tells whether commits wait to be delivered.
    pub(super) fn waits(&self) -> bool {
        !self.headers.is_empty()
    }

    /// Tells whether a commit's header is known.
    pub(super) fn knows(&self, commit: CommitNo) -> bool {
        self.headers.contains_key(&commit)
    }

    /// Returns the commits that can be delivered now: consecutive ones, each of which has its content or has been waited
    /// for long enough.
    fn next_run(&mut self, node: &impl Node, now: Instant) -> Result<Option<Run>, Doubt> {
        let mut first = node.unbroken().next();
        if Sabotage::SkipGaps.is_on() {
            first = self.headers.first_key_value().map_or(first, |(commit, _)| *commit);
        }
        let (mut end, mut before) = (first, node.nonce_of(CommitNo(first.0 - 1)));
        while let Some(pending) = self.headers.get(&end) {
            if differ(before, pending.nonce_before) {
                if end == first {
                    return Err(Doubt);
                }
                break;
            }
            let content = self.contents.get(&end).map(|(content, _)| content);
            let read_from = pending.read_from;
            let must_wait = now < read_from;
            if (must_wait || node.has_enough_reads()) && !run::is_complete(pending, content, node) {
                if end == first && must_wait {
                    self.wait_until(read_from);
                }
                break;
            }
            (end, before) = (end.next(), Some(pending.nonce));
        }
        if end == first {
            return Ok(None);
        }
        let mut run = Run::default();
        while let Some(pending) = self.headers.first_entry().filter(|pending| *pending.key() < end) {
            let (commit, pending) = pending.remove_entry();
            let content = self.contents.remove(&commit).map(|(content, _)| content);
            run.add(commit, pending, content, node);
        }
        Ok(Some(run))
    }

    fn wait_until(&mut self, at: Instant) {
        self.wake_at = Some(self.wake_at.map_or(at, |wake| wake.min(at)));
    }
}

/// Tells whether two nonces are known and differ. Zero counts as unknown: the commit is older than nonces, or its nonce was
/// forgotten.
fn differ(one: Option<Nonce>, other: Option<Nonce>) -> bool {
    let known = |nonce: &Nonce| nonce.0 != 0;
    matches!((one.filter(known), other.filter(known)), (Some(one), Some(other)) if one != other)
}

#[cfg(test)]
mod tests;
