//! A hub is stopped anywhere, also between its statements and its COMMIT, while the other one commits on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use super::{IN_FLIGHT, Pair};
use crate::support::person::{number, text};
use crate::support::{Device, Dice, Person, passes, usual_or_long};
use chat_testkit::on_each_server;
use chat_testkit::server::Server;

on_each_server!(
    a_hub_that_pauses_anywhere_holds_up_the_other_and_loses_nothing,
    a_hub_that_stops_within_a_transaction_holds_up_the_other_for_three_seconds_at_most,
);

const THREADS: u64 = 6;
/// How many messages each client sends.
const PACE: Duration = Duration::from_millis(20);
/// How many pauses must have fallen into a transaction.
const CAUGHT: u32 = 3;

/// A message: its place and its key.
type Told = (u64, String);

/// What one connection was told, in order, and what it sent itself.
#[derive(Default)]
struct Heard {
    acked: BTreeMap<String, u64>,
    told: Vec<Told>,
    ends: usize,
}

impl Heard {
    fn takes(&mut self, frame: &Value) {
        match text(frame, "type") {
            "message_ack" => {
                assert_eq!(frame["duplicate"], false, "{frame}");
                self.acked.insert(text(frame, "temp_id").to_owned(), number(frame, "seq"));
            }
            "new_message" => self.told.push((number(frame, "seq"), text(frame, "temp_id").to_owned())),
            "error" => panic!("{frame}"),
            _ => {}
        }
        self.ends += usize::from(frame["temp_id"].as_str().is_some_and(|key| key.ends_with("-end")));
    }

    /// Returns everything that it knows of, by place.
    fn known(&self) -> BTreeMap<u64, String> {
        let own = self.acked.iter().map(|(key, seq)| (*seq, key.clone()));
        self.told.iter().cloned().chain(own).collect()
    }
}

/// Says something at every beat until it is told to stop; then listens until both sides have ended.
async fn speaks(mut device: Device, to: u64, stop: Arc<AtomicBool>) -> Heard {
    let (mut heard, mut sent, mut ended) = (Heard::default(), 0, false);
    let mut beat = interval(PACE);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while heard.ends < 2 {
        tokio::select! {
            _ = beat.tick(), if !ended && sent - heard.acked.len() < IN_FLIGHT => {
                ended = stop.load(Ordering::Relaxed);
                let key = if ended { format!("{}-end", device.user) } else { format!("{}-{sent}", device.user) };
                device.says(json!({"type": "message_send", "temp_id": key, "receiver_id": to, "content": key})).await;
                sent += 1;
            }
            frame = device.next_frame("what goes on") => heard.takes(&frame),
        }
    }
    hears_out(device, heard).await
}

/// Listens until both sides have ended.
async fn listens(mut device: Device) -> Heard {
    let mut heard = Heard::default();
    while heard.ends < 2 {
        heard.takes(&device.next_frame("what goes on").await);
    }
    hears_out(device, heard).await
}

async fn hears_out(mut device: Device, mut heard: Heard) -> Heard {
    for frame in device.settles().await {
        heard.takes(&frame);
    }
    heard
}

/// Listens for a while, is cut off, and comes back with its cursor to either hub, until both sides have ended.
async fn wanders(doors: [Person; 2], mut device: Device, mut dice: Dice) -> Heard {
    let mut heard = Heard::default();
    let ended = |heard: &Heard| heard.known().values().filter(|key| key.ends_with("-end")).count() == 2;
    loop {
        for _ in 0..1 + dice.below(30) {
            heard.takes(&device.next_frame("what goes on").await);
            if ended(&heard) {
                return heard;
            }
        }
        let cursor = device.cursor.clone();
        drop(device);
        device = doors[dice.below(2)].resumes(&cursor).await;
        for frame in device.catches_up().await {
            heard.takes(&frame);
        }
        if ended(&heard) {
            return heard;
        }
    }
}

