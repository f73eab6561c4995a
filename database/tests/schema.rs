//! The migrations make what `schema.sql` says: tables, columns, keys and indexes, on every backend.

use std::collections::BTreeSet;

use chat_database::connect::{Location, Server, ServerKind};
use chat_database::{history, identity};
use sea_orm::{ConnectionTrait, Statement};

use crate::support::world::{self, World};

const SCHEMA: &str = include_str!("../schema.sql");

on_each_backend!(
    the_migrations_make_the_canonical_schema,
    migrating_again_changes_nothing,
    a_migration_that_broke_off_is_finished,
    a_new_database_has_a_name_of_its_own,
);

async fn the_migrations_make_the_canonical_schema(w: World) {
    let made = match w.db.location() {
        Location::Sqlite(_) => of_sqlite(&w).await,
        Location::Server(Server { kind: ServerKind::MySql, .. }) => of_mysql(&w).await,
        Location::Server(Server { kind: ServerKind::Postgres, .. }) => of_postgres(&w).await,
    };
    let canonical = canonical(w.db.location());
    let missing: Vec<_> = canonical.difference(&made).collect();
    let unknown: Vec<_> = made.difference(&canonical).collect();
    assert!(missing.is_empty() && unknown.is_empty(), "missing: {missing:#?}, unknown: {unknown:#?}");
}

async fn migrating_again_changes_nothing(mut w: World) {
    w.says(world::user(1), world::user(2), "hi").await;
    chat_migrations::up(w.db.for_migrations()).await.unwrap();
    assert_eq!(w.totals(world::user(2)).await.messages, 1);
}

/// MySQL keeps what a migration has made before it broke off.
async fn a_migration_that_broke_off_is_finished(w: World) {
    let named = history::head(&w.db).await.unwrap().epoch;
    w.sql("DROP TABLE hub_commits").await;
    w.sql("DROP TABLE used_tickets").await;
    // What was added to the log later is made with it.
    w.sql("DELETE FROM seaql_migrations WHERE version LIKE '%hub' OR version LIKE '%times_of_events'").await;
    chat_migrations::up(w.db.for_migrations()).await.unwrap();
    assert_eq!(history::head(&w.db).await.unwrap().epoch, named);
    the_migrations_make_the_canonical_schema(w).await;
}

async fn a_new_database_has_a_name_of_its_own(w: World) {
    let other = World::sqlite().await;
    let here = history::head(&w.db).await.unwrap();
    let there = history::head(&other.db).await.unwrap();
    assert_eq!((here.commit.0, here.epoch.len()), (0, 32));
    assert_ne!(here.epoch, there.epoch);
    assert_ne!(identity::read(&w.db).await.unwrap(), identity::read(&other.db).await.unwrap());
}

/// Reads `schema.sql` as lines like `table.column type null` and `table key unique (columns)`.
fn canonical(database: &Location) -> BTreeSet<String> {
    let name = match database {
        Location::Sqlite(_) => "SQLite",
        Location::Server(Server { kind: ServerKind::MySql, .. }) => "MySQL",
        Location::Server(Server { kind: ServerKind::Postgres, .. }) => "PostgreSQL",
    };
    let names = |list: &str| list.split([',', ' ']).any(|word| word == name);
    let mut facts = BTreeSet::new();
    let mut table = "";
    for line in SCHEMA.lines() {
        if line.split_once("-- not ").is_some_and(|(_, others)| names(others)) {
            continue;
        }
        let own =
            line.trim().strip_prefix("-- ").and_then(|line| line.split_once(": ")).filter(|(list, _)| names(list));
        let line = own.map_or(line, |(_, line)| line);
        let line = line.split("--").next().unwrap().trim().trim_end_matches(',');
        if let Some(name) = line.strip_prefix("CREATE TABLE ") {
            table = name.trim_end_matches(" (");
        } else if let Some((kind, columns, part)) = key(line) {
            facts.insert(format!("{table} {kind} ({columns}){part}"));
        } else if !line.is_empty() && !line.starts_with(')') {
            facts.extend(column(table, line, database));
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

fn column(table: &str, line: &str, database: &Location) -> Vec<String> {
    let mut words = line.split_whitespace();
    let (name, kind) = (words.next().unwrap(), words.next().unwrap().to_lowercase());
    let null = if line.contains("NOT NULL") { "not null" } else { "null" };
    let default = if line.contains("DEFAULT 0") { " default 0" } else { "" };
    let kind = match database {
        Location::Sqlite(_) => sqlite_type(&kind).to_owned(),
        Location::Server(Server { kind: ServerKind::MySql, .. }) => kind,
        Location::Server(Server { kind: ServerKind::Postgres, .. }) => postgres_type(&kind).to_owned(),
    };
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

/// PostgreSQL has numbers, text and bytes, too.
fn postgres_type(kind: &str) -> &'static str {
    match kind {
        "bigint" => "bigint",
        _ if kind.contains("binary(") => "bytea",
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
            let part = part.unwrap_or_default().replace('"', "");
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

async fn of_postgres(w: &World) -> BTreeSet<String> {
    let mut facts = BTreeSet::new();
    let columns = "SELECT table_name::text, column_name::text, data_type::text, is_nullable::text, \
                   coalesce(column_default, '-')::text FROM information_schema.columns \
                   WHERE table_schema = current_schema() AND table_name <> 'seaql_migrations'";
    for column in rows(w, columns).await {
        let null = if column[3] == "NO" { "not null" } else { "null" };
        let default = if column[4].starts_with('0') || column[4].starts_with("'0'") { " default 0" } else { "" };
        facts.insert(format!("{}.{} {} {null}{default}", column[0], column[1], column[2]));
    }
    let keys = "SELECT i.indrelid::regclass::text, i.indisprimary::text, i.indisunique::text, \
                (SELECT string_agg(a.attname, ',' ORDER BY k.at) FROM unnest(i.indkey) WITH ORDINALITY AS k (no, at) \
                JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.no) \
                FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid \
                WHERE c.relnamespace = current_schema()::regnamespace AND c.relname <> 'seaql_migrations'";
    for key in rows(w, keys).await {
        let kind = match (key[1].as_str(), key[2].as_str()) {
            ("true", _) => "PRIMARY KEY",
            (_, "true") => "UNIQUE KEY",
            _ => "KEY",
        };
        facts.insert(format!("{} {kind} ({})", key[0], key[3]));
    }
    facts
}
