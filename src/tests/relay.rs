//! Two hub processes that share a database and a NATS server: what one stores is heard at the other at once, also after the
//! server was away; and whatever is wrong with the server is said in one line.
//!
//! Needs `nats-server`; runs with `CHAT_TEST_NATS=1`.

mod content;
mod start;

use chat_testkit::nats::{self, Nats, wanted};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Hub, until};

const TICKET_SECRET: &str = "the secret of all nodes, long enough to be one";

/// Two hubs on one SQLite file, which poll it so seldom that only the relay can be as fast as the tests want it.
struct Pair {
    left: Hub,
    right: Hub,
    nats: Nats,
    /// Dropped last.
    _folder: TempDir,
}

impl Pair {
    async fn start(poll: &str) -> Self {
        Self::with(poll, [TICKET_SECRET; 2]).await
    }

    async fn with(poll: &str, secrets: [&str; 2]) -> Self {
        let (nats, folder) = (Nats::start(), tempfile::tempdir().expect("a folder"));
        let database = format!("sqlite://{}?mode=rwc", folder.path().join("shared.db").display());
        let media = format!("file:{}", folder.path().join("media").display());
        let node = async |name: &str, secret: &str| {
            let settings = [
                ("DATABASE_URL", database.as_str()),
                ("CHAT_MEDIA_URL", &media),
                ("CHAT_NODE_NAME", name),
                ("NATS_URL", &nats.url()),
                ("CHAT_COMMIT_POLL_INTERVAL", poll),
                ("CHAT_TICKET_SECRET", secret),
            ];
            Hub::set(&settings).await
        };
        let (left, right) = (node("left", secrets[0]).await, node("right", secrets[1]).await);
        for hub in [&left, &right] {
            until("the relay is up", || async { (relay(hub).await == "up").then_some(()) }).await;
        }
        Self { left, right, nats, _folder: folder }
    }
}

/// Returns what a hub that is ready says of its relay.
async fn relay(hub: &Hub) -> String {
    let answer = hub.person(1).get("/health/ready").await;
    assert_eq!((answer.status, &answer.body["status"]), (200, &Value::from("ready")), "{answer:?}");
    answer.body["relay"].as_str().unwrap_or("none").to_owned()
}

#[tokio::test]
async fn what_one_hub_stores_is_heard_at_the_other_long_before_it_polls() {
    if !wanted("what_one_hub_stores_is_heard_at_the_other_long_before_it_polls") {
        return;
    }
    let hubs = Pair::start("60s").await;
    let (mut alice, mut bob) = (hubs.left.person(42).connect().await, hubs.right.person(7).connect().await);
    for n in 0..20 {
        alice.sends_to(&hubs.right.person(7), &format!("ping {n}")).await;
        bob.receives(&format!("ping {n}")).await;
        bob.sends_to(&hubs.left.person(42), &format!("pong {n}")).await;
        alice.receives(&format!("pong {n}")).await;
    }
    for hub in [&hubs.left, &hubs.right] {
        assert!(hub.metric("chat_relay_sent_total").await >= 20.0);
        assert!(hub.metric("chat_relay_heard_total").await >= 20.0);
        let up = until("metrics are written", || async { (hub.metric("chat_relay_up").await == 1.0).then_some(()) });
        up.await;
    }
}

#[tokio::test]
async fn without_its_server_a_hub_stays_ready_says_so_and_goes_on_by_polling() {
    if !wanted("without_its_server_a_hub_stays_ready_says_so_and_goes_on_by_polling") {
        return;
    }
    let mut hubs = Pair::start("200ms").await;
    let (mut alice, mut bob) = (hubs.left.person(42).connect().await, hubs.right.person(7).connect().await);
    hubs.nats.kill();
    until("the hub notices", || async { (relay(&hubs.left).await == "down").then_some(()) }).await;
    until("metrics say so", || async { (hubs.left.metric("chat_relay_up").await == 0.0).then_some(()) }).await;
    alice.sends_to(&hubs.right.person(7), "by the database").await;
    bob.receives("by the database").await;
    hubs.nats.restart();
    for hub in [&hubs.left, &hubs.right] {
        until("the relay is back", || async { (relay(hub).await == "up").then_some(()) }).await;
    }
    alice.sends_to(&hubs.right.person(7), "by both").await;
    bob.receives("by both").await;
    let log = hubs.left.log();
    for said in ["NATS is away: the connection is lost", "NATS is back"] {
        assert_eq!(log.matches(said).count(), 1, "{said}: {log}");
    }
}

#[tokio::test]
async fn a_hub_whose_secret_differs_is_told_so_in_one_line_and_messages_still_arrive() {
    if !wanted("a_hub_whose_secret_differs_is_told_so_in_one_line_and_messages_still_arrive") {
        return;
    }
    const OTHER: &str = "another secret, by mistake, and also long enough";
    let hubs = Pair::with("200ms", [TICKET_SECRET, OTHER]).await;
    let (mut alice, mut bob) = (hubs.left.person(42).connect().await, hubs.right.person(7).connect().await);
    for n in 0..5 {
        alice.sends_to(&hubs.right.person(7), &format!("hello {n}")).await;
        bob.receives(&format!("hello {n}")).await;
    }
    let warned = || async { hubs.right.log().contains("CHAT_TICKET_SECRET differs").then_some(()) };
    until("the other hub is warned", warned).await;
    let log = hubs.right.log();
    assert_eq!(log.matches("CHAT_TICKET_SECRET differs").count(), 1, "{log}");
    assert!(log.contains(r#""node":"left""#), "{log}");
    assert!(!log.contains("by mistake") && !log.contains(TICKET_SECRET), "{log}");
    let ignored = r#"chat_relay_ignored_total{reason="signature"}"#;
    until("it is counted", || async { (hubs.right.metric(ignored).await >= 5.0).then_some(()) }).await;
}
