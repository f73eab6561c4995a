//! How a thread delivers commits: as frames to the outboxes of its members.

use chat_database::change::Outcome;
use chat_database::ids::{CommitNo, ThreadId, UserId};
use chat_database::queries::changes::{self, ThreadChanges};
use chat_database::queries::threads;
use ractor::ActorProcessingErr;
use tokio::time::Instant;

use super::fanout::{self, Fanout, Recipients, Reply};
use super::message::ThreadOutcomes;
use super::{DeliveredUpTo, State};
use crate::connections::{Audience, ConnectionId};
use crate::delivery_frontier::DeliveryGuard;
use crate::metrics;
use crate::outbox::ThreadMark;
use crate::protocol::{Cursor, ServerFrame};
use crate::relay::commit::ThreadContent;
use crate::requester::Requester;

impl State {
    /// Delivers the outcomes of this thread's changes in one commit of this node.
    pub(super) async fn deliver_outcomes(
        &mut self,
        outcomes: ThreadOutcomes,
        guard: DeliveryGuard,
    ) -> Result<(), ActorProcessingErr> {
        self.active();
        let ThreadOutcomes { no, committed_at, before, parts } = outcomes;
        if let Some(before) = before {
            if before.commit > self.delivered_up_to() {
                // Boxed: an actor reserves memory for its largest future, and moves all of it for each message.
                Box::pin(self.fill_gap(before.thread_id, no)).await?;
            }
            self.set_delivered(no.max(self.delivered_up_to()));
        }
        let cursor = self.context.frontier.cursor();
        for (requester, outcome) in parts {
            self.deliver_outcome(requester, outcome, &cursor, no);
        }
        guard.delivered();
        if let Some(committed_at) = committed_at {
            metrics::get().stage_deliver.record(committed_at.elapsed());
        }
        Ok(())
    }

    /// Delivers the thread's part of other nodes' commits.
    pub(super) async fn deliver_heard(
        &mut self,
        heard: Vec<(CommitNo, ThreadContent)>,
        guard: DeliveryGuard,
    ) -> Result<(), ActorProcessingErr> {
        self.active();
        for (no, ThreadContent { before, outcomes }) in heard {
            let delivered = self.delivered_up_to();
            if no <= delivered {
                // It was read and delivered meanwhile.
                continue;
            }
            if before.commit > delivered {
                Box::pin(self.fill_gap(before.thread_id, no)).await?;
            }
            self.set_delivered(no);
            let cursor = self.context.frontier.cursor();
            for outcome in outcomes {
                let author = author(&outcome);
                for (recipients, frame) in fanout::decide(self.pair, outcome, &cursor, false).frames {
                    self.deliver(recipients, frame, None, Some(no));
                }
                if let Some(author) = author {
                    self.still_types(author);
                }
            }
        }
        guard.delivered();
        Ok(())
    }

    /// Delivers what other nodes have done to the thread, up to a commit.
    pub(super) async fn follow(&mut self, up_to: CommitNo, guard: DeliveryGuard) -> Result<(), ActorProcessingErr> {
        self.active();
        let since = self.delivered_up_to();
        if since < up_to {
            metrics::get().follower_reads.increment(1);
            let thread = threads::of_pair(&self.context.database, self.pair).await?;
            if let Some(thread) = thread
                && let Some(changes) = changes::of_thread(&self.context.database, thread, since).await?
            {
                self.deliver_changes(thread, &changes, since, up_to);
            }
            self.set_delivered(up_to);
        }
        guard.delivered();
        Ok(())
    }

    /// Returns the commit up to which everything of the thread has been delivered on this node.
    fn delivered_up_to(&self) -> CommitNo {
        let frontier = &self.context.frontier;
        self.delivered
            .filter(|delivered| delivered.history == frontier.histories())
            .map_or_else(|| frontier.released(), |delivered| delivered.commit)
    }

    fn set_delivered(&mut self, commit: CommitNo) {
        self.delivered = Some(DeliveredUpTo { history: self.context.frontier.histories(), commit });
    }

