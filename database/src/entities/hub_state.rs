//! `hub_state`: the one row that orders all commits.

use sea_orm::entity::prelude::*;

use crate::rows::{BinaryText, row};

row! {
    #[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "hub_state")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) id: i64,
        /// The history's present name.
        pub(crate) epoch: BinaryText,
        /// The newest commit.
        pub(crate) commit_no: i64,
        pub(crate) last_thread_id: i64,
        pub(crate) last_message_id: i64,
        pub(crate) last_notification_id: i64,
        /// The nonce of the newest commit.
        pub(crate) nonce: i64,
        /// The nonce of the commit before it; only nodes of an earlier version write and read it.
        pub(crate) nonce_before: i64,
        /// The newest time that any commit has written.
        pub(crate) newest_at: i64,
        /// The newest time before the newest commit; only those nodes write and read it.
        pub(crate) newest_before: i64,
        /// Tickets that expired up to this time are not remembered.
        pub(crate) tickets_forgotten: i64,
        /// The commit that changed a restriction of a user last.
        pub(crate) restrictions_no: Option<i64>,
    }
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
