//! `backup` beside a hub under load, and `restore`: what was acknowledged before its commit is there, what came after it is gone, and
//! clients that have heard of that are told to reload.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chat_loadtest::client::{Client, Received};
use chat_testkit::on_each_server;
use chat_testkit::server::Server;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::images::form::{ids, uploads};
use crate::images::place::{self, Kind, on_both_stores};
use crate::support::hub::program;
use crate::support::person::{array, number, text};
use crate::support::{Hub, Person, until, until_within, usual_or_long};

on_both_stores!(a_backup_under_load_holds_what_was_acknowledged_before_its_mark);

on_each_server!(a_dump_of_the_servers_own_tools_is_read_back_and_given_a_new_epoch);

const IN_FLIGHT: usize = 16;

/// How long some megabytes of messages may take on a busy machine.
const LOADED: Duration = Duration::from_secs(120);

/// A picture of one pixel.
const PIXEL: &[u8] = include_bytes!("../../actors/tests/corpus/alpha.png");

struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Said {
    /// Returns what a command has printed that went well.
    fn well(&self) -> Value {
        assert_eq!(self.code, Some(0), "{}", self.err);
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }

    fn refused(&self, words: &[&str]) {
        assert_eq!(self.code, Some(1), "{} {}", self.out, self.err);
        assert!(words.iter().all(|word| self.err.contains(word)), "nothing of {words:?}: {}", self.err);
    }
}

/// Runs a command with the settings of a hub.
async fn run(hub: &Hub, arguments: &[&str]) -> Said {
    let mut command = tokio::process::Command::new(program());
    command.args(arguments).env_clear().envs(&hub.launch.settings).env("RUST_LOG", "warn");
    command.current_dir(hub.folder().path()).stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.expect("it can be run");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
}

/// Authors who send as fast as they are answered.
struct Load {
    shared: Arc<Shared>,
    authors: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    acked: Mutex<BTreeSet<u64>>,
    stops: AtomicBool,
}

impl Load {
    async fn begin(hub: &Hub, authors: u64) -> Self {
        Self::of(hub, authors, 100).await
    }

    /// Begins with messages of so many characters.
    async fn of(hub: &Hub, authors: u64, characters: usize) -> Self {
        let shared = Arc::<Shared>::default();
        let authors = (0..authors)
            .map(|id| tokio::spawn(sends(hub.person(1_000 + id), 5_000 + id, characters, Arc::clone(&shared))));
        Self { authors: authors.collect(), shared }
    }

