//! The migrations make what `schema.sql` says: tables, columns, keys and indexes, on every backend.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may stop, and says what it measured")]

#[path = "support/world.rs"]
mod world;

use std::collections::BTreeSet;

use chat_database::history;
use chat_database::ids::{Rev, ThreadId};
use chat_database::queries::messages::{self, Page};
use chat_database::queries::{changes, inbox};
use sea_orm::{ConnectionTrait, DatabaseBackend, Statement};
use world::World;

const SCHEMA: &str = include_str!("../schema.sql");

on_both_backends!(
    the_migrations_make_the_canonical_schema,
    migrating_again_changes_nothing,
    a_database_from_before_learns_its_amendments,
    a_database_from_before_finds_keys_by_the_key,
    a_new_database_has_a_name_of_its_own,
);

async fn the_migrations_make_the_canonical_schema(w: World) {
    let made = match w.db.for_migrations().get_database_backend() {
        DatabaseBackend::MySql => of_mysql(&w).await,
        _ => of_sqlite(&w).await,
    };
    let mysql = !w.db.is_sqlite();
    let canonical: BTreeSet<String> = canonical(mysql);
    let missing: Vec<_> = canonical.difference(&made).collect();
    let unknown: Vec<_> = made.difference(&canonical).collect();
    assert!(missing.is_empty() && unknown.is_empty(), "missing: {missing:#?}, unknown: {unknown:#?}");
}

async fn migrating_again_changes_nothing(mut w: World) {
    w.says(world::user(1), world::user(2), "hi").await;
    chat_migrations::up(w.db.for_migrations()).await.unwrap();
    assert_eq!(w.totals(world::user(2)).await.messages, 1);
}

async fn a_database_from_before_learns_its_amendments(mut w: World) {
    let (ann, ben) = (world::user(1), world::user(2));
    let both = world::pair(ann, ben);
    let first = w.says(ann, ben, "1").await;
    let mut changes: Vec<_> = (2..9).map(|n| w.text(ann, ben, &n.to_string())).collect();
    changes.insert(3, w.edit(first.id, both, "edited"));
    changes.insert(5, w.edit(first.id, both, "edited again"));
    changes.push(w.delete(first.id, both));
    changes.push(w.text(ann, ben, "the last"));
    w.commit(&changes).await;
    let pages = async || {
        let mut pages = Vec::new();
        for rev in 0..13 {
            let page = messages::page(&w.db, ben, first.thread_id, Page::AfterRev(Rev(rev)), 4).await.unwrap().unwrap();
            pages.push(page.messages.iter().map(|message| (message.seq, message.rev)).collect::<Vec<_>>());
        }
        pages
    };
    let as_written = pages().await;
    w.sql("DROP TABLE chat_amendments").await;
    w.sql("CREATE UNIQUE INDEX chat_messages_rev ON chat_messages (thread_id, rev)").await;
    w.sql("DELETE FROM seaql_migrations WHERE version LIKE '%amendments'").await;
    chat_migrations::up(w.db.for_migrations()).await.unwrap();
    assert_eq!(pages().await, as_written);
}

async fn a_database_from_before_finds_keys_by_the_key(mut w: World) {
    let (ann, ben) = (world::user(1), world::user(2));
    let key = "k";
    let first = w.keyed(ann, ben, key, "1");
    w.commit(&[first]).await;
    w.sql("CREATE UNIQUE INDEX chat_messages_temp_id ON chat_messages (thread_id, sender_id, temp_id)").await;
    let of_table = if w.db.is_sqlite() { "" } else { "ON chat_messages" };
    w.sql(&format!("DROP INDEX chat_messages_key {of_table}")).await;
    w.sql("DELETE FROM seaql_migrations WHERE version LIKE '%keys_by_time'").await;
    chat_migrations::up(w.db.for_migrations()).await.unwrap();
    assert!(messages::was_sent(&w.db, world::pair(ann, ben), ann, key).await.unwrap());
    the_migrations_make_the_canonical_schema(w).await;
}

