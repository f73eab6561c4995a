//! `softadastra-chat import node`: the old service's tables as three installations have them, and what users then see.

mod old_tables;
mod speed;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use chat_loadtest::server::Launch;
use chat_testkit::mariadb::{self, MariaDb};
use chat_testkit::postgres::{self, Postgres};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

use crate::images::picture;
use crate::support::hub::program;
use crate::support::person::{array, number};
use crate::support::{DEADLINE, Hub, Person};
use old_tables::Variant;

/// What a run has said.
struct Said {
    code: Option<i32>,
    report: String,
    log: String,
}

/// The old service's side: its tables on MariaDB, and its uploads folder.
struct Old {
    server: MariaDb,
    url: String,
    folder: TempDir,
}

impl Old {
    /// Starts a server with the tables of an installation.
    fn start(variant: Variant) -> Self {
        let server = MariaDb::start();
        let url = server.database("shop");
        server.sql(&format!("USE shop; {}", variant.tables()));
        let folder = tempfile::tempdir().expect("a folder");
        let uploads = folder.path().join("uploads/chat");
        std::fs::create_dir_all(&uploads).expect("folders");
        let jpeg = picture::jpeg(&picture::picture(640, 400).into(), Some(picture::exif(1)));
        std::fs::write(uploads.join("desk.jpg"), jpeg).expect("written");
        std::fs::write(uploads.join("nonsense.jpg"), "no picture").expect("written");
        Self { server, url, folder }
    }

    /// Runs the import into a database, with these further arguments.
    async fn import(&self, database: &str, media: &Path, further: &[&str]) -> Said {
        let mut command = Command::new(program());
        command.args(["import", "node", "--uploads"]).arg(self.folder.path().join("uploads")).args(further);
        command.env_clear().env("CHAT_IMPORT_FROM", &self.url).env("DATABASE_URL", database);
        command.env("CHAT_MEDIA_URL", format!("file:{}", media.display()));
        runs(command).await
    }
}

async fn runs(mut command: Command) -> Said {
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.expect("it can be run");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said { code: output.status.code(), report: text(&output.stdout), log: text(&output.stderr) }
}

/// A folder of a hub's data, as [`Hub::beside`] has it.
fn data() -> (Arc<TempDir>, String, PathBuf) {
    let folder = Arc::new(tempfile::Builder::new().prefix("chat-test-").tempdir().expect("a folder"));
    let database = format!("sqlite://{}/imported.db?mode=rwc", folder.path().display());
    let media = folder.path().join("media");
    (folder, database, media)
}

/// What two users see of their conversation: places, ids, texts, whether deleted, how many images.
async fn told(one: &Person, other: &Person) -> Vec<(u64, u64, Value, bool, usize)> {
    let history = one.history_with(other).await;
    let told = history.iter().map(|message| {
        let images = array(message, "image_urls").len();
        (number(message, "seq"), number(message, "id"), message["content"].clone(), message["deleted"] == true, images)
    });
    told.collect()
}

/// Looks at everything that the tables of each installation say.
async fn everything_is_there(hub: &Hub) {
    let (alice, bob, carol) = (hub.person(1), hub.person(2), hub.person(3));
    // In the order of times and then of ids, over both of their threads.
    let wanted = [
        (1, 103, json!("first of all"), false, 0),
        (2, 101, json!("hello"), false, 0),
        (3, 102, json!("hello yourself"), false, 0),
        (4, 104, Value::Null, true, 0),
        (5, 105, json!("a desk"), false, 1),
        (6, 106, json!("not seen"), false, 0),
        (7, 107, json!("seen out of order"), false, 0),
    ];
    assert_eq!(told(&bob, &alice).await, wanted);
    assert_eq!(told(&alice, &bob).await, wanted);
    assert_eq!(told(&carol, &alice).await, [(1, 110, json!("and you?"), false, 0)]);
    let thread = bob.thread_with(&alice).await;
    assert_eq!((number(&thread, "unread"), number(&thread, "read_seq"), number(&thread, "last_seq")), (2, 5, 7));
    assert_eq!(thread["last_message"]["id"], 107);
    assert_eq!(number(&thread, "id"), 10, "the thread keeps the smaller id of the two");
    let history = bob.history_with(&alice).await;
    assert_eq!(history[0]["created_at"], "2024-02-29T08:00:00.000Z");
    assert_eq!(history[2]["extra_data"]["product_id"], 55);
    let unread = bob.get("/chat/unread").await.is(200);
    assert_eq!(number(&unread, "messages"), 2, "{unread}");
    let bell = bob.get("/notifications").await.is(200);
    let bell: Vec<(Value, Value, Value)> = array(&bell, "notifications")
        .iter()
        .filter(|one| one["type"] != "chat")
        .map(|one| (one["id"].clone(), one["title"].clone(), one["is_read"].clone()))
        .collect();
    assert_eq!(bell, [(json!(32), json!("Paid"), json!(false)), (json!(31), json!("Shipped"), json!(true))]);
    // The picture has been through the pipeline: what the camera wrote is gone.
    let link = history[4]["image_urls"][0].as_str().expect("a link");
    let image = bob.fetch(link, &[]).await;
    assert_eq!((image.status, image.header("content-type")), (200, "image/webp"));
    let has = |secret: &str| image.bytes.windows(secret.len()).any(|bytes| bytes == secret.as_bytes());
    assert!(!picture::SECRETS.iter().any(|secret| has(secret)), "metadata is in the image");
}

