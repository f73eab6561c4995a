//! All users come back at once, to one of two hubs, whose database is far away.

use std::time::{Duration, Instant};

use chat_testkit::fault_proxy::{Direction, FaultProxy};
use chat_testkit::on_each_server;
use chat_testkit::server::Server;
use futures_util::future::join_all;

use crate::support::Hub;

on_each_server!(while_each_is_served_in_its_turn_messages_go_on);

/// How many users come back.
const USERS: u64 = 40;

/// How long a message may take to the hub to which they come back: the follower's reads wait for a few of theirs, not for all.
const SOON: Duration = Duration::from_secs(1);

async fn while_each_is_served_in_its_turn_messages_go_on(database: Server) {
    let link = FaultProxy::to(database.port()).await;
    let near = database.database("chat");
    let far = database.url_through(link.port(), "chat");
    let one = Hub::set(&[("DATABASE_URL", &near), ("CHAT_NODE_NAME", "one")]).await;
    let other = Hub::set(&[("DATABASE_URL", &far), ("CHAT_NODE_NAME", "other"), ("CHAT_DATABASE_READERS", "1")]).await;
    let (alice, bob) = (one.person(42), other.person(7));
    let (mut laptop, mut desk) = (alice.connect().await, bob.connect().await);
    laptop.sends_to(&bob, "before").await;
    desk.receives("before").await;
    let people: Vec<_> = (1_000..1_000 + USERS).map(|user| other.person(user)).collect();
    let cursors = join_all(people.iter().map(async |person| {
        let device = person.connect().await;
        let cursor = device.cursor.clone();
        device.leaves().await;
        cursor
    }));
    let cursors = cursors.await;
    for direction in [Direction::Up, Direction::Down] {
        link.delay(direction, Duration::from_millis(3));
    }

    let since = Instant::now();
    let back = join_all(people.iter().zip(&cursors).map(async |(person, cursor)| {
        let device = person.resumes(cursor).await;
        assert_eq!(device.greeting["resumed"], true, "{}", device.greeting);
        (since.elapsed(), device)
    }));
    let talk = async {
        let mut longest = Duration::ZERO;
        for number in 0..5 {
            laptop.sends_to(&bob, &format!("meanwhile {number}")).await;
            let sent = Instant::now();
            desk.receives(&format!("meanwhile {number}")).await;
            longest = longest.max(sent.elapsed());
        }
        longest
    };
    let (back, longest) = tokio::join!(back, talk);
    let last = back.iter().map(|(took, _)| *took).max().unwrap_or_default();
    assert!(longest < SOON, "a message took {longest:?}, and all were back after {last:?}");
}
