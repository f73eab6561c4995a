//! Tests of what nodes write for each other.

use std::collections::BTreeSet;

use chat_database::change::{Deleted, Edit, Edited, NewMessage, Notify, Outcome, Sent, ThreadBefore, Watermarks};
use chat_database::history::CommitRef;
use chat_database::ids::{MediaId, MessageId, NotificationId, ProductId, Rev, Seq, ThreadId};
use chat_database::objects::{Card, CardId, CardKind, ExtraData, Image, Message, MessageKind, Notification, Totals};
use chat_database::time::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::notifications::events::NotificationEvent;

fn user(id: u64) -> UserId {
    UserId::new(id).expect("an id")
}

fn pair() -> Pair {
    Pair::new(user(7), user(42)).expect("two users")
}

fn thread() -> ThreadId {
    ThreadId::new(77).expect("an id")
}

fn message(content: &str) -> Message {
    let image = Image {
        id: MediaId("a1".to_owned()),
        url: String::new(),
        thumb_url: String::new(),
        width: 640,
        height: 480,
        bytes: 9_000,
        mime: "image/webp".to_owned(),
        blurhash: "LEHV6n".to_owned(),
    };
    Message {
        id: MessageId::new(901).expect("an id"),
        thread_id: thread(),
        seq: Seq(12),
        rev: Rev(14),
        kind: MessageKind::Text,
        sender_id: Some(user(42)),
        temp_id: Some("a-1".to_owned()),
        content: Some(content.to_owned()),
        image_urls: Vec::new(),
        images: vec![image],
        extra_data: Some(ExtraData { product_id: ProductId::new(3).ok() }),
        card: None,
        reply_to: MessageId::new(900).ok(),
        created_at: Timestamp::from_millis(1_795_341_600_123),
        edited_at: None,
        deleted: false,
        texts: Vec::new(),
    }
}

fn notification(of: UserId) -> Notification {
    Notification {
        id: NotificationId::new(5).expect("an id"),
        user_id: of,
        kind: "order".to_owned(),
        title: "Sold".to_owned(),
        body: "Your lamp".to_owned(),
        related_id: Some(3),
        count: 1,
        is_read: false,
        created_at: Timestamp::from_millis(1),
        updated_at: Timestamp::from_millis(2),
    }
}

fn send(content: &str) -> (Change, Outcome) {
    let change = NewMessage {
        pair: pair(),
        sender: user(42),
        temp_id: None,
        payload_hash: [0; 32],
        content: None,
        media: Vec::new(),
        card: None,
        product_id: None,
        reply_to: None,
        at: Timestamp::default(),
    };
    (Change::Send(change), Outcome::Sent(Box::new(Sent { message: message(content), opened: true })))
}

fn edit(outcome: Outcome) -> (Change, Outcome) {
    let message = MessageId::new(901).expect("an id");
    (Change::Edit(Edit { message, pair: pair(), content: String::new(), at: Timestamp::default() }), outcome)
}

/// One of everything that other nodes are told.
fn everything() -> (Vec<Change>, Committed) {
    let deleted = Deleted {
        id: MessageId::new(901).expect("an id"),
        thread_id: thread(),
        seq: Seq(12),
        sender: Some(user(42)),
        rev: Rev(16),
    };
    let moved = Watermarks {
        thread_id: thread(),
        user: user(7),
        delivered_seq: Seq(12),
        read_seq: Seq(11),
        unread: 1,
        delivered_moved: true,
        read_moved: false,
        at: Timestamp::from_millis(1_795_341_600_200),
    };
    let notify = Notify {
        users: vec![user(7)],
        kind: "order".to_owned(),
        title: String::new(),
        body: String::new(),
        related_id: None,
        dedupe_key: None,
        at: Timestamp::default(),
    };
    let all = vec![
        send("hello"),
        edit(Outcome::Edited(Edited { message: message("hello!") })),
        edit(Outcome::Deleted(deleted)),
        edit(Outcome::Watermarks(moved)),
        edit(Outcome::Watermarks(Watermarks { delivered_moved: false, ..moved })),
        edit(Outcome::Gone),
        (Change::Notify(notify), Outcome::Notified(vec![notification(user(7))])),
        (Change::ReadAllNotifications(user(7)), Outcome::NotificationsChanged),
    ];
    let (changes, outcomes) = all.into_iter().unzip();
    (changes, committed(outcomes))
}