/// Brings the tables of an installation over, twice, and looks what users see.
async fn an_installation_moves(variant: Variant) {
    let old = tokio::task::spawn_blocking(move || Old::start(variant)).await.expect("a server");
    let (folder, database, media) = data();
    let dry = old.import(&database, &media, &["--dry-run"]).await;
    assert_eq!(dry.code, Some(0), "{}", dry.log);
    assert!(
        dry.report.contains("would be brought over: 2 threads, 8 messages (1 of them deleted), 1 images"),
        "{}",
        dry.report
    );
    assert!(!folder.path().join("imported.db").exists() && !media.exists(), "a dry run makes nothing");

    let first = old.import(&database, &media, &[]).await;
    assert_eq!(first.code, Some(0), "{}", first.log);
    for line in [
        "brought over: 2 threads, 8 messages (1 of them deleted), 1 images, 2 notifications",
        "1 old threads were merged with another one of the same two users: 11",
        "1 messages that were seen are unread again, for one before them was not seen: 107",
        "left out: 1 threads of a user with the same user: 12",
        "left out: 1 threads without messages: 14",
        "left out: 1 threads whose members are not two users: 15",
        "left out: 1 messages whose author is no member of their thread: 108",
        "left out: 1 messages whose thread is not there: 109",
        "left out: 1 messages of threads that do not have two members: 111",
        "left out: 1 messages with neither text nor image nor product, or with none that can be brought over: 112",
        "left out: 1 images whose file is not in the uploads folder; messages: 105",
        "left out: 1 files that are none of JPEG, PNG, WebP and GIF; messages: 112",
        "left out: 1 images whose address leads out of the uploads folder; messages: 105",
        "left out: 1 notifications of messages: the hub makes its own: 33",
    ] {
        assert!(first.report.contains(line), "{line:?} is not in\n{}", first.report);
    }
    let everything = format!("{}{}", first.report, first.log);
    assert!(!everything.contains("hello") && !everything.contains("desk"), "texts are told: {everything}");

    let settings = |launch: &mut Launch| {
        launch.set("DATABASE_URL", database.clone());
        launch.set("CHAT_MEDIA_URL", format!("file:{}", media.display()));
    };
    let mut hub = Hub::beside(folder.clone(), settings).await;
    everything_is_there(&hub).await;
    // While a hub serves the database, nothing is brought over.
    let refused = old.import(&database, &media, &[]).await;
    assert_eq!(refused.code, Some(1));
    assert!(refused.log.contains("end it first"), "{}", refused.log);
    hub.asks_to_end().await;
    hub.ends(DEADLINE).await;

    let again = old.import(&database, &media, &[]).await;
    assert_eq!(again.code, Some(0), "{}", again.log);
    for line in ["brought over: 0 threads, 0 messages", "there already: 8 messages, 2 notifications"] {
        assert!(again.report.contains(line), "{line:?} is not in\n{}", again.report);
    }
    hub.restart().await;
    everything_is_there(&hub).await;

    // Both go on; what the old service has stored meanwhile comes with another run.
    let (alice, bob) = (hub.person(1), hub.person(2));
    let mut laptop = alice.connect().await;
    let ack = laptop.sends_to(&bob, "in the hub").await;
    assert_eq!((number(&ack, "seq"), number(&ack, "thread_id")), (8, 10));
    assert_eq!(number(&ack, "message_id"), 113, "new ids come after all old ones: {ack}");
    hub.asks_to_end().await;
    hub.ends(DEADLINE).await;
    let late = variant.one_more_message();
    old.server.sql(&format!("USE shop; {late}"));
    let third = old.import(&database, &media, &[]).await;
    assert!(third.report.contains("brought over: 0 threads, 1 messages"), "{}", third.report);
    hub.restart().await;
    let told = told(&bob, &alice).await;
    assert_eq!(told[7..], [(8, 113, json!("in the hub"), false, 0), (9, 114, json!("late"), false, 0)]);
    assert!(
        third.report.contains("1 messages have a new id, for the hub has given out their own: 113"),
        "{}",
        third.report
    );
}

