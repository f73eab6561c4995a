//! `kill -9` at random instants, under load: what was acknowledged is in history exactly once, in order, and every client
//! catches up by its cursor without a gap.
//!
//! A build that acknowledges before it commits fails both tests at the first kill. To see it, let
//! `commit::Writer::transact` hand the COMMIT to a task that waits for 50 ms and return at once, build that hub, and run
//! these tests against it with `CHAT_TEST_HUB=/path/to/it`.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use crate::support::person::{number, text};
use crate::support::{Dice, Hub, Person, in_time, passes, usual_or_long};
use chat_loadtest::client::{Client, ConnectOptions, Credentials, Received};
use futures_util::future::join_all;
use serde_json::{Value, json};

const PAIRS: u64 = 4;
const IN_FLIGHT: usize = 8;

/// What an author knows of one of its messages.
#[derive(Debug, Clone, PartialEq)]
struct Acked {
    id: u64,
    seq: u64,
}

/// An author: sends as fast as it is answered, and after a crash sends again what was not.
struct Author {
    me: Person,
    to: u64,
    next: u64,
    waiting: VecDeque<u64>,
    acked: BTreeMap<u64, Acked>,
}

/// A reader: keeps every message that it was told of, by its place.
struct Reader {
    me: Person,
    from: Person,
    cursor: Option<String>,
    told: BTreeMap<u64, Value>,
    resets: u32,
}

impl Author {
    fn frame(&self, key: u64) -> String {
        json!({"type": "message_send", "temp_id": key.to_string(), "receiver_id": self.to, "content": format!("message {key}")}).to_string()
    }

    /// Lives through one life of the hub; without new messages if it is to finish.
    async fn live(&mut self, finish: bool) {
        let Ok(mut client) = Client::connect(&self.me.door()).await else { return };
        // Only the hub knows whether these are stored.
        for key in self.waiting.clone() {
            if client.send(self.frame(key)).await.is_err() {
                return;
            }
        }
        loop {
            while !finish && self.waiting.len() < IN_FLIGHT {
                let frame = self.frame(self.next);
                self.waiting.push_back(self.next);
                self.next += 1;
                if client.send(frame).await.is_err() {
                    return;
                }
            }
            if self.waiting.is_empty() {
                return;
            }
            let Received::Text(frame) = client.next().await else { return };
            self.hears(&frame);
        }
    }

    fn hears(&mut self, frame: &str) {
        let frame: Value = serde_json::from_str(frame).expect("a frame");
        if frame["type"] == "error" {
            panic!("{}: {frame}", self.me.id);
        }
        if frame["type"] != "message_ack" {
            return;
        }
        let key: u64 = text(&frame, "temp_id").parse().expect("one of our keys");
        let acked = Acked { id: number(&frame, "message_id"), seq: number(&frame, "seq") };
        self.waiting.retain(|waiting| *waiting != key);
        if let Some(before) = self.acked.insert(key, acked.clone()) {
            assert_eq!(before, acked, "{} was acknowledged twice, differently", self.me.id);
        }
    }
}

impl Reader {
    /// Lives through one life of the hub, or until it has been told the last message.
    async fn live(&mut self) {
        let mut door: ConnectOptions = self.me.door();
        door.cursor.clone_from(&self.cursor);
        let Ok(mut client) = Client::connect(&door).await else { return };
        while !self.knows_the_last_one() {
            let Received::Text(frame) = client.next().await else { return };
            let frame: Value = serde_json::from_str(&frame).expect("a frame");
            match text(&frame, "type") {
                "auth_ok" if frame["reset"] == true => {
                    self.resets += 1;
                    for message in self.me.history_with(&self.from).await {
                        self.keeps(message);
                    }
                }
                "new_message" => self.keeps(frame.clone()),
                _ => {}
            }
            // Everything up to here has been told.
            if let Some(cursor) = frame["cursor"].as_str() {
                self.cursor = Some(cursor.to_owned());
            }
        }
    }

    fn knows_the_last_one(&self) -> bool {
        self.told.values().next_back().is_some_and(|message| message["content"] == "the last one")
    }

    fn keeps(&mut self, mut message: Value) {
        let object = message.as_object_mut().expect("an object");
        object.remove("type");
        object.remove("cursor");
        if let Some(before) = self.told.insert(number(&message, "seq"), message.clone()) {
            assert_eq!(before, message, "{} was told two things of one place", self.me.id);
        }
    }
}

