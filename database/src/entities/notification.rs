//! `notifications`: a notification.

use sea_orm::entity::prelude::*;

use crate::rows::{BinaryText, row};

row! {
    #[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "notifications")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) id: i64,
        pub(crate) user_id: i64,
        #[sea_orm(column_name = "type", column_type = "Text")]
        pub(crate) kind: String,
        #[sea_orm(column_type = "Text")]
        pub(crate) title: String,
        #[sea_orm(column_type = "Text")]
        pub(crate) body: String,
        pub(crate) related_id: Option<i64>,
        /// A user has one notification of each key.
        pub(crate) dedupe_key: Option<BinaryText>,
        pub(crate) is_read: i64,
        pub(crate) created_at: i64,
        /// 0 once it is deleted.
        pub(crate) updated_at: i64,
        pub(crate) deleted_at: Option<i64>,
        /// The commit of its last change.
        pub(crate) commit_no: i64,
        pub(crate) created_commit: i64,
    }
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
