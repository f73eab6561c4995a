//! How a thread tells: what a commit has done to it, as frames to the outboxes of its members.

use chat_database::change::Outcome;
use chat_database::ids::{CommitNo, ThreadId, UserId};
use chat_database::queries::changes::{self, ThreadChanges};
use ractor::ActorProcessingErr;
use tokio::time::Instant;

use super::decision::{self, Decision, Hearers, Reply};
use super::{Settled, State};
use crate::events;
use crate::horizon::Told;
use crate::metrics;
use crate::origin::Origin;
use crate::outbox::Mark;
use crate::people::{Audience, ConnectionId};
use crate::protocol::server::TypingFrom;
use crate::protocol::{Cursor, ServerFrame};

impl State {
    /// Tells what became of what was asked for.
    pub(super) async fn settle(&mut self, settled: Settled, told: Told) -> Result<(), ActorProcessingErr> {
        let Settled { no, before, parts } = settled;
        if let Some(before) = before {
            if before.commit > self.told_up_to() {
                // In a box: an actor keeps room for its largest future, and moves all of it for each message.
                Box::pin(self.fill_gap(before.thread_id, no)).await?;
            }
            self.has_told(no.max(self.told_up_to()));
        }
        let cursor = self.node.horizon.cursor();
        for (_in_flight, origin, outcome) in parts {
            self.tell_outcome(origin, outcome, &cursor, no);
        }
        told.done();
        Ok(())
    }

    /// Tells what others have done to the thread, up to a commit.
    pub(super) async fn follow(&mut self, up_to: CommitNo, told: Told) -> Result<(), ActorProcessingErr> {
        self.active();
        let since = self.told_up_to();
        if since < up_to {
            let thread = chat_database::queries::threads::of_pair(&self.node.database, self.pair).await?;
            if let Some(thread) = thread
                && let Some(changes) = changes::of_thread(&self.node.database, thread, since).await?
            {
                self.tell_changes(thread, &changes, since, up_to);
            }
            self.has_told(up_to);
        }
        told.done();
        Ok(())
    }

    /// Returns the commit up to which everything of the thread has been told here.
    fn told_up_to(&self) -> CommitNo {
        let horizon = &self.node.horizon;
        self.told
            .filter(|told| told.history == horizon.histories())
            .map_or_else(|| horizon.released(), |told| told.up_to)
    }

    fn has_told(&mut self, up_to: CommitNo) {
        self.told = Some(super::UpTo { history: self.node.horizon.histories(), up_to });
    }

    /// Tells what other nodes have written to the thread since what was told here last, before commit `no` is told: nobody
    /// gets a message before the one that stands above it.
    async fn fill_gap(&mut self, thread: ThreadId, no: CommitNo) -> Result<(), ActorProcessingErr> {
        let since = self.told_up_to();
        if let Some(changes) = changes::of_thread(&self.node.database, thread, since).await? {
            self.tell_changes(thread, &changes, since, CommitNo(no.0 - 1));
        }
        Ok(())
    }

    /// Tells changes that were read from the database: those up to a commit, and what was created up to it.
    /// What lies above will be told by its own commit.
    fn tell_changes(&self, thread: ThreadId, changes: &ThreadChanges, since: CommitNo, up_to: CommitNo) {
        let cursor = self.node.horizon.cursor();
        if changes.opened {
            for (hearers, frame) in decision::new_thread(self.pair, thread) {
                self.tell(hearers, frame, None, None);
            }
        }
        for changed in changes.messages.iter().filter(|one| one.commit <= up_to || one.created <= up_to) {
            // What has changed again since tells nothing of what came between.
            let commit = (changed.commit <= up_to).then_some(changed.commit);
            self.tell(Hearers::Everybody, events::of_message(changed, since, Some(&cursor)), None, commit);
        }
        for changed in changes.watermarks.iter().filter(|one| one.commit <= up_to) {
            let Some(other) = self.pair.other(changed.user) else { continue };
            for event in events::of_watermarks(changed, since, Some(&cursor)) {
                let read = matches!(event, ServerFrame::MessagesSeen(_));
                let hearers = if read { Hearers::Everybody } else { Hearers::Member(other) };
                self.tell(hearers, event, None, None);
            }
        }
    }

    fn tell_outcome(&mut self, origin: Origin, outcome: Outcome, cursor: &Cursor, no: CommitNo) {
        let mut author = None;
        match &outcome {
            Outcome::Sent(sent) => {
                author = Some(sent.message.sender_id);
                metrics::get().sends.increment(1);
                self.leaves.is_there();
                if sent.opened
                    && let Some(leave) = origin.leave()
                {
                    leave.used();
                }
            }
            Outcome::Duplicate(_) => {
                metrics::get().duplicates.increment(1);
                self.leaves.is_there();
            }
            Outcome::NotOpened { sender } => {
                let refused = self.node.limiters.new_threads.refusal(*sender, Instant::now());
                return origin.refuse(refused);
            }
            _ => {}
        }
        let Decision { tell, answer } = decision::decide(self.pair, outcome, cursor, origin.is_call());
        for (hearers, frame) in tell {
            self.tell(hearers, frame, origin.connection_id(), Some(no));
        }
        match answer {
            Ok(Reply { frame, call }) => origin.done(frame.as_ref(), call),
            Err(refused) => origin.refuse(refused),
        }
        // To the other side a message ends its author's writing; whoever goes on elsewhere is seen to.
        if let Some(author) = author
            && let (Some(thread_id), Some(other)) = (self.typing.of(author), self.pair.other(author))
        {
            self.tell_typing(other, author, thread_id, true);
        }
    }

    pub(super) fn tell_typing(&self, to: UserId, from: UserId, thread_id: ThreadId, on: bool) {
        let typing = TypingFrom { from, thread_id };
        let frame = if on { ServerFrame::Typing(typing) } else { ServerFrame::StopTyping(typing) };
        self.node.people.tell_passing(to, Audience::Chat, &frame.encode());
    }

    /// Encodes once for each member who hears it, for the cursor and the links of images are the reader's own; the same bytes
    /// go to all their connections. Mostly there is one such member: the author has had an acknowledgement. With the commit of
    /// a message all changes of the thread up to it have been told.
    fn tell(&self, hearers: Hearers, mut frame: ServerFrame, asker: Option<ConnectionId>, commit: Option<CommitNo>) {
        let mark = commit.and_then(|commit| mark(&frame, commit));
        let [low, high] = self.pair.members();
        let mut tell = |user, except| {
            let encode = || self.node.images.links().encode_again(&mut frame, user);
            self.node.people.tell_durable(user, Audience::Chat, except, mark, encode);
        };
        match hearers {
            Hearers::Everybody => [low, high].into_iter().for_each(|user| tell(user, None)),
            Hearers::AllButAsker => [low, high].into_iter().for_each(|user| tell(user, asker)),
            Hearers::Member(user) => tell(user, None),
            Hearers::OthersOf(user) => tell(user, asker),
        }
    }
}

/// Returns which change of the thread a frame tells.
fn mark(frame: &ServerFrame, commit: CommitNo) -> Option<Mark> {
    let (thread, rev) = match frame {
        ServerFrame::NewMessage(new) => (new.message.thread_id, new.message.rev),
        ServerFrame::MessageUpdated(updated) => (updated.thread_id, updated.rev),
        ServerFrame::MessageDeleted(deleted) => (deleted.thread_id, deleted.rev),
        _ => return None,
    };
    Some(Mark { thread, rev, commit })
}
