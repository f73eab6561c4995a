//! What a thread delivers: which frames, to which connections, and the reply to the requester. Pure.
//!
//! A change comes as the outcome of a commit ([`decide`]), or as it was read from the database, for a replay or because
//! another node has written it ([`changed_message`], [`moved_watermarks`]).

use chat_database::change::{Deleted, Duplicate, Outcome, Sent, Watermarks};
use chat_database::ids::{CommitNo, Pair, Rev, ThreadId, UserId};
use chat_database::objects::Message;
use chat_database::queries::changes::{ChangedMessage, ChangedWatermarks};

use crate::error::Error;
use crate::protocol::server::{
    MessageAck, MessageDeleted, MessageUpdated, MessagesDelivered, MessagesSeen, NewMessage,
};
use crate::protocol::{Cursor, ErrorCode, ServerFrame};
use crate::requester::Answer;
use crate::validation;

/// The connections that get a frame. The requester is the connection whose request was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recipients {
    /// Every connection of both members.
    Both,
    /// Every connection of both members, but for the requester.
    BothButRequester,
    /// Every connection of this member.
    Member(UserId),
    /// Every connection of the member other than this one.
    Counterpart(UserId),
    /// Every connection of this member, but for the requester.
    OtherConnectionsOf(UserId),
}

impl Recipients {
    /// Tells whether a member gets the frame on a connection that has requested nothing.
    pub(crate) fn include(self, member: UserId) -> bool {
        match self {
            Self::Both | Self::BothButRequester => true,
            Self::Member(user) | Self::OtherConnectionsOf(user) => user == member,
            Self::Counterpart(user) => user != member,
        }
    }
}

/// The frames to deliver, and the reply to the requester.
#[derive(Debug)]
pub struct Fanout {
    /// The frames, in order.
    pub frames: Vec<(Recipients, ServerFrame)>,
    /// The reply to the requester.
    pub reply: Result<Reply, Error>,
}

/// The reply to the requester: a frame for a connection, if there is one for it, or what a call returns.
#[derive(Debug)]
pub struct Reply {
    /// What a connection gets.
    pub frame: Option<ServerFrame>,
    /// What a call returns, if the requester is a call.
    pub(crate) call: Option<Answer>,
}

/// Decides what is delivered of an outcome in the thread of `pair`; `called` if the requester is a call of the edge.
#[must_use]
pub fn decide(pair: Pair, outcome: Outcome, cursor: &Cursor, called: bool) -> Fanout {
    match outcome {
        Outcome::Sent(sent) => sent_for_the_first_time(pair, *sent, cursor, called),
        Outcome::Duplicate(duplicate) => sent_before(*duplicate),
        Outcome::Edited(edited) => edited_text(edited.message, cursor),
        Outcome::Deleted(deleted) => taken_back(deleted, cursor),
        Outcome::Watermarks(watermarks) => moved(watermarks, cursor),
        Outcome::TempIdConflict => {
            let text = "this temp_id belongs to another message; take a new one";
            refused(Error::new(ErrorCode::TempIdConflict, text))
        }
        Outcome::Suspended(until) => refused(Error::suspended(until)),
        Outcome::NotFound(what) => refused(Error::not_found(what)),
        Outcome::NoImage(id) => refused(validation::no_image(&id.0)),
        Outcome::Gone => refused(Error::not_found("message")),
        Outcome::NoThread => refused(Error::not_found("thread")),
        // No other change is requested for a thread; `deliver_outcome` has answered `NotOpened`.
        Outcome::NotOpened { .. }
        | Outcome::Notified(_)
        | Outcome::NotificationsChanged
        | Outcome::NoNotification
        | Outcome::LastSeen
        | Outcome::TicketUsed
        | Outcome::TicketReplayed
        | Outcome::TicketExpired
        | Outcome::Uploaded
        | Outcome::GivenUp(_)
        | Outcome::Forgotten
        | Outcome::ProfilesPut(_)
        | Outcome::CardsPut(_)
        | Outcome::Consumed(_)
        | Outcome::Imported(_)
        | Outcome::Administered(_) => refused(Error::internal()),
    }
}

/// Returns the frames that tell both members of a new thread.
pub(super) fn new_thread(pair: Pair, thread_id: ThreadId) -> [(Recipients, ServerFrame); 2] {
    let [low, high] = pair.members();
    [(low, high), (high, low)].map(|(member, other_user_id)| {
        (Recipients::Member(member), ServerFrame::NewThread { thread_id, other_user_id })
    })
}

/// The requester gets the acknowledgement alone (or, without a key, the message); all other connections the message.
fn sent_for_the_first_time(pair: Pair, sent: Sent, cursor: &Cursor, called: bool) -> Fanout {
    let Sent { message, opened } = sent;
    let ack = message.sender_id.and_then(|sender| ack(&message, message.rev, false, Some(cursor.clone().of(sender))));
    let recipients = if ack.is_some() { Recipients::BothButRequester } else { Recipients::Both };
    let call = called.then(|| Answer::Stored { message: Box::new(message.clone()), duplicate: false });
    let mut frames = Vec::with_capacity(3);
    if opened {
        frames.extend(new_thread(pair, message.thread_id));
    }
    frames.push((recipients, ServerFrame::NewMessage(NewMessage { message, cursor: Some(cursor.clone()) })));
    Fanout { frames, reply: Ok(Reply { frame: ack, call }) }
}

