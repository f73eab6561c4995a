//! `cards`: a thing of the marketplace.

use sea_orm::entity::prelude::*;

use crate::rows::{BinaryText, row};

row! {
    #[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "cards")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) kind: BinaryText,
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) id: BinaryText,
        pub(crate) version: i64,
        /// All of it, as JSON.
        #[sea_orm(column_type = "Text")]
        pub(crate) body: String,
    }
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
