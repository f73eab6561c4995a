//! F10: the database goes back by fifty commits under three hubs that live through it.

use std::time::{Duration, Instant};

use chat_testkit::on_each_server;
use chat_testkit::server::Server;
use futures_util::future::join_all;
use serde_json::json;

use super::crew::Crew;
use super::{Cluster, NODES};
use crate::support::{Device, table_copy, usual_or_long};

on_each_server!(all_connections_start_over_when_the_database_goes_back_under_them);

/// How soon new commits are heard everywhere once the hubs have noticed.
const HEARD: Duration = Duration::from_secs(3);

/// How many users look on while the database goes back.
const WITNESSES: u64 = 9;

async fn all_connections_start_over_when_the_database_goes_back_under_them(database: Server) {
    let cluster = Cluster::start(database).await;
    for round in 0..usual_or_long(2, 10) {
        // Users who talk to one another in threes, each on a hub of its own.
        let first = 10_000 + 100 * round;
        let mut devices: Vec<Device> = Vec::new();
        for user in 0..WITNESSES {
            let hub = &cluster.hubs[usize::try_from(user).expect("small") % NODES];
            let mut device = hub.person(first + user).connect().await;
            device.settles().await;
            devices.push(device);
        }
        let person = |user: u64| cluster.hubs[0].person(first + user);
        for device in &mut devices {
            device.sends_to(&person((device.user - first + 1) % WITNESSES), "kept").await;
        }
        let kept = format!("kept{round}");
        table_copy::make(cluster.database(), &kept);
        for number in 0..50_u64 {
            let device = &mut devices[usize::try_from(number % WITNESSES).expect("small")];
            device.sends_to(&person((device.user - first + 1) % WITNESSES), &format!("lost {number}")).await;
        }
        let cursors: Vec<String> = devices.iter().map(|device| device.cursor.clone()).collect();
        table_copy::put_back(cluster.database(), &kept);
        let put_back = Instant::now();
        // The hubs notice at the first commit after it, or when they look at the database.
        let closing = devices.iter_mut().map(|device| device.is_closed_with(4004));
        join_all(closing).await;
        let noticed = put_back.elapsed();
        assert!(noticed < Duration::from_secs(10), "round {round}: noticed after {noticed:?}");
        let mut back = Vec::new();
        for (device, cursor) in devices.iter().zip(&cursors) {
            let at = usize::try_from(device.user - first).expect("small");
            // On another hub than before: each of them knows that this cursor is of another history.
            let device = cluster.hubs[(at + 1) % NODES].person(device.user).resumes(cursor).await;
            let greeting = &device.greeting;
            assert_eq!((&greeting["resumed"], &greeting["reset"]), (&json!(false), &json!(true)), "{greeting}");
            back.push(device);
        }
        for user in 0..WITNESSES {
            let (at, to) = (usize::try_from(user).expect("small"), (user + 1) % WITNESSES);
            let (text, began) = (format!("new {round} {user}"), Instant::now());
            back[at].sends_to(&person(to), &text).await;
            back[usize::try_from(to).expect("small")]
                .expect_where("new_message", |frame| frame["content"] == text.as_str())
                .await;
            let took = began.elapsed();
            assert!(took <= HEARD, "{text} was heard after {took:?}");
        }
        drop(back);
        // What is new is worth as much as ever.
        let crew = Crew::from(&cluster, 20_000 + 100 * round, 10).await;
        crew.goes_on(100).await;
        crew.finishes(&cluster).await;
    }
}
