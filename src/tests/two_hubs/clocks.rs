//! One hub's clock is wrong, or steps while the hub runs: a ticket works once, and what is stored is in order.

use std::time::Duration;

use chat_loadtest::client::Credentials;
use chat_loadtest::token;
use chat_testkit::clock::Clock;
use chat_testkit::on_each_server;
use chat_testkit::server::Server;
use serde_json::json;

use crate::support::device::seqs;
use crate::support::person::text;
use crate::support::{DEADLINE, Hub, Person, Receiver, until_within, usual_or_long};

on_each_server!(
    a_ticket_works_once_whatever_one_hubs_clock_says,
    a_hub_whose_clock_is_ahead_sweeps_nothing_that_the_other_one_needs,
    messages_are_in_the_order_of_their_places_whatever_one_hubs_clock_says,
    a_webhook_hears_at_once_though_the_hubs_clock_is_behind_the_databases,
);

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Two hubs, one of which has a clock that can be put wrong.
struct Clocks {
    right: Hub,
    wrong: Hub,
    clock: Clock,
    database: Server,
    _folder: tempfile::TempDir,
}

impl Clocks {
    async fn start(database: Server) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let url = database.database("chat");
        let clock = Clock::new(folder.path());
        let right = Hub::set(&[("DATABASE_URL", &url), ("CHAT_NODE_NAME", "right")]).await;
        let wrong = Hub::with(|launch| {
            launch.set("DATABASE_URL", &url).set("CHAT_NODE_NAME", "wrong");
            for (name, value) in clock.settings() {
                launch.set(name, value);
            }
        })
        .await;
        Self { right, wrong, clock, database, _folder: folder }
    }

    /// Returns a user at both hubs, whose token is good for longer than any clock here is off.
    fn person(&self, id: u64) -> [Person; 2] {
        [&self.right, &self.wrong].map(|hub| {
            let token = token::mint(hub.secret(), id, Duration::from_secs(30 * 24 * 3_600)).expect("a token");
            hub.person_with(id, &token)
        })
    }
}

/// Tells whether a ticket opens a connection.
async fn opens(person: &Person, ticket: &str) -> bool {
    match person.opens(|door| door.credentials = Credentials::Ticket(ticket.to_owned())).await {
        Ok(device) => {
            device.leaves().await;
            true
        }
        Err(_) => false,
    }
}

async fn a_ticket_works_once_whatever_one_hubs_clock_says(database: Server) {
    let hubs = Clocks::start(database).await;
    let alice = hubs.person(42);
    for off in [0, -HOUR, 15 * MINUTE, 8 * DAY] {
        hubs.clock.set_offset(off);
        for mint in &alice {
            let ticket = mint.ticket().await;
            let mut used = 0;
            // Also while the clock steps.
            for step in [off, 0, -off, off] {
                hubs.clock.set_offset(step);
                for door in &alice {
                    used += u32::from(opens(door, &ticket).await);
                }
            }
            hubs.clock.set_offset(off);
            assert_eq!(used, 1, "a ticket that was made while the clock is off by {off} s");
        }
    }
}

/// The hub whose clock is ahead forgot used tickets that the other one still took for good, and the log that it still read.
async fn a_hub_whose_clock_is_ahead_sweeps_nothing_that_the_other_one_needs(database: Server) {
    let mut hubs = Clocks::start(database).await;
    hubs.clock.set_offset(8 * DAY);
    let (alice, bob) = (hubs.person(42), hubs.person(7));
    let ticket = alice[0].ticket().await;
    assert!(opens(&alice[0], &ticket).await);
    let mut laptop = alice[0].connect().await;
    laptop.sends_to(&bob[0], "first").await;
    // More than the sweep takes at a time, as if a minute of work had gone by.
    let numbers = if hubs.database.is_postgres() {
        "generate_series(1, 4000) AS s (seq)"
    } else {
        "(SELECT CAST(seq AS SIGNED) AS seq FROM seq_1_to_4000) AS s"
    };
    let log = format!(
        "INSERT INTO hub_commits (commit_no, nonce, node, at, threads, users) \
         SELECT commit_no - 10000 - seq, nonce, node, at, threads, users \
         FROM hub_commits, {numbers} WHERE commit_no = (SELECT MAX(commit_no) FROM hub_commits)"
    );
    hubs.database.sql_in("chat", &log);
    laptop.leaves().await;
    hubs.right.asks_to_end().await;
    assert!(hubs.right.ends(DEADLINE).await.success());
    // The sweep comes every half a minute, and what is old by every clock goes with it: now that of the hub that is alone.
    for _ in 0..usual_or_long(1, 2) {
        hubs.database.sql_in("chat", "INSERT INTO used_tickets (id, expires_at) VALUES ('an old one', 1)");
        until_within(4 * DEADLINE, "a sweep", || async {
            let left = hubs.database.sql_in("chat", "SELECT COUNT(*) FROM used_tickets WHERE expires_at = 1");
            (left.trim() == "0").then_some(())
        })
        .await;
    }
    hubs.right.restart().await;
    assert!(!opens(&alice[0], &ticket).await && !opens(&alice[1], &ticket).await, "it was forgotten");
    let kept: u64 = hubs.database.sql_in("chat", "SELECT COUNT(*) FROM hub_commits").trim().parse().expect("a number");
    assert!(kept > 4_000, "of the log only {kept} entries are left");
}

async fn messages_are_in_the_order_of_their_places_whatever_one_hubs_clock_says(database: Server) {
    let hubs = Clocks::start(database).await;
    let (alice, bob) = (hubs.person(42), hubs.person(7));
    let mut here = alice[0].connect().await;
    let mut there = bob[1].connect().await;
    let mut expected = Vec::new();
    for (round, off) in [0, -HOUR, 15 * MINUTE, 0, 8 * DAY, -HOUR].into_iter().enumerate() {
        hubs.clock.set_offset(off);
        for number in 0..usual_or_long(5, 50) {
            let (one, other) = (format!("{round}: {number} here"), format!("{round}: {number} there"));
            here.sends_to(&bob[0], &one).await;
            there.receives(&one).await;
            there.sends_to(&alice[1], &other).await;
            here.receives(&other).await;
            expected.extend([one, other]);
        }
    }
    for reader in [&bob[0], &bob[1]] {
        let history = reader.history_with(&alice[0]).await;
        let contents: Vec<&str> = history.iter().map(|message| text(message, "content")).collect();
        assert_eq!(contents, expected);
        assert_eq!(seqs(&history), (1..=history.len() as u64).collect::<Vec<_>>(), "not dense");
        assert!(history.iter().map(|message| text(message, "created_at")).is_sorted(), "a time goes back");
    }
}

async fn a_webhook_hears_at_once_though_the_hubs_clock_is_behind_the_databases(database: Server) {
    let folder = tempfile::tempdir().expect("a folder");
    let (clock, url) = (Clock::new(folder.path()), database.database("chat"));
    clock.set_offset(-HOUR);
    let hub = Hub::with(|launch| {
        launch.set("DATABASE_URL", &url);
        for (name, value) in clock.settings() {
            launch.set(name, value);
        }
    })
    .await;
    let receiver = Receiver::start().await;
    let hook = json!({"url": receiver.url(), "types": ["message.created"]});
    hub.staff().post("/admin/webhooks", &hook).await.is(201);
    hub.person(42).connect().await.sends_to(&hub.person(7), "an hour ahead").await;
    let heard = receiver.takes(1).await;
    assert_eq!(heard[0].body["data"]["message"]["content"], "an hour ahead");
}
