//! `chat_users`: a user's last connection and unread totals.

use sea_orm::entity::prelude::*;

use crate::rows::row;

row! {
    #[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "chat_users")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) id: i64,
        pub(crate) last_seen: Option<i64>,
        pub(crate) unread_messages: i64,
        pub(crate) unread_notifications: i64,
    }
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
