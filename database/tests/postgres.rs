//! What PostgreSQL alone asks for: which servers are refused, and how the hub's sessions and tables are set up.

mod nul;
mod refused;

use std::process::Stdio;
use std::time::{Duration, Instant};

use chat_database::change::Outcome;
use chat_database::{Database, connect::Options};
use chat_testkit::postgres::{Postgres, wanted};
use chat_testkit::waiting::{DEADLINE, comes, until};
use sea_orm::{ConnectionTrait, Statement};

use crate::support::world::{World, user};

impl World {
    /// Returns the first column of a query's first row, past the writer.
    async fn asks<T: sea_orm::TryGetable>(&self, sql: &str) -> T {
        let db = self.db.for_migrations();
        let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await.unwrap().unwrap();
        row.try_get_by_index(0).unwrap()
    }
}

/// All nodes wait for each of a commit's round trips. They were ten.
#[tokio::test]
async fn a_commit_that_has_nothing_to_read_is_four_statements() {
    if !wanted("a_commit_that_has_nothing_to_read_is_four_statements") {
        return;
    }
    let server = Postgres::start_with(&["log_statement=all"]);
    let mut w = World::open(&server.database("chat")).await;
    let log = || std::fs::read_to_string(server.socket_folder().join("log")).unwrap();
    // The first one makes the thread, and the second one prepares the statements of the third.
    w.says(user(1), user(2), "first").await;
    w.says(user(1), user(2), "second").await;
    let before = log().len();
    w.says(user(1), user(2), "third").await;
    let said = log().split_off(before);
    let statements: Vec<_> = said
        .lines()
        .filter_map(|line| line.split_once("LOG:  statement: ").or_else(|| line.split_once("LOG:  execute ")))
        .map(|(_, text)| text)
        .collect();
    assert_eq!(statements.len(), 4, "{statements:#?}");
    assert_eq!((statements[0], statements[3]), ("BEGIN", "COMMIT"), "{statements:#?}");
}

/// A dump reads in one snapshot for hours: old versions of rows stay meanwhile, and commits go on.
#[tokio::test]
async fn a_dump_that_takes_long_stops_no_commit() {
    if !wanted("a_dump_that_takes_long_stops_no_commit") {
        return;
    }
    let server = Postgres::start();
    let mut w = World::open(&server.database("chat")).await;
    w.says(user(1), user(2), "before").await;
    // As pg_dump does it: a snapshot, and a share of each table that no migration may change meanwhile.
    let tables = "chat_threads, chat_messages, chat_message_status, chat_users, notifications, hub_state, hub_commits";
    let dump = format!(
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; LOCK TABLE {tables} IN ACCESS SHARE MODE; \
         SELECT count(*) FROM chat_messages; SELECT pg_sleep(600)"
    );
    let mut dumping = server.client("psql", "chat");
    let mut dumping = dumping.args(["-X", "-q", "-c", &dump]).stdout(Stdio::null()).spawn().unwrap();
    let asleep = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND wait_event = 'PgSleep'";
    until("the dump has its snapshot", async || (w.asks::<i64>(asleep).await > 0).then_some(())).await;
    let (mut slowest, mut half) = (Duration::ZERO, Duration::ZERO);
    for number in 0..2_000 {
        let begun = Instant::now();
        w.says(user(1), user(2), &number.to_string()).await;
        slowest = slowest.max(begun.elapsed());
        if number == 1_000 {
            half = slowest;
        }
    }
    println!("the slowest of 1,000 commits beside a dump: {half:?}; of 2,000: {slowest:?}");
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    assert!(server.client("pg_dump", "chat").stdout(Stdio::null()).status().unwrap().success());
    dumping.kill().unwrap();
    dumping.wait().unwrap();
}

