//! The database's own identity: nodes that share it know each other by it.
//!
//! Unlike the names of its history (`hub_state.epoch`) it never changes; a copy of the database keeps it.

use sea_orm_migration::prelude::*;
use uuid::Uuid;

use crate::backend::Schema;
use crate::table::key;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let schema = Schema::of(manager)?;
        let table = Table::create()
            .table("hub_identity")
            .col(key("id"))
            .col(schema.backend.binary_text("database_id", 64).not_null())
            .take();
        schema.create(table, Vec::new()).await?;
        let identity = Query::insert()
            .into_table("hub_identity")
            .columns(["id", "database_id"])
            .values_panic([1.into(), Expr::val(schema.backend.binary_value(Uuid::new_v4().simple().to_string()))])
            .on_conflict(OnConflict::column("id").do_nothing_on(["id"]).to_owned())
            .take();
        schema.insert(identity).await
    }
}