/// The connections of one thread, at work.
struct AtWork {
    people: [Person; 2],
    speaking: Vec<JoinHandle<Heard>>,
    listening: Vec<JoinHandle<Heard>>,
    wandering: Vec<JoinHandle<Heard>>,
}

impl AtWork {
    /// Each side speaks through a hub of its own, listens at the other one too, and wanders between them.
    async fn begin(hubs: &Pair, thread: u64, stop: &Arc<AtomicBool>) -> Self {
        let (one, two) = (2_000 + thread * 2, 2_001 + thread * 2);
        let mut devices = Vec::new();
        for (me, to, here, there) in [(one, two, &hubs.left, &hubs.right), (two, one, &hubs.right, &hubs.left)] {
            let doors = [here.person(me), there.person(me)];
            let mut three = [doors[0].connect().await, doors[1].connect().await, doors[0].connect().await];
            for device in &mut three {
                device.settles().await;
            }
            devices.push((to, doors, three));
        }
        let people = [hubs.left.person(one), hubs.right.person(two)];
        let mut work = Self { people, speaking: Vec::new(), listening: Vec::new(), wandering: Vec::new() };
        // All clients listen before the first one sends.
        for (to, doors, [mouth, ear, feet]) in devices {
            work.speaking.push(tokio::spawn(speaks(mouth, to, Arc::clone(stop))));
            work.listening.push(tokio::spawn(listens(ear)));
            work.wandering.push(tokio::spawn(wanders(doors, feet, Dice::new(to))));
        }
        work
    }

    /// Waits until all clients are done, and compares what they have received with history.
    async fn hold(self) -> usize {
        let [one, two] = &self.people;
        let (speaking, listening, wandering) =
            (all(self.speaking).await, all(self.listening).await, all(self.wandering).await);
        let history = one.history_with(two).await;
        assert_eq!(history, two.history_with(one).await, "two hubs, two histories");
        let places: Vec<(u64, u64)> =
            history.iter().map(|message| (number(message, "seq"), number(message, "rev"))).collect();
        assert_eq!(places, (1..=history.len() as u64).map(|place| (place, place)).collect::<Vec<_>>(), "not dense");
        let stored: Vec<Told> =
            history.iter().map(|message| (number(message, "seq"), text(message, "temp_id").to_owned())).collect();
        let sent: usize = speaking.iter().map(|heard| heard.acked.len()).sum();
        assert_eq!(stored.len(), sent, "something was stored twice, or never acknowledged");
        for (me, heard) in [one.id, two.id].into_iter().zip(&speaking) {
            let mine = format!("{me}-");
            let (own, others): (Vec<Told>, Vec<Told>) =
                stored.iter().cloned().partition(|told| told.1.starts_with(&mine));
            assert_eq!(heard.told, others, "{me} was told something else while it spoke");
            let acked: BTreeMap<u64, String> = heard.acked.iter().map(|(key, seq)| (*seq, key.clone())).collect();
            assert_eq!(acked, own.iter().cloned().collect(), "{me}: acks differ from history");
            let order: Vec<&str> = own.iter().map(|(_, key)| key.as_str()).collect();
            let wanted: Vec<String> =
                (0..own.len() - 1).map(|sent| format!("{me}-{sent}")).chain([format!("{me}-end")]).collect();
            assert_eq!(order, wanted, "{me}: numbered in another order than sent");
        }
        for (me, heard) in [one.id, two.id].into_iter().zip(&listening) {
            assert_eq!(heard.told, stored, "{me} was told something else while it listened");
        }
        for (me, heard) in [one.id, two.id].into_iter().zip(&wandering) {
            assert_eq!(heard.known(), stored.iter().cloned().collect(), "{me} has missed something on the way");
        }
        stored.len()
    }
}

async fn all(working: Vec<JoinHandle<Heard>>) -> Vec<Heard> {
    let working =
        tokio::time::timeout(Duration::from_secs(30), join_all(working)).await.expect("all clients have ended");
    working.into_iter().map(|heard| heard.expect("all went well")).collect()
}