#[tokio::test]
async fn a_sqlite_file_from_before_gets_the_chain_of_its_messages() {
    let mut w = World::sqlite().await;
    let thread = a_thread_of_forty(&mut w).await;
    w.sql("CREATE UNIQUE INDEX chat_messages_seq ON chat_messages (thread_id, seq)").await;
    w.sql("DROP INDEX chat_messages_step").await;
    w.sql("ALTER TABLE chat_messages DROP COLUMN prev_id").await;
    w.sql("DELETE FROM seaql_migrations WHERE version LIKE '%chain' OR version LIKE '%steps'").await;
    chat_migrations::up(w.db.for_migrations()).await.unwrap();
    nothing_of_the_forty_is_missing(&mut w, thread).await;
    the_migrations_make_the_canonical_schema(w).await;
}

/// A hub of the version before the chain, still running when it was made, wrote messages that no page went beyond.
#[tokio::test]
async fn a_sqlite_file_that_an_older_hub_wrote_into_is_mended() {
    let mut w = World::sqlite().await;
    let thread = a_thread_of_forty(&mut w).await;
    w.sql("UPDATE chat_messages SET prev_id = NULL WHERE seq IN (20, 21, 35)").await;
    w.sql("DELETE FROM seaql_migrations WHERE version LIKE '%whole_chain' OR version LIKE '%steps'").await;
    chat_migrations::up(w.db.for_migrations()).await.unwrap();
    nothing_of_the_forty_is_missing(&mut w, thread).await;
    the_migrations_make_the_canonical_schema(w).await;
}

/// Two hubs that start together both mean to take the last two steps; one takes both before the other takes the first.
#[tokio::test]
async fn a_step_that_is_taken_late_brings_no_trigger_back() {
    let mut w = World::sqlite().await;
    w.sql("DELETE FROM seaql_migrations WHERE version LIKE '%whole_chain'").await;
    chat_migrations::up(w.db.for_migrations()).await.unwrap();
    assert!(rows(&w, "SELECT name FROM sqlite_master WHERE type = 'trigger'").await.is_empty());
    w.says(world::user(1), world::user(2), "hi").await;
}

#[tokio::test]
async fn a_sqlite_file_from_before_finds_threads_by_steps() {
    let mut w = World::sqlite().await;
    let (ann, ben, cid) = (world::user(1), world::user(2), world::user(3));
    let since = history::head(&w.db).await.unwrap().commit;
    let of_ben = w.says(ann, ben, "1").await.thread_id;
    let of_cid = w.says(cid, ann, "2").await.thread_id;
    for index in ["user1_commit", "user2_commit", "user1_updated", "user2_updated"] {
        w.sql(&format!("DROP INDEX chat_threads_{index}")).await;
    }
    for column in ["updated_step", "commit_step"] {
        w.sql(&format!("ALTER TABLE chat_threads DROP COLUMN {column}")).await;
    }
    w.sql("ALTER TABLE hub_state DROP COLUMN kept_commit").await;
    w.sql("DELETE FROM seaql_migrations WHERE version LIKE '%steps'").await;
    chat_migrations::up(w.db.for_migrations()).await.unwrap();
    w.says(ann, ben, "3").await;
    let inbox = inbox::page(&w.db, ann, None, false, 10).await.unwrap();
    let threads: Vec<_> = inbox.threads.iter().map(|thread| (thread.id, thread.last_seq.0)).collect();
    assert_eq!(threads, [(of_ben, 2), (of_cid, 1)]);
    let found = changes::of_user(&w.db, ann, since, 10).await.unwrap().unwrap();
    assert_eq!(found.messages.len(), 3);
    the_migrations_make_the_canonical_schema(w).await;
}

