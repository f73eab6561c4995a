//! Two processes under one node's name: only one of them lives, and what each has acknowledged is stored.

use std::time::{Duration, Instant};

use chat_loadtest::server::Error;
use chat_testkit::commit_proxy::{Cut, Proxy};
use chat_testkit::on_each_server;
use chat_testkit::server::Server;
use serde_json::{Value, json};

use crate::support::device::of_type;
use crate::support::person::text;
use crate::support::{Hub, usual_or_long};

on_each_server!(
    a_second_hub_of_a_name_says_whose_name_it_is_and_ends,
    a_hub_that_was_killed_has_its_name_again_at_once,
    one_hub_takes_over_from_another_one_of_its_name_that_drains,
    a_hub_that_was_taken_for_dead_ends_and_acknowledges_nothing_that_is_not_stored,
);

/// Starts a hub under the name that all hubs here have.
async fn left(url: &str) -> Hub {
    Hub::set(&[("DATABASE_URL", url), ("CHAT_NODE_NAME", "left")]).await
}

async fn a_second_hub_of_a_name_says_whose_name_it_is_and_ends(database: Server) {
    let first = left(&database.database("chat")).await;
    let folder = tempfile::tempdir().expect("a folder");
    let mut second = first.launch.clone();
    second.folder = folder.path().to_owned();
    let began = Instant::now();
    let Err(Error::Exited { status, log }) = second.start().await else { panic!("two hubs have one name") };
    assert!(began.elapsed() < Duration::from_secs(25), "{:?}", began.elapsed());
    let said: Vec<&str> = log.lines().filter(|line| !line.starts_with('{')).collect();
    assert_eq!((status.code(), said.len()), (Some(1), 1), "{log}");
    assert!(said[0].contains(r#"the node name "left""#) && said[0].contains("CHAT_NODE_NAME"), "{log}");
    assert_eq!(first.person(42).get("/health/ready").await.status, 200, "the first one goes on");
}

async fn a_hub_that_was_killed_has_its_name_again_at_once(database: Server) {
    let mut hub = left(&database.database("chat")).await;
    let (alice, bob) = (hub.person(42), hub.person(7));
    alice.connect().await.sends_to(&bob, "before").await;
    hub.kill().await;
    let began = Instant::now();
    hub.restart().await;
    assert!(began.elapsed() < Duration::from_secs(12), "{:?}", began.elapsed());
    alice.connect().await.sends_to(&bob, "after").await;
    assert_eq!(bob.history_with(&alice).await.len(), 2);
}

async fn one_hub_takes_over_from_another_one_of_its_name_that_drains(database: Server) {
    for round in 0..usual_or_long(1, 8) {
        one_drains_while_the_other_starts(&database.database(&format!("chat{round}"))).await;
    }
}

async fn one_drains_while_the_other_starts(url: &str) {
    let mut old = left(url).await;
    let (alice, bob) = (old.person(42), old.person(7));
    let (mut laptop, mut desk) = (alice.connect().await, bob.connect().await);
    laptop.sends_to(&bob, "through the old one").await;
    desk.receives("through the old one").await;
    desk.settles().await;
    let cursor = desk.cursor.clone();
    let (new, ()) = tokio::join!(left(url), async {
        old.asks_to_end().await;
        assert!(old.ends(Duration::from_secs(25)).await.success());
    });
    let (alice, bob) = (new.person(42), new.person(7));
    alice.connect().await.sends_to(&bob, "through the new one").await;
    let mut desk = bob.resumes(&cursor).await;
    let missed = desk.catches_up().await;
    assert!(missed.iter().any(|frame| frame["content"] == "through the new one"), "{missed:?}");
    assert_eq!(bob.history_with(&alice).await.len(), 2);
}

/// The first one is taken for dead, and goes on for a moment under a name that is another one's.
async fn a_hub_that_was_taken_for_dead_ends_and_acknowledges_nothing_that_is_not_stored(database: Server) {
    for round in 0..usual_or_long(1, 8) {
        one_is_taken_for_dead(&database, &format!("chat{round}")).await;
    }
}

async fn one_is_taken_for_dead(database: &Server, name: &str) {
    let url = database.database(name);
    let proxy = Proxy::to(database.port()).await;
    let through = database.url_through(proxy.port(), name);
    let mut first = left(&through).await;
    first.expects_errors();
    let (alice, bob) = (first.person(42), first.person(7));
    let mut laptop = alice.connect().await;
    laptop.sends_to(&bob, "before").await;
    first.freeze().await;
    let second = left(&url).await;
    let mut desk = second.person(7).connect().await;
    let mut tablet = second.person(42).connect().await;
    desk.settles().await;

    proxy.cut_at_next(Cut::BeforeCommit);
    let mut expected = vec!["before".to_owned()];
    // Its COMMIT does not arrive, and the other one takes the same number under the same name.
    laptop.says(of_type(json!({"temp_id": "late", "receiver_id": 7, "content": "late"}), "message_send")).await;
    first.thaw().await;
    for number in 0..5 {
        let content = format!("meanwhile {number}");
        tablet.sends_to(&second.person(7), &content).await;
        expected.push(content);
    }
    let answers = |frame: &Value| frame["temp_id"] == "late" && matches!(text(frame, "type"), "message_ack" | "error");
    let said = laptop.expect_that("an answer", answers).await;
    if said["type"] == "message_ack" {
        expected.push("late".to_owned());
    } else {
        assert_eq!(said["temporary"], true, "{said}");
    }
    // The late one may be stored before some of the others.
    let mut heard = vec!["before".to_owned()];
    while heard.len() < expected.len() {
        let message = desk.expect_that("a message", |frame| frame["type"] == "new_message").await;
        heard.push(text(&message, "content").to_owned());
    }
    for told in [&mut heard, &mut expected] {
        told.sort_unstable();
    }
    assert_eq!(heard, expected);
    let status = first.ends(Duration::from_secs(40)).await;
    let log = first.log();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains(r#"under the node name \"left\""#) && log.contains("CHAT_NODE_NAME"), "{log}");

    let history = second.person(7).history_with(&second.person(42)).await;
    let mut stored: Vec<String> = history.iter().map(|message| text(message, "content").to_owned()).collect();
    stored.sort_unstable();
    assert_eq!(stored, expected);
}