/// The other connections have had the message. The reply has no cursor: it may come in the middle of a replay.
fn sent_before(duplicate: Duplicate) -> Fanout {
    let frame = ack(&duplicate.message, duplicate.created_rev, true, None);
    let call = Some(Answer::Stored { message: Box::new(duplicate.message), duplicate: true });
    Fanout { frames: Vec::new(), reply: Ok(Reply { frame, call }) }
}

fn ack(message: &Message, rev: Rev, duplicate: bool, cursor: Option<Cursor>) -> Option<ServerFrame> {
    let temp_id = message.temp_id.clone()?;
    Some(ServerFrame::MessageAck(MessageAck {
        temp_id,
        message_id: message.id,
        thread_id: message.thread_id,
        seq: message.seq,
        rev,
        created_at: message.created_at,
        duplicate,
        cursor,
    }))
}

fn edited_text(message: Message, cursor: &Cursor) -> Fanout {
    let frame = updated(&message, Some(cursor.clone()));
    let reply = Reply { frame: None, call: Some(Answer::Changed(Box::new(message))) };
    Fanout { frames: vec![(Recipients::Both, frame)], reply: Ok(reply) }
}

fn taken_back(deleted: Deleted, cursor: &Cursor) -> Fanout {
    let Deleted { id, thread_id, seq, sender: sender_id, rev } = deleted;
    let cursor = Some(cursor.clone());
    let frame = ServerFrame::MessageDeleted(MessageDeleted { id, thread_id, seq, sender_id, rev, cursor });
    let reply = Reply { frame: None, call: Some(Answer::Deleted) };
    Fanout { frames: vec![(Recipients::Both, frame)], reply: Ok(reply) }
}

/// A watermark that moved goes to the other member; what was read, to the reader's other connections too.
fn moved(watermarks: Watermarks, cursor: &Cursor) -> Fanout {
    let Watermarks { thread_id, user, delivered_seq, read_seq, unread, delivered_moved, read_moved, at } = watermarks;
    let cursor = Some(cursor.clone());
    let mut frames = Vec::new();
    if read_moved {
        let seen = ServerFrame::MessagesSeen(MessagesSeen { thread_id, seen_by: user, up_to: read_seq, at, cursor });
        frames.push((Recipients::Counterpart(user), seen.clone()));
        frames.push((Recipients::OtherConnectionsOf(user), seen));
    } else if delivered_moved {
        let delivered = MessagesDelivered { thread_id, delivered_to: user, up_to: delivered_seq, at, cursor };
        frames.push((Recipients::Counterpart(user), ServerFrame::MessagesDelivered(delivered)));
    }
    Fanout { frames, reply: Ok(Reply { frame: None, call: Some(Answer::Read { read_seq, unread }) }) }
}

fn refused(error: Error) -> Fanout {
    Fanout { frames: Vec::new(), reply: Err(error) }
}

/// Returns the frame of a message in its present state, for clients that have had everything up to `since`. In a replay it
/// has no cursor.
pub(crate) fn changed_message(
    changed: &ChangedMessage,
    since: CommitNo,
    cursor: Option<&Cursor>,
) -> (Recipients, ServerFrame) {
    let message = &changed.message;
    let cursor = cursor.cloned();
    let frame = if changed.created > since {
        ServerFrame::NewMessage(NewMessage { message: message.clone(), cursor })
    } else if message.deleted {
        let &Message { id, thread_id, seq, sender_id, rev, .. } = message;
        ServerFrame::MessageDeleted(MessageDeleted { id, thread_id, seq, sender_id, rev, cursor })
    } else {
        updated(message, cursor)
    };
    (Recipients::Both, frame)
}

/// Returns the frames of those of a member's watermarks that moved after `since`. What a member's own devices have received is no
/// news to that member; what was read on one of them is.
pub(crate) fn moved_watermarks(
    changed: &ChangedWatermarks,
    since: CommitNo,
    cursor: Option<&Cursor>,
) -> Vec<(Recipients, ServerFrame)> {
    let &ChangedWatermarks { thread_id, user, delivered_seq, read_seq, .. } = changed;
    let mut frames = Vec::new();
    if changed.delivered_commit > since
        && let Some(at) = changed.delivered_at
    {
        let cursor = cursor.cloned();
        let delivered = MessagesDelivered { thread_id, delivered_to: user, up_to: delivered_seq, at, cursor };
        frames.push((Recipients::Counterpart(user), ServerFrame::MessagesDelivered(delivered)));
    }
    if changed.read_commit > since
        && let Some(at) = changed.read_at
    {
        let cursor = cursor.cloned();
        let seen = MessagesSeen { thread_id, seen_by: user, up_to: read_seq, at, cursor };
        frames.push((Recipients::Both, ServerFrame::MessagesSeen(seen)));
    }
    frames
}

/// Returns the thread, and its change counter, if the frame tells of a change that is counted.
pub(super) fn revision(frame: &ServerFrame) -> Option<(ThreadId, Rev)> {
    match frame {
        ServerFrame::NewMessage(new) => Some((new.message.thread_id, new.message.rev)),
        ServerFrame::MessageUpdated(updated) => Some((updated.thread_id, updated.rev)),
        ServerFrame::MessageDeleted(deleted) => Some((deleted.thread_id, deleted.rev)),
        _ => None,
    }
}

fn updated(message: &Message, cursor: Option<Cursor>) -> ServerFrame {
    ServerFrame::MessageUpdated(MessageUpdated {
        id: message.id,
        thread_id: message.thread_id,
        seq: message.seq,
        sender_id: message.sender_id,
        rev: message.rev,
        content: message.content.clone(),
        edited_at: message.edited_at,
        cursor,
    })
}

#[cfg(test)]
mod tests;