/// It would write messages that no page goes beyond, and threads that nobody finds where they are.
#[tokio::test]
async fn sqlite_refuses_the_commits_of_an_older_hub_that_still_runs() {
    let mut w = World::sqlite().await;
    w.says(world::user(1), world::user(2), "hi").await;
    let commit = "UPDATE hub_state SET commit_no = commit_no + 1 WHERE id = 1";
    let refused = w.db.for_migrations().execute_unprepared(commit).await.unwrap_err().to_string();
    assert!(refused.contains("an older version of the hub still runs: end it"), "{refused}");
    w.says(world::user(1), world::user(2), "again").await;
}

async fn a_thread_of_forty(w: &mut World) -> ThreadId {
    let (ann, ben, cid) = (world::user(1), world::user(2), world::user(3));
    let mut thread = None;
    for n in 0..40 {
        thread = Some(w.says(ann, ben, &n.to_string()).await.thread_id);
        w.says(ann, cid, "another").await;
    }
    thread.unwrap()
}

async fn nothing_of_the_forty_is_missing(w: &mut World, thread: ThreadId) {
    let (ann, ben) = (world::user(1), world::user(2));
    w.says(ben, ann, "40").await;
    let page = messages::page(&w.db, ben, thread, Page::Newest, 50).await.unwrap().unwrap();
    let texts: Vec<_> = page.messages.into_iter().map(|message| message.content.unwrap()).collect();
    assert_eq!(texts, (0..=40).map(|n| n.to_string()).collect::<Vec<_>>());
}

async fn a_new_database_has_a_name_of_its_own(w: World) {
    let other = World::sqlite().await;
    let here = history::head(&w.db).await.unwrap();
    let there = history::head(&other.db).await.unwrap();
    assert_eq!((here.commit.0, here.epoch.len()), (0, 32));
    assert_ne!(here.epoch, there.epoch);
}

/// Reads `schema.sql` as lines like `table.column type null` and `table key unique (columns)`.
fn canonical(mysql: bool) -> BTreeSet<String> {
    let mut facts = BTreeSet::new();
    let mut table = "";
    for line in SCHEMA.lines().filter(|line| mysql || !line.ends_with("-- not SQLite")) {
        let line = if mysql { line } else { line.trim().trim_start_matches("-- SQLite:") };
        let line = line.split("--").next().unwrap().trim().trim_end_matches(',');
        if let Some(name) = line.strip_prefix("CREATE TABLE ") {
            table = name.trim_end_matches(" (");
        } else if let Some((kind, columns, part)) = key(line) {
            facts.insert(format!("{table} {kind} ({columns}){part}"));
        } else if !line.is_empty() && !line.starts_with(')') {
            facts.extend(column(table, line, mysql));
        }
    }
    facts
}

/// Reads an index: its kind, its columns, and of which rows it is.
fn key(line: &str) -> Option<(&'static str, String, String)> {
    let kind = ["PRIMARY KEY", "UNIQUE KEY", "KEY"].into_iter().find(|kind| line.starts_with(kind))?;
    let (columns, part) = line.split_once('(')?.1.split_once(')')?;
    Some((kind, columns.replace(' ', ""), part.to_owned()))
}

fn column(table: &str, line: &str, mysql: bool) -> Vec<String> {
    let mut words = line.split_whitespace();
    let (name, kind) = (words.next().unwrap(), words.next().unwrap().to_lowercase());
    let null = if line.contains("NOT NULL") { "not null" } else { "null" };
    let default = if line.contains("DEFAULT 0") { " default 0" } else { "" };
    let kind = if mysql { kind } else { sqlite_type(&kind).to_owned() };
    let mut facts = vec![format!("{table}.{name} {kind} {null}{default}")];
    if line.contains("PRIMARY KEY") {
        facts.push(format!("{table} PRIMARY KEY ({name})"));
    }
    facts
}

/// SQLite has numbers, text and bytes.
fn sqlite_type(kind: &str) -> &'static str {
    match kind {
        "bigint" => "integer",
        "binary(32)" => "blob(32)",
        _ => "text",
    }
}

