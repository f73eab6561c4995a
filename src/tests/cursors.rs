//! Catching up: PROTOCOL 3.4.

mod histories;
mod storm;

use std::collections::BTreeMap;

use crate::support::contract::Contract;
use crate::support::person::{array, number, text};
use crate::support::scene::Scene;
use crate::support::{Device, Hub, Person, in_time};
use serde_json::{Value, json};

#[tokio::test]
async fn what_was_missed_is_told_before_what_is_live() {
    let (mut scene, first) = Scene::begun().await;
    scene.tablet.settles().await;
    let cursor = scene.tablet.cursor.clone();
    scene.tablet.leaves().await;
    let second = scene.laptop.sends_to(&scene.bob, "while you were away").await;
    scene.laptop.says(json!({"type": "message_edit", "message_id": first["message_id"], "content": "changed"})).await;
    scene.laptop.expect("message_updated").await;
    let mut tablet = scene.bob.resumes(&cursor).await;
    assert_eq!(tablet.greeting["cursor"], cursor.as_str(), "the same cursor comes back");
    let missed = tablet.catches_up().await;
    let of =
        |id: &Value| missed.iter().any(|frame| &frame["id"] == id && text(frame, "type").starts_with("new_message"));
    assert!(of(&second["message_id"]), "{missed:?}");
    let changed = missed.iter().find(|frame| frame["id"] == first["message_id"] && number(frame, "rev") == 3);
    assert_eq!(changed.map(|frame| &frame["content"]), Some(&json!("changed")), "{missed:?}");
    scene.laptop.sends_to(&scene.bob, "live").await;
    tablet.expect_where("new_message", |frame| frame["content"] == "live").await;
    // The same by `sync` on the open connection.
    tablet.says(json!({"type": "sync", "cursor": cursor})).await;
    tablet.expect_where("new_message", |frame| frame["id"] == second["message_id"]).await;
    tablet.expect("synced").await;
}

#[tokio::test]
async fn a_cursor_that_cannot_be_served_is_a_reset() {
    let (mut scene, _) = Scene::begun().await;
    let elsewhere = Hub::start().await;
    let foreign = elsewhere.person(7).connect().await.cursor;
    for cursor in ["nonsense", "v1.1.1.1", "v2.1.1.1.1.7.1", "💥", &"9".repeat(2_000), &foreign] {
        let mut device = scene.bob.resumes(cursor).await;
        let said = (device.greeting["resumed"].as_bool(), device.greeting["reset"].as_bool());
        assert_eq!(said, (Some(false), Some(true)), "{cursor:?}");
        scene.laptop.sends_to(&scene.bob, "on we go").await;
        device.receives("on we go").await;
        device.heard_nothing_of(&["synced"]).await;
    }
}

/// A client's view: the newest state of each message that it has received, and watermarks.
#[derive(Debug, Clone, Default, PartialEq)]
struct Known {
    messages: BTreeMap<u64, Value>,
    seen: BTreeMap<(u64, u64), u64>,
}

impl Known {
    fn hears(&mut self, frame: &Value) {
        match text(frame, "type") {
            "new_message" => self.keeps(number(frame, "id"), frame["content"].clone(), number(frame, "rev")),
            "message_updated" => self.keeps(number(frame, "id"), frame["content"].clone(), number(frame, "rev")),
            "message_deleted" => self.keeps(number(frame, "id"), Value::Null, number(frame, "rev")),
            "messages_seen" => {
                let mark = self.seen.entry((number(frame, "thread_id"), number(frame, "seen_by"))).or_default();
                *mark = (*mark).max(number(frame, "up_to"));
            }
            _ => {}
        }
    }

    fn keeps(&mut self, id: u64, content: Value, rev: u64) {
        let known = self.messages.get(&id).map_or(0, |message| number(message, "rev"));
        if rev > known {
            self.messages.insert(id, json!({"content": content, "rev": rev}));
        }
    }

    /// The view that a client must have in the end: that of history and the inbox.
    async fn truth(reader: &Person, others: &[Person]) -> Self {
        let mut truth = Self::default();
        for other in others {
            for message in reader.history_with(other).await {
                truth.keeps(number(&message, "id"), message["content"].clone(), number(&message, "rev"));
            }
            let thread = reader.thread_with(other).await;
            if number(&thread, "other_read_seq") > 0 {
                truth.seen.insert((number(&thread, "id"), other.id), number(&thread, "other_read_seq"));
            }
        }
        truth
    }
}

