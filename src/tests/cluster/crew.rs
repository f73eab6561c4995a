//! Pairs of users at work, across all hubs, and the judge of what they have heard.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chat_loadtest::audit::{Ledger, Tally};
use chat_loadtest::client::Received;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use super::known::Known;
use super::seen::{Acked, Seen, locked};
use super::user::{Connection, Habit, User, frame, key};
use super::{Cluster, NODES};
use crate::support::person::{array, number, text};
use crate::support::{comes, passes};

/// Pairs of an author and a reader; every fourth pair stays, and in the others one of them wanders or both do.
pub(super) const PAIRS: u64 = 30;

/// The id of the first user: authors and readers take turns.
pub(super) const FIRST: u64 = 1_000;

/// How often an author sends: thirty of them send two hundred messages a second.
const BEAT: Duration = Duration::from_millis(150);

/// How long all of it may take to arrive once the faults are over.
const SETTLED: Duration = Duration::from_secs(30);

/// A message with more time between sending and acknowledgement than this is delayed: faults last for less.
const DEADLINE: Duration = Duration::from_secs(300);

/// Users at work.
pub(super) struct Crew {
    pairs: Vec<Pair>,
    stop: watch::Sender<bool>,
    closing: watch::Sender<bool>,
    pub(super) seen: Arc<Seen>,
    /// The ids of the first author.
    first: u64,
}

struct Pair {
    author: JoinHandle<()>,
    reader: JoinHandle<()>,
    ledger: Arc<Mutex<Ledger>>,
}

impl Crew {
    /// Puts thirty pairs to work, the two of each on different hubs.
    pub(super) async fn begin(cluster: &Cluster) -> Self {
        Self::from(cluster, FIRST, PAIRS).await
    }

    /// Puts pairs to work whose users have the ids from `first` on, and waits until all of them are connected.
    pub(super) async fn from(cluster: &Cluster, first: u64, pairs: u64) -> Self {
        let (stop, closing) = (watch::channel(false).0, watch::channel(false).0);
        let seen = Arc::new(Seen::default());
        let pair = async |pair: u64| {
            let (author, reader) = (first + pair * 2, first + pair * 2 + 1);
            let home = usize::try_from(pair).expect("small") % NODES;
            let habits = match pair % 4 {
                0 => (Habit::Stays, Habit::Stays),
                1 => (Habit::Stays, Habit::Wanders),
                2 => (Habit::Wanders, Habit::Stays),
                _ => (Habit::Wanders, Habit::Wanders),
            };
            let ledger = Arc::new(Mutex::new(Ledger::new(format!("{author} → {reader}"), DEADLINE)));
            let mut author = User::new(cluster.doors(author), home, habits.0, author);
            let other = (home + 1 + usize::try_from(pair / 3).expect("small") % (NODES - 1)) % NODES;
            let mut listener = User::new(cluster.doors(reader), other, habits.1, reader);
            // The reader is there before the first message.
            let (hears, speaks) = (listener.connects().await, author.connects().await);
            let author = tokio::spawn(speaks_on(
                author,
                reader,
                speaks,
                Arc::clone(&ledger),
                Arc::clone(&seen),
                stop.subscribe(),
            ));
            let from = first + pair * 2;
            let reader = tokio::spawn(listens_on(
                listener,
                from,
                hears,
                Arc::clone(&ledger),
                Arc::clone(&seen),
                closing.subscribe(),
            ));
            Pair { author, reader, ledger }
        };
        let pairs = join_all((0..pairs).map(pair)).await;
        Self { pairs, stop, closing, seen, first }
    }

    /// Waits until so many more messages have been acknowledged.
    pub(super) async fn goes_on(&self, messages: usize) {
        let wanted = self.seen.acked() + messages;
        let going = comes(async || (self.seen.acked() >= wanted).then_some(()));
        let late = || panic!("{messages} messages were not acknowledged within {SETTLED:?}: {:?}", self.wrong());
        tokio::time::timeout(SETTLED, going).await.unwrap_or_else(|_| late());
    }

    fn wrong(&self) -> Vec<String> {
        locked(&self.seen.wrong).clone()
    }

