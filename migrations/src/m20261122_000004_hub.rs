//! The hub itself: the one counter that orders all commits, their log, and used tickets.

use sea_orm_migration::prelude::*;
use uuid::Uuid;

use crate::table::{count, create, exact_text, index, key, long_text, number};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        state(manager).await?;
        commits(manager).await?;
        tickets(manager).await
    }
}

async fn state(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let table = Table::create()
        .table("hub_state")
        .col(key("id"))
        .col(exact_text(manager, "epoch", 64).not_null())
        .col(count("commit_no"))
        .col(count("last_thread_id"))
        .col(count("last_message_id"))
        .col(count("last_notification_id"))
        .take();
    create(manager, table, Vec::new()).await?;

    // The epoch is this database's name: a cursor of another one must not be taken for one of ours.
    let first = Query::insert()
        .into_table("hub_state")
        .columns(["id", "epoch"])
        .values_panic([1.into(), Uuid::new_v4().simple().to_string().into()])
        .on_conflict(OnConflict::column("id").do_nothing_on(["id"]).to_owned())
        .take();
    manager.execute(first).await
}

async fn commits(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let table = Table::create()
        .table("hub_commits")
        .col(key("commit_no"))
        .col(exact_text(manager, "node", 255).not_null())
        .col(number("at"))
        .col(long_text(manager, "threads").not_null())
        .col(long_text(manager, "users").not_null())
        .take();
    create(manager, table, Vec::new()).await
}

async fn tickets(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let table = Table::create()
        .table("used_tickets")
        .col(exact_text(manager, "id", 255).not_null())
        .col(number("expires_at"))
        .primary_key(&mut index("used_tickets_key", &["id"]))
        .take();
    create(manager, table, vec![index("used_tickets_expiry", &["expires_at"])]).await
}
