//! A database with a writer, and people who write to each other: the tests' words.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use chat_database::Database;
use chat_database::change::{
    Change, Committed, Delete, Edit, NewMessage, Notify, Outcome, OwnNotification, Receipt, ReceiptKind, Sent, Upload,
    Watermarks,
};
use chat_database::commit::Writer;
use chat_database::connect::{Location, Options, Server, ServerKind};
use chat_database::ids::{MediaId, MessageId, NotificationId, Pair, Seq, ThreadId, UserId};
use chat_database::nodes::NodeId;
use chat_database::objects::{Image, Message, Totals};
use chat_database::time::Timestamp;
use sea_orm::ConnectionTrait;
use tempfile::TempDir;

use chat_testkit::mariadb::MariaDb;
use chat_testkit::postgres::Postgres;

static MARIADB: OnceLock<MariaDb> = OnceLock::new();
static POSTGRES: OnceLock<Postgres> = OnceLock::new();
static DATABASES: AtomicU32 = AtomicU32::new(0);

/// A database with a writer.
pub(crate) struct World {
    pub(crate) url: String,
    pub(crate) db: Database,
    pub(crate) writer: Writer,
    clock: i64,
    _folder: Option<TempDir>,
}

impl World {
    /// Makes a world in a SQLite file.
    pub(crate) async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/deeper/chat.db?mode=rwc", folder.path().display());
        Self { _folder: Some(folder), ..Self::open(&url).await }
    }

    /// Makes a world in a database of the MariaDB that all tests share.
    pub(crate) async fn mariadb() -> Self {
        Self::open(&MARIADB.get_or_init(MariaDb::shared).database(&next_name())).await
    }

    /// Makes a world in a database of the PostgreSQL that all tests share.
    pub(crate) async fn postgres() -> Self {
        Self::open(&POSTGRES.get_or_init(Postgres::shared).database(&next_name())).await
    }

    /// Opens a database and migrates it.
    pub(crate) async fn open(url: &str) -> Self {
        let db = Database::connect(&Options { url: url.to_owned(), readers: 4 }).await.unwrap();
        chat_migrations::up(db.for_migrations()).await.unwrap();
        let writer = Writer::new(db.clone(), NodeId::draw("alpha").unwrap());
        Self { url: url.to_owned(), db, writer, clock: 1_795_341_600_000, _folder: None }
    }

    pub(crate) fn is_sqlite(&self) -> bool {
        matches!(self.db.location(), Location::Sqlite(_))
    }

    pub(crate) fn is_mariadb(&self) -> bool {
        matches!(self.db.location(), Location::Server(Server { kind: ServerKind::MySql, .. }))
    }

    /// Makes another node on the same database.
    pub(crate) async fn another_writer(&self, node: &str) -> Writer {
        let db = Database::connect(&Options { url: self.url.clone(), readers: 2 }).await.unwrap();
        Writer::new(db, NodeId::draw(node).unwrap())
    }

    /// Runs a statement past the writer.
    pub(crate) async fn sql(&self, sql: &str) {
        self.db.for_migrations().execute_unprepared(sql).await.unwrap();
    }

    /// Returns what tells whether no transaction has the counter's lock.
    pub(crate) fn counter_is_free(&self) -> impl Fn() -> bool + Sync + use<> {
        const LOCK: &str = "SELECT id FROM hub_state WHERE id = 1 FOR UPDATE SKIP LOCKED";
        let location = self.db.location().clone();
        move || match &location {
            Location::Sqlite(file) => {
                let connection = rusqlite::Connection::open(&file.path).unwrap();
                connection.busy_timeout(Duration::ZERO).unwrap();
                connection.execute_batch("BEGIN IMMEDIATE; ROLLBACK").is_ok()
            }
            Location::Server(Server { kind: ServerKind::MySql, database, .. }) => {
                MARIADB.get().unwrap().sql(&format!("USE `{database}`; {LOCK}")).trim() == "1"
            }
            Location::Server(Server { kind: ServerKind::Postgres, database, .. }) => {
                POSTGRES.get().unwrap().sql_in(database, LOCK).trim() == "1"
            }
        }
    }

    /// Adds an uploaded image, which may be swept a thousand moments later.
    pub(crate) async fn upload(&mut self, id: &str, owner: UserId) {
        let outcome = self.uploads(id, owner).await;
        assert!(matches!(outcome, Outcome::Uploaded), "{outcome:?}");
    }

    /// Tries to add an uploaded image.
    pub(crate) async fn uploads(&mut self, id: &str, owner: UserId) -> Outcome {
        let upload = self.image(id, owner);
        self.one(Change::Upload(vec![upload])).await
    }

    /// Makes an image, as a file becomes one.
    pub(crate) fn image(&mut self, id: &str, owner: UserId) -> Upload {
        let image = Image {
            id: MediaId(id.to_owned()),
            url: format!("/media/{id}/full"),
            thumb_url: format!("/media/{id}/thumb"),
            width: 1200,
            height: 800,
            bytes: 183_211,
            mime: "image/webp".to_owned(),
            blurhash: "L6Pj0".to_owned(),
        };
        let at = self.now();
        let expires_at = Timestamp::from_millis(at.millis() + 1_000);
        Upload { owner, image, object_key: format!("k/{id}"), at, expires_at }
    }

    /// Returns a moment after all others.
    pub(crate) fn now(&mut self) -> Timestamp {
        self.clock += 1;
        Timestamp::from_millis(self.clock)
    }

    /// Lets time pass.
    pub(crate) fn pass(&mut self, millis: i64) {
        self.clock += millis;
    }

    /// Steps the clock back.
    pub(crate) fn step_back(&mut self, millis: i64) {
        self.clock -= millis;
    }

    /// Commits.
    pub(crate) async fn commit(&mut self, changes: &[Change]) -> Committed {
        self.writer.commit(changes).await.unwrap()
    }

    /// Commits one change, and returns what became of it.
    pub(crate) async fn one(&mut self, change: Change) -> Outcome {
        let mut committed = self.commit(&[change]).await;
        assert_eq!(committed.outcomes.len(), 1);
        committed.outcomes.remove(0)
    }

    /// Sends a text in a commit of its own.
    pub(crate) async fn says(&mut self, from: UserId, to: UserId, text: &str) -> Message {
        let change = self.text(from, to, text);
        sent(self.one(change).await).message
    }

    /// Makes a send without a key.
    pub(crate) fn text(&mut self, from: UserId, to: UserId, text: &str) -> Change {
        Change::Send(self.send(from, to, None, text))
    }

    /// Makes a send with a key.
    pub(crate) fn keyed(&mut self, from: UserId, to: UserId, key: &str, text: &str) -> Change {
        Change::Send(self.send(from, to, Some(key), text))
    }

    /// Makes a send.
    pub(crate) fn send(&mut self, from: UserId, to: UserId, key: Option<&str>, text: &str) -> NewMessage {
        NewMessage {
            pair: pair(from, to),
            sender: from,
            temp_id: key.map(str::to_owned),
            payload_hash: hash(text),
            content: Some(text.to_owned()),
            media: Vec::new(),
            product_id: None,
            card: None,
            reply_to: None,
            at: self.now(),
        }
    }

    /// Reads up to a place, or to the newest.
    pub(crate) async fn reads(&mut self, reader: UserId, other: UserId, up_to: Option<u64>) -> Watermarks {
        let change = self.seen(reader, other, up_to);
        watermarks(self.one(change).await)
    }

    /// Makes a receipt "seen".
    pub(crate) fn seen(&mut self, reader: UserId, other: UserId, up_to: Option<u64>) -> Change {
        self.receipt(reader, other, ReceiptKind::Seen, up_to)
    }

    /// Makes a receipt "delivered".
    pub(crate) fn delivered(&mut self, reader: UserId, other: UserId, up_to: Option<u64>) -> Change {
        self.receipt(reader, other, ReceiptKind::Delivered, up_to)
    }

    fn receipt(&mut self, user: UserId, other: UserId, kind: ReceiptKind, up_to: Option<u64>) -> Change {
        Change::Receipt(Receipt { pair: pair(user, other), user, kind, up_to: up_to.map(Seq), at: self.now() })
    }

    /// Makes a deletion.
    pub(crate) fn delete(&mut self, message: MessageId, pair: Pair) -> Change {
        Change::Delete(Delete { message, pair, at: self.now() })
    }

    /// Makes an edit.
    pub(crate) fn edit(&mut self, message: MessageId, pair: Pair, text: &str) -> Change {
        Change::Edit(Edit { message, pair, content: text.to_owned(), at: self.now() })
    }

    /// Makes a notification from the marketplace.
    pub(crate) fn notify(&mut self, users: &[UserId], key: Option<&str>) -> Change {
        Change::Notify(Notify {
            users: users.to_vec(),
            kind: "order".to_owned(),
            title: "Shipped".to_owned(),
            body: "It is on its way".to_owned(),
            related_id: Some(9),
            dedupe_key: key.map(str::to_owned),
            at: self.now(),
        })
    }

    /// Returns a user's totals: the running numbers, which must be those of a new count.
    pub(crate) async fn totals(&self, user: UserId) -> Totals {
        let running = chat_database::queries::unread::totals(&self.db, user).await.unwrap();
        let counted = chat_database::queries::unread::recount(&self.db, user).await.unwrap();
        assert_eq!(running, counted, "the running totals of {user} must be those counted anew");
        running
    }

    /// Returns a person's notification of a thread.
    pub(crate) async fn alert(&self, user: UserId, thread: ThreadId) -> Option<chat_database::objects::Notification> {
        chat_database::queries::notifications::of_thread(&self.db, user, thread).await.unwrap()
    }
}