    /// Lets all finish, and holds what they have seen against the ledger and the histories of all hubs.
    pub(super) async fn finishes(self, cluster: &Cluster) -> Tally {
        self.stop.send_replace(true);
        let (mut authors, mut readers, mut ledgers) = (Vec::new(), Vec::new(), Vec::new());
        for Pair { author, reader, ledger } in self.pairs {
            authors.push(author);
            readers.push(reader);
            ledgers.push(ledger);
        }
        all("authors", authors, &self.seen).await;
        self.closing.send_replace(true);
        all("readers", readers, &self.seen).await;
        let mut sum = Tally::default();
        let mut violations = locked(&self.seen.wrong).clone();
        for (pair, ledger) in (0..).zip(ledgers) {
            let (author, reader) = (self.first + pair * 2, self.first + pair * 2 + 1);
            let ledger = Arc::into_inner(ledger).expect("both have ended");
            let mut ledger = ledger.into_inner().unwrap_or_else(PoisonError::into_inner);
            ledger.begin_history(0);
            let histories = join_all(
                cluster.hubs.iter().map(|hub| async { hub.person(reader).history_with(&hub.person(author)).await }),
            );
            let histories = histories.await;
            for (hub, history) in histories.iter().enumerate() {
                assert_eq!(*history, histories[0], "n{} has another history of {author} and {reader}", hub + 1);
            }
            for (place, message) in (1..).zip(&histories[0]) {
                let found = (number(message, "seq"), number(message, "rev"));
                if found != (place, place) {
                    violations.push(format!("{author} → {reader}: place {place} is not dense: {message}"));
                }
                match key(text(message, "temp_id"), author) {
                    Some(number) => ledger.stored(number),
                    None => violations.push(format!("{author} → {reader}: of no client: {message}")),
                }
            }
            let (tally, found) = ledger.close();
            violations.extend(found.examples);
            sum = sum.plus(tally);
        }
        assert!(violations.is_empty(), "{} violations:\n{}", violations.len(), violations.join("\n"));
        assert_eq!((sum.sent, sum.sent, Some(sum.sent)), (sum.acknowledged, sum.delivered, sum.stored), "{sum:?}");
        sum
    }
}

async fn all(who: &str, tasks: Vec<JoinHandle<()>>, seen: &Seen) {
    let ended = tokio::time::timeout(SETTLED, join_all(tasks)).await;
    let ended = ended.unwrap_or_else(|_| {
        panic!("not all {who} are done {SETTLED:?} after the last fault: {:?}", locked(&seen.wrong))
    });
    for end in ended {
        end.unwrap_or_else(|error| panic!("one of the {who}: {error}"));
    }
}

/// Sends one message after another, each until it is acknowledged.
async fn speaks_on(
    mut me: User,
    to: u64,
    first: Connection,
    ledger: Arc<Mutex<Ledger>>,
    seen: Arc<Seen>,
    stop: watch::Receiver<bool>,
) {
    let mut beat = tokio::time::interval(BEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut next, mut connection) = (0_u64, first);
    let mut waiting: Option<u64> = None;
    let mut acked: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
    loop {
        let leaves = tokio::time::Instant::now() + me.stay();
        // What was not acknowledged is sent again: only the hub knows whether it is stored.
        let mut again = waiting.is_some();
        let how = loop {
            if *stop.borrow() && waiting.is_none() {
                locked(&seen.waiting).remove(&me.id);
                let _ = connection.client.close().await;
                return;
            }
            if let Some(number) = waiting.filter(|_| std::mem::take(&mut again)) {
                let (key, sent) = (format!("{}-{number}", me.id), Instant::now());
                let frame = json!({"type": "message_send", "temp_id": key, "receiver_id": to, "content": key});
                locked(&seen.waiting).insert(me.id, (sent, me.at));
                if connection.client.send(frame.to_string()).await.is_err() {
                    break Received::Disconnected;
                }
            }
            tokio::select! {
                _ = beat.tick(), if waiting.is_none() => {
                    let now = Instant::now();
                    locked(&ledger).sent(now, now);
                    (waiting, again) = (Some(next), true);
                    next += 1;
                }
                () = tokio::time::sleep_until(leaves) => break Received::Disconnected,
                received = connection.client.next() => {
                    let Received::Text(raw) = received else { break received };
                    let frame = frame(&raw);
                    match text(&frame, "type") {
                        "message_ack" => {
                            let Some(number) = key(text(&frame, "temp_id"), me.id) else {
                                seen.wrong(format!("{}: an acknowledgement of no message: {frame}", me.id));
                                continue;
                            };
                            is_acked(&me, number, &frame, &mut acked, &ledger, &seen);
                            if waiting == Some(number) {
                                waiting = None;
                                let sent = locked(&seen.waiting).remove(&me.id);
                                let now = Instant::now();
                                let took = sent.map_or(Duration::ZERO, |(sent, _)| now.duration_since(sent));
                                locked(&seen.acks).push(Acked { at: now, took, hub: me.at });
                            }
                        }
                        "error" if frame["temporary"] == true => {
                            passes(Duration::from_millis(50)).await;
                            again = true;
                        }
                        "error" => seen.wrong(format!("{} was refused: {frame}", me.id)),
                        _ => {}
                    }
                    me.hears(&frame);
                }
            }
        };
        locked(&seen.waiting).remove(&me.id);
        drop(connection);
        me.is_sent_away(&how).await;
        connection = me.connects().await;
    }
}