/// Writes to Bob from two threads in turn, with changes and receipts between: `round` names it.
async fn bustle(writers: &mut [Device; 2], bob: &Person, round: usize) {
    for number_in_round in 0..6 {
        for (which, writer) in writers.iter_mut().enumerate() {
            let ack = writer.sends_to(bob, &format!("{round}.{number_in_round} from {which}")).await;
            let id = &ack["message_id"];
            match number_in_round {
                1 => {
                    writer
                        .says(json!({"type": "message_edit", "message_id": id, "content": format!("{round} edited")}))
                        .await;
                    writer.expect_where("message_updated", |frame| &frame["id"] == id).await;
                }
                3 => {
                    writer.says(json!({"type": "message_delete", "message_id": id})).await;
                    writer.expect_where("message_deleted", |frame| &frame["id"] == id).await;
                }
                4 => writer.says(json!({"type": "message_seen", "thread_id": ack["thread_id"]})).await,
                _ => {}
            }
        }
    }
    for writer in writers {
        writer.settles().await;
    }
}

#[tokio::test]
async fn a_socket_that_dies_at_any_point_of_a_replay_misses_nothing() {
    let hub = Hub::start().await;
    let (bob, others) = (hub.person(7), [hub.person(42), hub.person(8)]);
    let mut writers = [others[0].connect().await, others[1].connect().await];
    // Bob has written, too, so that receipts of the others mean something.
    let mut device = bob.connect().await;
    for other in &others {
        device.sends_to(other, "hello").await;
    }
    device.settles().await;
    let (cursor, mut known) = (device.cursor.clone(), Known::truth(&bob, &others).await);
    device.leaves().await;
    bustle(&mut writers, &bob, 0).await;
    let truth = Known::truth(&bob, &others).await;
    let before = known.clone();
    let whole = bob.resumes(&cursor).await.catches_up().await.len();
    assert!(whole > 12, "a replay of {whole} frames is no test");
    for cut in 0..=whole {
        known.clone_from(&before);
        let mut dying = bob.resumes(&cursor).await;
        for _ in 0..cut {
            known.hears(&dying.next_frame("the replay").await);
        }
        // Its newest cursor is the one it came with: nothing inside of a replay moves it.
        let newest = dying.cursor.clone();
        drop(dying);
        let mut back = bob.resumes(&newest).await;
        for frame in back.catches_up().await {
            known.hears(&frame);
        }
        assert_eq!(known, truth, "after a death at frame {cut} of {whole}");
    }
}

#[tokio::test]
async fn a_socket_that_dies_at_any_point_of_a_live_stream_misses_nothing() {
    let hub = Hub::start().await;
    let (bob, others) = (hub.person(7), [hub.person(42), hub.person(8)]);
    let mut writers = [others[0].connect().await, others[1].connect().await];
    let mut known = Known::default();
    let mut device = bob.connect().await;
    for other in &others {
        device.sends_to(other, "hello").await;
    }
    device.settles().await;
    known.clone_from(&Known::truth(&bob, &others).await);
    for cut in 0..16 {
        let living = async {
            for _ in 0..cut {
                known.hears(&device.next_frame("what is live").await);
            }
            // Whatever else is in the line dies with it.
            device.cursor.clone()
        };
        let (cursor, ()) = tokio::join!(living, bustle(&mut writers, &bob, cut));
        drop(device);
        device = bob.resumes(&cursor).await;
        for frame in device.catches_up().await {
            known.hears(&frame);
        }
        for frame in device.settles().await {
            known.hears(&frame);
        }
        assert_eq!(known, Known::truth(&bob, &others).await, "after a death at frame {cut}");
    }
}

#[tokio::test]
async fn a_cursor_never_leads_what_was_handed_over() {
    let hub = Hub::start().await;
    let (bob, others) = (hub.person(7), [hub.person(42), hub.person(8)]);
    let mut writers = [others[0].connect().await, others[1].connect().await];
    let mut device = bob.connect().await;
    device.settles().await;
    bustle(&mut writers, &bob, 0).await;
    let frames = device.settles().await;
    let mut known = Known::default();
    let mut cursor = device.greeting["cursor"].as_str().expect("a cursor").to_owned();
    for (place, frame) in frames.iter().enumerate() {
        known.hears(frame);
        let Some(carried) = frame["cursor"].as_str() else { continue };
        if carried == cursor {
            continue;
        }
        carried.clone_into(&mut cursor);
        // With this frame as the last one: what was known, and what is missing from here on, is everything.
        let mut resumed = known.clone();
        let mut back = bob.resumes(&cursor).await;
        for frame in back.catches_up().await {
            resumed.hears(&frame);
        }
        back.leaves().await;
        assert_eq!(resumed, Known::truth(&bob, &others).await, "with the cursor of frame {place}: {frame}");
    }
}

