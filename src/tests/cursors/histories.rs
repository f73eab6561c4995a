//! A cursor belongs to the user it was given to, and to the history it was given in: a restored backup is another one.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::device::seqs;
use crate::support::person::{array, text};
use crate::support::scene::Scene;
use crate::support::{Device, Hub, Person};

/// Shows a cursor in every way there is; returns for each whether it was a reset, and it alone.
async fn is_reset(person: &Person, cursor: &str) -> [bool; 4] {
    let reset = |answer: &Value| answer["reset"] == true && answer["resumed"] != true;
    let mut device = person.resumes(cursor).await;
    let by_upgrade = reset(&device.greeting);
    device.says(json!({"type": "sync", "cursor": cursor})).await;
    let synced = device.expect("synced").await;
    let by_frame = reset(&synced);
    let page = person.get(&format!("/chat/sync?cursor={cursor}")).await.is(200);
    let by_page = reset(&page) && array(&page, "events").is_empty();
    // Every client can resume from the cursor that it got instead.
    for next in [text(&device.greeting, "cursor"), text(&synced, "cursor"), text(&page, "cursor")] {
        if reset(&device.greeting) {
            assert_eq!(person.resumes(next).await.greeting["resumed"], true, "{next}");
        }
    }
    let mut bell = person.listens_from(cursor).await;
    let by_bell = reset(&bell.greeting);
    bell.barrier().await;
    [by_upgrade, by_frame, by_page, by_bell]
}

const RESET: [bool; 4] = [true; 4];
const SERVED: [bool; 4] = [false; 4];

#[tokio::test]
async fn a_cursor_that_was_given_to_another_user_is_a_reset() {
    let (mut scene, _) = Scene::begun().await;
    let mut cursors = Vec::new();
    // Of everything that carries one: greetings, acks, messages, changes, receipts, notifications, replays, pages.
    scene.desk.says(json!({"type": "subscribe", "channels": ["notifications"]})).await;
    scene.desk.expect("subscribed").await;
    let ack = scene.laptop.sends_to(&scene.bob, "one more").await;
    let id = &ack["message_id"];
    scene.laptop.says(json!({"type": "message_edit", "message_id": id, "content": "changed"})).await;
    scene.desk.expect("message_updated").await;
    scene.desk.says(json!({"type": "message_seen", "thread_id": ack["thread_id"]})).await;
    scene.laptop.expect("messages_seen").await;
    scene.laptop.says(json!({"type": "message_delete", "message_id": id})).await;
    scene.desk.expect("message_deleted").await;
    for device in scene.devices() {
        let user = device.user;
        cursors.push((user, text(&device.greeting, "cursor").to_owned()));
        let told = device.settles().await;
        let carried = told.iter().filter_map(|frame| frame["cursor"].as_str());
        cursors.extend(carried.map(|cursor| (user, cursor.to_owned())));
        cursors.push((user, device.cursor.clone()));
    }
    for person in [&scene.alice, &scene.bob] {
        let first = cursors.iter().find(|(user, _)| *user == person.id).expect("a cursor").1.clone();
        let page = person.get(&format!("/chat/sync?cursor={first}&limit=1")).await.is(200);
        assert_eq!((&page["reset"], &page["has_more"]), (&json!(false), &json!(true)), "{page}");
        cursors.push((person.id, text(&page, "cursor").to_owned()));
        let mut back = person.resumes(&first).await;
        back.says(json!({"type": "sync", "cursor": first})).await;
        back.expect("synced").await;
        cursors.push((person.id, back.cursor.clone()));
    }
    cursors.sort();
    cursors.dedup();
    assert!(cursors.len() > 4, "{cursors:?}");
    for (user, cursor) in &cursors {
        let (own, other) =
            if *user == scene.alice.id { (&scene.alice, &scene.bob) } else { (&scene.bob, &scene.alice) };
        assert_eq!(is_reset(own, cursor).await, SERVED, "{user}'s own {cursor}");
        assert_eq!(is_reset(other, cursor).await, RESET, "{user}'s {cursor}, shown by the other one");
        assert_eq!(is_reset(&scene.hub.person(99), cursor).await, RESET, "shown by a stranger");
    }
}

/// The newest cursor of a client after each message, while the hub's database is put back.
async fn hears(device: &mut Device, from: &mut Device, to: &Person, count: usize, what: &str) -> Vec<String> {
    let mut cursors = Vec::new();
    for number in 0..count {
        from.sends_to(to, &format!("{what} {number}")).await;
        device.receives(&format!("{what} {number}")).await;
        cursors.push(device.cursor.clone());
    }
    cursors
}

/// Makes a copy of a database that is at rest.
fn copied(from: &Path, to: &Path) {
    for name in ["chat.db", "chat.db-wal", "chat.db-shm"] {
        let _ = std::fs::remove_file(to.join(name));
        if from.join(name).exists() {
            std::fs::copy(from.join(name), to.join(name)).expect("it can be copied");
        }
    }
}

/// Makes a copy of a database that is being written.
fn copied_online(from: &Path, to: &Path) {
    let database = from.join("chat.db");
    let text = format!("VACUUM INTO '{}'", to.join("chat.db").display());
    let output = Command::new("sqlite3").arg(database).arg(text).output().expect("sqlite3 is installed");
    assert!(output.status.success(), "{output:?}");
}

