//! A database that takes no writes: the hub is not ready and says why, and is ready again by itself.

use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::json;
use tokio::time::timeout;

use crate::support::{Hub, Person, passes, until};
use chat_testkit::on_each_server;
use chat_testkit::server::Server;

on_each_server!(
    with_a_server_that_is_read_only_the_hub_is_not_ready_until_it_is_not,
    a_lock_of_another_program_holds_a_send_for_five_seconds_at_most,
);

/// Says how large files may get that the hub writes: what is beyond fails, as on a full disk.
fn files_may_have(hub: &mut Hub, bytes: Option<u64>) {
    let pid = Pid::from_raw(i32::try_from(hub.server().pid()).expect("a process")).expect("a process");
    prlimit(Some(pid), Resource::Fsize, Rlimit { current: bytes, maximum: None }).expect("it is ours");
}

async fn sends(person: &Person, key: &str) -> u16 {
    let message = json!({"receiver_id": 7, "temp_id": key, "content": "is there room?"});
    person.post("/chat/send", &message).await.status
}

async fn is_ready_again(person: &Person) {
    let ready = || async { (person.get("/health/ready").await.status == 200).then_some(()) };
    until("the hub is ready again, though no message is sent", ready).await;
}

async fn is_not_ready(person: &Person, why: &str) {
    for _ in 0..5 {
        let answer = person.get("/health/ready").await;
        let said = answer.body["error"]["message"].as_str().unwrap_or_default().to_owned();
        answer.refused(503, "unavailable");
        assert!(said.contains("takes no writes") && said.contains(why), "{said}");
    }
}

#[tokio::test]
async fn with_a_full_disk_the_hub_is_not_ready_and_with_room_again_it_is() {
    let mut hub = Hub::start().await;
    hub.expects_errors();
    let alice = hub.person(42);
    assert_eq!(sends(&alice, "before").await, 201);
    files_may_have(&mut hub, Some(4_096));
    for key in ["first", "second"] {
        assert_eq!(sends(&alice, key).await, 503);
        is_not_ready(&alice, "").await;
    }
    // The probe does not take it for well.
    passes(Duration::from_millis(2_500)).await;
    is_not_ready(&alice, "").await;
    assert_eq!(alice.get("/chat/messages?with=7").await.status, 200, "what is there is read");
    files_may_have(&mut hub, None);
    is_ready_again(&alice).await;
    assert_eq!(sends(&alice, "first").await, 201);
    let texts = alice.history_with(&hub.person(7)).await.len();
    assert_eq!(texts, 2, "what was refused was not stored");
}

async fn with_a_server_that_is_read_only_the_hub_is_not_ready_until_it_is_not(server: Server) {
    let url = server.database("chat");
    // A superuser writes all the same. PostgreSQL does not become read-only for a session that is there: rights are taken away.
    let (user, [begin, end], why) = match &server {
        Server::MariaDb(_) => (
            "CREATE USER ann@'%'; GRANT ALL ON chat.* TO ann@'%'",
            ["SET GLOBAL read_only = 1", "SET GLOBAL read_only = 0"],
            "read",
        ),
        Server::Postgres(_) => (
            "CREATE USER ann; ALTER DATABASE chat OWNER TO ann",
            ["REVOKE UPDATE ON hub_state FROM ann", "GRANT UPDATE ON hub_state TO ann"],
            "permission",
        ),
    };
    server.sql_in("chat", user);
    let url = url.replace("root@", "ann@").replace("postgres@", "ann@");
    let hub = Hub::set(&[("DATABASE_URL", &url)]).await;
    let alice = hub.person(42);
    assert_eq!(sends(&alice, "before").await, 201);
    server.sql_in("chat", begin);
    assert_eq!(sends(&alice, "first").await, 503);
    is_not_ready(&alice, why).await;
    server.sql_in("chat", end);
    is_ready_again(&alice).await;
    assert_eq!(sends(&alice, "first").await, 201);
}

/// It held a send for thirty seconds.
#[tokio::test]
async fn a_lock_on_the_file_holds_a_send_for_five_seconds_at_most() {
    let hub = Hub::start().await;
    let alice = hub.person(42);
    assert_eq!(sends(&alice, "before").await, 201);
    let other = rusqlite::Connection::open(hub.folder().path().join("chat.db")).expect("the file");
    other.execute_batch("BEGIN IMMEDIATE").expect("locked");
    for key in ["first", "second"] {
        let sent = timeout(Duration::from_secs(6), sends(&alice, key)).await.expect("an answer in five seconds");
        assert_eq!(sent, 503);
    }
    assert_eq!(alice.get("/chat/messages?with=7").await.status, 200, "what is there is read");
    other.execute_batch("ROLLBACK").expect("unlocked");
    is_ready_again(&alice).await;
    assert_eq!(sends(&alice, "first").await, 201);
}

async fn a_lock_of_another_program_holds_a_send_for_five_seconds_at_most(server: Server) {
    let hub = Hub::set(&[("DATABASE_URL", &server.database("chat"))]).await;
    let alice = hub.person(42);
    assert_eq!(sends(&alice, "before").await, 201);
    let holding = tokio::task::spawn_blocking(move || {
        let sleep = if server.is_postgres() { "SELECT pg_sleep(9)" } else { "DO SLEEP(9)" };
        server.sql_in("chat", &format!("BEGIN; UPDATE hub_state SET commit_no = commit_no + 1; {sleep}; ROLLBACK"));
        server
    });
    // It is held from some moment on.
    let refused = until("a send is refused", || async {
        let sent = timeout(Duration::from_secs(6), sends(&alice, "x")).await.expect("an answer in five seconds");
        (sent == 503).then_some(())
    });
    refused.await;
    let second = timeout(Duration::from_secs(6), sends(&alice, "y")).await.expect("an answer in five seconds");
    assert!(matches!(second, 503 | 201), "{second}");
    let _server = holding.await.expect("it was held");
    is_ready_again(&alice).await;
    assert_eq!(sends(&alice, "z").await, 201);
}
