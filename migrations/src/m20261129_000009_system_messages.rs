//! Messages of the marketplace itself: their author is 0, and each member may be told another text.

use sea_orm_migration::prelude::*;

use crate::backend::Schema;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // A release that does not know the column leaves it empty, and shows both members `content`.
        Schema::of(manager)?.add_column("chat_messages", ColumnDef::new("texts").text().take()).await
    }
}
