//! `chat_messages`: a message.

use sea_orm::entity::prelude::*;

use crate::rows::{BinaryText, row};

row! {
    #[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "chat_messages")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) id: i64,
        pub(crate) thread_id: i64,
        /// Its place in the thread, dense from 1.
        pub(crate) seq: i64,
        /// The thread's change counter at its last change.
        pub(crate) rev: i64,
        /// The thread's change counter when it was created.
        pub(crate) created_rev: i64,
        /// 0 for a message of the marketplace itself.
        pub(crate) sender_id: i64,
        /// The author's idempotency key.
        pub(crate) temp_id: Option<BinaryText>,
        /// SHA-256 of what was sent first.
        #[sea_orm(column_type = "Binary(32)")]
        pub(crate) payload_hash: Vec<u8>,
        #[sea_orm(column_type = "Text", nullable)]
        pub(crate) content: Option<String>,
        pub(crate) product_id: Option<i64>,
        pub(crate) reply_to: Option<i64>,
        pub(crate) created_at: i64,
        pub(crate) edited_at: Option<i64>,
        pub(crate) deleted_at: Option<i64>,
        /// The commit of its last change.
        pub(crate) commit_no: i64,
        pub(crate) created_commit: i64,
        /// The card as it was when the message was sent, as JSON.
        #[sea_orm(column_type = "Text", nullable)]
        pub(crate) card: Option<String>,
        /// What the members are told in the place of `content`, as JSON.
        #[sea_orm(column_type = "Text", nullable)]
        pub(crate) texts: Option<String>,
        /// The message before it in its thread: in SQLite's table alone.
        pub(crate) prev_id: Option<i64>,
    }
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
