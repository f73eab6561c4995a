//! Restrictions of users: until when a user may send nothing, and which tokens of a user are too old.

use sea_orm_migration::prelude::*;

use crate::backend::Schema;
use crate::table::{index, key, number, optional_number};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let schema = Schema::of(manager)?;
        let table = Table::create()
            .table("user_restrictions")
            .col(key("user_id"))
            .col(optional_number("suspended_until"))
            .col(ColumnDef::new("reason").text())
            .col(optional_number("tokens_from"))
            .col(number("commit_no"))
            .take();
        let until = index("user_restrictions_until", &["suspended_until"]);
        schema.create(table, vec![until]).await?;
        // The commit that changed a restriction last. A release that does not know the column leaves it as it is.
        schema.add_column("hub_state", optional_number("restrictions_no")).await
    }
}