#[tokio::test]
async fn a_cursor_from_before_a_backup_was_restored_is_a_reset() {
    for online in [false, true] {
        let mut hub = Hub::start().await;
        let (alice, bob, folder) = (hub.person(42), hub.person(7), hub.folder());
        let backup = TempDir::new().expect("a folder");
        let (mut laptop, mut desk) = (alice.connect().await, bob.connect().await);
        let before = hears(&mut desk, &mut laptop, &bob, 10, "before").await;
        desk.settles().await;
        let copied_at = desk.cursor.clone();
        if online {
            copied_online(folder.path(), backup.path());
        } else {
            (laptop, desk) = stops_and_starts(&mut hub, &folder, backup.path()).await;
        }
        let lost = hears(&mut desk, &mut laptop, &bob, 20, "lost").await;
        desk.settles().await;
        let newest = desk.cursor.clone();
        hub.kill().await;
        copied(backup.path(), folder.path());
        hub.restart().await;
        // Before anything is written, and while the numbers come again.
        assert_eq!(is_reset(&bob, &newest).await, RESET, "online: {online}");
        let (mut laptop, mut desk) = (alice.connect().await, bob.connect().await);
        for number in 0..25 {
            hears(&mut desk, &mut laptop, &bob, 1, &format!("new {number},")).await;
            if number % 6 == 0 {
                assert_eq!(is_reset(&bob, &newest).await, RESET, "after {number} new ones, online: {online}");
            }
        }
        for cursor in &lost[..] {
            assert_eq!(is_reset(&bob, cursor).await, RESET, "{cursor}, online: {online}");
        }
        // What was there when the copy was made is in both histories.
        for cursor in [&before[4], &copied_at] {
            let mut back = bob.resumes(cursor).await;
            assert_eq!(back.greeting["resumed"], true, "{cursor}, online: {online}");
            let missed = back.catches_up().await;
            let new =
                missed.iter().filter(|frame| frame["content"].as_str().is_some_and(|text| text.starts_with("new")));
            assert_eq!(new.count(), 25, "online: {online}");
        }
    }
}

/// Ends the hub gracefully, copies its database, and starts it again; all clients reconnect.
async fn stops_and_starts(hub: &mut Hub, folder: &Arc<TempDir>, backup: &Path) -> (Device, Device) {
    hub.asks_to_end().await;
    hub.ends(Duration::from_secs(30)).await;
    copied(folder.path(), backup);
    hub.restart().await;
    (hub.person(42).connect().await, hub.person(7).connect().await)
}

/// Puts a copy into a database that a hub has open.
fn restored_online(from: &Path, to: &Path) {
    let text = format!(".restore '{}'", from.join("chat.db").display());
    let output = Command::new("sqlite3").arg(to.join("chat.db")).arg(".timeout 5000").arg(text).output();
    let output = output.expect("sqlite3 is installed");
    assert!(output.status.success(), "{output:?}");
}

#[tokio::test]
async fn a_hub_that_lives_through_a_restored_backup_starts_over() {
    let hub = Hub::start().await;
    let (alice, bob, folder) = (hub.person(42), hub.person(7), hub.folder());
    let backup = TempDir::new().expect("a folder");
    let (mut laptop, mut desk) = (alice.connect().await, bob.connect().await);
    let before = hears(&mut desk, &mut laptop, &bob, 10, "before").await;
    copied_online(folder.path(), backup.path());
    let lost = hears(&mut desk, &mut laptop, &bob, 20, "lost").await;
    restored_online(backup.path(), folder.path());
    for device in [&mut laptop, &mut desk] {
        device.is_closed_with(4004).await;
    }
    for cursor in before.iter().chain(&lost) {
        assert_eq!(is_reset(&bob, cursor).await, RESET, "{cursor}");
    }
    let (mut laptop, mut desk) = (alice.connect().await, bob.connect().await);
    hears(&mut desk, &mut laptop, &bob, 25, "new").await;
    for cursor in before.iter().chain(&lost) {
        assert_eq!(is_reset(&bob, cursor).await, RESET, "{cursor}");
    }
    assert_eq!(is_reset(&bob, &desk.cursor).await, SERVED);
    assert_eq!(seqs(&bob.history_with(&alice).await), (1..=35).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_start_of_the_hub_ends_no_cursor() {
    let mut hub = Hub::start().await;
    let (alice, bob) = (hub.person(42), hub.person(7));
    let (mut laptop, mut desk) = (alice.connect().await, bob.connect().await);
    let mut cursors = vec![text(&desk.greeting, "cursor").to_owned()];
    for life in 0..3 {
        cursors.extend(hears(&mut desk, &mut laptop, &bob, 3, &format!("life {life},")).await);
        hub.kill().await;
        hub.restart().await;
        (laptop, desk) = (alice.connect().await, bob.connect().await);
        for (place, cursor) in cursors.iter().enumerate() {
            assert_eq!(is_reset(&bob, cursor).await, SERVED, "life {life}, cursor {place}");
        }
        let missed = bob.resumes(&cursors[0]).await.catches_up().await;
        assert_eq!(missed.iter().filter(|frame| frame["type"] == "new_message").count(), 3 * (life + 1));
    }
}
