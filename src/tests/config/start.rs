//! The start: what is away is named and waited for, what is wrong is named and not, what is misspelt is noticed.

use std::time::{Duration, Instant};

use chat_loadtest::client::Credentials;
use chat_loadtest::server::{Launch, free_port};
use serde_json::{Value, json};

use super::{SECRET, runs};
use crate::support::hub::program;
use crate::support::raw::{ask, upgrade};
use crate::support::{Hub, in_time, until};
use chat_testkit::mariadb::{self, MariaDb};
use chat_testkit::on_each_server;
use chat_testkit::server::Server;

on_each_server!(the_hub_starts_when_the_database_does);

#[tokio::test]
async fn a_database_that_is_away_is_named_at_once_if_the_hub_is_not_to_wait() {
    let folder = tempfile::tempdir().expect("a folder");
    for command in [&[][..], &["migrate"]] {
        let began = Instant::now();
        let settings = [SECRET, ("DATABASE_URL", "mysql://chat:x@127.0.0.1:1/chat"), ("CHAT_WAIT_FOR_DATABASE", "off")];
        let said = runs(&folder, command, &settings).await;
        assert_eq!(said.code, Some(1));
        assert!(said.err.contains("127.0.0.1:1") && said.err.contains("refused"), "{}", said.err);
        assert!(!said.err.contains("waiting"), "{}", said.err);
        assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    }
}

/// `threads show … | head -1` ended in a panic.
#[tokio::test]
async fn a_reader_that_has_gone_makes_no_command_panic() {
    let folder = tempfile::tempdir().expect("a folder");
    for (line, code) in [("token --user 1", 0), ("ticket --user 1", 0), ("audit verify", 1), ("doctor", 0)] {
        let closed = || {
            let (reader, writer) = std::io::pipe().expect("a pipe");
            drop(reader);
            writer
        };
        let mut command = tokio::process::Command::new(program());
        command.args(line.split(' ')).env_clear().envs([SECRET]).current_dir(folder.path());
        let status = command.stdout(closed()).stderr(closed()).status();
        assert_eq!(in_time(line, status).await.expect("it can be run").code(), Some(code), "{line}");
    }
}

#[tokio::test]
async fn an_address_that_is_taken_is_named_with_what_to_do() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a socket");
    let address = taken.local_addr().expect("an address").to_string();
    let folder = tempfile::tempdir().expect("a folder");
    let said = runs(&folder, &["--listen", &address], &[SECRET]).await;
    assert_eq!(said.code, Some(1));
    assert!([address.as_str(), "in use", "CHAT_LISTEN"].iter().all(|part| said.err.contains(part)), "{}", said.err);
}

#[tokio::test]
async fn a_database_that_is_away_is_waited_for_as_long_as_one_likes() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = [SECRET, ("DATABASE_URL", "mysql://chat:x@127.0.0.1:1/chat"), ("RUST_LOG", "info")];
    let began = Instant::now();
    let said = runs(&folder, &["--wait-for-database", "1500ms"], &settings).await;
    assert!(began.elapsed() >= Duration::from_millis(1_500), "{:?}", began.elapsed());
    assert_eq!(said.code, Some(1));
    assert_eq!(said.err.matches("waiting for it").count(), 1, "{}", said.err);
    assert!(said.err.contains("waited for 1.5 s"), "{}", said.err);
}

async fn the_hub_starts_when_the_database_does(mut server: Server) {
    let url = server.database("chat");
    server.kill();
    let folder = tempfile::tempdir().expect("a folder");
    let mut launch = Launch::new(program(), folder.path());
    launch.set("DATABASE_URL", url);
    let mut hub = launch.spawn(free_port().expect("a port")).expect("it can be run");
    until("the hub waits", || async { hub.log().contains("waiting for it").then_some(()) }).await;
    let server = tokio::task::spawn_blocking(move || {
        server.restart();
        server
    });
    let server = server.await.expect("a server");
    hub.ready().await.unwrap_or_else(|error| panic!("{error}"));
    assert!(hub.log().contains("the database is there"), "{}", hub.log());
    hub.kill().await.expect("killed");
    drop(server);
}

