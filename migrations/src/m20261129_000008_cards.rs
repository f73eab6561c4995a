//! Cards of the marketplace, and what messages show of them.

use sea_orm_migration::prelude::*;

use crate::backend::Schema;
use crate::table::{index, number};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let schema = Schema::of(manager)?;
        cards(&schema).await?;
        threads(&schema).await?;
        // The card as it was when the message was sent. A release that does not know the column leaves it empty.
        schema.add_column("chat_messages", ColumnDef::new("card").text().take()).await
    }
}

async fn cards(schema: &Schema<'_>) -> Result<(), DbErr> {
    let table = Table::create()
        .table("cards")
        .col(schema.backend.binary_text("kind", 16).not_null())
        .col(schema.backend.binary_text("id", 255).not_null())
        .col(number("version"))
        .col(ColumnDef::new("body").text().not_null())
        .primary_key(&mut index("cards_key", &["kind", "id"]))
        .take();
    schema.create(table, Vec::new()).await
}

/// In which threads a card was sent last, and when: whom a change of it concerns.
async fn threads(schema: &Schema<'_>) -> Result<(), DbErr> {
    let table = Table::create()
        .table("card_threads")
        .col(schema.backend.binary_text("kind", 16).not_null())
        .col(schema.backend.binary_text("card_id", 255).not_null())
        .col(number("thread_id"))
        .col(number("user1_id"))
        .col(number("user2_id"))
        .col(number("sent_at"))
        .primary_key(&mut index("card_threads_key", &["kind", "card_id", "thread_id"]))
        .take();
    schema.create(table, vec![index("card_threads_recent", &["kind", "card_id", "sent_at"])]).await
}
