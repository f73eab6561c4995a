//! Webhooks: the marketplace's endpoints, and what was sent to each of them.

use sea_orm_migration::prelude::*;

use crate::backend::Schema;
use crate::table::{count, index, key, number, optional_number};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let schema = Schema::of(manager)?;
        webhooks(&schema).await?;
        deliveries(&schema).await
    }
}

async fn webhooks(schema: &Schema<'_>) -> Result<(), DbErr> {
    let table = Table::create()
        .table("webhooks")
        .col(key("id"))
        .col(ColumnDef::new("url").text().not_null())
        .col(ColumnDef::new("types").text().not_null())
        .col(ColumnDef::new("description").text().not_null())
        .col(count("enabled"))
        .col(ColumnDef::new("disabled_reason").text())
        .col(number("secret_version"))
        .col(optional_number("overlap_until"))
        .col(number("since_commit"))
        .col(optional_number("failing_since"))
        .col(optional_number("succeeded_at"))
        .col(count("requests"))
        .col(number("created_at"))
        .take();
    schema.create(table, Vec::new()).await
}

async fn deliveries(schema: &Schema<'_>) -> Result<(), DbErr> {
    let table = Table::create()
        .table("webhook_deliveries")
        .col(key("id"))
        .col(number("webhook_id"))
        .col(schema.backend.binary_text("event_id", 128).not_null())
        .col(schema.backend.binary_text("type", 64).not_null())
        .col(optional_number("thread_id"))
        .col(number("at"))
        .col(count("status"))
        .col(count("attempts"))
        .col(optional_number("next_at"))
        .col(optional_number("code"))
        .col(optional_number("ms"))
        .col(ColumnDef::new("reply").text())
        .take();
    schema.create(table, vec![index("webhook_deliveries_status", &["webhook_id", "status", "id"])]).await
}
