//! The database is put back to an earlier state under two hubs that live through it.

use std::time::{Duration, Instant};

use chat_loadtest::server::Error;
use serde_json::json;

use super::Pair;
use crate::support::{Device, Person, table_copy, until};
use chat_testkit::on_each_server;
use chat_testkit::server::Server;

on_each_server!(
    hubs_that_live_through_a_restored_backup_start_over_and_hear_of_each_other,
    a_hub_that_was_away_while_the_numbers_came_again_notices_all_the_same,
    hubs_on_tables_of_different_moments_are_not_ready_and_say_why,
    a_hub_does_not_start_on_tables_of_different_moments,
);

impl Pair {
    /// Runs statements where the hubs' tables are.
    fn sql(&self, sql: &str) -> String {
        self.database.sql_in("chat", sql)
    }
}

/// Waits for the end of a connection, and comes back to be told to start over.
async fn starts_over(mut device: Device, hubs: &Pair, left: bool) -> Device {
    device.is_closed_with(4004).await;
    let hub = if left { &hubs.left } else { &hubs.right };
    let back = hub.person(device.user).resumes(&device.cursor).await;
    assert_eq!(
        (&back.greeting["resumed"], &back.greeting["reset"]),
        (&json!(false), &json!(true)),
        "{}",
        back.greeting
    );
    back
}

async fn hubs_that_live_through_a_restored_backup_start_over_and_hear_of_each_other(database: Server) {
    let hubs = Pair::start(database).await;
    let (alice, bob) = (hubs.left.person(42), hubs.right.person(7));
    let (mut laptop, mut desk) = (alice.connect().await, bob.connect().await);
    for number in 0..5 {
        laptop.sends_to(&bob, &format!("kept {number}")).await;
        desk.receives(&format!("kept {number}")).await;
        desk.sends_to(&alice, &format!("kept answer {number}")).await;
        laptop.receives(&format!("kept answer {number}")).await;
    }
    let mut cursors = vec![laptop.cursor.clone()];
    table_copy::make(&hubs.database, "kept");
    for number in 0..20 {
        laptop.sends_to(&bob, &format!("lost {number}")).await;
        desk.receives(&format!("lost {number}")).await;
        desk.sends_to(&alice, &format!("lost answer {number}")).await;
        laptop.receives(&format!("lost answer {number}")).await;
        cursors.push(laptop.cursor.clone());
    }
    table_copy::put_back(&hubs.database, "kept");
    let mut laptop = starts_over(laptop, &hubs, true).await;
    let mut desk = starts_over(desk, &hubs, false).await;
    for number in 0..25 {
        let ack = laptop.sends_to(&bob, &format!("new {number}")).await;
        assert_eq!(ack["seq"], json!(11 + 2 * number), "the history goes on where it was put back to");
        desk.receives(&format!("new {number}")).await;
        desk.sends_to(&alice, &format!("new answer {number}")).await;
        laptop.receives(&format!("new answer {number}")).await;
    }
    for person in [&hubs.left.person(42), &hubs.right.person(42)] {
        for cursor in &cursors {
            assert_eq!(person.resumes(cursor).await.greeting["reset"], true, "{cursor} is from before");
        }
        assert_eq!(person.resumes(&laptop.cursor).await.greeting["resumed"], true);
        assert_eq!(person.history_with(&bob).await.len(), 60);
    }
}

