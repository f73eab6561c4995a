//! What is read costs the same however much there is: rows touched are counted, times are printed.

use std::time::Instant;

use chat_database::change::Change;
use chat_database::connect::{Location, Server, ServerKind};
use chat_database::history;
use chat_database::ids::{CommitNo, Seq};
use chat_database::queries::messages::{self, Page};
use chat_database::queries::{changes, inbox, notifications, people, threads, unread};
use chat_testkit::mariadb::MariaDb;
use sea_orm::{ConnectionTrait, Statement};

use crate::support::world::{World, pair, user};

on_each_backend!(reading_costs_the_same_however_much_there_is);

/// How many threads one user has.
const THREADS: u64 = 10_000;

/// How many rows a read may touch at most: some hundreds for a page with all that belongs to it.
const MOST_ROWS: i64 = 4_000;

async fn reading_costs_the_same_however_much_there_is(mut w: World) {
    // The rows that MariaDB counts are those of all its databases: here it has no other.
    let alone = w.is_mariadb().then(MariaDb::start);
    if let Some(server) = &alone {
        w = World::open(&server.database("chat")).await;
    }
    let long = if std::env::var("CHAT_TEST_LONG").is_ok_and(|value| !matches!(value.as_str(), "" | "0")) {
        1_000_000
    } else {
        200_000
    };
    let begun = Instant::now();
    let (me, other) = (user(1), user(2));
    for part in 0..THREADS / 1_000 {
        let changes: Vec<Change> = (0..1_000).map(|n| w.text(user(10 + part * 1_000 + n), me, "hello")).collect();
        w.commit(&changes).await;
    }
    let thread = w.says(me, other, "first").await.thread_id;
    make_long(&w, thread.get(), long).await;
    let since = history::head(&w.db).await.unwrap().commit;
    println!("{THREADS} threads and {long} messages made in {:?}", begun.elapsed());

    let first = timed(&w, "inbox, first page", inbox::page(&w.db, me, None, false, 30)).await.unwrap();
    assert_eq!(first.threads.len(), 30);
    let next = timed(&w, "inbox, next page", inbox::page(&w.db, me, first.next, false, 30)).await.unwrap();
    assert_eq!(next.threads.len(), 30);
    for page in [Page::Newest, Page::BeforeSeq(Seq(long / 2)), Page::AfterSeq(Seq(long / 2))] {
        let history = timed(&w, "history", messages::page(&w.db, other, thread, page, 50)).await.unwrap();
        assert_eq!(history.unwrap().messages.len(), 50);
    }
    let history = messages::page(&w.db, other, thread, Page::AfterRev(chat_database::ids::Rev(long - 10)), 50);
    assert_eq!(timed(&w, "history, after rev", history).await.unwrap().unwrap().messages.len(), 10);
    timed(&w, "totals", unread::totals(&w.db, me)).await.unwrap();
    timed(&w, "notifications", notifications::page(&w.db, me, None, false, 30)).await.unwrap();
    timed(&w, "counterparts", people::counterparts(&w.db, me, 500)).await.unwrap();
    let mine = people::Counterpart { user: me, active: chat_database::time::Timestamp::from_millis(0) };
    println!(
        "a counterpart with ten thousand newer threads: {:?}",
        people::mutual_recent_contacts(&w.db, &[mine], 500).await.unwrap()
    );
    timed(&w, "thread of two", threads::of_pair(&w.db, pair(me, other))).await.unwrap();
    timed(&w, "nothing changed", changes::of_user(&w.db, me, since, 1_000)).await.unwrap().unwrap();
    let everything = timed(&w, "everything changed", changes::of_user(&w.db, me, CommitNo(0), 1_000));
    assert!(everything.await.unwrap().is_none());

    // These cost a look-up for each unread thread, and there are ten thousand.
    let begun = Instant::now();
    assert_eq!(inbox::page(&w.db, me, None, true, 30).await.unwrap().threads.len(), 30);
    println!("inbox, unread alone, all unread: {:?}", begun.elapsed());
    let begun = Instant::now();
    assert_eq!(unread::by_counterpart(&w.db, me).await.unwrap().len() as u64, THREADS);
    println!("unread by counterpart, all unread: {:?}", begun.elapsed());
}

/// Runs a query, prints its time, and where the server counts rows, sees that it touched few.
async fn timed<T>(w: &World, what: &str, query: impl Future<Output = T>) -> T {
    let before = rows_read(w).await;
    let begun = Instant::now();
    let answer = query.await;
    let took = begun.elapsed();
    match (before, rows_read(w).await) {
        (Some(before), Some(after)) => {
            println!("{what}: {took:?}, {} rows", after - before);
            assert!(after - before < MOST_ROWS, "{what} touched {} rows", after - before);
        }
        _ => println!("{what}: {took:?}"),
    }
    answer
}

/// Returns how many rows MariaDB has read since it began, by whatever way, as far as this test's readers go.
async fn rows_read(w: &World) -> Option<i64> {
    if !w.is_mariadb() {
        return None;
    }
    let db = w.db.for_migrations();
    let sql = "SELECT CAST(SUM(VARIABLE_VALUE) AS SIGNED) FROM information_schema.GLOBAL_STATUS \
               WHERE VARIABLE_NAME IN ('HANDLER_READ_KEY', 'HANDLER_READ_NEXT', 'HANDLER_READ_PREV', \
               'HANDLER_READ_RND', 'HANDLER_READ_RND_NEXT', 'HANDLER_READ_FIRST', 'HANDLER_READ_LAST')";
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await.unwrap().unwrap();
    row.try_get_by_index(0).unwrap()
}

/// Makes a thread long, past the writer.
async fn make_long(w: &World, thread: u64, length: u64) {
    if w.is_mariadb() {
        w.sql("SET SESSION max_recursive_iterations = 4000000, SESSION max_statement_time = 0").await;
    }
    let (previous, before) = if w.is_sqlite() {
        (
            ", prev_id",
            format!(
                ", CASE i WHEN 2 THEN (SELECT last_message_id FROM chat_threads WHERE id = {thread}) ELSE 999999 + i END"
            ),
        )
    } else {
        ("", String::new())
    };
    let bytes = match w.db.location() {
        Location::Sqlite(_) => "BLOB",
        Location::Server(Server { kind: ServerKind::MySql, .. }) => "BINARY",
        Location::Server(Server { kind: ServerKind::Postgres, .. }) => {
            w.sql("SET statement_timeout = 0").await;
            "BYTEA"
        }
    };
    w.sql(&format!(
        "INSERT INTO chat_messages (id, thread_id, seq, rev, created_rev, sender_id, payload_hash, content, created_at, \
         commit_no, created_commit{previous}) \
         WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < {length}) \
         SELECT 1000000 + i, {thread}, i, i, i, 1 + i % 2, CAST('01234567890123456789012345678901' AS {bytes}), 'text', i, 5, 5{before} FROM n"
    ))
    .await;
    w.sql(&format!(
        "UPDATE chat_threads SET last_seq = {length}, rev = {length}, last_message_id = 1000000 + {length} WHERE id = {thread}"
    ))
    .await;
}
