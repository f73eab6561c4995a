//! Consumers of events: how far each has read the commit log, and which process works for it.

use sea_orm_migration::prelude::*;

use crate::backend::Schema;
use crate::table::{count, index, number};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let schema = Schema::of(manager)?;
        let table = Table::create()
            .table("hub_consumers")
            .col(schema.backend.binary_text("name", 64).not_null())
            .col(number("commit_no"))
            .col(number("class"))
            .col(number("object"))
            .col(number("part"))
            .col(count("enabled"))
            .col(schema.backend.binary_text("holder", 255).not_null())
            .col(count("lease_until"))
            .col(number("touched_at"))
            .primary_key(&mut index("hub_consumers_key", &["name"]))
            .take();
        schema.create(table, Vec::new()).await
    }
}