/// The numbers come again so fast that no hub sees the newest one lower than it was.
async fn a_hub_that_was_away_while_the_numbers_came_again_notices_all_the_same(database: Server) {
    let hubs = Pair::start(database).await;
    let (alice, bob) = (hubs.left.person(42), hubs.right.person(7));
    let (mut laptop, mut desk) = (alice.connect().await, bob.connect().await);
    laptop.sends_to(&bob, "kept").await;
    desk.receives("kept").await;
    table_copy::make(&hubs.database, "kept");
    for number in 0..10 {
        laptop.sends_to(&bob, &format!("lost {number}")).await;
        desk.receives(&format!("lost {number}")).await;
    }
    hubs.right.freeze().await;
    table_copy::put_back(&hubs.database, "kept");
    let mut laptop = starts_over(laptop, &hubs, true).await;
    for number in 0..20 {
        laptop.sends_to(&bob, &format!("new {number}")).await;
    }
    hubs.right.thaw().await;
    let mut desk = starts_over(desk, &hubs, false).await;
    laptop.sends_to(&bob, "across").await;
    desk.receives("across").await;
    desk.sends_to(&alice, "and back").await;
    laptop.receives("and back").await;
}

/// The commit log is of a later moment than the counter: the number that comes next is in it already.
async fn hubs_on_tables_of_different_moments_are_not_ready_and_say_why(database: Server) {
    let hubs = Pair::start(database).await;
    let (alice, bob) = (hubs.left.person(42), hubs.right.person(7));
    let (mut laptop, mut desk) = (alice.connect().await, bob.connect().await);
    for text in ["one", "two"] {
        laptop.sends_to(&bob, text).await;
        desk.receives(text).await;
    }
    hubs.sql("UPDATE hub_state SET commit_no = 1");
    let hubs_of = [(&alice, &hubs.left), (&bob, &hubs.right)];
    let refusal = async |person: &Person| {
        let answer = person.get("/health/ready").await;
        (answer.status == 503).then(|| answer.body["error"]["message"].as_str().unwrap_or_default().to_owned())
    };
    for (person, _) in hubs_of {
        let why = until("the hub is not ready", async || refusal(person).await).await;
        assert!(why.contains("takes no writes: it was put back to an earlier state"), "{why}");
    }
    let message = json!({"receiver_id": 7, "temp_id": "in vain", "content": "is it stored?"});
    alice.post("/chat/send", &message).await.refused(503, "unavailable");
    // Storage probes the database once a second, and the follower reads it ten times a second.
    let since = Instant::now();
    while since.elapsed() < Duration::from_millis(2_500) {
        for (person, hub) in hubs_of {
            assert!(refusal(person).await.is_some(), "the hub says that it is ready:\n{}", hub.log());
        }
    }
    for (_, hub) in hubs_of {
        let log = hub.log();
        assert_eq!(log.matches("were all its tables of one moment").count(), 1, "{log}");
    }
    // The operator restores the log of the counter's moment.
    hubs.sql("DELETE FROM hub_commits WHERE commit_no > 1");
    let (mut laptop, mut desk) = (starts_over(laptop, &hubs, true).await, starts_over(desk, &hubs, false).await);
    for person in [&alice, &bob] {
        until("the hub is ready", async || (person.get("/health/ready").await.status == 200).then_some(())).await;
    }
    laptop.sends_to(&bob, "three").await;
    desk.receives("three").await;
}

/// It had said that it was ready, and answered each message with `internal`.
async fn a_hub_does_not_start_on_tables_of_different_moments(database: Server) {
    let mut hubs = Pair::start(database).await;
    hubs.left.person(42).connect().await.sends_to(&hubs.right.person(7), "one").await;
    hubs.left.kill().await;
    hubs.right.kill().await;
    let whole = hubs.sql("SELECT commit_no FROM hub_state").trim().to_owned();
    hubs.sql("UPDATE hub_state SET commit_no = 0");
    let Err(Error::Exited { status, log }) = hubs.right.launch.start().await else { panic!("the hub started") };
    let said: Vec<&str> = log.lines().filter(|line| !line.starts_with('{')).collect();
    assert_eq!((status.code(), said.len()), (Some(1), 1), "{log}");
    assert!(said[0].contains("of different moments") && said[0].contains("from one backup"), "{log}");
    hubs.sql(&format!("UPDATE hub_state SET commit_no = {whole}"));
    hubs.right.restart().await;
    hubs.right.person(7).connect().await.sends_to(&hubs.right.person(42), "two").await;
}
