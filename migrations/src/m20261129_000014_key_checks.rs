//! A number by which nodes see whether they have the same secret.

use sea_orm_migration::prelude::*;

use crate::backend::Schema;
use crate::table::optional_number;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // A release that does not know the column leaves it empty.
        Schema::of(manager)?.add_column("hub_nodes", optional_number("key_check")).await
    }
}
