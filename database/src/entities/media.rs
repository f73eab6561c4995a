//! `media`: an uploaded image.

use sea_orm::entity::prelude::*;

use crate::rows::{BinaryText, row};

row! {
    #[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "media")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) id: BinaryText,
        pub(crate) owner_id: i64,
        pub(crate) object_key: BinaryText,
        #[sea_orm(column_type = "Text")]
        pub(crate) mime: String,
        pub(crate) width: i64,
        pub(crate) height: i64,
        pub(crate) bytes: i64,
        #[sea_orm(column_type = "Text")]
        pub(crate) blurhash: String,
        pub(crate) created_at: i64,
        /// When it was sent, or given up: from then on it cannot be sent.
        pub(crate) attached_at: Option<i64>,
        /// From when on it is swept; never while a message holds it.
        pub(crate) expires_at: Option<i64>,
    }
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
