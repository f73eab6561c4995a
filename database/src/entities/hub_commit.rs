//! `hub_commits`: an entry of the commit log.

use sea_orm::entity::prelude::*;

use crate::rows::{BinaryText, row};

row! {
    #[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "hub_commits")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) commit_no: i64,
        /// Tells it from another commit of the same number.
        pub(crate) nonce: i64,
        pub(crate) node: BinaryText,
        pub(crate) at: i64,
        /// The newest time that any commit had written then, this one among them; an entry of an earlier release has none.
        pub(crate) newest_at: Option<i64>,
        /// JSON: id and members of each thread that it touched.
        #[sea_orm(column_type = "Text")]
        pub(crate) threads: String,
        /// JSON: the users whose notifications it touched otherwise.
        #[sea_orm(column_type = "Text")]
        pub(crate) users: String,
    }
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
