//! `profiles`: what the marketplace's core says of a user.

use sea_orm::entity::prelude::*;

use crate::rows::row;

row! {
    #[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "profiles")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) user_id: i64,
        #[sea_orm(column_type = "Text")]
        pub(crate) name: String,
        #[sea_orm(column_type = "Text", nullable)]
        pub(crate) avatar_url: Option<String>,
        #[sea_orm(column_type = "Text", nullable)]
        pub(crate) locale: Option<String>,
        #[sea_orm(column_type = "Text", nullable)]
        pub(crate) timezone: Option<String>,
        pub(crate) verified: i64,
        #[sea_orm(column_type = "Text", nullable)]
        pub(crate) role: Option<String>,
        #[sea_orm(column_type = "Text", nullable)]
        pub(crate) email: Option<String>,
        /// Channels, with commas between them.
        #[sea_orm(column_type = "Text")]
        pub(crate) contactable: String,
    }
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
