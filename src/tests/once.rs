//! 10,000 sends (long: 100,000), a fifth of them repeated or reordered, over several connections, with reconnects: each
//! exactly once.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::support::person::{number, text};
use crate::support::{Dice, Hub, Person, in_time, usual_or_long};
use chat_loadtest::client::{Client, Received};
use serde_json::{Value, json};

const RECEIVERS: u64 = 5;
const CONNECTIONS: usize = 4;
const IN_FLIGHT: usize = 12;

/// One thing to send: a key's number. The rest follows from it.
type Send = usize;

fn receiver(send: Send) -> u64 {
    100 + send as u64 % RECEIVERS
}

fn frame(send: Send) -> String {
    json!({"type": "message_send", "temp_id": format!("once-{send}"), "receiver_id": receiver(send), "content": format!("text {send}")}).to_string()
}

/// Every key at least once; a fifth again somewhere else, or out of its turn.
fn schedule(keys: usize, random: &mut Dice) -> Vec<Send> {
    let mut sends: Vec<Send> = (0..keys).collect();
    for _ in 0..keys / 10 {
        let (from, to) = (random.below(sends.len()), random.below(sends.len()));
        sends.swap(from, to);
    }
    for _ in 0..keys / 10 {
        let (again, at) = (random.below(keys), random.below(sends.len()));
        sends.insert(at, again);
    }
    sends
}

/// One of the author's connections: works through its part, and now and then the line breaks.
async fn work(author: &Person, part: Vec<Send>, mut random: Dice) -> Vec<Value> {
    let mut acks = Vec::new();
    let mut left: std::collections::VecDeque<Send> = part.into();
    let mut client = Client::connect(&author.door()).await.expect("a socket");
    let mut waiting: Vec<Send> = Vec::new();
    while !left.is_empty() || !waiting.is_empty() {
        while waiting.len() < IN_FLIGHT
            && let Some(send) = left.pop_front()
        {
            client.send(frame(send)).await.expect("the hub reads");
            waiting.push(send);
        }
        if random.below(400) == 0 {
            // What was under way is of unknown fate: it is sent again on the next line, last first.
            left.extend(waiting.drain(..).rev());
            client = Client::connect(&author.door()).await.expect("a socket");
            continue;
        }
        let heard = in_time("an answer", client.next()).await;
        let Received::Text(text) = heard else { panic!("disconnected: {heard:?}") };
        let answer: Value = serde_json::from_str(&text).expect("a frame");
        match answer["type"].as_str() {
            Some("message_ack") => {
                let number = key_number(&answer);
                if let Some(at) = waiting.iter().position(|send| *send == number) {
                    waiting.remove(at);
                }
                acks.push(answer);
            }
            Some("error") => panic!("{answer}"),
            _ => {}
        }
    }
    acks
}

fn key_number(object: &Value) -> usize {
    text(object, "temp_id").strip_prefix("once-").and_then(|number| number.parse().ok()).expect("one of our keys")
}

/// A receiver who is always there: everything that it hears, until the author says that it is over.
async fn listen(mut client: Client) -> Vec<Value> {
    let mut heard = Vec::new();
    while let Received::Text(text) = client.next().await {
        let frame: Value = serde_json::from_str(&text).expect("a frame");
        if frame["type"] == "new_message" {
            if frame["content"] == "the end" {
                break;
            }
            heard.push(frame);
        }
    }
    heard
}

#[tokio::test]
async fn sends_are_stored_and_told_exactly_once() {
    let hub = Hub::start().await;
    let author = hub.person(1);
    let mut random = Dice::new(42);
    let keys = usual_or_long(10_000, 100_000);
    let sends = schedule(keys, &mut random);
    assert!(sends.len() >= keys + keys / 10);
    let mut receivers = Vec::new();
    for id in 100..100 + RECEIVERS {
        let mut device = hub.person(id).connect().await;
        device.settles().await;
        receivers.push(tokio::spawn(listen(device.client)));
    }

    let parts = sends.chunks(sends.len().div_ceil(CONNECTIONS));
    let working = parts.enumerate().map(|(number, part)| work(&author, part.to_vec(), Dice::new(number as u64)));
    let acks: Vec<Value> = futures_util::future::join_all(working).await.concat();

    let mut fates: HashMap<usize, BTreeSet<(u64, u64)>> = HashMap::new();
    let mut first: BTreeMap<usize, u32> = BTreeMap::new();
    for ack in &acks {
        fates.entry(key_number(ack)).or_default().insert((number(ack, "message_id"), number(ack, "seq")));
        if ack["duplicate"] == false {
            *first.entry(key_number(ack)).or_default() += 1;
        }
    }
    assert_eq!(fates.len(), keys, "every key was answered");
    let split: Vec<_> = fates.iter().filter(|(_, fate)| fate.len() != 1).collect();
    assert!(split.is_empty(), "one key, two messages: {split:?}");
    assert!(first.values().all(|count| *count == 1), "two sends of one key were both called the first");

    let mut closing = author.connect().await;
    for (id, listening) in (100..100 + RECEIVERS).zip(receivers) {
        let reader = hub.person(id);
        closing.sends_to(&reader, "the end").await;
        let heard = in_time("the end is heard", listening).await.expect("the listener lives");
        let mut history = reader.history_with(&author).await;
        assert_eq!(history.pop().expect("the end")["content"], "the end");
        let stored: Vec<(u64, usize)> =
            history.iter().map(|message| (number(message, "seq"), key_number(message))).collect();
        let told: Vec<(u64, usize)> =
            heard.iter().map(|message| (number(message, "seq"), key_number(message))).collect();
        assert_eq!(told, stored, "user {id} was told something else than what is stored");
        assert_eq!(
            stored.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(),
            (1..=stored.len() as u64).collect::<Vec<_>>()
        );
        let found: BTreeSet<usize> = stored.iter().map(|(_, key)| *key).collect();
        let wanted: BTreeSet<usize> = (0..keys).filter(|send| receiver(*send) == id).collect();
        assert_eq!((stored.len(), &found), (wanted.len(), &wanted), "user {id}");
        for message in &history {
            assert_eq!(message["content"], format!("text {}", key_number(message)));
        }
    }
}