#[tokio::test]
async fn an_installation_with_the_usual_names_moves() {
    if mariadb::wanted("an_installation_with_the_usual_names_moves") {
        an_installation_moves(Variant::Usual).await;
    }
}

#[tokio::test]
async fn an_installation_with_other_names_and_types_moves() {
    if mariadb::wanted("an_installation_with_other_names_and_types_moves") {
        an_installation_moves(Variant::OtherNames).await;
    }
}

#[tokio::test]
async fn an_installation_whose_notifications_are_given_to_users_moves() {
    if mariadb::wanted("an_installation_whose_notifications_are_given_to_users_moves") {
        an_installation_moves(Variant::GivenNotifications).await;
    }
}

/// Brings the usual tables into a server's database, twice, and looks what users see.
async fn into(database: String) {
    let old = tokio::task::spawn_blocking(|| Old::start(Variant::Usual)).await.expect("a server");
    let (folder, _, media) = data();
    for _ in 0..2 {
        let said = old.import(&database, &media, &[]).await;
        assert_eq!(said.code, Some(0), "{}", said.log);
    }
    let hub = Hub::beside(folder, |launch| {
        launch.set("DATABASE_URL", database.clone());
        launch.set("CHAT_MEDIA_URL", format!("file:{}", media.display()));
    })
    .await;
    everything_is_there(&hub).await;
    let refused = old.import(&database, &media, &[]).await;
    assert_eq!(refused.code, Some(1));
    assert!(refused.log.contains("end it first"), "{}", refused.log);
}

#[tokio::test]
async fn mariadb_takes_what_is_brought_over() {
    if mariadb::wanted("mariadb_takes_what_is_brought_over") {
        let server = tokio::task::spawn_blocking(MariaDb::start).await.expect("a server");
        into(server.database("hub")).await;
    }
}

#[tokio::test]
async fn postgresql_takes_what_is_brought_over() {
    if mariadb::wanted("postgresql_takes_what_is_brought_over")
        && postgres::wanted("postgresql_takes_what_is_brought_over")
    {
        let server = tokio::task::spawn_blocking(Postgres::start).await.expect("a server");
        into(server.database("hub")).await;
    }
}

#[tokio::test]
async fn what_cannot_be_brought_over_is_named_without_a_secret() {
    if !mariadb::wanted("what_cannot_be_brought_over_is_named_without_a_secret") {
        return;
    }
    let server = tokio::task::spawn_blocking(MariaDb::start).await.expect("a server");
    let empty = server.database("empty");
    let hubs = server.database("hubs");
    let (folder, database, _) = data();
    let migrate = {
        let mut command = Command::new(program());
        command.arg("migrate").env_clear().env("DATABASE_URL", &hubs);
        runs(command).await
    };
    assert_eq!(migrate.code, Some(0), "{}", migrate.log);
    for (from, to, wanted) in [
        (empty.as_str(), database.as_str(), "no table chat_messages"),
        (hubs.as_str(), database.as_str(), "this is a hub's database"),
        ("sqlite://old.db?mode=rwc", database.as_str(), "MySQL or MariaDB"),
        ("mysql://root:hunter2@127.0.0.1:1/shop", database.as_str(), "127.0.0.1:1"),
        ("oracle://root:hunter2@host/shop", database.as_str(), "--from"),
    ] {
        let mut command = Command::new(program());
        command.args(["import", "node"]).current_dir(folder.path());
        command.env_clear().env("CHAT_IMPORT_FROM", from).env("DATABASE_URL", to);
        let said = runs(command).await;
        assert_eq!(said.code, Some(1), "{from}: {}", said.log);
        assert!(said.log.contains(wanted) && !said.log.contains("hunter2"), "{from}: {}", said.log);
    }
}
