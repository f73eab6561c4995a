//! The hub itself: the one counter that orders all commits, their log, the names of the history, and used tickets.
//!
//! A database that is put back gives its commit numbers out again. So each commit has a random number beside its own (`nonce`);
//! the database's name (`hub_state.epoch`) changes with each process that writes, and the names that it had are kept with the
//! last commit of each.

use sea_orm_migration::prelude::*;
use uuid::Uuid;

use crate::backend::Schema;
use crate::table::{count, index, key, number};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let schema = Schema::of(manager)?;
        state(&schema).await?;
        epochs(&schema).await?;
        commits(&schema).await?;
        tickets(&schema).await
    }
}

async fn state(schema: &Schema<'_>) -> Result<(), DbErr> {
    let table = Table::create()
        .table("hub_state")
        .col(key("id"))
        .col(schema.backend.binary_text("epoch", 64).not_null())
        .col(count("commit_no"))
        .col(count("last_thread_id"))
        .col(count("last_message_id"))
        .col(count("last_notification_id"))
        .col(count("nonce"))
        .col(count("nonce_before"))
        .col(count("newest_at"))
        .col(count("newest_before"))
        .col(count("tickets_forgotten"))
        .take();
    schema.create(table, Vec::new()).await?;

    // The epoch is this database's name: a cursor of another one must not be taken for one of ours.
    let first = Query::insert()
        .into_table("hub_state")
        .columns(["id", "epoch"])
        .values_panic([1.into(), Expr::val(schema.backend.binary_value(Uuid::new_v4().simple().to_string()))])
        .on_conflict(OnConflict::column("id").do_nothing_on(["id"]).to_owned())
        .take();
    schema.insert(first).await
}

async fn epochs(schema: &Schema<'_>) -> Result<(), DbErr> {
    let table = Table::create()
        .table("hub_epochs")
        .col(schema.backend.binary_text("epoch", 64).not_null())
        .col(number("last_commit"))
        .col(number("ended_at"))
        .primary_key(&mut index("hub_epochs_key", &["epoch"]))
        .take();
    schema.create(table, Vec::new()).await
}

async fn commits(schema: &Schema<'_>) -> Result<(), DbErr> {
    let table = Table::create()
        .table("hub_commits")
        .col(key("commit_no"))
        .col(count("nonce"))
        .col(schema.backend.binary_text("node", 255).not_null())
        .col(number("at"))
        .col(schema.backend.long_text("threads").not_null())
        .col(schema.backend.long_text("users").not_null())
        .take();
    schema.create(table, Vec::new()).await
}

async fn tickets(schema: &Schema<'_>) -> Result<(), DbErr> {
    let table = Table::create()
        .table("used_tickets")
        .col(schema.backend.binary_text("id", 255).not_null())
        .col(number("expires_at"))
        .primary_key(&mut index("used_tickets_key", &["id"]))
        .take();
    schema.create(table, vec![index("used_tickets_expiry", &["expires_at"])]).await
}