#[tokio::test]
async fn the_same_key_with_another_text_is_a_conflict() {
    let hub = Hub::start().await;
    let (alice, bob) = (hub.person(42), hub.person(7));
    let (mut laptop, mut desk) = (alice.connect().await, bob.connect().await);
    let send = json!({"temp_id": "k", "receiver_id": 7, "content": "one"});
    let first = laptop.sends(send.clone()).await;
    for other in [
        json!({"type": "message_send", "temp_id": "k", "receiver_id": 7, "content": "two"}),
        json!({"type": "message_send", "temp_id": "k", "receiver_id": 7, "content": "one", "extra_data": {"product_id": 5}}),
        json!({"type": "message_send", "temp_id": "k", "receiver_id": 7, "content": "one", "reply_to": first["message_id"]}),
    ] {
        assert_eq!(laptop.is_refused(other, "temp_id_conflict").await["temp_id"], "k");
    }
    // An honest repeat is known by any device, by REST, and after an edit and a deletion.
    let same = |again: &Value| {
        assert_eq!(again["duplicate"], true, "{again}");
        for field in ["message_id", "thread_id", "seq", "rev", "created_at"] {
            assert_eq!(again[field], first[field], "{field} of {again}");
        }
    };
    same(&alice.connect().await.sends(send.clone()).await);
    laptop.says(json!({"type": "message_edit", "message_id": first["message_id"], "content": "changed"})).await;
    laptop.expect("message_updated").await;
    same(&laptop.sends(send.clone()).await);
    laptop.says(json!({"type": "message_delete", "message_id": first["message_id"]})).await;
    laptop.expect("message_deleted").await;
    same(&laptop.sends(send.clone()).await);
    let by_rest = alice.post("/chat/send", &send).await.is(200);
    assert_eq!((&by_rest["duplicate"], &by_rest["message"]["id"]), (&Value::Bool(true), &first["message_id"]));
    laptop.sends_to(&bob, "next").await;
    desk.receives("one").await;
    desk.receives("next").await;
    assert_eq!(bob.history_with(&alice).await.len(), 2);
}

#[tokio::test]
async fn keys_are_bytes_and_belong_to_one_author_and_thread() {
    let hub = Hub::start().await;
    let (alice, bob, carol) = (hub.person(42), hub.person(7), hub.person(8));
    let mut laptop = alice.connect().await;
    let mut seq = 0;
    // Upper and lower case, accents, trailing spaces: collations would call these the same.
    for key in ["a", "A", "á", "a\u{301}", "a ", " a", "ａ", "1", "01", "ß", "ss", "🙂", "🙃", &"k".repeat(128)]
    {
        let ack = laptop.sends(json!({"temp_id": key, "receiver_id": 7, "content": key.trim()})).await;
        seq += 1;
        assert_eq!((number(&ack, "seq"), &ack["duplicate"]), (seq, &Value::Bool(false)), "{key:?}");
    }
    let elsewhere = laptop.sends(json!({"temp_id": "a", "receiver_id": 8, "content": "another thread"})).await;
    assert_eq!(elsewhere["duplicate"], false);
    let theirs =
        bob.connect().await.sends(json!({"temp_id": "a", "receiver_id": 42, "content": "another author"})).await;
    assert_eq!(theirs["duplicate"], false);
    for key in ["", &"k".repeat(129), &"🙂".repeat(33)] {
        laptop
            .is_refused(
                json!({"type": "message_send", "temp_id": key, "receiver_id": 7, "content": "x"}),
                "bad_request",
            )
            .await;
    }
    assert_eq!(carol.history_with(&alice).await.len(), 1);
}
