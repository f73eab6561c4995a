//! SQLite: a thread's indexes hold its times in steps, and commits of an older version are refused.
//!
//! Four indexes held when a thread last changed and when it was last written in, and moved with each message. What they
//! hold now is a part of that, which moves every 16 seconds and every 256 commits (and later every 4,096).
//!
//! A process of an older version that still runs would move neither, and knows nothing of the chain of messages. A trigger
//! refused its messages, and because of it SQLite copied each page before a message changed it. Now each commit names
//! itself in a column that older versions do not know.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DatabaseBackend, TransactionTrait};

use crate::immediately;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() != DatabaseBackend::Sqlite {
            return Ok(());
        }
        let db = manager.get_connection().begin_with_options(immediately()).await?;
        let manager = SchemaManager::new(&db);
        if !manager.has_column("chat_threads", "updated_step").await? {
            for column in ["updated_step", "commit_step"] {
                let added = format!("ALTER TABLE chat_threads ADD COLUMN {column} integer NOT NULL DEFAULT 0");
                db.execute_unprepared(&added).await?;
            }
        }
        for index in [
            "chat_threads_user1_commit",
            "chat_threads_user2_commit",
            "chat_threads_user1_updated",
            "chat_threads_user2_updated",
        ] {
            db.execute_unprepared(&format!("DROP INDEX IF EXISTS {index}")).await?;
        }
        db.execute_unprepared("UPDATE chat_threads SET updated_step = updated_at >> 14, commit_step = commit_no >> 8")
            .await?;
        for user in [1, 2] {
            for time in ["commit", "updated"] {
                let made =
                    format!("CREATE INDEX chat_threads_user{user}_{time} ON chat_threads (user{user}_id, {time}_step)");
                db.execute_unprepared(&made).await?;
            }
        }
        if !manager.has_column("hub_state", "kept_commit").await? {
            db.execute_unprepared(
                "ALTER TABLE hub_state ADD COLUMN kept_commit integer NULL \
                 CONSTRAINT \"an older version of the hub still runs: end it\" CHECK (kept_commit = commit_no)",
            )
            .await?;
        }
        db.execute_unprepared("UPDATE hub_state SET kept_commit = commit_no").await?;
        db.execute_unprepared("DROP TRIGGER IF EXISTS chat_messages_linked").await?;
        db.commit().await
    }
}
