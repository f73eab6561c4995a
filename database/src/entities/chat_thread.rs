//! `chat_threads`: a conversation of two people.

use sea_orm::entity::prelude::*;

use crate::rows::row;

row! {
    #[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "chat_threads")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) id: i64,
        /// The smaller of the two ids.
        pub(crate) user1_id: i64,
        pub(crate) user2_id: i64,
        pub(crate) last_seq: i64,
        /// Counts creations, edits and deletions of messages.
        pub(crate) rev: i64,
        pub(crate) last_message_id: Option<i64>,
        pub(crate) created_at: i64,
        /// The time of its newest message.
        pub(crate) updated_at: i64,
        /// The commit of its last message, change or moved watermark.
        pub(crate) commit_no: i64,
    }
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
