//! What a thread delivers of an outcome: which frames, to which connections, and the reply to the requester. Pure.

use chat_database::change::{Deleted, Duplicate, Outcome, Sent, Watermarks};
use chat_database::ids::{Pair, ThreadId, UserId};
use chat_database::objects::Message;

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
    /// Every connection of one member.
    Member(UserId),
    /// Every connection of one member, but for the requester.
    OtherConnectionsOf(UserId),
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
        Outcome::Watermarks(watermarks) => moved(pair, watermarks, cursor),
        Outcome::TempIdConflict => {
            let text = "this temp_id belongs to another message; take a new one";
            refused(Error::new(ErrorCode::TempIdConflict, text))
        }
        Outcome::Suspended(until) => refused(Error::suspended(until)),
        Outcome::NotFound(what) => refused(Error::not_found(what)),
        Outcome::NoImage(id) => refused(validation::no_image(&id.0)),
        Outcome::Gone => refused(Error::not_found("message")),
        Outcome::NoThread => refused(Error::not_found("thread")),
        // A thread requests no other change.
        _ => refused(Error::internal()),
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

fn ack(
    message: &Message,
    rev: chat_database::ids::Rev,
    duplicate: bool,
    cursor: Option<Cursor>,
) -> Option<ServerFrame> {
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
    let frame = ServerFrame::MessageUpdated(MessageUpdated {
        id: message.id,
        thread_id: message.thread_id,
        seq: message.seq,
        sender_id: message.sender_id,
        rev: message.rev,
        content: message.content.clone(),
        edited_at: message.edited_at,
        cursor: Some(cursor.clone()),
    });
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
fn moved(pair: Pair, watermarks: Watermarks, cursor: &Cursor) -> Fanout {
    let Watermarks { thread_id, user, delivered_seq, read_seq, unread, delivered_moved, read_moved, at } = watermarks;
    let Some(other) = pair.other(user) else { return refused(Error::not_found("thread")) };
    let cursor = Some(cursor.clone());
    let mut frames = Vec::new();
    if read_moved {
        let seen = ServerFrame::MessagesSeen(MessagesSeen { thread_id, seen_by: user, up_to: read_seq, at, cursor });
        frames.push((Recipients::Member(other), seen.clone()));
        frames.push((Recipients::OtherConnectionsOf(user), seen));
    } else if delivered_moved {
        let delivered = MessagesDelivered { thread_id, delivered_to: user, up_to: delivered_seq, at, cursor };
        frames.push((Recipients::Member(other), ServerFrame::MessagesDelivered(delivered)));
    }
    Fanout { frames, reply: Ok(Reply { frame: None, call: Some(Answer::Read { read_seq, unread }) }) }
}

fn refused(error: Error) -> Fanout {
    Fanout { frames: Vec::new(), reply: Err(error) }
}

#[cfg(test)]
mod tests {
    use chat_database::history::{Mark, Nonce};
    use chat_database::ids::{CommitNo, MessageId, Rev, Seq};
    use chat_database::objects::MessageKind;
    use chat_database::time::Timestamp;

    use super::*;

    fn user(id: u64) -> UserId {
        UserId::new(id).expect("an id")
    }

    fn pair() -> Pair {
        Pair::new(user(42), user(7)).expect("two users")
    }

    fn cursor() -> Cursor {
        let heard = Mark { epoch: "e".into(), commit: CommitNo(9), nonce: Nonce(1) };
        Cursor { commit: CommitNo(9), heard, reader: None, minted: 0 }
    }

    fn message(temp_id: Option<&str>) -> Message {
        Message {
            id: MessageId::new(901).expect("an id"),
            thread_id: ThreadId::new(77).expect("an id"),
            seq: Seq(12),
            rev: Rev(14),
            kind: MessageKind::Text,
            sender_id: Some(user(42)),
            temp_id: temp_id.map(str::to_owned),
            content: Some("hi".into()),
            image_urls: Vec::new(),
            images: Vec::new(),
            extra_data: None,
            card: None,
            reply_to: None,
            created_at: Timestamp::from_millis(0),
            edited_at: None,
            deleted: false,
            texts: Vec::new(),
        }
    }

    fn watermarks(delivered_moved: bool, read_moved: bool) -> Outcome {
        Outcome::Watermarks(Watermarks {
            thread_id: ThreadId::new(77).expect("an id"),
            user: user(7),
            delivered_seq: Seq(12),
            read_seq: Seq(10),
            unread: 2,
            delivered_moved,
            read_moved,
            at: Timestamp::from_millis(0),
        })
    }

    fn recipients(fanout: &Fanout) -> Vec<Recipients> {
        fanout.frames.iter().map(|(recipients, _)| *recipients).collect()
    }

    #[test]
    fn a_message_with_a_key_is_acked_and_goes_to_all_other_connections() {
        let sent = Sent { message: message(Some("k")), opened: false };
        let fanout = decide(pair(), Outcome::Sent(Box::new(sent)), &cursor(), false);
        assert_eq!(recipients(&fanout), [Recipients::BothButRequester]);
        assert!(matches!(fanout.reply.expect("stored").frame, Some(ServerFrame::MessageAck(_))));
    }

    #[test]
    fn a_message_without_a_key_is_its_own_ack() {
        let sent = Sent { message: message(None), opened: true };
        let fanout = decide(pair(), Outcome::Sent(Box::new(sent)), &cursor(), false);
        let both = [Recipients::Member(user(7)), Recipients::Member(user(42)), Recipients::Both];
        assert_eq!(recipients(&fanout), both, "the new thread first, to both sides");
        assert_eq!(fanout.reply.expect("stored").frame, None);
    }

    #[test]
    fn a_message_of_the_marketplace_goes_to_both_sides_and_is_acked_to_no_connection() {
        let message = Message { kind: MessageKind::System, sender_id: None, ..message(None) };
        let fanout = decide(pair(), Outcome::Sent(Box::new(Sent { message, opened: false })), &cursor(), true);
        assert_eq!(recipients(&fanout), [Recipients::Both]);
        assert!(matches!(fanout.reply.expect("stored"), Reply { frame: None, call: Some(Answer::Stored { .. }) }));
    }

    #[test]
    fn a_repetition_is_delivered_to_no_user_and_acked_as_the_first_time_without_a_cursor() {
        let duplicate = Duplicate { message: message(Some("k")), created_rev: Rev(12) };
        let fanout = decide(pair(), Outcome::Duplicate(Box::new(duplicate)), &cursor(), false);
        assert!(fanout.frames.is_empty());
        let Ok(Reply { frame: Some(ServerFrame::MessageAck(ack)), .. }) = fanout.reply else { panic!("an ack") };
        assert_eq!((ack.rev, ack.duplicate, ack.cursor), (Rev(12), true, None));
    }

    #[test]
    fn a_watermark_that_did_not_move_is_delivered_to_no_user() {
        assert!(decide(pair(), watermarks(false, false), &cursor(), false).frames.is_empty());
        assert_eq!(
            recipients(&decide(pair(), watermarks(true, false), &cursor(), false)),
            [Recipients::Member(user(42))]
        );
        let seen = decide(pair(), watermarks(true, true), &cursor(), false);
        assert_eq!(recipients(&seen), [Recipients::Member(user(42)), Recipients::OtherConnectionsOf(user(7))]);
    }
}
