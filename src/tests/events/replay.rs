//! A long log, read from its beginning.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chat_database::Database;
use chat_database::change::{Change, NewMessage};
use chat_database::commit::Writer;
use chat_database::connect::Options;
use chat_database::ids::{Pair, UserId};
use chat_database::nodes::NodeId;
use chat_database::time::Timestamp;
use chat_loadtest::usage::resident_kb;
use serde_json::Value;

use super::{page, sqlite};
use crate::support::person::{array, number, text};
use crate::support::{Hub, Person};

/// How much more memory the hub may have in the end than it had at first: its caches, and what its allocator keeps for a while.
const GROWTH_KB: u32 = 24 * 1_024;

/// Writes what a hub would have written: commits of as many messages, over some threads in turn.
async fn write_log(folder: &Path, commits: u64, messages: u64, threads: u64) {
    let url = format!("sqlite://{}?mode=rwc", folder.join("chat.db").display());
    let database = Database::connect(&Options { url, readers: 1 }).await.expect("a database");
    chat_migrations::up(database.for_migrations()).await.expect("tables");
    let mut writer = Writer::new(database, NodeId::draw("alpha").expect("a name"));
    let user = |id| UserId::new(id).expect("an id");
    for commit in 0..commits {
        let changes = (0..messages).map(|message| {
            let thread = (commit * messages + message) % threads;
            let (sender, reader) = (user(1 + 2 * thread), user(2 + 2 * thread));
            Change::Send(NewMessage {
                pair: Pair::new(sender, reader).expect("two users"),
                sender,
                temp_id: None,
                payload_hash: [0; 32],
                content: Some("Is it still available, and would you send it to Goma?".to_owned()),
                media: Vec::new(),
                product_id: None,
                card: None,
                reply_to: None,
                at: Timestamp::now(),
            })
        });
        writer.commit(&changes.collect::<Vec<_>>()).await.expect("a commit");
    }
}

/// Returns the cursor before the first event, for a reader of this number.
async fn beginning(core: &Person, reader: u32) -> String {
    let foreign = core.get(&format!("/internal/events?after=e1.0123456789abcdef.1.1.3.0.0.0.{reader}")).await;
    foreign.refused(410, "gone_cursor");
    text(&foreign.body["error"], "oldest").to_owned()
}

#[tokio::test]
async fn a_hundred_thousand_events_are_replayed_in_flat_memory() {
    let folder = tempfile::Builder::new().prefix("chat-test-").tempdir().expect("a temporary folder");
    write_log(folder.path(), 100, 1_000, 100).await;
    let mut hub = Hub::beside(Arc::new(folder), |_| {}).await;
    let (core, pid) = (hub.core(), hub.server().pid());
    let mut cursor = beginning(&core, 1).await;
    let (started, mut told, mut resident) = (Instant::now(), 0, Vec::new());
    let mut last: HashMap<u64, u64> = HashMap::new();
    loop {
        let page = page(&core, &cursor, "&limit=500").await;
        for event in array(&page, "events").iter().filter(|event| event["type"] == "message.created") {
            let message = &event["data"]["message"];
            let before = last.insert(number(message, "thread_id"), number(message, "seq")).unwrap_or_default();
            assert_eq!(number(message, "seq"), before + 1, "{event}");
        }
        told += array(&page, "events").len() as u64;
        resident.push(resident_kb(pid).expect("the hub runs"));
        text(&page, "cursor").clone_into(&mut cursor);
        if page["has_more"] == false {
            break;
        }
    }
    assert_eq!(told, 100 * (1_000 + 1));
    assert!(last.len() == 100 && last.values().all(|seq| *seq == 1_000));
    let (first, rest) = resident.split_at(resident.len() / 5);
    let most = |part: &[u32]| part.iter().copied().max().unwrap_or_default();
    assert!(most(rest) < most(first) + GROWTH_KB, "{resident:?} KB");
    assert!(started.elapsed() < Duration::from_secs(90), "{:?}", started.elapsed());
}

/// Returns where the commit log begins.
fn first_commit(folder: &Path) -> u64 {
    sqlite(folder, "SELECT MIN(commit_no) FROM hub_commits").trim().parse().expect("a number")
}

fn commit_of(cursor: &str) -> u64 {
    cursor.split('.').nth(2).expect("a commit").parse().expect("a number")
}

/// Reads the next page of a reader, who is at its end then.
async fn reads_on(core: &Person, cursor: &mut String, rest: &str) -> Vec<Value> {
    let page = page(core, cursor, rest).await;
    text(&page, "cursor").clone_into(cursor);
    array(&page, "events").to_vec()
}

/// Of two readers one keeps up while users write, and one reads event by event while the log is swept: the log is kept for the slower
/// one, and swept behind it.
#[tokio::test]
async fn the_log_is_swept_behind_the_slower_of_two_readers() {
    // The hub forgets two thousand commits at a time.
    const COMMITS: u64 = 4_500;

    let folder = tempfile::Builder::new().prefix("chat-test-").tempdir().expect("a temporary folder");
    write_log(folder.path(), COMMITS, 1, 3).await;
    let hub = Hub::beside(Arc::new(folder), |_| {}).await;
    let (core, folder) = (hub.core(), hub.folder());
    let (mut quick, mut slow) = (beginning(&core, 1).await, beginning(&core, 2).await);
    let (said, mut is_said) = tokio::sync::oneshot::channel();
    let following = {
        let core = core.clone();
        tokio::spawn(async move {
            let mut told = Vec::new();
            // The log is kept for where a reader was when it asked: this one goes on asking.
            while is_said.try_recv().is_err() {
                told.extend(reads_on(&core, &mut quick, "&limit=500&wait=1").await);
            }
            told.extend(reads_on(&core, &mut quick, "&limit=500").await);
            told
        })
    };
    let mut told = Vec::new();
    while told.len() < 2_600 {
        told.extend(reads_on(&core, &mut slow, "&limit=500").await);
    }
    let mut laptop = hub.person(42).connect().await;
    for number in 0..100 {
        laptop.sends_to(&hub.person(7), &number.to_string()).await;
    }
    sqlite(folder.path(), "UPDATE hub_commits SET at = at - 3600000");
    // The hub sweeps every thirty seconds.
    let deadline = Instant::now() + Duration::from_secs(75);
    while first_commit(folder.path()) == 1 {
        assert!(Instant::now() < deadline, "the log is not swept");
        let (mut here, is_far) = (slow.clone(), told.len() > 3_400);
        told.extend(reads_on(&core, if is_far { &mut here } else { &mut slow }, "&limit=1").await);
        if is_far {
            // It asks for the same again.
            told.pop();
        }
    }
    let (first, at) = (first_commit(folder.path()), commit_of(&slow));
    assert!(first <= at + 1 && at < COMMITS, "the slow one is at {at}, and the log begins with {first}");
    laptop.sends_to(&hub.person(7), "the last one").await;
    said.send(()).expect("it follows");
    let quick = following.await.expect("it follows");
    while told.len() < quick.len() {
        told.extend(reads_on(&core, &mut slow, "&limit=500").await);
    }
    let ids = |events: &[Value]| events.iter().map(|event| text(event, "id").to_owned()).collect::<Vec<_>>();
    assert_eq!(ids(&told), ids(&quick));
    // Three threads of the log, and one that was opened now.
    assert_eq!(quick.len() as u64, COMMITS + 3 + 101 + 1);
    assert_eq!(quick.last().map(|event| event["data"]["message"]["content"].clone()), Some("the last one".into()));
}