    /// Delivers what other nodes have written to the thread since this one delivered last, before commit `no` is delivered:
    /// so members get messages in order.
    async fn fill_gap(&mut self, thread: ThreadId, no: CommitNo) -> Result<(), ActorProcessingErr> {
        let since = self.delivered_up_to();
        metrics::get().follower_reads.increment(1);
        if let Some(changes) = changes::of_thread(&self.context.database, thread, since).await? {
            self.deliver_changes(thread, &changes, since, CommitNo(no.0 - 1));
        }
        Ok(())
    }

    /// Delivers changes that were read from the database: those up to a commit, and what was created up to it.
    /// What lies above is delivered with its own commit.
    fn deliver_changes(&self, thread: ThreadId, changes: &ThreadChanges, since: CommitNo, up_to: CommitNo) {
        let cursor = self.context.frontier.cursor();
        if changes.opened {
            for (recipients, frame) in fanout::new_thread(self.pair, thread) {
                self.deliver(recipients, frame, None, None);
            }
        }
        for changed in changes.messages.iter().filter(|one| one.commit <= up_to || one.created <= up_to) {
            // A message that has changed again does not show that all changes before it were delivered.
            let commit = (changed.commit <= up_to).then_some(changed.commit);
            let (recipients, frame) = fanout::changed_message(changed, since, Some(&cursor));
            self.deliver(recipients, frame, None, commit);
        }
        for changed in changes.watermarks.iter().filter(|one| one.commit <= up_to) {
            for (recipients, frame) in fanout::moved_watermarks(changed, since, Some(&cursor)) {
                self.deliver(recipients, frame, None, None);
            }
        }
    }

    fn deliver_outcome(&mut self, requester: Requester, outcome: Outcome, cursor: &Cursor, no: CommitNo) {
        let author = author(&outcome);
        match &outcome {
            Outcome::Sent(sent) => {
                metrics::get().sends.increment(1);
                if let Some(sender) = sent.message.sender_id.filter(|_| requester.is_call()) {
                    let stopped = self.typing.end_last(sender);
                    self.tell_stopped(sender, stopped);
                }
            }
            Outcome::Duplicate(_) => metrics::get().duplicates.increment(1),
            Outcome::NotOpened { sender } => {
                let error = self.context.new_threads.refusal(*sender, Instant::now());
                return requester.refuse(error);
            }
            _ => {}
        }
        let Fanout { frames, reply } = fanout::decide(self.pair, outcome, cursor, requester.is_call());
        for (recipients, frame) in frames {
            self.deliver(recipients, frame, requester.connection_id(), Some(no));
        }
        match reply {
            Ok(Reply { frame, call }) => requester.reply(frame.as_ref(), call),
            Err(error) => requester.refuse(error),
        }
        if let Some(author) = author {
            self.still_types(author);
        }
    }

    /// Sends a frame to its recipients. It is encoded once for each member, for the cursor and the links of images depend
    /// on the reader; the same bytes go to all connections of the member. `commit`: up to the frame's change, all changes
    /// of the thread were delivered, and are of this commit or an earlier one.
    fn deliver(
        &self,
        recipients: Recipients,
        mut frame: ServerFrame,
        requester: Option<ConnectionId>,
        commit: Option<CommitNo>,
    ) {
        let mark = fanout::revision(&frame).map(|(thread, rev)| ThreadMark { thread, rev, commit });
        let [low, high] = self.pair.members();
        let mut send = |user, except| {
            let encode = || self.context.links.encode_again(&mut frame, user);
            self.context.connections.send_durable(user, Audience::Chat, except, mark, encode);
        };
        match recipients {
            Recipients::Both => [low, high].into_iter().for_each(|user| send(user, None)),
            Recipients::BothButRequester => [low, high].into_iter().for_each(|user| send(user, requester)),
            Recipients::Member(user) => send(user, None),
            Recipients::Counterpart(user) => self.pair.other(user).into_iter().for_each(|other| send(other, None)),
            Recipients::OtherConnectionsOf(user) => send(user, requester),
        }
    }
}

/// Returns the user who wrote a message that was stored, if it was one.
fn author(outcome: &Outcome) -> Option<UserId> {
    match outcome {
        Outcome::Sent(sent) => sent.message.sender_id,
        _ => None,
    }
}
