//! The index over idempotency keys begins with the key, not with the thread.
//!
//! Keys that begin with the time, as the client library's do, then stand together wherever their threads are: a commit
//! touches a page or two of the index, where it touched one for each thread. Keys at random cost what they cost before.

use sea_orm_migration::prelude::*;

use crate::table::unique;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // The new one first: at no time is there none.
        if !manager.has_index("chat_messages", "chat_messages_key").await? {
            let mut new = unique("chat_messages_key", &["temp_id", "sender_id", "thread_id"]);
            manager.create_index(new.table("chat_messages").take()).await?;
        }
        if manager.has_index("chat_messages", "chat_messages_temp_id").await? {
            let mut old = Index::drop();
            old.name("chat_messages_temp_id").table("chat_messages");
            manager.drop_index(old).await?;
        }
        Ok(())
    }
}