#[tokio::test]
async fn rest_catches_up_in_pages_as_a_socket_does() {
    let hub = Hub::start().await;
    let (bob, others) = (hub.person(7), [hub.person(42), hub.person(8)]);
    let mut writers = [others[0].connect().await, others[1].connect().await];
    let mut cursor = bob.connect().await.cursor;
    for round in 0..3 {
        bustle(&mut writers, &bob, round).await;
    }
    for limit in [1, 5, 1_000] {
        let (mut known, mut cursor, mut pages) = (Known::default(), cursor.clone(), 0);
        loop {
            let page = bob.get(&format!("/chat/sync?cursor={cursor}&limit={limit}")).await.is(200);
            assert_eq!(page["reset"], false, "{page}");
            for event in array(&page, "events") {
                assert!(event.get("cursor").is_none(), "an event of a page carries a cursor: {event}");
                known.hears(event);
            }
            text(&page, "cursor").clone_into(&mut cursor);
            pages += 1;
            if page["has_more"] == false {
                break;
            }
            assert!(pages < 200, "the pages have no end");
        }
        assert_eq!(known, Known::truth(&bob, &others).await, "in pages of {limit}");
        assert!(limit > 1 || pages > 10, "{pages} pages of {limit}");
    }
    "nonsense".clone_into(&mut cursor);
    let page = bob.get(&format!("/chat/sync?cursor={cursor}")).await.is(200);
    assert_eq!((&page["reset"], &page["events"]), (&json!(true), &json!([])));
}

#[tokio::test]
async fn more_than_a_thousand_changes_are_a_reset_and_never_a_part() {
    let hub = Hub::start().await;
    let (bob, alice) = (hub.person(7), hub.person(42));
    let mut laptop = alice.connect().await;
    laptop.sends_to(&bob, "first").await;
    let cursor = bob.connect().await.cursor;
    let sending = async {
        for number in 0..1_001 {
            laptop.sends_to(&bob, &format!("message {number}")).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), sending).await.expect("a thousand messages");
    let mut device = bob.resumes(&cursor).await;
    assert_eq!((&device.greeting["resumed"], &device.greeting["reset"]), (&json!(false), &json!(true)));
    assert_ne!(device.greeting["cursor"], cursor.as_str(), "the old cursor is of no use");
    laptop.sends_to(&bob, "live").await;
    in_time("what is live", device.receives("live")).await;
}

/// The harness itself: what is repeated after a replay is let through, what comes for the first time out of its turn is not.
#[test]
fn the_contract_tells_a_repeat_from_a_reordering() {
    let greeting = |resumed: bool| {
        json!({"type": "auth_ok", "user_id": 7, "ts": 1, "connection_id": "c", "heartbeat_ms": 25_000, "cursor": "c", "resumed": resumed,
            "reset": false, "limits": {"frame_bytes": 1, "text_chars": 1, "images": 1, "in_flight": 1, "rate": 1}})
    };
    let message = |seq: u64, rev: u64, live: bool| {
        let mut frame = json!({"type": "new_message", "id": 100 + seq, "thread_id": 1, "seq": seq, "rev": rev, "kind": "text", "sender_id": 42,
            "temp_id": "k", "content": "x", "image_urls": [], "images": [], "extra_data": null, "card": null, "reply_to": null,
            "created_at": "2026-11-22T10:00:00.123Z", "edited_at": null, "deleted": false});
        if live {
            frame["cursor"] = json!("c");
        }
        frame
    };
    let synced = json!({"type": "synced", "cursor": "c"});
    let live = |seq, rev| message(seq, rev, true);
    let replayed = |seq, rev| message(seq, rev, false);
    for (what, frames, fits) in [
        ("in order", vec![greeting(false), live(4, 4), live(5, 5)], true),
        ("the same again", vec![greeting(false), live(4, 4), live(5, 5), live(4, 4), live(5, 5)], true),
        ("a reordering right after the greeting", vec![greeting(false), live(5, 5), live(4, 4)], false),
        ("another state of the same place", vec![greeting(false), live(4, 4), live(5, 5), live(4, 6)], false),
        (
            "a part of the replay again",
            vec![greeting(true), replayed(2, 2), replayed(4, 9), synced.clone(), live(4, 4), live(5, 10), live(2, 2)],
            true,
        ),
        (
            "a reordering right after a replay",
            vec![greeting(true), replayed(2, 2), synced, live(4, 4), live(3, 3)],
            false,
        ),
    ] {
        let mut contract = Contract::default();
        let outcome: Result<(), String> = frames.iter().try_for_each(|frame| contract.check(frame));
        assert_eq!(outcome.is_ok(), fits, "{what}: {outcome:?}");
    }
}
