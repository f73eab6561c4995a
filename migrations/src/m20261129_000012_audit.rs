//! The audit log: who did what, to whom, from where, why and when; each row covers the one before it.

use sea_orm_migration::prelude::*;

use crate::backend::Schema;
use crate::table::{count, key, number};

/// The hash that stands for the one before the first row.
const NOTHING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let schema = Schema::of(manager)?;
        log(&schema).await?;
        chain(&schema).await
    }
}

async fn log(schema: &Schema<'_>) -> Result<(), DbErr> {
    let table = Table::create()
        .table("audit_log")
        .col(key("id"))
        .col(number("at"))
        .col(ColumnDef::new("who").text().not_null())
        .col(ColumnDef::new("what").text().not_null())
        .col(ColumnDef::new("whom").text())
        .col(ColumnDef::new("source").text())
        .col(ColumnDef::new("why").text())
        .col(ColumnDef::new("detail").text())
        .col(schema.backend.binary_text("previous", 64).not_null())
        .col(schema.backend.binary_text("hash", 64).not_null())
        .take();
    schema.create(table, Vec::new()).await
}

/// One row: the last row that was removed, which the oldest one follows, and the newest row.
async fn chain(schema: &Schema<'_>) -> Result<(), DbErr> {
    let table = Table::create()
        .table("audit_chain")
        .col(key("id"))
        .col(count("removed_id"))
        .col(schema.backend.binary_text("removed_hash", 64).not_null())
        .col(count("last_id"))
        .col(schema.backend.binary_text("last_hash", 64).not_null())
        .take();
    schema.create(table, Vec::new()).await?;
    let nothing = || Expr::val(schema.backend.binary_value(NOTHING.to_owned()));
    let first = Query::insert()
        .into_table("audit_chain")
        .columns(["id", "removed_hash", "last_hash"])
        .values_panic([1.into(), nothing(), nothing()])
        // A migration that MySQL has broken off is run again.
        .on_conflict(OnConflict::column("id").do_nothing_on(["id"]).to_owned())
        .take();
    schema.insert(first).await
}
