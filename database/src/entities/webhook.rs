//! `webhooks`: an endpoint of the marketplace.

use sea_orm::entity::prelude::*;

use crate::rows::row;

row! {
    #[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "webhooks")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) id: i64,
        #[sea_orm(column_type = "Text")]
        pub(crate) url: String,
        /// JSON: the names of the types, or `*`.
        #[sea_orm(column_type = "Text")]
        pub(crate) types: String,
        #[sea_orm(column_type = "Text")]
        pub(crate) description: String,
        pub(crate) enabled: i64,
        /// Why the hub has disabled it.
        #[sea_orm(column_type = "Text", nullable)]
        pub(crate) disabled_reason: Option<String>,
        pub(crate) secret_version: i64,
        /// Until then the version before signs, too.
        pub(crate) overlap_until: Option<i64>,
        /// What was committed up to there is not sent to it.
        pub(crate) since_commit: i64,
        /// When the first try failed after the last success.
        pub(crate) failing_since: Option<i64>,
        pub(crate) succeeded_at: Option<i64>,
        /// How often deliveries were asked for again: when it changes, the process that sends them reads them again.
        pub(crate) requests: i64,
        pub(crate) created_at: i64,
    }
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
