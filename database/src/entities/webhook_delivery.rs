//! `webhook_deliveries`: an event that was, or is to be, sent to an endpoint.

use sea_orm::entity::prelude::*;

use crate::rows::{BinaryText, row};

row! {
    #[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "webhook_deliveries")]
    pub(crate) struct Model {
        /// By the commit that noted it, so in the order of events.
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) id: i64,
        pub(crate) webhook_id: i64,
        pub(crate) event_id: BinaryText,
        #[sea_orm(column_name = "type")]
        pub(crate) kind: BinaryText,
        pub(crate) thread_id: Option<i64>,
        /// When the event happened, by the database's clock.
        pub(crate) at: i64,
        /// 0: pending, 1: arrived, 2: failed.
        pub(crate) status: i64,
        pub(crate) attempts: i64,
        pub(crate) next_at: Option<i64>,
        /// The status of the last answer.
        pub(crate) code: Option<i64>,
        /// How long it took.
        pub(crate) ms: Option<i64>,
        /// The beginning of the last answer, or why there was none.
        #[sea_orm(column_type = "Text", nullable)]
        pub(crate) reply: Option<String>,
    }
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