/// Tells the ledger of the first acknowledgement of a message, and holds the later ones against it.
fn is_acked(
    me: &User,
    sent: u64,
    frame: &Value,
    acked: &mut BTreeMap<u64, (u64, u64)>,
    ledger: &Mutex<Ledger>,
    seen: &Seen,
) {
    let place = (number(frame, "message_id"), number(frame, "seq"));
    match acked.insert(sent, place) {
        None => {
            locked(&seen.unheard).insert((me.id, sent), Instant::now());
            locked(ledger).acked(Some(sent), Some(place.1), false, Instant::now());
        }
        Some(before) if before != place => {
            seen.wrong(format!("{}: message {sent} was acknowledged as {before:?} and as {place:?}", me.id));
        }
        Some(_) => {}
    }
}

/// Listens until everything that was acknowledged has come.
async fn listens_on(
    mut me: User,
    from: u64,
    first: Connection,
    ledger: Arc<Mutex<Ledger>>,
    seen: Arc<Seen>,
    closing: watch::Receiver<bool>,
) {
    let (mut known, mut connection) = (Known::default(), first);
    let mut tick = tokio::time::interval(Duration::from_millis(100));
    loop {
        let leaves = tokio::time::Instant::now() + me.stay();
        let mut replays = connection.greeting["resumed"] == true;
        if connection.greeting["reset"] == true {
            // Live events follow at once; what is before them is read first.
            for message in reads(&me, from).await {
                known.learns(&me, from, &message, &ledger, &seen);
            }
        }
        let how = loop {
            if *closing.borrow() && locked(&ledger).waiting() == 0 {
                let _ = connection.client.close().await;
                return;
            }
            tokio::select! {
                _ = tick.tick() => {}
                () = tokio::time::sleep_until(leaves) => break Received::Disconnected,
                received = connection.client.next() => {
                    let Received::Text(raw) = received else { break received };
                    let frame = frame(&raw);
                    match text(&frame, "type") {
                        "new_message" => {
                            known.learns(&me, from, &frame, &ledger, &seen);
                            known.has_no_hole(&me, replays, &frame, &seen);
                        }
                        "synced" => {
                            replays = false;
                            known.has_no_hole(&me, false, &frame, &seen);
                        }
                        _ => {}
                    }
                    me.hears(&frame);
                }
            }
        };
        drop(connection);
        me.is_sent_away(&how).await;
        connection = me.connects().await;
    }
}

/// Reads the whole thread, from whichever hub answers.
async fn reads(me: &User, from: u64) -> Vec<Value> {
    let mut messages: Vec<Value> = Vec::new();
    loop {
        let after = messages.last().map_or(0, |message| number(message, "seq"));
        let path = format!("/chat/messages?with={from}&after_seq={after}&limit=200");
        let asked = me.here().ask(reqwest::Method::GET, &path).send().await;
        let Some(page) = (match asked {
            Ok(answer) if answer.status() == 200 => answer.json::<Value>().await.ok(),
            _ => None,
        }) else {
            passes(Duration::from_millis(50)).await;
            continue;
        };
        messages.extend(array(&page, "messages").iter().cloned());
        if page["has_more"] != true {
            return messages;
        }
    }
}
