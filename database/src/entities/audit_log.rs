//! `audit_log`: who did what.

use sea_orm::entity::prelude::*;

use crate::rows::{BinaryText, row};

row! {
    #[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "audit_log")]
    pub(crate) struct Model {
        /// Dense: in the order in which rows were written.
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) id: i64,
        /// By the database's clock.
        pub(crate) at: i64,
        #[sea_orm(column_type = "Text")]
        pub(crate) who: String,
        #[sea_orm(column_type = "Text")]
        pub(crate) what: String,
        #[sea_orm(column_type = "Text", nullable)]
        pub(crate) whom: Option<String>,
        /// The client's address.
        #[sea_orm(column_type = "Text", nullable)]
        pub(crate) source: Option<String>,
        #[sea_orm(column_type = "Text", nullable)]
        pub(crate) why: Option<String>,
        /// JSON.
        #[sea_orm(column_type = "Text", nullable)]
        pub(crate) detail: Option<String>,
        /// The hash of the row before it.
        pub(crate) previous: BinaryText,
        /// The hash of this row, the one before it included.
        pub(crate) hash: BinaryText,
    }
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
