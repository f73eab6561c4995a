//! `hub_nodes`: a node that runs, or ran, on this database.

use sea_orm::entity::prelude::*;

use crate::rows::{BinaryText, row};

row! {
    #[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "hub_nodes")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) name: BinaryText,
        /// Which process of that name has the row.
        pub(crate) incarnation: i64,
        /// When that process began, and its latest beat, by the database's clock.
        pub(crate) started_at: i64,
        pub(crate) beat_at: i64,
        /// Not zero: the process is about to end.
        pub(crate) draining: i64,
        /// The release that it runs.
        pub(crate) version: BinaryText,
        /// A number by which nodes see whether they have the same secret.
        pub(crate) key_check: Option<i64>,
    }
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