#[tokio::test]
async fn what_waiting_cannot_mend_names_user_and_host_and_ends() {
    if !mariadb::wanted("what_waiting_cannot_mend_names_user_and_host_and_ends") {
        return;
    }
    let server = tokio::task::spawn_blocking(MariaDb::start).await.expect("a server");
    server.database("chat");
    server.database("other");
    server.sql("CREATE USER ann@'%' IDENTIFIED BY 'right'; GRANT SELECT ON chat.* TO ann@'%'");
    let folder = tempfile::tempdir().expect("a folder");
    let host = format!("127.0.0.1:{}", server.port());
    for (url, names) in [
        (format!("mysql://ann:hunter2@{host}/chat"), &["ann", "password"][..]),
        (format!("mysql://eve:hunter2@{host}/chat"), &["eve", "password"]),
        (format!("mysql://root@{host}/none"), &["root", "none"]),
        (format!("mysql://ann:right@{host}/other"), &["ann", "other"]),
        (format!("mysql://ann:right@{host}/chat"), &["ann", "chat", "denied"]),
    ] {
        let began = Instant::now();
        let said = runs(&folder, &[], &[SECRET, ("DATABASE_URL", &url)]).await;
        assert!(began.elapsed() < Duration::from_secs(8), "{url}: {:?}", began.elapsed());
        assert_eq!(said.code, Some(1), "{url}: {}", said.err);
        for name in names.iter().chain([&host.as_str()]) {
            assert!(said.err.contains(name), "{url}: nothing of {name}: {}", said.err);
        }
        assert!(!said.err.contains("hunter2") && !said.err.contains("right"), "{}", said.err);
    }
}

#[tokio::test]
async fn a_file_that_is_not_there_is_named_with_what_makes_it() {
    let folder = tempfile::tempdir().expect("a folder");
    for url in ["sqlite://data/none.db", "sqlite:data/none.db?mode=rw"] {
        let said = runs(&folder, &[], &[SECRET, ("DATABASE_URL", url)]).await;
        assert_eq!(said.code, Some(1));
        assert!(said.err.contains("data/none.db") && said.err.contains("?mode=rwc"), "{}", said.err);
    }
    assert!(!folder.path().join("data/none.db").exists(), "it was made");
}

#[tokio::test]
async fn paths_of_the_database_and_of_images_are_read_by_one_rule() {
    let hub = Hub::set(&[
        ("DATABASE_URL", "sqlite://my%20data/%41 100%.db?mode=rwc"),
        ("CHAT_MEDIA_URL", "file:my%20data/%41 100%"),
    ])
    .await;
    for name in ["my data/A 100%.db", "my data/A 100%"] {
        assert!(hub.folder().path().join(name).exists(), "no {name}");
    }
}

#[tokio::test]
async fn a_misspelt_setting_is_noticed() {
    let hub = Hub::set(&[("CHAT_RATE_LIMT", "5"), ("JWT_SECRETS", "hunter2"), ("CHAT_TEST_HUB", "x")]).await;
    let lines: Vec<Value> = hub.log().lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let warned: Vec<(&str, &str)> = lines
        .iter()
        .filter(|line| line["level"] == "WARN" && line["message"].as_str().is_some_and(|text| text.contains("reads")))
        .map(|line| (line["name"].as_str().unwrap_or_default(), line["meant"].as_str().unwrap_or_default()))
        .collect();
    assert_eq!(warned, [("CHAT_RATE_LIMT", "CHAT_RATE_LIMIT"), ("JWT_SECRETS", "JWT_SECRET")], "{}", hub.log());
    assert!(!hub.log().contains("hunter2"));
    // A command that is done on another database than the one that is meant, or signs with another secret.
    let folder = tempfile::tempdir().expect("a folder");
    for command in [
        &["migrate"][..],
        &["token", "--user", "1"],
        &["ticket", "--user", "1"],
        &["users", "show", "7"],
        &["audit", "verify"],
        &["webhooks", "list"],
        &["backup", "--to", "copy"],
    ] {
        let said = runs(&folder, command, &[SECRET, ("DATABASE_URI", "sqlite://hunter2.db")]).await;
        assert!(said.err.contains("DATABASE_URI") && said.err.contains("DATABASE_URL"), "{command:?}: {}", said.err);
        assert!(!said.err.contains("hunter2") && !said.out.contains("DATABASE"), "{command:?}: {}", said.err);
    }
}

#[tokio::test]
async fn a_number_without_a_unit_is_no_span() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in [
        "CHAT_EDIT_WINDOW",
        "CHAT_HEARTBEAT",
        "CHAT_OFFLINE_AFTER",
        "CHAT_COMMIT_POLL_INTERVAL",
        "CHAT_THREAD_IDLE",
        "CHAT_MEDIA_LINKS",
        "CHAT_MEDIA_ORPHANS",
        "CHAT_MEDIA_SWEEP",
        "CHAT_UPLOAD_DEADLINE",
        "CHAT_WAIT_FOR_DATABASE",
    ] {
        let said = runs(&folder, &[], &[SECRET, ("DATABASE_URL", "sqlite://none.db"), (name, "15")]).await;
        assert_eq!(said.code, Some(2), "{name}: {}", said.err);
        assert!(said.err.contains("15m") && said.err.contains("15s"), "{name}: {}", said.err);
    }
    let token = runs(&folder, &["token", "--user", "1", "--expires-in", "15"], &[SECRET]).await;
    assert!(token.code == Some(2) && token.err.contains("15m"), "{}", token.err);
    for command in [
        &["users", "suspend", "7", "--until", "15", "--reason", "spam"][..],
        &["webhooks", "replay", "1", "--since", "15"],
    ] {
        let said = runs(&folder, command, &[SECRET]).await;
        assert!(said.code == Some(2) && said.err.contains("15m"), "{command:?}: {}", said.err);
    }
    // Its name says that they are seconds.
    Hub::set(&[("CHAT_DRAIN_SECONDS", "15")]).await;
}

