//! Edits and deletions in a table of their own, instead of an index over every message's `rev`.
//!
//! Most messages are never touched again. An index over (thread, rev) cost each of them a page of its own in
//! every commit; this table costs only those that are.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, QueryResult, Statement, Value};

use crate::table::{create, index, number};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("chat_amendments")
            .col(number("thread_id"))
            .col(number("rev"))
            .col(number("message_id"))
            .col(number("last_seq"))
            .col(number("commit_no"))
            .primary_key(&mut index("chat_amendments_key", &["thread_id", "rev"]))
            .take();
        create(manager, table, vec![index("chat_amendments_commit", &["thread_id", "commit_no"])]).await?;
        for thread in ask(manager, "SELECT id, rev FROM chat_threads WHERE rev > last_seq AND id <> ?", 0).await? {
            fill(manager, thread.try_get_by_index(0)?, thread.try_get_by_index(1)?).await?;
        }
        if manager.has_index("chat_messages", "chat_messages_rev").await? {
            let mut old = Index::drop();
            old.name("chat_messages_rev").table("chat_messages");
            manager.drop_index(old).await?;
        }
        Ok(())
    }
}

/// Lists a thread's amendments: every change that did not create a message. Which message an amendment changed is
/// only known of the last one of each; of the others, nobody asks.
async fn fill(manager: &SchemaManager<'_>, thread: i64, newest: i64) -> Result<(), DbErr> {
    let sql = "SELECT id, rev, created_rev, commit_no FROM chat_messages WHERE thread_id = ? ORDER BY seq";
    let mut created = Vec::new();
    let mut amended = std::collections::HashMap::new();
    for row in ask(manager, sql, thread).await? {
        let (id, rev, first): (i64, i64, i64) =
            (row.try_get_by_index(0)?, row.try_get_by_index(1)?, row.try_get_by_index(2)?);
        created.push(first);
        if rev != first {
            amended.insert(rev, (id, row.try_get_by_index::<i64>(3)?));
        }
    }
    let mut created = created.into_iter().peekable();
    let mut last_seq = 0;
    run(manager, "DELETE FROM chat_amendments WHERE thread_id = ?", [thread]).await?;
    for rev in 1..=newest {
        if created.next_if_eq(&rev).is_some() {
            last_seq += 1;
            continue;
        }
        let (message, commit) = amended.get(&rev).copied().unwrap_or_default();
        let insert =
            "INSERT INTO chat_amendments (thread_id, rev, message_id, last_seq, commit_no) VALUES (?, ?, ?, ?, ?)";
        run(manager, insert, [thread, rev, message, last_seq, commit]).await?;
    }
    Ok(())
}

async fn ask(manager: &SchemaManager<'_>, sql: &str, value: i64) -> Result<Vec<QueryResult>, DbErr> {
    let db = manager.get_connection();
    db.query_all_raw(Statement::from_sql_and_values(db.get_database_backend(), sql, [Value::from(value)])).await
}

async fn run<const N: usize>(manager: &SchemaManager<'_>, sql: &str, values: [i64; N]) -> Result<(), DbErr> {
    let db = manager.get_connection();
    let values = values.map(Value::from);
    db.execute_raw(Statement::from_sql_and_values(db.get_database_backend(), sql, values)).await.map(drop)
}
