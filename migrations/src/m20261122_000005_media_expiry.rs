//! When an uploaded image may be swept.

use sea_orm_migration::prelude::*;

use crate::table::{index, optional_number};

/// How long an image that was never sent had stayed before: a day, in milliseconds.
const DAY: i64 = 86_400_000;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // MySQL commits each statement by itself: a step that was cut short is taken again, and must find its way.
        if !manager.has_column("media", "expires_at").await? {
            let column = Table::alter().table("media").add_column(optional_number("expires_at")).take();
            manager.alter_table(column).await?;
        }
        let orphans = Query::update()
            .table("media")
            .value("expires_at", Expr::col("created_at").add(DAY))
            .and_where(Expr::col("attached_at").is_null())
            .and_where(Expr::col("expires_at").is_null())
            .take();
        manager.execute(orphans).await?;
        if !manager.has_index("media", "media_expiry").await? {
            manager.create_index(index("media_expiry", &["expires_at"]).table("media").take()).await?;
        }
        // What it was for is what the new one does.
        if manager.has_index("media", "media_attached").await? {
            manager.drop_index(Index::drop().name("media_attached").table("media").to_owned()).await?;
        }
        Ok(())
    }
}
