//! `chat_amendments`: an edit or deletion of a message.

use sea_orm::entity::prelude::*;

use crate::rows::row;

row! {
    #[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "chat_amendments")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) thread_id: i64,
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) rev: i64,
        pub(crate) message_id: i64,
        /// The thread's newest `seq` at that time.
        pub(crate) last_seq: i64,
        pub(crate) commit_no: i64,
    }
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