fn committed(outcomes: Vec<Outcome>) -> Committed {
    Committed {
        commit_ref: CommitRef { epoch: "0b51c4".into(), commit: CommitNo(300), nonce: Nonce(0xfeed) },
        nonce_before: Nonce(0xbeef),
        newest: Timestamp::from_millis(1_795_341_600_200),
        outcomes,
        before: vec![ThreadBefore { pair: pair(), thread_id: thread(), rev: Rev(13), commit: CommitNo(290) }],
        totals: vec![(user(7), Totals { notifications: 2, messages: 3 })],
        chat_notifications: vec![(user(7), thread())],
        notified: vec![user(7)],
    }
}

/// Encodes for the nodes of these users; returns what each node gets.
fn encoded(
    changes: &[Change],
    committed: &Committed,
    nodes_of: impl Fn(UserId) -> Vec<Arc<str>>,
) -> Vec<(Arc<str>, Bytes)> {
    let mut messages = Vec::new();
    contents(changes, committed, nodes_of, |node, message| messages.push((node, message)));
    messages
}

fn at(nodes: &[&str]) -> Vec<Arc<str>> {
    nodes.iter().map(|node| Arc::from(*node)).collect()
}

#[test]
fn a_header_reads_back_what_it_was() {
    let of = Header::of(&everything().1);
    let message = header(&of).expect("small");
    assert_eq!(read_header(&message), Ok(of));
    assert_eq!(read_header(&message[..message.len() - 1]), Err(Malformed));
    assert_eq!(read_header(&[&message[..], &[0]].concat()), Err(Malformed));
}

#[test]
fn a_content_reads_back_what_was_done() {
    let (changes, committed) = everything();
    let messages = encoded(&changes, &committed, |_| at(&["two"]));
    let [(node, message)] = &messages[..] else { panic!("{} messages", messages.len()) };
    assert_eq!(&**node, "two");
    let content = read_content(message).expect("a content");
    assert_eq!((content.commit, content.nonce), (CommitNo(300), Nonce(0xfeed)));
    let of_thread = &content.threads[&pair()];
    assert_eq!(of_thread.before, committed.before[0]);
    assert_eq!(of_thread.outcomes.len(), 4, "what moved nothing, and what was refused, concerns the requester alone");
    assert_eq!(format!("{:?}", of_thread.outcomes), format!("{:?}", &committed.outcomes[..4]));
    let of_user = &content.users[&user(7)];
    assert_eq!(of_user.totals, Some(Totals { notifications: 2, messages: 3 }));
    assert_eq!(of_user.update.threads, [thread()]);
    let [NotificationEvent::Made(made), NotificationEvent::AllRead] = &of_user.update.events[..] else {
        panic!("{:?}", of_user.update.events)
    };
    assert_eq!(**made, notification(user(7)));
    let author = &content.users[&user(42)];
    assert!(author.totals.is_none() && author.update.threads.is_empty() && author.update.events.is_empty());
}

#[test]
fn each_node_gets_what_concerns_its_users() {
    let (changes, committed) = everything();
    let messages = encoded(&changes, &committed, |id| at(if id == user(7) { &["two", "three"] } else { &["three"] }));
    let nodes: Vec<_> = messages.iter().map(|(node, _)| &**node).collect();
    assert_eq!(nodes, ["three", "two"]);
    let users =
        |of: usize| read_content(&messages[of].1).expect("a content").users.into_keys().collect::<BTreeSet<_>>();
    assert_eq!((users(0), users(1)), (BTreeSet::from([user(7), user(42)]), BTreeSet::from([user(7)])));
    assert!(encoded(&changes, &committed, |_| Vec::new()).is_empty());
}