#[tokio::test]
async fn a_second_hub_on_one_file_says_so_and_serves() {
    let first = Hub::start().await;
    let said = |hub: &Hub| hub.log().matches("another hub uses this file").count();
    assert_eq!(said(&first), 0);
    let second = Hub::beside(first.folder(), |_| {}).await;
    assert_eq!(said(&second), 1, "{}", second.log());
    let (alice, bob) = (first.person(42), second.person(7));
    let mut desk = bob.connect().await;
    alice.connect().await.sends_to(&bob, "from one hub to the other").await;
    desk.receives("from one hub to the other").await;
    drop((desk, first));
    let mut second = second;
    second.kill().await;
    second.restart().await;
    assert_eq!(said(&second), 1, "it is alone now: {}", second.log());
}

#[tokio::test]
async fn the_log_says_why_a_door_was_refused_and_nothing_of_what_was_shown() {
    let hub = Hub::set(&[("CHAT_MAX_CONNECTIONS_PER_USER", "2")]).await;
    let alice = hub.person(42);
    let (ticket, bad) = (alice.ticket().await, format!("{}x", alice.token));
    let devices = [alice.connect().await, alice.connect().await];
    let used = hub.person(43);
    let (spent, door) = (used.ticket().await, "/chat?ticket=");
    drop(used.opens(|door| door.credentials = Credentials::Ticket(spent.clone())).await.expect("it is good once"));
    alice.knocks(&format!("/chat?token={bad}"), &[]).await.refused(401, "unauthorized");
    alice.knocks(&format!("{door}{spent}"), &[]).await.refused(401, "ticket_used");
    alice.knocks(&format!("{door}{ticket}"), &[]).await.refused(429, "rate_limited");
    let page = [("Origin", "https://elsewhere.example"), ("X-Forwarded-For", "192.0.2.7")];
    alice.knocks(&format!("/notifications?token={}", alice.token), &page).await.refused(403, "forbidden_origin");
    // An odd byte hides nothing of what a proxy says.
    let odd = upgrade(&format!("/chat?token={bad}"), &[("X-Forwarded-For", "é, 192.0.2.8")]);
    assert_eq!(ask(hub.address(), odd).await.expect("an answer").status, 401);
    // A page that connects first and says afterwards who it is.
    let mut late = alice.opens(|door| door.credentials = Credentials::FirstFrame).await.expect("a socket");
    late.says(json!({"type": "auth", "token": bad})).await;
    assert_eq!(late.ends().await.0, 4500);
    let lines = || -> Vec<Value> {
        let log = hub.log();
        let lines = log.lines().filter_map(|line| serde_json::from_str(line).ok());
        lines.filter(|line: &Value| line["message"] == "a connection was refused").collect()
    };
    let codes: Vec<_> = lines().iter().map(|line| line["code"].as_str().unwrap_or_default().to_owned()).collect();
    let refused = ["unauthorized", "ticket_used", "rate_limited", "forbidden_origin", "unauthorized", "unauthorized"];
    assert_eq!(codes, refused);
    assert_eq!((&lines()[4]["forwarded"], &lines()[5]["door"]), (&json!("é, 192.0.2.8"), &json!("/chat")));
    for line in lines() {
        assert!(line["level"] == "INFO" && line["peer"].as_str().is_some_and(|peer| peer.starts_with("127.0.0.1:")));
        assert!(line["why"].as_str().is_some_and(|why| why.len() > 10), "{line}");
    }
    assert_eq!((&lines()[3]["door"], &lines()[3]["origin"]), (&"/notifications".into(), &page[0].1.into()));
    assert_eq!(lines()[3]["forwarded"], page[1].1);
    for secret in [&alice.token, &bad, &ticket, &spent] {
        assert!(!hub.log().contains(secret.as_str()), "{secret}");
    }
    for _ in 0..60 {
        alice.knocks("/chat?token=x", &[]).await.refused(401, "unauthorized");
    }
    assert!(lines().len() < 60, "a crowd fills the log: {}", lines().len());
    drop(devices);
}
