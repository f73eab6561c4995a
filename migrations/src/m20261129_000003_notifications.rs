//! Notifications: the marketplace's, and one per user and thread.

use sea_orm_migration::prelude::*;

use crate::backend::Schema;
use crate::table::{count, index, key, number, optional_number, unique};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let schema = Schema::of(manager)?;
        let table = Table::create()
            .table("notifications")
            .col(key("id"))
            .col(number("user_id"))
            .col(ColumnDef::new("type").text().not_null())
            .col(ColumnDef::new("title").text().not_null())
            .col(ColumnDef::new("body").text().not_null())
            .col(optional_number("related_id"))
            .col(schema.backend.binary_text("dedupe_key", 255))
            .col(count("is_read"))
            .col(number("created_at"))
            .col(number("updated_at"))
            .col(optional_number("deleted_at"))
            .col(number("commit_no"))
            .col(number("created_commit"))
            .take();
        let indexes = vec![
            unique("notifications_dedupe_key", &["user_id", "dedupe_key"]),
            index("notifications_commit", &["user_id", "commit_no"]),
            index("notifications_updated", &["user_id", "updated_at", "id"]),
            index("notifications_unread", &["user_id", "is_read", "updated_at", "id"]),
        ];
        schema.create(table, indexes).await
    }
}