/// Returns a name that no other test's database has, also of another process.
fn next_name() -> String {
    let (process, now) = (std::process::id(), Timestamp::now().millis());
    format!("chat_{process}_{now}_{}", DATABASES.fetch_add(1, Ordering::Relaxed))
}

pub(crate) fn user(id: u64) -> UserId {
    UserId::new(id).unwrap()
}

pub(crate) fn pair(one: UserId, other: UserId) -> Pair {
    Pair::new(one, other).unwrap()
}

pub(crate) fn media(ids: &[&str]) -> Vec<MediaId> {
    ids.iter().map(|id| MediaId((*id).to_owned())).collect()
}

pub(crate) fn own(id: NotificationId, user: UserId) -> OwnNotification {
    OwnNotification { id, user }
}

/// A stand-in for SHA-256: different texts, different bytes.
pub(crate) fn hash(text: &str) -> [u8; 32] {
    let mut hash = [0xa5_u8; 32];
    for (at, byte) in text.bytes().enumerate() {
        hash[at % 32] = hash[at % 32].rotate_left(3) ^ byte;
    }
    hash
}

pub(crate) fn sent(outcome: Outcome) -> Sent {
    match outcome {
        Outcome::Sent(sent) => *sent,
        other => panic!("not sent, but {other:?}"),
    }
}

pub(crate) fn watermarks(outcome: Outcome) -> Watermarks {
    match outcome {
        Outcome::Watermarks(watermarks) => watermarks,
        other => panic!("no watermarks, but {other:?}"),
    }
}

pub(crate) fn notified(outcome: Outcome) -> Vec<chat_database::objects::Notification> {
    match outcome {
        Outcome::Notified(notifications) => notifications,
        other => panic!("not notified, but {other:?}"),
    }
}

/// Makes a test of each function of a module, once for each backend.
macro_rules! on_each_backend {
    ($($test:ident),* $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test] async fn $test() { super::$test($crate::support::world::World::sqlite().await).await; })*
        }
        mod on_mariadb {
            $(#[tokio::test] async fn $test() {
                if chat_testkit::mariadb::wanted(stringify!($test)) {
                    super::$test($crate::support::world::World::mariadb().await).await;
                }
            })*
        }
        mod on_postgres {
            $(#[tokio::test] async fn $test() {
                if chat_testkit::postgres::wanted(stringify!($test)) {
                    super::$test($crate::support::world::World::postgres().await).await;
                }
            })*
        }
    };
}
