//! Which restrictions of users later commits have changed: a node reads those alone.

use sea_orm_migration::prelude::*;

use crate::backend::Schema;
use crate::table::index;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let by_commit = index("user_restrictions_commit", &["commit_no"]);
        Schema::of(manager)?.add_index("user_restrictions", by_commit).await
    }
}