/// An update that moves an entry of an index writes one to all of them, and leaves work for the vacuum.
#[tokio::test]
async fn updates_of_the_hot_tables_touch_no_index() {
    if !wanted("updates_of_the_hot_tables_touch_no_index") {
        return;
    }
    let server = Postgres::start();
    let mut w = World::open(&server.database("chat")).await;
    for number in 0..300 {
        w.says(user(1 + number % 7), user(20), "hi").await;
    }
    // The statistics of a session are sent at its end.
    w.db.close().await;
    let hot = "SELECT string_agg(relname || ' ' || (100 * n_tup_hot_upd / greatest(n_tup_upd, 1)), ',' ORDER BY relname) \
               FROM pg_stat_user_tables WHERE relname IN ('chat_threads', 'chat_users', 'hub_state')";
    let begun = Instant::now();
    let told = comes(async || {
        let told = server.sql_in("chat", hot);
        let shares: Vec<i64> =
            told.trim().split(',').filter_map(|table| table.rsplit(' ').next()?.parse().ok()).collect();
        let hold = shares.len() == 3 && shares.iter().all(|share| *share > 90);
        assert!(hold || begun.elapsed() < DEADLINE, "in percent: {told}");
        hold.then_some(told)
    });
    println!("updates that touch no index, in percent: {}", told.await);
}

#[tokio::test]
async fn a_server_is_reached_by_its_socket() {
    if !wanted("a_server_is_reached_by_its_socket") {
        return;
    }
    let server = Postgres::start();
    server.database("chat");
    let url = format!("postgresql://postgres@/chat?host={}&port={}", server.socket_folder().display(), server.port());
    let mut w = World::open(&url).await;
    assert_eq!(w.says(user(1), user(2), "hi").await.seq.0, 1);
    let address: Option<String> = w.asks("SELECT host(inet_client_addr())").await;
    assert_eq!(address, None);
}

/// In session mode a pooler is as good as the server.
#[tokio::test]
async fn a_pooler_in_session_mode_is_taken() {
    if !wanted("a_pooler_in_session_mode_is_taken") {
        return;
    }
    let server = Postgres::start();
    server.database("chat");
    let pooler = server.pooler("session");
    let url = format!("postgres://postgres@127.0.0.1:{}/chat?sslmode=disable", pooler.port());
    let mut w = World::open(&url).await;
    for number in 1..=20 {
        assert_eq!(w.says(user(1), user(2), "hi").await.seq.0, number);
    }
}

/// A connection that the server ends while it is idle costs one more try.
#[tokio::test]
async fn a_session_that_is_ended_is_replaced() {
    if !wanted("a_session_that_is_ended_is_replaced") {
        return;
    }
    let server = Postgres::start();
    let mut w = World::open(&server.database("chat")).await;
    w.says(user(1), user(2), "one").await;
    server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'softadastra-chat'");
    let change = w.text(user(1), user(2), "two");
    assert!(matches!(w.one(change).await, Outcome::Sent(_)));
    // Each connection that reads has ended, too, and is found to have.
    let begun = Instant::now();
    while w.db.ping().await.is_err() {
        assert!(begun.elapsed() < Duration::from_secs(5), "no connection is replaced");
    }
}

/// A node that stops between two statements of a commit holds the lock of all.
#[tokio::test]
async fn a_node_that_stops_within_a_commit_is_not_waited_for_long() {
    if !wanted("a_node_that_stops_within_a_commit_is_not_waited_for_long") {
        return;
    }
    let server = Postgres::start();
    let mut w = World::open(&server.database("chat")).await;
    w.says(user(1), user(2), "one").await;
    let other = Database::connect(&Options { url: w.url.clone(), readers: 1 }).await.unwrap();
    let stopped = other.for_migrations();
    stopped.execute_unprepared("BEGIN; UPDATE hub_state SET commit_no = commit_no + 1").await.unwrap();
    let begun = Instant::now();
    assert_eq!(w.says(user(1), user(2), "two").await.seq.0, 2);
    assert!(begun.elapsed() < Duration::from_millis(3_000), "{:?}", begun.elapsed());
}
