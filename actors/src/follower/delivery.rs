//! The follower's delivery: each thread and each stream gets its part of a run.

use chat_database::history::CommitRef;
use chat_database::ids::{CommitNo, UserId};

use super::FollowerContext;
use super::assembly::{Run, UserPart};
use crate::connections::Audience;
use crate::metrics;
use crate::notifications::message::{StreamMsg, UserUpdate};
use crate::protocol::CloseCode;
use crate::relay::commit::UserContent;
use crate::thread::message::ThreadMsg;

impl FollowerContext {
    /// Gives a run to the threads and streams of connected users.
    pub(super) fn deliver(&self, run: Run) {
        let Run { commits, heard, named, threads, users } = run;
        let Some((end, _)) = commits.last().copied() else { return };
        if let Some((commit_ref, newest)) = named {
            self.frontier.learn(&commit_ref, newest);
        }
        let since = self.frontier.released();
        let updates: Vec<_> = users
            .into_iter()
            .filter_map(|(user, part)| match part {
                UserPart { threads, heard: None } => Some((user, Update::Read(threads))),
                UserPart { heard: Some(heard), .. } => self.update(user, heard).map(|one| (user, Update::Heard(one))),
            })
            .collect();
        let mut guards = self.frontier.begin_followed(&commits, threads.len() + updates.len()).into_iter();
        // A part that cannot be delivered leaves a gap, which the follower reads again; on a node that is ending it need
        // not.
        for ((pair, heard), guard) in threads.into_iter().zip(guards.by_ref()) {
            let message = match heard {
                Some(heard) => ThreadMsg::Heard(heard, guard),
                None => ThreadMsg::Follow(end, guard, self.handle.begin_read()),
            };
            let _ = self.threads.deliver(pair, message);
        }
        for ((user, update), guard) in updates.into_iter().zip(guards) {
            let message = match update {
                Update::Heard(update) => StreamMsg::Update(Box::new(update), guard),
                Update::Read(threads) => StreamMsg::Follow { since, threads, guard, read: self.handle.begin_read() },
            };
            let _ = self.streams.deliver(user, message);
        }
        metrics::get().commits_heard.increment(heard);
        metrics::get().commits_followed.increment(commits.len() as u64 - heard);
    }

    /// Returns the update for a user's stream; `None` if the stream would send nothing of it.
    fn update(&self, user: UserId, heard: Vec<(CommitNo, UserContent)>) -> Option<UserUpdate> {
        let (mut update, mut has_totals) = (UserUpdate::default(), false);
        for (commit, UserContent { totals, update: UserUpdate { threads, events } }) in heard {
            has_totals |= totals.is_some_and(|totals| self.totals.post(user, commit, totals));
            update.threads.extend(threads);
            update.events.extend(events);
        }
        if !self.connections.listens(user, Audience::Notifications) {
            update = UserUpdate::default();
        }
        (has_totals || !update.threads.is_empty() || !update.events.is_empty()).then_some(update)
    }

    /// Starts again at a commit of another history, and closes all connections, so that their clients come back.
    pub(super) fn start_over(&self, head: CommitRef) {
        // The frontier goes first: a connection that opens in between is closed needlessly, but none keeps an outdated
        // state.
        self.frontier.restart_at(head);
        self.totals.clear();
        for outbox in self.connections.outboxes() {
            outbox.close(CloseCode::Internal);
        }
    }
}

/// What a stream gets.
enum Update {
    Heard(UserUpdate),
    Read(Vec<chat_database::ids::ThreadId>),
}
