//! What the marketplace's core says of users.

use sea_orm_migration::prelude::*;

use crate::backend::Schema;
use crate::table::{count, key};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let schema = Schema::of(manager)?;
        let table = Table::create()
            .table("profiles")
            .col(key("user_id"))
            .col(ColumnDef::new("name").text().not_null())
            .col(ColumnDef::new("avatar_url").text())
            .col(ColumnDef::new("locale").text())
            .col(ColumnDef::new("timezone").text())
            .col(count("verified"))
            .col(ColumnDef::new("role").text())
            .col(ColumnDef::new("email").text())
            .col(ColumnDef::new("contactable").text().not_null())
            .take();
        schema.create(table, Vec::new()).await
    }
}
