//! The nodes that run on this database.

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
            .table("hub_nodes")
            .col(schema.backend.binary_text("name", 255).not_null())
            .col(number("incarnation"))
            .col(number("started_at"))
            .col(number("beat_at"))
            .col(count("draining"))
            .col(schema.backend.binary_text("version", 64).not_null())
            .primary_key(&mut index("hub_nodes_key", &["name"]))
            .take();
        schema.create(table, Vec::new()).await
    }
}
