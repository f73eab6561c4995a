//! How a thread tells: what a commit has done to it, as frames to the outboxes of its members.

use chat_database::change::Outcome;
use chat_database::ids::{CommitNo, ThreadId, UserId};
use chat_database::queries::changes::{self, ThreadChanges};
use ractor::ActorProcessingErr;

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
            self.told = self.told.max(Some(no));
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
            self.told = Some(up_to);
        }
        told.done();
        Ok(())
    }

    /// Returns the commit up to which everything of the thread has been told here.
    fn told_up_to(&self) -> CommitNo {
        self.told.unwrap_or_else(|| self.node.horizon.released())
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
                self.tell(hearers, &frame, None, None);
            }
        }
        for changed in changes.messages.iter().filter(|one| one.commit <= up_to || one.created <= up_to) {
            // What has changed again since tells nothing of what came between.
            let commit = (changed.commit <= up_to).then_some(changed.commit);
            self.tell(Hearers::Everybody, &events::of_message(changed, since, Some(&cursor)), None, commit);
        }
        for changed in changes.watermarks.iter().filter(|one| one.commit <= up_to) {
            let Some(other) = self.pair.other(changed.user) else { continue };
            for event in events::of_watermarks(changed, since, Some(&cursor)) {
                let read = matches!(event, ServerFrame::MessagesSeen(_));
                let hearers = if read { Hearers::Everybody } else { Hearers::Member(other) };
                self.tell(hearers, &event, None, None);
            }
        }
    }

    fn tell_outcome(&self, origin: Origin, outcome: Outcome, cursor: &Cursor, no: CommitNo) {
        match outcome {
            Outcome::Sent(_) => metrics::get().sends.increment(1),
            Outcome::Duplicate(_) => metrics::get().duplicates.increment(1),
            _ => {}
        }
        let Decision { tell, answer } = decision::decide(self.pair, outcome, cursor, origin.is_call());
        for (hearers, frame) in tell {
            self.tell(hearers, &frame, origin.connection_id(), Some(no));
        }
        match answer {
            Ok(Reply { frame, call }) => origin.done(frame.as_ref(), call),
            Err(refused) => origin.refuse(refused),
        }
    }

    pub(super) fn tell_typing(&self, to: UserId, from: UserId, thread_id: ThreadId, on: bool) {
        let typing = TypingFrom { from, thread_id };
        let frame = if on { ServerFrame::Typing(typing) } else { ServerFrame::StopTyping(typing) };
        self.node.people.tell_passing(to, Audience::Chat, &frame.encode());
    }

    /// Encodes once; the same bytes go to every connection that hears them. A message with images is encoded for each
    /// member: its links are the reader's own. With the commit of a message all changes of the thread up to it have been told.
    fn tell(&self, hearers: Hearers, frame: &ServerFrame, asker: Option<ConnectionId>, commit: Option<CommitNo>) {
        let mark = commit.and_then(|commit| mark(frame, commit));
        let [low, high] = self.pair.members();
        let encoded = if frame.has_images() { None } else { Some(frame.encode()) };
        let tell = |user, except| {
            let own = encoded.is_none().then(|| self.node.images.links().encode(frame, user));
            if let Some(frame) = own.as_ref().or(encoded.as_ref()) {
                self.node.people.tell_durable(user, Audience::Chat, except, frame, mark);
            }
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
