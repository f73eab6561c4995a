//! Images: who may see one, what becomes of those that no user sends, on every backend.

use chat_database::change::{Change, Outcome};
use chat_database::ids::{MediaId, UserId};
use chat_database::queries::{media, messages};
use chat_database::time::Timestamp;

use crate::support::world::{World, pair, sent, user};

on_each_backend!(
    an_image_is_seen_by_its_uploader_and_then_by_those_who_talk,
    what_no_user_sends_is_over_and_can_be_swept,
    what_is_sent_stays,
    what_waits_to_be_sent_is_counted_for_its_uploader_alone,
    what_was_deleted_is_over_at_once,
    what_is_deleted_while_it_is_sent_again_is_over_all_the_same,
    who_sends_an_image_that_is_given_up_is_told_so,
    a_message_is_known_by_its_key,
);

/// Everything is over by then.
const LATER: Timestamp = Timestamp::from_millis(i64::MAX);

fn id(id: &str) -> MediaId {
    MediaId(id.to_owned())
}

async fn seen_by(w: &World, who: UserId, image: &str) -> Option<String> {
    media::find(&w.db, who, &id(image)).await.unwrap().map(|location| location.object_key)
}

async fn sends(w: &mut World, from: UserId, to: UserId, image: &str) -> Outcome {
    let mut send = w.send(from, to, None, "look");
    send.media = vec![id(image)];
    w.one(Change::Send(send)).await
}

async fn an_image_is_seen_by_its_uploader_and_then_by_those_who_talk(mut w: World) {
    let (ann, ben, cid) = (user(1), user(2), user(3));
    w.says(ann, cid, "of another thread").await;
    w.upload("a", ann).await;
    assert_eq!(seen_by(&w, ann, "a").await.as_deref(), Some("k/a"));
    for other in [ben, cid] {
        assert_eq!(seen_by(&w, other, "a").await, None);
    }
    sent(sends(&mut w, ann, ben, "a").await);
    for member in [ann, ben] {
        assert_eq!(seen_by(&w, member, "a").await.as_deref(), Some("k/a"));
    }
    assert_eq!(seen_by(&w, cid, "a").await, None);
    for unknown in ["b", "", "A", "a ", "%", "' OR 1=1 --"] {
        assert_eq!(seen_by(&w, ann, unknown).await, None, "{unknown:?}");
    }
}

async fn what_no_user_sends_is_over_and_can_be_swept(mut w: World) {
    let ann = user(1);
    w.upload("a", ann).await;
    w.upload("b", ann).await;
    let now = w.now();
    assert_eq!(media::over(&w.db, now, 0, 10).await.unwrap(), []);
    assert_eq!(media::over(&w.db, LATER, 0, 10).await.unwrap(), [id("a"), id("b")], "the longest over first");
    assert_eq!(media::over(&w.db, LATER, 0, 1).await.unwrap(), [id("a")]);
    assert_eq!(media::over(&w.db, LATER, 1, 10).await.unwrap(), [id("b")]);

    let Outcome::GivenUp(early) = w.one(Change::GiveUp(vec![id("a")], now)).await else { panic!("not that") };
    assert_eq!(early, [], "its time has not come");
    for _ in 0..2 {
        // Again, after a crash: it is the same.
        let Outcome::GivenUp(over) = w.one(Change::GiveUp(vec![id("a"), id("nothing")], LATER)).await else {
            panic!("not that")
        };
        assert_eq!(over, [(id("a"), "k/a".to_owned())]);
        assert_eq!(seen_by(&w, ann, "a").await, None, "a user never sees what is going");
        assert_eq!(media::over(&w.db, LATER, 0, 10).await.unwrap(), [id("a"), id("b")], "until it is forgotten");
    }
    for _ in 0..2 {
        assert!(matches!(w.one(Change::Forget(vec![id("a")])).await, Outcome::Forgotten));
        assert_eq!(media::over(&w.db, LATER, 0, 10).await.unwrap(), [id("b")]);
    }
}

async fn what_is_sent_stays(mut w: World) {
    let (ann, ben) = (user(1), user(2));
    w.upload("a", ann).await;
    // One commit: the change that comes first in it has the image.
    let mut send = w.send(ann, ben, None, "look");
    send.media = vec![id("a")];
    let committed = w.commit(&[Change::Send(send), Change::GiveUp(vec![id("a")], LATER)]).await;
    let [Outcome::Sent(_), Outcome::GivenUp(none)] = &committed.outcomes[..] else { panic!("{committed:?}") };
    assert!(none.is_empty());
    assert_eq!(media::over(&w.db, LATER, 0, 10).await.unwrap(), []);
    assert_eq!(seen_by(&w, ben, "a").await.as_deref(), Some("k/a"));
}

