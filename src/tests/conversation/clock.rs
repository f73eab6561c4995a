//! A hub whose clock is behind what it has written: it was ahead, and was corrected.

use std::path::Path;
use std::process::Command;

use chat_testkit::clock::Clock;
use serde_json::{Value, json};

use crate::support::person::{array, number, text};
use crate::support::{Hub, Person};

/// Shifts the clock of a program that is started with it by `CLOCK_SHIFT` seconds. By a system call of its own, for what
/// looks libc's function up asks for memory, and the allocator for the time.
const SHIM: &str = r#"
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t id, struct timespec *at) {
    int failed = (int)syscall(SYS_clock_gettime, id, at);
    const char *shift = getenv("CLOCK_SHIFT");
    if (!failed && shift && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) at->tv_sec += atol(shift);
    return failed;
}
"#;

/// Starts the hub again with its clock shifted.
async fn restarts_with_its_clock_shifted(hub: &mut Hub, seconds: i64) {
    let folder = hub.folder();
    let library = compiled(folder.path());
    hub.kill().await;
    hub.launch.set("LD_PRELOAD", library).set("CLOCK_SHIFT", seconds.to_string());
    hub.restart().await;
}

fn compiled(folder: &Path) -> String {
    let (source, library) = (folder.join("clock.c"), folder.join("clock.so"));
    std::fs::write(&source, SHIM).expect("it can be written");
    let output = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).output();
    let output = output.expect("there is a C compiler, as the hub itself needs one");
    assert!(output.status.success(), "{output:?}");
    library.display().to_string()
}

async fn inbox(person: &Person) -> Vec<u64> {
    let page = person.get("/chat/threads").await.is(200);
    array(&page, "threads").iter().map(|thread| number(thread, "other_user_id")).collect()
}

/// Reads what the core hears of all that has happened: the times of the events, and of the messages that they made.
async fn told(core: &Person, cursor: &str) -> Vec<(String, Value)> {
    let page = core.get(&format!("/internal/events?after={cursor}&limit=500")).await.is(200);
    let events = array(&page, "events").iter();
    events.map(|event| (text(event, "at").to_owned(), event["data"]["message"]["created_at"].clone())).collect()
}

async fn bells(person: &Person) -> Vec<Value> {
    let page = person.get("/notifications").await.is(200);
    array(&page, "notifications").iter().map(|bell| bell["body"].clone()).collect()
}

#[tokio::test]
async fn after_a_clock_was_put_back_an_hour_what_is_new_stands_above_what_is_old() {
    let mut hub = Hub::start().await;
    let me = hub.person(50);
    let mut mine = me.connect().await;
    let mut newest = Value::Null;
    for other in [2, 3, 4] {
        mine.sends_to(&hub.person(other), "hello").await;
        newest = hub.person(other).connect().await.sends_to(&me, &format!("from {other}")).await;
    }
    // What is read rings again with the next message.
    let second = number(&me.thread_with(&hub.person(2)).await, "id");
    me.post(&format!("/chat/threads/{second}/read"), &json!({})).await.is(200);
    let now = number(&mine.greeting, "ts");
    restarts_with_its_clock_shifted(&mut hub, -3_600).await;
    let mut mine = me.connect().await;
    assert!(number(&mine.greeting, "ts") < now - 3_000_000, "the hub's clock is behind: {}", mine.greeting);
    let again = hub.person(2).connect().await.sends_to(&me, "from 2 again").await;
    let to_nine = mine.sends_to(&hub.person(9), "to 9").await;
    assert_eq!(inbox(&me).await, [9, 2, 4, 3]);
    assert_eq!(bells(&me).await, ["from 2 again", "from 4", "from 3"]);
    let times = [&newest, &again, &to_nine].map(|ack| ack["created_at"].as_str().expect("a time").to_owned());
    assert!(times.is_sorted() && times[1] != times[2], "{times:?}");
    // As soon as the clock is right again, times are the clock's.
    restarts_with_its_clock_shifted(&mut hub, 0).await;
    let last = hub.person(3).connect().await.sends_to(&me, "from 3 again").await;
    assert!(last["created_at"].as_str() > to_nine["created_at"].as_str(), "{last}");
    assert_eq!(inbox(&me).await, [3, 9, 2, 4]);
}

/// The time of an event was that of the database's clock, which on SQLite is the hub's.
#[tokio::test]
async fn after_a_clock_was_put_back_half_an_hour_events_are_told_with_times_that_go_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = Clock::new(folder.path());
    let hub = Hub::with(|launch| {
        for (name, value) in clock.settings() {
            launch.set(name, value);
        }
    })
    .await;
    let (me, core) = (hub.person(50), hub.core());
    let beginning = core.get("/internal/events").await.is(200);
    let mut mine = me.connect().await;
    for (ahead, other) in [(0, 2), (1_800, 2), (0, 3)] {
        clock.set_offset(ahead);
        mine.sends_to(&hub.person(other), "hello").await;
    }
    let told = told(&core, text(&beginning, "cursor")).await;
    assert_eq!(told.len(), 5, "two threads and three messages: {told:?}");
    assert!(told.is_sorted_by_key(|(at, _)| at.clone()), "{told:?}");
    for (at, written) in &told {
        assert!(written.as_str().is_none_or(|written| written <= at.as_str()), "{told:?}");
    }
}
