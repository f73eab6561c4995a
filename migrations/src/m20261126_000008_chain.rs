//! SQLite: each message names the one before it in its thread, and the index over (thread, seq) holds every 16th.
//!
//! An index ordered by thread costs a commit a page of SQLite's log for nearly every message. Servers log what changes in a
//! page, not the page, and keep the whole index.

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
        // In one transaction: a message that came in between would be outside the chain.
        let db = manager.get_connection().begin_with_options(immediately()).await?;
        let manager = SchemaManager::new(&db);
        if !manager.has_column("chat_messages", "prev_id").await? {
            db.execute_unprepared("ALTER TABLE chat_messages ADD COLUMN prev_id integer").await?;
        }
        if manager.has_index("chat_messages", "chat_messages_seq").await? {
            db.execute_unprepared(
                "UPDATE chat_messages AS m SET prev_id = (\
                 SELECT p.id FROM chat_messages p INDEXED BY chat_messages_seq \
                 WHERE p.thread_id = m.thread_id AND p.seq = m.seq - 1)",
            )
            .await?;
        }
        db.execute_unprepared(
            "CREATE UNIQUE INDEX IF NOT EXISTS chat_messages_step ON chat_messages (thread_id, seq) WHERE seq % 16 = 0",
        )
        .await?;
        db.execute_unprepared("DROP INDEX IF EXISTS chat_messages_seq").await?;
        db.commit().await
    }
}
