//! What a thread tells of what was stored: which frame, to whom, and what the asker hears. Pure.

use chat_database::change::{Deleted, Duplicate, Outcome, Sent, Watermarks};
use chat_database::ids::{Pair, ThreadId, UserId};
use chat_database::objects::Message;

use crate::compose;
use crate::origin::Answer;
use crate::protocol::server::{
    MessageAck, MessageDeleted, MessageUpdated, MessagesDelivered, MessagesSeen, NewMessage,
};
use crate::protocol::{Cursor, ErrorCode, ServerFrame};
use crate::refused::Refused;

/// Who hears a frame. The asker is the connection that asked for what was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hearers {
    /// Every connection of both members.
    Everybody,
    /// Every connection of both members, but for the asker.
    AllButAsker,
    /// One member.
    Member(UserId),
    /// The other connections of one member.
    OthersOf(UserId),
}

/// What is to be told, and what the asker hears.
#[derive(Debug)]
pub struct Decision {
    /// Frames, in order.
    pub tell: Vec<(Hearers, ServerFrame)>,
    /// The answer to the asker.
    pub answer: Result<Reply, Refused>,
}

/// The answer to the asker: a frame for a connection, if there is one for it, or what a call returns.
#[derive(Debug)]
pub struct Reply {
    /// What a connection hears.
    pub frame: Option<ServerFrame>,
    /// What a call returns, if a call has asked.
    pub(crate) call: Option<Answer>,
}

/// Decides what is told of an outcome in the thread of `pair`; `called` if a call of the edge has asked.
#[must_use]
pub fn decide(pair: Pair, outcome: Outcome, cursor: &Cursor, called: bool) -> Decision {
    match outcome {
        Outcome::Sent(sent) => sent_for_the_first_time(pair, *sent, cursor, called),
        Outcome::Duplicate(duplicate) => sent_before(*duplicate),
        Outcome::Edited(edited) => edited_text(edited.message, cursor),
        Outcome::Deleted(deleted) => taken_back(deleted, cursor),
        Outcome::Watermarks(watermarks) => moved(pair, watermarks, cursor),
        Outcome::TempIdConflict => {
            let text = "this temp_id belongs to another message; take a new one";
            refused(Refused::new(ErrorCode::TempIdConflict, text))
        }
        Outcome::NotFound(what) => refused(Refused::not_found(what)),
        Outcome::NoImage(id) => refused(compose::no_image(&id.0)),
        Outcome::Gone => refused(Refused::not_found("message")),
        Outcome::NoThread => refused(Refused::not_found("thread")),
        // Nothing else is asked by a thread.
        _ => refused(Refused::internal()),
    }
}

/// Returns the frames that tell both members of a new thread.
pub(super) fn new_thread(pair: Pair, thread_id: ThreadId) -> [(Hearers, ServerFrame); 2] {
    let [low, high] = pair.members();
    [(low, high), (high, low)]
        .map(|(member, other_user_id)| (Hearers::Member(member), ServerFrame::NewThread { thread_id, other_user_id }))
}

/// The asker hears the ack alone (or, without a key, the message); everybody else the message.
fn sent_for_the_first_time(pair: Pair, sent: Sent, cursor: &Cursor, called: bool) -> Decision {
    let Sent { message, opened } = sent;
    let ack = ack(&message, message.rev, false, Some(cursor.clone().of(message.sender_id)));
    let hearers = if ack.is_some() { Hearers::AllButAsker } else { Hearers::Everybody };
    let call = called.then(|| Answer::Stored { message: Box::new(message.clone()), duplicate: false });
    let mut tell = Vec::with_capacity(3);
    if opened {
        tell.extend(new_thread(pair, message.thread_id));
    }
    tell.push((hearers, ServerFrame::NewMessage(NewMessage { message, cursor: Some(cursor.clone()) })));
    Decision { tell, answer: Ok(Reply { frame: ack, call }) }
}