    /// Returns the ids of the messages that were acknowledged so far.
    fn acked(&self) -> BTreeSet<u64> {
        self.shared.acked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until so many messages have been acknowledged, however long that takes, as long as there are more and more of them.
    async fn has_acked(&self, count: usize) {
        let acked = || self.shared.acked.lock().unwrap_or_else(PoisonError::into_inner).len();
        while acked() < count {
            let before = acked();
            until("messages are acknowledged", || async { (acked() > before).then_some(()) }).await;
        }
    }

    async fn ends(self) {
        self.shared.stops.store(true, Ordering::Relaxed);
        join_all(self.authors).await.into_iter().for_each(|author| author.expect("every message was acknowledged"));
    }
}

async fn sends(me: Person, to: u64, characters: usize, shared: Arc<Shared>) {
    let mut client = Client::connect(&me.door()).await.expect("a connection");
    let (mut next, mut waiting) = (0, 0);
    loop {
        while waiting < IN_FLIGHT && !shared.stops.load(Ordering::Relaxed) {
            let key = format!("b{next}");
            let content = "x".repeat(characters);
            let frame = json!({"type": "message_send", "temp_id": key, "receiver_id": to, "content": content});
            client.send(frame.to_string()).await.expect("sent");
            (next, waiting) = (next + 1, waiting + 1);
        }
        if waiting == 0 {
            return;
        }
        let Received::Text(frame) = client.next().await else { panic!("the connection has ended") };
        let frame: Value = serde_json::from_str(&frame).expect("a frame");
        match text(&frame, "type") {
            "message_ack" => {
                shared.acked.lock().unwrap_or_else(PoisonError::into_inner).insert(number(&frame, "message_id"));
                waiting -= 1;
            }
            "error" => panic!("{frame}"),
            _ => {}
        }
    }
}

/// Asks SQLite's own shell.
fn sql(database: &Path, query: &str) -> String {
    let output = Command::new("sqlite3").arg(database).arg(query).output().expect("sqlite3 is installed");
    assert!(output.status.success(), "{query}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("a text")
}

/// Returns where the core's feed of events stands.
async fn feed(hub: &Hub) -> String {
    text(&hub.core().get("/internal/events").await.is(200), "cursor").to_owned()
}

fn messages(database: &Path, condition: &str) -> BTreeSet<u64> {
    let lines = sql(database, &format!("SELECT id FROM chat_messages {condition}"));
    lines.lines().map(|line| line.parse().expect("an id")).collect()
}

async fn a_backup_under_load_holds_what_was_acknowledged_before_its_mark(kind: Kind) {
    let (mut hub, place) = place::hub(kind, &[]).await;
    let (alice, bob, folder) = (hub.person(42), hub.person(7), hub.folder());
    let image = uploads(&alice, &[PIXEL]).await;
    alice.post("/chat/send", &json!({"receiver_id": 7, "images": ids(&image), "content": "kept"})).await.is(201);
    let (mut laptop, mut desk) = (alice.connect().await, bob.connect().await);
    desk.settles().await;
    let kept = desk.cursor.clone();
    let events_kept = feed(&hub).await;

    let load = Load::begin(&hub, 8).await;
    load.has_acked(usual_or_long(2_000, 100_000)).await;
    let before = load.acked();
    let made = run(&hub, &["backup", "--to", "backups/first"]).await.well();
    let after = load.acked().len();
    assert!(after > before.len(), "messages went on while the backup was made: {after}");
    laptop.sends_to(&bob, "lost").await;
    desk.receives("lost").await;
    desk.settles().await;
    let lost = desk.cursor.clone();
    let events_lost = feed(&hub).await;
    load.has_acked(after + 500).await;
    load.ends().await;
    run(&hub, &["backup", "--to", "backups/first"]).await.refused(&["backups/first", "not empty"]);
    assert_eq!((&made["files_of_images"], &made["gone"]), (&json!(2), &json!(0)), "{made}");

    // What is there is not overwritten, whether a hub runs on it or not.
    let restore = ["restore", "--from", "backups/first"];
    run(&hub, &restore).await.refused(&["a hub runs on", "chat.db"]);
    hub.kill().await;
    run(&hub, &restore).await.refused(&["chat.db", "not overwritten"]);
    let database = folder.path().join("chat.db");
    let wanted = messages(&database, &format!("WHERE created_commit <= {}", number(&made, "commit")));
    let all = messages(&database, "").len();
    for part in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(folder.path().join(format!("chat.db{part}")));
    }
    run(&hub, &restore).await.refused(&["CHAT_MEDIA_URL", "already"]);
    assert!(!database.exists(), "what was refused has made nothing");
    let media = hub.launch.settings["CHAT_MEDIA_URL"].clone();
    hub.launch.set("CHAT_MEDIA_URL", format!("{media}-restored"));
    let put_back = run(&hub, &restore).await.well();

    assert_eq!(number(&put_back, "commit"), number(&made, "commit") + 1, "the epoch begins with a commit of its own");
    assert_eq!(sql(&database, "PRAGMA integrity_check").trim(), "ok");
    let restored = messages(&database, "");
    assert_eq!(restored, wanted, "all up to its commit, and nothing else");
    assert!(before.is_subset(&restored) && restored.len() < all, "{} of {all}", restored.len());

    hub.restart().await;
    drop(place);
    assert_eq!(bob.resumes(&lost).await.greeting["reset"], true, "it has heard of what is gone");
    assert_eq!(bob.get(&format!("/chat/sync?cursor={lost}")).await.is(200)["reset"], true);
    let events = async |after: &str| hub.core().get(&format!("/internal/events?after={after}")).await;
    events(&events_lost).await.refused(410, "gone_cursor");
    assert_eq!(array(&events(&events_kept).await.is(200), "events").len(), 100, "a whole page of what is kept");
    let mut back = bob.resumes(&kept).await;
    back.catches_up().await;
    let mut laptop = alice.connect().await;
    laptop.sends_to(&bob, "new").await;
    back.receives("new").await;
    assert_eq!(bob.resumes(&lost).await.greeting["reset"], true, "the numbers that come again are others");
    let history = bob.history_with(&alice).await;
    assert_eq!(history.iter().map(|message| text(message, "content")).collect::<Vec<_>>(), ["kept", "new"]);
    for link in ["url", "thumb_url"] {
        let fetched = bob.fetch(text(&array(&history[0], "images")[0], link), &[]).await;
        assert_eq!(fetched.status, 200, "{history:?}");
        image::load_from_memory(&fetched.bytes).expect("a picture");
    }
}

#[tokio::test]
async fn a_backup_that_has_changed_or_did_not_end_is_not_restored() {
    let mut hub = Hub::start().await;
    let alice = hub.person(42);
    let image = uploads(&alice, &[PIXEL]).await;
    alice.post("/chat/send", &json!({"receiver_id": 7, "images": ids(&image)})).await.is(201);
    let made = run(&hub, &["backup", "--to", "backup"]).await.well();
    assert!(number(&made, "bytes") > 4_096, "{made}");
    hub.kill().await;
    let folder = hub.folder();
    let elsewhere = |name: &str| format!("sqlite://{}/{name}?mode=rwc", folder.path().display());
    hub.launch.set("DATABASE_URL", elsewhere("restored/other.db")).set("CHAT_MEDIA_URL", "file:restored/media");
    let backup = folder.path().join("backup");
    let manifest: Value =
        serde_json::from_str(&std::fs::read_to_string(backup.join("manifest.json")).expect("it is there"))
            .expect("JSON");
    let files: Vec<PathBuf> =
        manifest["files"].as_object().expect("files").keys().map(|path| backup.join(path)).collect();
    assert_eq!(files.len(), 3, "{manifest}");
    let restore = ["restore", "--from", "backup"];
    for file in &files {
        let whole = std::fs::read(file).expect("it is there");
        let mut changed = whole.clone();
        changed[whole.len() / 2] ^= 1;
        std::fs::write(file, changed).expect("written");
        let name = file.file_name().expect("a name").to_str().expect("a text");
        run(&hub, &restore).await.refused(&[name, "checksum"]);
        std::fs::remove_file(file).expect("removed");
        run(&hub, &restore).await.refused(&[name, "cannot be read"]);
        std::fs::write(file, whole).expect("written");
    }
    for (from, to) in [("\"chat.db\"", "\"chat.db.old\""), ("\"media/", "\"../media/"), ("\"media/", "\"/media/")] {
        let whole = std::fs::read_to_string(backup.join("manifest.json")).expect("it is there");
        assert!(whole.contains(from), "{whole}");
        std::fs::write(backup.join("manifest.json"), whole.replace(from, to)).expect("written");
        run(&hub, &restore).await.refused(&["the manifest names"]);
        std::fs::write(backup.join("manifest.json"), whole).expect("written");
    }
    let aside = backup.join("manifest.json.aside");
    std::fs::rename(backup.join("manifest.json"), &aside).expect("renamed");
    run(&hub, &restore).await.refused(&["did not end", "manifest.json"]);
    run(&hub, &["restore", "--from", "nowhere"]).await.refused(&["nowhere"]);
    assert!(!folder.path().join("restored/other.db").exists(), "nothing was put in place");
    std::fs::rename(&aside, backup.join("manifest.json")).expect("renamed");
    run(&hub, &restore).await.well();
    hub.restart().await;
    assert_eq!(hub.person(7).get("/chat/threads").await.is(200)["threads"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn of_a_server_and_of_nothing_there_is_no_backup() {
    let mut hub = Hub::start().await;
    hub.launch.set("DATABASE_URL", "mysql://chat:hunter2@127.0.0.1:1/chat");
    let said = run(&hub, &["backup", "--to", "backup"]).await;
    said.refused(&["mariadb-dump", "pg_dump", "restore --epoch"]);
    assert!(!said.err.contains("hunter2"), "{}", said.err);
    run(&hub, &["restore", "--from", "backup"]).await.refused(&["mariadb-dump", "restore --epoch"]);
    hub.launch.set("DATABASE_URL", "sqlite://none.db?mode=rwc");
    run(&hub, &["backup", "--to", "second"]).await.refused(&["none.db", "nothing to back up"]);
    assert!(!hub.folder().path().join("none.db").exists(), "it was made");
    let both = run(&hub, &["restore", "--from", "backup", "--epoch"]).await;
    assert_eq!(both.code, Some(2), "{}", both.err);
}

async fn a_dump_of_the_servers_own_tools_is_read_back_and_given_a_new_epoch(server: Server) {
    let url = server.database("chat");
    let mut hub = Hub::set(&[("DATABASE_URL", &url)]).await;
    let (alice, bob, folder) = (hub.person(42), hub.person(7), hub.folder());
    let (mut laptop, mut desk) = (alice.connect().await, bob.connect().await);
    let mut hears = async |content: &str| {
        laptop.sends_to(&bob, content).await;
        desk.receives(content).await;
        desk.settles().await;
        desk.cursor.clone()
    };
    let kept = hears("kept").await;
    let dump = folder.path().join("chat.sql");
    server.dump("chat", &dump);
    let lost = hears("lost").await;
    hub.asks_to_end().await;
    hub.ends(Duration::from_secs(30)).await;
    server.sql_in(if server.is_postgres() { "postgres" } else { "mysql" }, "DROP DATABASE chat");
    server.database("chat");
    server.read_back("chat", &dump);
    let said = run(&hub, &["restore", "--epoch"]).await.well();
    assert!(number(&said, "commit") > 1 && !text(&said, "epoch").is_empty(), "{said}");
    let again = run(&hub, &["restore", "--epoch"]).await.well();
    assert_ne!(said["epoch"], again["epoch"]);
    hub.restart().await;
    assert_eq!(bob.resumes(&lost).await.greeting["reset"], true);
    let mut back = bob.resumes(&kept).await;
    back.catches_up().await;
    alice.connect().await.sends_to(&bob, "new").await;
    back.receives("new").await;
    let history = bob.history_with(&alice).await;
    assert_eq!(history.iter().map(|message| text(message, "content")).collect::<Vec<_>>(), ["kept", "new"]);
}

/// Each restart that a reader prevents holds the commits for 50 ms; for as long as a backup took, there were three a second.
#[tokio::test]
async fn while_a_snapshot_is_read_the_log_is_not_restarted_in_vain() {
    const LONG_LOG: u64 = 34 << 20;
    let hub = Hub::start().await;
    let database = hub.folder().path().join("chat.db");
    let snapshot = rusqlite::Connection::open(&database).expect("the database");
    snapshot.execute_batch("BEGIN; SELECT count(*) FROM chat_messages").expect("a snapshot");
    let load = Load::of(&hub, 8, 4_000).await;
    let log_bytes = || std::fs::metadata(database.with_extension("db-wal")).map_or(0, |log| log.len());
    until_within(LOADED, "the log is long", || async { (log_bytes() > LONG_LOG).then_some(()) }).await;
    let count = async |what: &str| hub.metric(&format!("chat_wal_{what}_seconds_count")).await;
    let checkpoints = count("checkpoint").await;
    let many = async || (count("checkpoint").await >= checkpoints + 20.0).then_some(());
    until_within(LOADED, "checkpoints go on", many).await;
    let restarts = count("restart").await;
    assert!(restarts <= 2.0, "{restarts} restarts were tried while the snapshot was read");
    snapshot.execute_batch("COMMIT").expect("the end of the snapshot");
    let again = async || (count("restart").await > restarts).then_some(());
    until_within(LOADED, "the log is restarted afterwards", again).await;
    load.ends().await;
}