#[test]
fn what_does_not_fit_into_one_message_comes_in_several_and_what_is_too_large_is_left_out() {
    let text = "x".repeat(100 << 10);
    let threads: Vec<Pair> =
        (100..106).map(|low| Pair::new(user(low), user(low + 1_000)).expect("two users")).collect();
    let (mut changes, mut outcomes, mut before) = (Vec::new(), Vec::new(), Vec::new());
    for (number, pair) in threads.iter().enumerate() {
        // The last one is larger than a message.
        for _ in 0..if number == 5 { 3 } else { 1 } {
            let (Change::Send(send), outcome) = send(&text) else { panic!("a message") };
            changes.push(Change::Send(NewMessage { pair: *pair, ..send }));
            outcomes.push(outcome);
        }
        before.push(ThreadBefore { pair: *pair, thread_id: thread(), rev: Rev(1), commit: CommitNo(1) });
    }
    let committed = Committed { before, ..committed(outcomes) };
    let messages = encoded(&changes, &committed, |_| at(&["two"]));
    assert!(messages.iter().all(|(_, message)| message.len() <= MOST_BYTES), "{}", messages.len());
    let mut whole = Content::default();
    messages.iter().for_each(|(_, message)| whole.add(read_content(message).expect("a content")));
    assert_eq!(whole.threads.keys().copied().collect::<BTreeSet<_>>(), threads[..5].iter().copied().collect());
    assert_eq!(whole.users.len(), 13, "the users are all there");
}

#[test]
fn what_is_written_is_what_this_version_of_the_envelope_promises() {
    let (changes, committed) = everything();
    let header = header(&Header::of(&committed)).expect("small");
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!(hex(&header), "ac02edfd0306306235316334effd02909796abc068014d072a0107", "give it another version");
    let messages = encoded(&changes, &committed, |_| at(&["two"]));
    let content = [
        "ac02edfd0300072a4d0da202040085070c0e2a0103612d31010568656c6c6f010261318005e003a8460a696d6167652f7765",
        "6270064c454856366e010103018407f69596abc0680000010185070c0e2a0103612d31010668656c6c6f21010261318005e0",
        "03a8460a696d6167652f77656270064c454856366e010103018407f69596abc06800000285070c2a1003070c0b0101009097",
        "96abc0680107010203014d02000507056f7264657204536f6c6409596f7572206c616d7001030100020402012a000000",
    ];
    assert_eq!(hex(&messages[0].1), content.concat(), "give it another version");
}

#[test]
fn a_card_and_a_message_of_the_marketplace_read_back() {
    let card = Card {
        kind: CardKind::Product,
        id: CardId::new("5").expect("an id"),
        version: 3,
        title: "A lamp".to_owned(),
        subtitle: Some("brass".to_owned()),
        image_url: None,
        amount: Some("250000.00".to_owned()),
        currency: Some("UGX".to_owned()),
        url: "https://shop.example/p/5".to_owned(),
        state: None,
    };
    let system = Message {
        kind: MessageKind::System,
        sender_id: None,
        temp_id: None,
        texts: vec![(user(7), "Payé".to_owned()), (user(42), "Paid".to_owned())],
        ..message("Paid")
    };
    for message in [
        Message { card: Some(Box::new(card.clone())), ..message("this one?") },
        system.clone(),
        Message { card: Some(Box::new(card)), texts: Vec::new(), ..system },
    ] {
        let (change, _) = send("hello");
        let committed = committed(vec![Outcome::Sent(Box::new(Sent { message, opened: true }))]);
        let messages = encoded(&[change], &committed, |_| at(&["two"]));
        let read = read_content(&messages[0].1).expect("a content");
        assert_eq!(format!("{:?}", read.threads[&pair()].outcomes), format!("{:?}", committed.outcomes));
    }
}

proptest! {
    #[test]
    fn no_bytes_are_too_much_for_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = read_header(&bytes);
        let _ = read_content(&bytes);
    }

    #[test]
    fn a_message_that_was_changed_is_not_too_much_either(place in 0_usize..400, to in any::<u8>(), end in 0_usize..400) {
        let (changes, committed) = everything();
        let mut message = encoded(&changes, &committed, |_| at(&["two"]))[0].1.to_vec();
        let (place, end) = (place % message.len(), end % message.len());
        message[place] = to;
        let _ = read_content(&message);
        let _ = read_content(&message[..end]);
    }

    #[test]
    fn every_text_reads_back(content in ".{0,200}", key in ".{1,40}") {
        let (change, outcome) = send(&content);
        let Outcome::Sent(mut sent) = outcome else { panic!("a message") };
        sent.message.temp_id = Some(key);
        let committed = committed(vec![Outcome::Sent(sent)]);
        let messages = encoded(&[change], &committed, |_| at(&["two"]));
        let read = read_content(&messages[0].1).expect("a content");
        prop_assert_eq!(format!("{:?}", read.threads[&pair()].outcomes), format!("{:?}", committed.outcomes));
    }
}