async fn rows(w: &World, sql: &str) -> Vec<Vec<String>> {
    let db = w.db.for_migrations();
    let statement = Statement::from_string(db.get_database_backend(), sql);
    let rows = db.query_all_raw(statement).await.unwrap();
    let cell = |row: &sea_orm::QueryResult, at: usize| -> Option<String> {
        let text = row.try_get_by_index::<Option<String>>(at).map(|text| text.unwrap_or_default());
        let bytes = || row.try_get_by_index::<Vec<u8>>(at).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let number = || row.try_get_by_index::<i64>(at).ok().map(|number| number.to_string());
        text.ok().or_else(bytes).or_else(number)
    };
    rows.iter().map(|row| (0..).map_while(|at| cell(row, at)).collect()).collect()
}

async fn of_sqlite(w: &World) -> BTreeSet<String> {
    let mut facts = BTreeSet::new();
    let tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'seaql_migrations' \
                  AND name NOT LIKE 'sqlite_%'";
    for table in rows(w, tables).await {
        let table = &table[0];
        let columns = format!(
            "SELECT name, lower(type), \"notnull\", coalesce(dflt_value, '-') FROM pragma_table_info('{table}')"
        );
        for column in rows(w, &columns).await {
            let null = if column[2] == "1" { "not null" } else { "null" };
            let default = if column[3] == "0" { " default 0" } else { "" };
            facts.insert(format!("{table}.{} {} {null}{default}", column[0], column[1]));
        }
        let key = format!(
            "SELECT group_concat(name) FROM (SELECT name FROM pragma_table_info('{table}') WHERE pk > 0 ORDER BY pk)"
        );
        facts.insert(format!("{table} PRIMARY KEY ({})", rows(w, &key).await[0][0]));
        let indexes = format!("SELECT name, \"unique\" FROM pragma_index_list('{table}') WHERE origin <> 'pk'");
        for index in rows(w, &indexes).await {
            let columns = format!(
                "SELECT group_concat(name) FROM (SELECT name FROM pragma_index_info('{}') ORDER BY seqno)",
                index[0]
            );
            let kind = if index[1] == "1" { "UNIQUE KEY" } else { "KEY" };
            let text = format!("SELECT sql FROM sqlite_master WHERE name = '{}'", index[0]);
            let part = rows(w, &text).await[0][0].split_once(" WHERE ").map(|(_, part)| format!(" WHERE {part}"));
            let part = part.unwrap_or_default();
            facts.insert(format!("{table} {kind} ({}){part}", rows(w, &columns).await[0][0]));
        }
    }
    facts
}

async fn of_mysql(w: &World) -> BTreeSet<String> {
    let mut facts = BTreeSet::new();
    let columns = "SELECT table_name, column_name, column_type, is_nullable, coalesce(column_default, '-') \
                   FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name <> 'seaql_migrations'";
    for column in rows(w, columns).await {
        let null = if column[3] == "NO" { "not null" } else { "null" };
        let default = if column[4] == "0" { " default 0" } else { "" };
        let kind = column[2].split("(20)").next().unwrap();
        facts.insert(format!("{}.{} {kind} {null}{default}", column[0], column[1]));
    }
    let keys = "SELECT table_name, index_name, CAST(MIN(non_unique) AS SIGNED), \
                GROUP_CONCAT(column_name ORDER BY seq_in_index) FROM information_schema.statistics \
                WHERE table_schema = DATABASE() AND table_name <> 'seaql_migrations' GROUP BY table_name, index_name";
    for key in rows(w, keys).await {
        let kind = match (key[1].as_str(), key[2].as_str()) {
            ("PRIMARY", _) => "PRIMARY KEY",
            (_, "0") => "UNIQUE KEY",
            _ => "KEY",
        };
        facts.insert(format!("{} {kind} ({})", key[0], key[3]));
    }
    let collations = "SELECT DISTINCT table_collation, engine FROM information_schema.tables \
                      WHERE table_schema = DATABASE() AND table_name <> 'seaql_migrations'";
    assert_eq!(rows(w, collations).await, [["utf8mb4_bin", "InnoDB"]]);
    facts
}