/// Tells whether a transaction waits for another one: while one hub stands still, it is for that one's.
fn a_transaction_waits(database: &Server) -> bool {
    let waiting = match database {
        Server::MariaDb(_) => "SELECT COUNT(*) FROM information_schema.INNODB_TRX WHERE trx_state = 'LOCK WAIT'",
        Server::Postgres(_) => "SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'",
    };
    database.sql_in("chat", waiting).trim() != "0"
}

async fn a_hub_that_pauses_anywhere_holds_up_the_other_and_loses_nothing(database: Server) {
    let hubs = Pair::start(database).await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut working = Vec::new();
    for thread in 0..THREADS {
        working.push(AtWork::begin(&hubs, thread, &stop).await);
    }
    let (mut dice, mut caught) = (Dice::new(3), 0);
    let rounds = usual_or_long(6, 40);
    for round in 0.. {
        // The instant is the point of this test: any one will do, as long as some fall into a transaction.
        passes(Duration::from_millis(100 + dice.below(300) as u64)).await;
        let hub = if round % 2 == 0 { &hubs.left } else { &hubs.right };
        hub.freeze().await;
        passes(Duration::from_secs(1)).await;
        caught += u32::from(a_transaction_waits(&hubs.database));
        hub.thaw().await;
        if round + 1 >= rounds && caught >= CAUGHT {
            break;
        }
        assert!(round < rounds + 24, "of {round} pauses only {caught} fell into a transaction");
    }
    stop.store(true, Ordering::Relaxed);
    let mut stored = 0;
    for thread in working {
        stored += thread.hold().await;
    }
    assert!(stored > 300, "{stored} messages are no load");
}

/// Sends one message after another until it is told to stop; what is refused for now is sent again.
async fn keeps_sending(mut device: Device, stop: Arc<AtomicBool>) {
    for number in 0.. {
        let message =
            json!({"type": "message_send", "temp_id": format!("k{number}"), "receiver_id": 7, "content": "x"});
        loop {
            device.says(message.clone()).await;
            let answers = |frame: &Value| matches!(text(frame, "type"), "message_ack" | "error");
            let answer = device.expect_within(Duration::from_secs(20), "an answer", answers).await;
            if answer["type"] == "message_ack" {
                break;
            }
            assert_eq!(answer["temporary"], true, "{answer}");
        }
        if stop.load(Ordering::Relaxed) {
            return;
        }
    }
}

/// It was ten seconds, and the other hub's clients were told that the database is away.
async fn a_hub_that_stops_within_a_transaction_holds_up_the_other_for_three_seconds_at_most(database: Server) {
    let mut hubs = Pair::start(database).await;
    hubs.left.expects_errors();
    let stop = Arc::new(AtomicBool::new(false));
    let mut sending = Vec::new();
    for id in 100..104 {
        sending.push(tokio::spawn(keeps_sending(hubs.left.person(id).connect().await, Arc::clone(&stop))));
    }
    let (to, mut desk) = (hubs.right.person(8), hubs.right.person(42).connect().await);
    let (mut dice, mut caught) = (Dice::new(11), Vec::new());
    let most = usual_or_long(2, 20);
    for round in 0.. {
        assert!(round < 60 * most, "of {round} pauses only {} fell into a transaction", caught.len());
        passes(Duration::from_millis(dice.below(50) as u64)).await;
        hubs.left.freeze().await;
        let began = tokio::time::Instant::now();
        desk.sends_to(&to, &format!("round {round}")).await;
        let took = began.elapsed();
        hubs.left.thaw().await;
        assert!(took < Duration::from_secs(3), "held up for {took:?}");
        if took > Duration::from_millis(500) {
            caught.push(took);
        }
        if caught.len() == most {
            break;
        }
    }
    stop.store(true, Ordering::Relaxed);
    for sending in sending {
        tokio::time::timeout(Duration::from_secs(30), sending).await.expect("it ends").expect("it went well");
    }
}