/// Nobody else is told again. The answer has no cursor: it may come in the middle of a replay.
fn sent_before(duplicate: Duplicate) -> Decision {
    let frame = ack(&duplicate.message, duplicate.created_rev, true, None);
    let call = Some(Answer::Stored { message: Box::new(duplicate.message), duplicate: true });
    Decision { tell: Vec::new(), answer: Ok(Reply { frame, call }) }
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

fn edited_text(message: Message, cursor: &Cursor) -> Decision {
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
    Decision { tell: vec![(Hearers::Everybody, frame)], answer: Ok(reply) }
}

fn taken_back(deleted: Deleted, cursor: &Cursor) -> Decision {
    let Deleted { id, thread_id, seq, sender: sender_id, rev } = deleted;
    let cursor = Some(cursor.clone());
    let frame = ServerFrame::MessageDeleted(MessageDeleted { id, thread_id, seq, sender_id, rev, cursor });
    let reply = Reply { frame: None, call: Some(Answer::Deleted) };
    Decision { tell: vec![(Hearers::Everybody, frame)], answer: Ok(reply) }
}

/// A watermark that moved is told to the other side; what was read, to the reader's other connections too.
fn moved(pair: Pair, watermarks: Watermarks, cursor: &Cursor) -> Decision {
    let Watermarks { thread_id, user, delivered_seq, read_seq, unread, delivered_moved, read_moved, at } = watermarks;
    let Some(other) = pair.other(user) else { return refused(Refused::not_found("thread")) };
    let cursor = Some(cursor.clone());
    let mut tell = Vec::new();
    if read_moved {
        let seen = ServerFrame::MessagesSeen(MessagesSeen { thread_id, seen_by: user, up_to: read_seq, at, cursor });
        tell.push((Hearers::Member(other), seen.clone()));
        tell.push((Hearers::OthersOf(user), seen));
    } else if delivered_moved {
        let delivered = MessagesDelivered { thread_id, delivered_to: user, up_to: delivered_seq, at, cursor };
        tell.push((Hearers::Member(other), ServerFrame::MessagesDelivered(delivered)));
    }
    Decision { tell, answer: Ok(Reply { frame: None, call: Some(Answer::Read { read_seq, unread }) }) }
}

fn refused(refused: Refused) -> Decision {
    Decision { tell: Vec::new(), answer: Err(refused) }
}

#[cfg(test)]
mod tests {
    use chat_database::history::{Mark, Nonce};
    use chat_database::ids::{CommitNo, MessageId, Rev, Seq};
    use chat_database::time::Timestamp;

    use super::*;

    fn user(id: u64) -> UserId {
        UserId::new(id).expect("an id")
    }

    fn pair() -> Pair {
        Pair::new(user(42), user(7)).expect("two people")
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
            sender_id: user(42),
            temp_id: temp_id.map(str::to_owned),
            content: Some("hi".into()),
            image_urls: Vec::new(),
            images: Vec::new(),
            extra_data: None,
            reply_to: None,
            created_at: Timestamp::from_millis(0),
            edited_at: None,
            deleted: false,
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

    fn hearers(decision: &Decision) -> Vec<Hearers> {
        decision.tell.iter().map(|(hearers, _)| *hearers).collect()
    }

    #[test]
    fn a_message_with_a_key_is_acked_and_told_to_everybody_else() {
        let sent = Sent { message: message(Some("k")), opened: false };
        let decision = decide(pair(), Outcome::Sent(Box::new(sent)), &cursor(), false);
        assert_eq!(hearers(&decision), [Hearers::AllButAsker]);
        assert!(matches!(decision.answer.expect("stored").frame, Some(ServerFrame::MessageAck(_))));
    }

    #[test]
    fn a_message_without_a_key_is_its_own_ack() {
        let sent = Sent { message: message(None), opened: true };
        let decision = decide(pair(), Outcome::Sent(Box::new(sent)), &cursor(), false);
        let both = [Hearers::Member(user(7)), Hearers::Member(user(42)), Hearers::Everybody];
        assert_eq!(hearers(&decision), both, "the new thread first, to both sides");
        assert_eq!(decision.answer.expect("stored").frame, None);
    }

    #[test]
    fn a_repetition_tells_nobody_and_is_acked_as_the_first_time_without_a_cursor() {
        let duplicate = Duplicate { message: message(Some("k")), created_rev: Rev(12) };
        let decision = decide(pair(), Outcome::Duplicate(Box::new(duplicate)), &cursor(), false);
        assert!(decision.tell.is_empty());
        let Ok(Reply { frame: Some(ServerFrame::MessageAck(ack)), .. }) = decision.answer else { panic!("an ack") };
        assert_eq!((ack.rev, ack.duplicate, ack.cursor), (Rev(12), true, None));
    }

    #[test]
    fn a_watermark_that_did_not_move_tells_nobody() {
        assert!(decide(pair(), watermarks(false, false), &cursor(), false).tell.is_empty());
        assert_eq!(hearers(&decide(pair(), watermarks(true, false), &cursor(), false)), [Hearers::Member(user(42))]);
        let seen = decide(pair(), watermarks(true, true), &cursor(), false);
        assert_eq!(hearers(&seen), [Hearers::Member(user(42)), Hearers::OthersOf(user(7))]);
    }
}
