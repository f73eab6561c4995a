//! `user_restrictions`: what a user may not do, and which tokens of the user are too old.

use sea_orm::entity::prelude::*;

use crate::rows::row;

row! {
    #[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "user_restrictions")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) user_id: i64,
        /// Until then the user sends nothing, by the database's clock.
        pub(crate) suspended_until: Option<i64>,
        /// Why, as the staff wrote it.
        #[sea_orm(column_type = "Text", nullable)]
        pub(crate) reason: Option<String>,
        /// Tokens that were issued before are not taken.
        pub(crate) tokens_from: Option<i64>,
        /// The commit of its last change.
        pub(crate) commit_no: i64,
    }
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