async fn what_waits_to_be_sent_is_counted_for_its_uploader_alone(mut w: World) {
    let (ann, ben) = (user(1), user(2));
    let now = w.now();
    assert_eq!(media::unsent(&w.db, ann, now).await.unwrap(), media::Unsent::default());
    for (image, owner) in [("a", ann), ("b", ann), ("c", ann), ("d", ben)] {
        w.upload(image, owner).await;
    }
    let each = media::unsent(&w.db, ben, now).await.unwrap();
    assert!(each.images == 1 && each.bytes > 0, "{each:?}");
    assert_eq!(media::unsent(&w.db, ann, now).await.unwrap(), media::Unsent { images: 3, bytes: 3 * each.bytes });
    let message = sent(sends(&mut w, ann, ben, "a").await).message;
    assert_eq!(media::unsent(&w.db, ann, now).await.unwrap().images, 2, "one is sent");
    let delete = w.delete(message.id, pair(ann, ben));
    w.one(delete).await;
    assert_eq!(media::unsent(&w.db, ann, now).await.unwrap().images, 2, "what was sent does not come back");
    w.one(Change::GiveUp(vec![id("b")], LATER)).await;
    assert_eq!(media::unsent(&w.db, ann, now).await.unwrap().images, 1, "one is given up");
    assert_eq!(media::unsent(&w.db, ann, LATER).await.unwrap().images, 0, "their time is over");
    assert_eq!(media::unsent(&w.db, ben, now).await.unwrap(), each);
}

async fn what_was_deleted_is_over_at_once(mut w: World) {
    let (ann, ben) = (user(1), user(2));
    w.upload("a", ann).await;
    let message = sent(sends(&mut w, ann, ben, "a").await).message;
    let delete = w.delete(message.id, pair(ann, ben));
    w.one(delete).await;
    for member in [ann, ben] {
        assert_eq!(seen_by(&w, member, "a").await, None);
    }
    let now = w.now();
    assert_eq!(media::over(&w.db, now, 0, 10).await.unwrap(), [id("a")]);
    let at_fault = sends(&mut w, ann, ben, "a").await;
    assert!(matches!(at_fault, Outcome::NoImage(id) if id.0 == "a"), "it cannot be sent again");
    let Outcome::GivenUp(over) = w.one(Change::GiveUp(vec![id("a")], now)).await else { panic!("not that") };
    assert_eq!(over.len(), 1);
}

/// The message was read twice for the commit, and the second copy had no images: they were never swept.
async fn what_is_deleted_while_it_is_sent_again_is_over_all_the_same(mut w: World) {
    let (ann, ben) = (user(1), user(2));
    w.upload("a", ann).await;
    let mut send = w.send(ann, ben, Some("k"), "look");
    send.media = vec![id("a")];
    let message = sent(w.one(Change::Send(send.clone())).await).message;
    assert_eq!(message.images.len(), 1);
    let changes = [Change::Send(send.clone()), Change::Send(send), w.delete(message.id, pair(ann, ben))];
    for outcome in w.commit(&changes).await.outcomes.into_iter().take(2) {
        let Outcome::Duplicate(again) = outcome else { panic!("{outcome:?}") };
        assert_eq!(again.message.images.len(), 1);
    }
    assert_eq!(media::over(&w.db, LATER, 0, 10).await.unwrap(), [id("a")]);
    assert_eq!(seen_by(&w, ben, "a").await, None);
}

async fn who_sends_an_image_that_is_given_up_is_told_so(mut w: World) {
    let (ann, ben) = (user(1), user(2));
    w.upload("a", ann).await;
    let mut send = w.send(ann, ben, None, "look");
    send.media = vec![id("a")];
    let committed = w.commit(&[Change::GiveUp(vec![id("a")], LATER), Change::Send(send)]).await;
    let [Outcome::GivenUp(over), Outcome::NoImage(at_fault)] = &committed.outcomes[..] else { panic!("{committed:?}") };
    assert_eq!((over.len(), at_fault), (1, &id("a")));
}

async fn a_message_is_known_by_its_key(mut w: World) {
    let (ann, ben, cid) = (user(1), user(2), user(3));
    let stored = w.keyed(ann, ben, "key", "hello");
    w.one(stored).await;
    for (from, to, key, known) in
        [(ann, ben, "key", true), (ben, ann, "key", false), (ann, cid, "key", false), (ann, ben, "Key", false)]
    {
        let found = messages::was_sent(&w.db, pair(from, to), from, key).await.unwrap();
        assert_eq!(found, known, "{from} {to} {key}");
    }
}
