//! Uploaded images.

use sea_orm_migration::prelude::*;

use crate::backend::Schema;
use crate::table::{index, number, optional_number};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let schema = Schema::of(manager)?;
        let table = Table::create()
            .table("media")
            .col(schema.backend.binary_text("id", 64).not_null())
            .col(number("owner_id"))
            .col(schema.backend.binary_text("object_key", 255).not_null())
            .col(ColumnDef::new("mime").text().not_null())
            .col(number("width"))
            .col(number("height"))
            .col(number("bytes"))
            .col(ColumnDef::new("blurhash").text().not_null())
            .col(number("created_at"))
            .col(optional_number("attached_at"))
            .col(optional_number("expires_at"))
            .primary_key(&mut index("media_key", &["id"]))
            .take();
        // For the sweep of images that no message holds.
        schema.create(table, vec![index("media_expiry", &["expires_at"])]).await
    }
}
