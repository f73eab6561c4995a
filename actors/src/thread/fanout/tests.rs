use chat_database::history::{CommitRef, Nonce};
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
    let heard = CommitRef { epoch: "e".into(), commit: CommitNo(9), nonce: Nonce(1) };
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
        [Recipients::Counterpart(user(7))]
    );
    let seen = decide(pair(), watermarks(true, true), &cursor(), false);
    assert_eq!(recipients(&seen), [Recipients::Counterpart(user(7)), Recipients::OtherConnectionsOf(user(7))]);
}
