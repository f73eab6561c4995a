//! Which history a commit belongs to, the newest time, and how far used tickets are forgotten.
//!
//! A database that is put back gives its commit numbers out again. Each commit gets a number of its own making beside
//! (`nonce`), the database's name (`hub_state.epoch`) changes with each process that writes, and the names that it had are
//! kept with the last commit of each.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::ConnectionTrait;

use crate::table::{count, create, exact_text, index, number};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // One by one: MySQL commits each statement for itself, and a step that was cut short is taken again.
        add(manager, "hub_commits", "nonce").await?;
        add(manager, "hub_state", "nonce").await?;
        add(manager, "hub_state", "nonce_before").await?;
        add(manager, "hub_state", "tickets_forgotten").await?;
        add(manager, "hub_state", "newest_at").await?;
        add(manager, "hub_state", "newest_before").await?;
        let table = Table::create()
            .table("hub_epochs")
            .col(exact_text(manager, "epoch", 64).not_null())
            .col(number("last_commit"))
            .col(number("ended_at"))
            .primary_key(&mut index("hub_epochs_key", &["epoch"]))
            .take();
        create(manager, table, Vec::new()).await?;
        // What is there already is not to stand above what comes.
        let newest = "UPDATE hub_state SET newest_at = (SELECT COALESCE(MAX(t.at), 0) FROM (\
             SELECT MAX(updated_at) AS at FROM chat_threads UNION ALL SELECT MAX(updated_at) FROM notifications\
             ) AS t) WHERE id = 1 AND newest_at = 0";
        manager.get_connection().execute_unprepared(newest).await.map(drop)
    }
}

async fn add(manager: &SchemaManager<'_>, table: &'static str, column: &'static str) -> Result<(), DbErr> {
    if manager.has_column(table, column).await? {
        return Ok(());
    }
    manager.alter_table(Table::alter().table(table).add_column(count(column)).take()).await
}