#[tokio::test]
async fn kill_9_again_and_again_loses_nothing_and_invents_nothing() {
    let crashes = usual_or_long(20, 60);
    let mut hub = Hub::start().await;
    let mut random = Dice::new(7);
    let mut authors: Vec<Author> = (0..PAIRS).map(|pair| author(&hub, pair)).collect();
    let mut readers: Vec<Reader> = (0..PAIRS).map(|pair| reader(&hub, pair)).collect();
    for reader in &mut readers {
        reader.cursor = Some(reader.me.connect().await.cursor);
    }
    for crash in 0..crashes {
        let living = async {
            let authors = join_all(authors.iter_mut().map(|author| author.live(false)));
            let readers = join_all(readers.iter_mut().map(Reader::live));
            tokio::join!(authors, readers);
        };
        let dying = async {
            // The instant is the point of this test: any one will do.
            passes(Duration::from_millis(40 + random.below(200) as u64)).await;
            hub.kill().await;
        };
        in_time(&format!("life and death {crash}"), async { tokio::join!(living, dying) }).await;
        hub.restart().await;
    }
    // In the last run all clients finish.
    in_time("every author is answered", join_all(authors.iter_mut().map(|author| author.live(true)))).await;
    for author in &mut authors {
        let to = hub.person(author.to);
        author.me.connect().await.sends_to(&to, "the last one").await;
    }
    in_time("every reader catches up", join_all(readers.iter_mut().map(Reader::live))).await;
    for (author, reader) in authors.iter().zip(&readers) {
        hold(author, reader).await;
    }
    let total: usize = authors.iter().map(|author| author.acked.len()).sum();
    assert!(total > 200, "the load was no load: {total} messages");
}

/// Holds what both sides know against history.
async fn hold(author: &Author, reader: &Reader) {
    let history = reader.me.history_with(&author.me).await;
    let places: Vec<u64> = history.iter().map(|message| number(message, "seq")).collect();
    assert_eq!(places, (1..=history.len() as u64).collect::<Vec<_>>(), "history has a gap");
    let mut by_key: HashMap<&str, &Value> = HashMap::new();
    for message in &history {
        assert!(by_key.insert(text(message, "temp_id"), message).is_none(), "stored twice: {message}");
    }
    for (key, acked) in &author.acked {
        let stored =
            by_key.get(key.to_string().as_str()).unwrap_or_else(|| panic!("acknowledged and lost: {key} {acked:?}"));
        assert_eq!(
            (number(stored, "id"), number(stored, "seq")),
            (acked.id, acked.seq),
            "acknowledged as another message"
        );
        assert_eq!(text(stored, "content"), format!("message {key}"));
    }
    assert_eq!(author.acked.len() as u64, author.next, "every message was acknowledged in the end");
    assert_eq!(history.len() as u64, author.next + 1, "nothing else is stored");
    let keys: Vec<u64> = history.iter().filter_map(|message| text(message, "temp_id").parse().ok()).collect();
    assert!(keys.is_sorted(), "{}: not in the order in which they were sent", author.me.id);
    let told: Vec<&Value> = reader.told.values().collect();
    assert_eq!(told.len(), history.len(), "{} was told {} of {} messages", reader.me.id, told.len(), history.len());
    for (told, stored) in told.iter().zip(&history) {
        assert_eq!(**told, *stored, "told and stored differ");
    }
}

fn author(hub: &Hub, pair: u64) -> Author {
    Author {
        me: hub.person(100 + pair * 2),
        to: 101 + pair * 2,
        next: 0,
        waiting: VecDeque::new(),
        acked: BTreeMap::new(),
    }
}

fn reader(hub: &Hub, pair: u64) -> Reader {
    let (me, from) = (hub.person(101 + pair * 2), hub.person(100 + pair * 2));
    Reader { me, from, cursor: None, told: BTreeMap::new(), resets: 0 }
}

#[tokio::test]
async fn a_ticket_is_used_up_even_if_the_hub_dies_right_after() {
    let mut hub = Hub::start().await;
    let alice = hub.person(42);
    for _ in 0..3 {
        let ticket = alice.ticket().await;
        let device =
            alice.opens(|door| door.credentials = Credentials::Ticket(ticket.clone())).await.expect("a socket");
        hub.kill().await;
        drop(device);
        hub.restart().await;
        alice.knocks(&format!("/chat?ticket={ticket}"), &[]).await.refused(401, "ticket_used");
    }
}
