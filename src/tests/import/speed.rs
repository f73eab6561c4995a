//! Many messages: how fast it is, and that a run may be killed. With a million messages, and a hub that is built for release:
//!
//! ```text
//! CHAT_TEST_MARIADB=1 CHAT_TEST_LONG=1 CHAT_TEST_HUB=target/release/softadastra-chat \
//!     cargo test --test integration import::speed -- --nocapture
//! ```

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Instant;

use chat_testkit::mariadb::{self, MariaDb};
use tempfile::TempDir;
use tokio::process::Command;

use super::{data, old_tables, runs};
use crate::support::hub::program;
use crate::support::person::{array, number};
use crate::support::{Hub, until, usual_or_long};

/// A million messages in ten minutes.
const SLOWEST: f64 = 1_000_000.0 / 600.0;

/// The old service's side with many messages, and a hub's data.
struct Many {
    server: MariaDb,
    folder: Arc<TempDir>,
    database: String,
    media: PathBuf,
}

impl Many {
    async fn start(messages: u32, threads: u32) -> Self {
        Self::of(old_tables::many(messages, threads)).await
    }

    async fn of(tables: String) -> Self {
        let server = tokio::task::spawn_blocking(move || {
            let server = MariaDb::start();
            server.database("shop");
            server.sql(&format!("USE shop; {tables}"));
            server
        });
        let server = server.await.expect("a server");
        let (folder, database, media) = data();
        Self { server, folder, database, media }
    }

    fn import(&self) -> Command {
        let mut command = Command::new(program());
        command.args(["import", "node"]).env_clear();
        command.env("CHAT_IMPORT_FROM", self.server.url("shop")).env("DATABASE_URL", &self.database);
        command.env("CHAT_MEDIA_URL", format!("file:{}", self.media.display()));
        command
    }

    /// Looks whether a pair has its share of the messages, and its numbers.
    async fn is_there(&self, messages: u32, threads: u32) {
        let hub = Hub::beside(Arc::clone(&self.folder), |launch| {
            launch.set("DATABASE_URL", self.database.clone());
        })
        .await;
        let (one, other) = (hub.person(2), hub.person(3));
        let history = one.history_with(&other).await;
        assert_eq!(history.len() as u64, u64::from(messages / threads));
        let of_other = history.iter().filter(|message| message["sender_id"] == 3 && message["deleted"] != true);
        let thread = one.thread_with(&other).await;
        let read = number(&thread, "read_seq");
        let unread = of_other.filter(|message| number(message, "seq") > read).count() as u64;
        assert_eq!(number(&thread, "unread"), unread, "{thread}");
        assert_eq!(number(&one.get("/chat/unread").await.is(200), "messages"), unread);
        assert_eq!(array(&one.get("/chat/threads").await.is(200), "threads").len(), 1);
    }
}

#[tokio::test]
async fn a_million_messages_take_less_than_ten_minutes() {
    if !mariadb::wanted("a_million_messages_take_less_than_ten_minutes") {
        return;
    }
    let (messages, threads) = usual_or_long((20_000, 1_009), (1_000_000, 50_021));
    let many = Many::start(messages, threads).await;
    let begun = Instant::now();
    let said = runs(many.import()).await;
    let rate = f64::from(messages) / begun.elapsed().as_secs_f64();
    assert_eq!(said.code, Some(0), "{}", said.log);
    #[expect(clippy::print_stdout, reason = "the figures")]
    {
        println!("{}", said.report);
    }
    assert!(said.report.contains(&format!("brought over: {threads} threads, {messages} messages")), "{}", said.report);
    assert!(rate > SLOWEST, "{rate:.0} messages a second");
    let again = runs(many.import()).await;
    assert!(again.report.contains("brought over: 0 threads, 0 messages"), "{}", again.report);
    many.is_there(messages, threads).await;
}

#[tokio::test]
async fn a_run_that_is_killed_is_simply_run_again() {
    if !mariadb::wanted("a_run_that_is_killed_is_simply_run_again") {
        return;
    }
    let (messages, threads) = (30_000, 503);
    let many = Many::start(messages, threads).await;
    let mut first = many.import();
    let mut first =
        first.stdin(Stdio::null()).stderr(Stdio::null()).stdout(Stdio::null()).spawn().expect("it can be run");
    let database = many.folder.path().join("imported.db");
    until("a commit with messages", || async {
        let mut shell = Command::new("sqlite3");
        shell.arg("-readonly").arg(&database).arg("SELECT count(*) FROM chat_messages");
        let said = shell.output().await.expect("sqlite3 is installed");
        // There may be no table yet.
        String::from_utf8_lossy(&said.stdout).trim().parse::<u32>().ok().filter(|count| *count > 0)
    })
    .await;
    first.kill().await.expect("it can be killed");
    let said = runs(many.import()).await;
    assert_eq!(said.code, Some(0), "{}", said.log);
    let counted = |before: &str| -> u32 {
        let (_, rest) =
            said.report.split_once(before).unwrap_or_else(|| panic!("{before:?} is not in {}", said.report));
        let (_, rest) = rest.split_once(if before.starts_with("brought") { ", " } else { " " }).unwrap_or(("", rest));
        rest.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{}", said.report))
    };
    let (brought, there) = (counted("brought over: "), counted("there already:"));
    assert!(there > 0 && brought + there == messages, "{}", said.report);
    many.is_there(messages, threads).await;
}

/// They were read whole, and all of their keys, and a run took as much memory as the tables did.
#[tokio::test]
async fn many_notifications_move_and_a_second_run_changes_nothing() {
    if !mariadb::wanted("many_notifications_move_and_a_second_run_changes_nothing") {
        return;
    }
    let many =
        Many::of(format!("{}; {}", old_tables::many(100, 7), old_tables::many_notifications(3_000, 7_000))).await;
    let stored = async || {
        let mut shell = Command::new("sqlite3");
        let told = "SELECT count(*), sum(id), sum(user_id), sum(is_read), max(commit_no), count(DISTINCT dedupe_key) FROM notifications \
                    WHERE type = 'order'; SELECT commit_no, last_notification_id FROM hub_state";
        shell.arg("-readonly").arg(many.folder.path().join("imported.db")).arg(told);
        let said = shell.output().await.expect("sqlite3 is installed");
        assert!(said.status.success(), "{said:?}");
        String::from_utf8_lossy(&said.stdout).into_owned()
    };
    let said = runs(many.import()).await;
    assert_eq!(said.code, Some(0), "{}", said.log);
    assert!(said.report.contains("10000 notifications"), "{}", said.report);
    assert!(said.report.contains("1500 notifications have a new id"), "two tables have the same ids: {}", said.report);
    let first = stored().await;
    assert!(first.starts_with("10000|"), "{first}");
    let again = runs(many.import()).await;
    for line in ["brought over: 0 threads, 0 messages", "there already: 100 messages, 10000 notifications"] {
        assert!(again.report.contains(line), "{line:?} is not in\n{}", again.report);
    }
    assert_eq!(stored().await, first);
    let hub = Hub::beside(Arc::clone(&many.folder), |launch| {
        launch.set("DATABASE_URL", many.database.clone());
    })
    .await;
    let unread = hub.person(20).get("/chat/unread").await.is(200);
    assert_eq!(number(&unread, "notifications"), 2 * 50, "half of a hundred in each table: {unread}");
}
