//! SQLite: a message that does not name the one before it is refused, and those that got in are mended.
//!
//! A process of an older version that still ran when the chain was made knows nothing of it. What it wrote would end the
//! chain, and hide everything before it from those who read.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DatabaseBackend, Statement, TransactionTrait};

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
        // Whoever took the next step meanwhile has ended the trigger.
        if !SchemaManager::new(&db).has_column("hub_state", "kept_commit").await? {
            db.execute_unprepared(
                "CREATE TRIGGER IF NOT EXISTS chat_messages_linked BEFORE INSERT ON chat_messages \
                 WHEN NEW.prev_id IS NULL AND NEW.seq > 1 \
                 BEGIN SELECT RAISE(ABORT, 'a message must name the one before it: end the older version of the hub'); END",
            )
            .await?;
        }
        let loose = "SELECT 1 FROM chat_messages WHERE prev_id IS NULL AND seq > 1 LIMIT 1";
        if db.query_one_raw(Statement::from_string(DatabaseBackend::Sqlite, loose)).await?.is_some() {
            db.execute_unprepared("CREATE INDEX chat_messages_mending ON chat_messages (thread_id, seq)").await?;
            db.execute_unprepared(
                "UPDATE chat_messages AS m SET prev_id = (\
                 SELECT p.id FROM chat_messages p INDEXED BY chat_messages_mending \
                 WHERE p.thread_id = m.thread_id AND p.seq < m.seq ORDER BY p.seq DESC LIMIT 1) \
                 WHERE prev_id IS NULL AND seq > 1",
            )
            .await?;
            db.execute_unprepared("DROP INDEX chat_messages_mending").await?;
        }
        db.commit().await
    }
}
