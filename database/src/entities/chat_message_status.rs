//! `chat_message_status`: how far a member has come in a thread.

use sea_orm::entity::prelude::*;

use crate::rows::row;

row! {
    #[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "chat_message_status")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) thread_id: i64,
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) user_id: i64,
        pub(crate) delivered_seq: i64,
        pub(crate) read_seq: i64,
        pub(crate) unread: i64,
        /// 1 while anything is unread: what the index holds.
        pub(crate) has_unread: i64,
        pub(crate) delivered_at: Option<i64>,
        pub(crate) read_at: Option<i64>,
        pub(crate) delivered_commit: i64,
        pub(crate) read_commit: i64,
        pub(crate) commit_no: i64,
    }
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
