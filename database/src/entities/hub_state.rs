//! `hub_state`: the one row that orders all commits.

use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "hub_state")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: i64,
    pub(crate) epoch: Vec<u8>,
    pub(crate) commit_no: i64,
    pub(crate) last_thread_id: i64,
    pub(crate) last_message_id: i64,
    pub(crate) last_notification_id: i64,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
