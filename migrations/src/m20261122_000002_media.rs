//! Uploaded images.

use sea_orm_migration::prelude::*;

use crate::table::{create, exact_text, index, number, optional_number};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("media")
            .col(exact_text(manager, "id", 64).not_null())
            .col(number("owner_id"))
            .col(exact_text(manager, "object_key", 255).not_null())
            .col(ColumnDef::new("mime").text().not_null())
            .col(number("width"))
            .col(number("height"))
            .col(number("bytes"))
            .col(ColumnDef::new("blurhash").text().not_null())
            .col(number("created_at"))
            .col(optional_number("attached_at"))
            .primary_key(&mut index("media_key", &["id"]))
            .take();
        // For the sweep of what was uploaded and never sent.
        let orphans = index("media_attached", &["attached_at", "created_at"]);
        create(manager, table, vec![orphans]).await
    }
}
