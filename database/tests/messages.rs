//! Messages: once, dense, in order, on every backend.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use chat_database::change::{Change, Outcome};
use chat_database::commit::NewThreadLimit;
use chat_database::ids::{MessageId, ProductId, Rev, Seq, UserId};
use chat_database::queries::messages::{self, Page};
use chat_database::queries::{threads, unread};

use crate::support::world::{World, media, pair, sent, user};

on_each_backend!(
    a_thread_is_made_once_and_numbered_densely,
    a_message_comes_back_as_it_was_sent,
    a_repetition_gets_the_first_answer,
    a_repetition_within_one_commit_gets_the_first_answer,
    a_key_belongs_to_one_payload_for_ever,
    keys_are_compared_byte_by_byte,
    one_failure_costs_one_change,
    a_thread_costs_who_begins_it_a_token_and_an_answer_costs_none,
    a_commit_that_fails_gives_the_tokens_of_its_threads_back,
    a_repetition_is_recognised_before_its_images_are_looked_at,
    images_are_sent_once_and_only_by_their_owner,
    an_answer_stays_in_its_thread,
    an_edit_and_a_deletion_move_rev_and_keep_seq,
    what_is_gone_cannot_be_changed,
    ids_ascend_in_the_order_of_commits,
);

async fn a_thread_is_made_once_and_numbered_densely(mut w: World) {
    let (ann, ben) = (user(1), user(2));
    let changes = [w.text(ben, ann, "one"), w.text(ann, ben, "two"), w.text(ann, ben, "three")];
    let committed = w.commit(&changes).await;
    assert_eq!(committed.before.len(), 1);
    assert_eq!((committed.before[0].rev, committed.before[0].commit.0), (Rev(0), 0));
    let first: Vec<_> = committed.outcomes.into_iter().map(sent).collect();
    assert_eq!(first.iter().map(|sent| sent.opened).collect::<Vec<_>>(), [true, false, false]);
    assert_eq!(first.iter().map(|sent| sent.message.seq.0).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(first.iter().map(|sent| sent.message.rev.0).collect::<Vec<_>>(), [1, 2, 3]);

    let change = w.text(ben, ann, "four");
    let committed = w.commit(&[change]).await;
    assert_eq!((committed.before[0].rev, committed.before[0].commit.0), (Rev(3), 1));
    let fourth = sent(committed.outcomes.into_iter().next().unwrap());
    assert!(!fourth.opened);
    assert_eq!(fourth.message.seq, Seq(4));
    assert_eq!(fourth.message.thread_id, first[0].message.thread_id);
    let thread = threads::of_pair(&w.db, pair(ann, ben)).await.unwrap().unwrap();
    assert_eq!(thread, fourth.message.thread_id);
    assert_eq!(threads::members(&w.db, thread).await.unwrap(), Some(pair(ann, ben)));
}

async fn a_message_comes_back_as_it_was_sent(mut w: World) {
    let (ann, ben) = (user(1), user(2));
    let first = w.says(ann, ben, "first").await;
    let text = "\u{1f9ff} quotes \"'` back\\slash \u{1} control, tab\t, line\nend, \u{2028}, null, [1,2]";
    w.upload("01J-a", ann).await;
    w.upload("01J-b", ann).await;
    let mut send = w.send(ann, ben, Some("key \u{1f511}"), text);
    send.media = media(&["01J-b", "01J-a"]);
    send.reply_to = Some(first.id);
    send.product_id = Some(ProductId::new(5).unwrap());
    let told = sent(w.one(Change::Send(send)).await).message;
    assert_eq!(told.content.as_deref(), Some(text));
    assert_eq!(told.images[0].url, "/media/01J-b/full");
    let read = messages::one(&w.db, ben, told.id).await.unwrap().unwrap();
    assert_eq!(read, told);
    let page = messages::page(&w.db, ben, told.thread_id, Page::Newest, 5).await.unwrap().unwrap();
    assert_eq!(page.messages, [first, told]);
}

async fn a_repetition_gets_the_first_answer(mut w: World) {
    let (ann, ben) = (user(1), user(2));
    let change = w.keyed(ann, ben, "k", "hello");
    let first = sent(w.one(change.clone()).await).message;
    for _ in 0..2 {
        let Outcome::Duplicate(again) = w.one(change.clone()).await else { panic!("not recognised") };
        assert_eq!(again.message, first);
    }
    let edit = w.edit(first.id, pair(ann, ben), "hello!");
    w.one(edit).await;
    let Outcome::Duplicate(again) = w.one(change.clone()).await else { panic!("not recognised") };
    assert_eq!(again.message.content.as_deref(), Some("hello!"));
    assert_eq!((again.message.rev, again.created_rev), (Rev(2), Rev(1)));
    let delete = w.delete(first.id, pair(ann, ben));
    w.one(delete).await;
    let Outcome::Duplicate(again) = w.one(change).await else { panic!("not recognised") };
    assert!(again.message.deleted);
    assert_eq!(w.totals(ben).await.messages, 0);
}

async fn a_repetition_within_one_commit_gets_the_first_answer(mut w: World) {
    let (ann, ben) = (user(1), user(2));
    let once = w.keyed(ann, ben, "k", "hello");
    let other = w.keyed(ann, ben, "k", "bye");
    // The same key of the other member is another key.
    let theirs = w.keyed(ben, ann, "k", "hello");
    let outcomes = w.commit(&[once.clone(), once, other, theirs]).await.outcomes;
    let [Outcome::Sent(first), Outcome::Duplicate(again), Outcome::TempIdConflict, Outcome::Sent(theirs)] =
        &outcomes[..]
    else {
        panic!("{outcomes:?}")
    };
    assert_eq!(first.message, again.message);
    assert_eq!(theirs.message.seq, Seq(2));
}

async fn a_key_belongs_to_one_payload_for_ever(mut w: World) {
    let (ann, ben) = (user(1), user(2));
    let change = w.keyed(ann, ben, "k", "hello");
    w.one(change).await;
    let change = w.keyed(ann, ben, "k", "something else");
    assert!(matches!(w.one(change).await, Outcome::TempIdConflict));
    assert_eq!(w.totals(ben).await.messages, 1);
}

async fn keys_are_compared_byte_by_byte(mut w: World) {
    let (ann, ben) = (user(1), user(2));
    for (at, key) in ["key", "KEY", "key ", "k\u{e9}y", "ke\u{301}y", " key"].into_iter().enumerate() {
        let change = w.keyed(ann, ben, key, "same");
        assert_eq!(sent(w.one(change).await).message.seq.0, at as u64 + 1);
    }
    let longest = "\u{1f511}".repeat(32);
    let change = w.keyed(ann, ben, &longest, "same");
    assert_eq!(sent(w.one(change.clone()).await).message.temp_id, Some(longest));
    assert!(matches!(w.one(change).await, Outcome::Duplicate(_)));
}

async fn one_failure_costs_one_change(mut w: World) {
    let (ann, ben) = (user(1), user(2));
    let stored = w.keyed(ann, ben, "stored", "hello");
    w.one(stored.clone()).await;
    let mut with_image = w.send(ann, ben, None, "look");
    with_image.media = media(&["nothing"]);
    let mut answer = w.send(ann, ben, None, "answer");
    answer.reply_to = Some(MessageId::new(999).unwrap());
    let changes = [
        w.text(ann, ben, "before"),
        stored,
        Change::Send(with_image),
        Change::Send(answer),
        w.edit(MessageId::new(999).unwrap(), pair(ann, ben), "x"),
        w.text(ann, ben, "after"),
    ];
    let outcomes = w.commit(&changes).await.outcomes;
    let [Outcome::Sent(before), Outcome::Duplicate(_), images, answered, Outcome::Gone, Outcome::Sent(after)] =
        &outcomes[..]
    else {
        panic!("{outcomes:?}")
    };
    assert!(matches!(images, Outcome::NoImage(id) if id.0 == "nothing"));
    assert!(matches!(answered, Outcome::NotFound("reply_to")));
    assert_eq!((before.message.seq, after.message.seq), (Seq(2), Seq(3)));
}

/// So many conversations each user may still begin.
#[derive(Debug, Default)]
struct Tokens(Mutex<HashMap<UserId, u32>>);

impl Tokens {
    fn left(&self, user: UserId) -> u32 {
        self.0.lock().unwrap().get(&user).copied().unwrap_or_default()
    }
}

impl NewThreadLimit for Tokens {
    fn take(&self, user: UserId) -> bool {
        let mut tokens = self.0.lock().unwrap();
        let Some(left @ 1..) = tokens.get_mut(&user) else { return false };
        *left -= 1;
        true
    }

    fn give_back(&self, user: UserId) {
        *self.0.lock().unwrap().entry(user).or_default() += 1;
    }
}

async fn a_thread_costs_who_begins_it_a_token_and_an_answer_costs_none(mut w: World) {
    let (ann, ben, cid) = (user(1), user(2), user(3));
    let tokens = Arc::new(Tokens::default());
    w.writer.limit_new_threads(Arc::clone(&tokens) as Arc<dyn NewThreadLimit>);
    tokens.give_back(ann);

    let too_many = w.keyed(ann, cid, "c", "one conversation too many");
    let changes = [
        w.keyed(ann, ben, "a", "first"),
        w.keyed(ann, ben, "b", "second"),
        too_many.clone(),
        w.keyed(ben, ann, "d", "answer"),
        w.keyed(ben, cid, "e", "without a token"),
    ];
    let outcomes = w.commit(&changes).await.outcomes;
    let [Outcome::Sent(first), Outcome::Sent(second), refused, Outcome::Sent(answer), also_refused] = &outcomes[..]
    else {
        panic!("{outcomes:?}")
    };
    assert_eq!(
        [first, second, answer].map(|sent| (sent.opened, sent.message.seq.0)),
        [(true, 1), (false, 2), (false, 3)]
    );
    assert!(matches!(refused, Outcome::NotOpened { sender } if *sender == ann));
    assert!(matches!(also_refused, Outcome::NotOpened { sender } if *sender == ben));
    assert_eq!(threads::of_pair(&w.db, pair(ann, cid)).await.unwrap(), None, "nothing was stored");
    assert_eq!(tokens.left(ann), 0);
    assert!(matches!(w.one(changes[0].clone()).await, Outcome::Duplicate(_)), "a repetition begins nothing");

    let mut lost = w.send(cid, ann, None, "an image that is not there");
    lost.media = media(&["nothing"]);
    assert!(matches!(w.one(Change::Send(lost)).await, Outcome::NoImage(_)), "what can never be stored is not put off");
    tokens.give_back(ann);
    assert!(sent(w.one(too_many).await).opened);
}

async fn a_commit_that_fails_gives_the_tokens_of_its_threads_back(mut w: World) {
    let (ann, ben) = (user(1), user(2));
    let tokens = Arc::new(Tokens::default());
    w.writer.limit_new_threads(Arc::clone(&tokens) as Arc<dyn NewThreadLimit>);
    tokens.give_back(ann);
    let hello = w.text(ann, ben, "hello");
    w.sql("ALTER TABLE chat_messages RENAME TO chat_messages_away").await;
    assert!(w.writer.commit(std::slice::from_ref(&hello)).await.is_err());
    assert_eq!(tokens.left(ann), 1);
    w.sql("ALTER TABLE chat_messages_away RENAME TO chat_messages").await;
    assert!(sent(w.one(hello).await).opened);
    assert_eq!(tokens.left(ann), 0);
}

async fn a_repetition_is_recognised_before_its_images_are_looked_at(mut w: World) {
    let (ann, ben) = (user(1), user(2));
    w.upload("a", ann).await;
    let mut send = w.send(ann, ben, Some("k"), "look");
    send.media = media(&["a"]);
    let first = sent(w.one(Change::Send(send.clone())).await).message;
    let Outcome::Duplicate(again) = w.one(Change::Send(send)).await else { panic!("not recognised") };
    assert_eq!(again.message, first);
    assert_eq!(first.images.len(), 1);
}

async fn images_are_sent_once_and_only_by_their_owner(mut w: World) {
    let (ann, ben) = (user(1), user(2));
    w.upload("a", ann).await;
    w.upload("b", ann).await;
    let with = |send: chat_database::change::NewMessage, ids: &[&str]| {
        Change::Send(chat_database::change::NewMessage { media: media(ids), ..send })
    };
    let theirs = with(w.send(ben, ann, None, "theirs"), &["a"]);
    let twice = with(w.send(ann, ben, None, "twice"), &["a", "a"]);
    let good = with(w.send(ann, ben, None, "good"), &["a"]);
    let used = with(w.send(ann, ben, None, "used"), &["b", "a"]);
    let outcomes = w.commit(&[theirs, twice, good, used.clone()]).await.outcomes;
    let [Outcome::NoImage(theirs), Outcome::NoImage(twice), Outcome::Sent(sent), Outcome::NoImage(used_one)] =
        &outcomes[..]
    else {
        panic!("{outcomes:?}")
    };
    assert!([theirs, twice, used_one].iter().all(|at_fault| at_fault.0 == "a"), "{outcomes:?}");
    assert!(sent.opened && sent.message.seq == Seq(1));
    assert!(matches!(w.one(used).await, Outcome::NoImage(id) if id.0 == "a"));

    let delete = w.delete(sent.message.id, pair(ann, ben));
    w.one(delete).await;
    let read = messages::one(&w.db, ben, sent.message.id).await.unwrap().unwrap();
    assert!(read.deleted && read.images.is_empty() && read.content.is_none());
}

async fn an_answer_stays_in_its_thread(mut w: World) {
    let (ann, ben, cid) = (user(1), user(2), user(3));
    let elsewhere = w.says(ann, cid, "elsewhere").await;
    let here = w.says(ann, ben, "here").await;
    for (answered, fits) in [(elsewhere.id, false), (here.id, true)] {
        let mut send = w.send(ben, ann, None, "answer");
        send.reply_to = Some(answered);
        let outcome = w.one(Change::Send(send)).await;
        assert_eq!(matches!(outcome, Outcome::Sent(_)), fits);
    }
}

async fn an_edit_and_a_deletion_move_rev_and_keep_seq(mut w: World) {
    let (ann, ben) = (user(1), user(2));
    let first = w.says(ann, ben, "one").await;
    let second = w.says(ann, ben, "two").await;
    let changes = [
        w.edit(first.id, pair(ann, ben), "one!"),
        w.edit(first.id, pair(ann, ben), "one!!"),
        w.delete(second.id, pair(ann, ben)),
        w.text(ben, ann, "three"),
    ];
    let committed = w.commit(&changes).await;
    assert_eq!(committed.before.len(), 1);
    assert_eq!(committed.before[0].rev, Rev(2));
    let [Outcome::Edited(once), Outcome::Edited(twice), Outcome::Deleted(deleted), Outcome::Sent(third)] =
        &committed.outcomes[..]
    else {
        panic!("{:?}", committed.outcomes)
    };
    assert_eq!((once.message.rev, twice.message.rev, deleted.rev), (Rev(3), Rev(4), Rev(5)));
    assert_eq!((twice.message.seq, twice.message.content.as_deref()), (Seq(1), Some("one!!")));
    assert_eq!((third.message.seq, third.message.rev), (Seq(3), Rev(6)));
    assert!(twice.message.edited_at.is_some());

    let history = messages::page(&w.db, ben, first.thread_id, Page::Newest, 10).await.unwrap().unwrap();
    assert_eq!(history.rev, Rev(6));
    assert_eq!(history.messages[0], twice.message);
    assert!(history.messages[1].deleted && history.messages[1].content.is_none());
    assert_eq!(history.messages[1].temp_id, second.temp_id);
    assert_eq!(unread::by_counterpart(&w.db, ben).await.unwrap(), [(ann, 1)]);
}

async fn what_is_gone_cannot_be_changed(mut w: World) {
    let (ann, ben, cid) = (user(1), user(2), user(3));
    let message = w.says(ann, ben, "one").await;
    w.says(ann, cid, "two").await;
    let elsewhere = w.edit(message.id, pair(ann, cid), "x");
    assert!(matches!(w.one(elsewhere).await, Outcome::Gone));
    let changes = [
        w.delete(message.id, pair(ann, ben)),
        w.delete(message.id, pair(ann, ben)),
        w.edit(message.id, pair(ann, ben), "x"),
    ];
    let outcomes = w.commit(&changes).await.outcomes;
    assert!(matches!(outcomes[..], [Outcome::Deleted(_), Outcome::Gone, Outcome::Gone]), "{outcomes:?}");
    let again = w.delete(message.id, pair(ann, ben));
    assert!(matches!(w.one(again).await, Outcome::Gone));
    assert!(threads::authorship(&w.db, message.id).await.unwrap().unwrap().deleted);
}

async fn ids_ascend_in_the_order_of_commits(mut w: World) {
    let mut other = w.another_writer("beta").await;
    let mut last = 0;
    for round in 0..6_u64 {
        let change = w.text(user(1), user(10 + round), "x");
        let committed = if round % 2 == 0 { w.commit(&[change]).await } else { other.commit(&[change]).await.unwrap() };
        assert_eq!(committed.commit_ref.commit.0, round + 1);
        let id = sent(committed.outcomes.into_iter().next().unwrap()).message.id.get();
        assert!(id > last);
        last = id;
    }
}
