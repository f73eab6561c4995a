//! `hub_consumers`: who reads the commit log beyond the nodes.

use sea_orm::entity::prelude::*;

use crate::rows::{BinaryText, row};

row! {
    #[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "hub_consumers")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) name: BinaryText,
        /// This and the next three: the place of the last event that it has.
        pub(crate) commit_no: i64,
        pub(crate) class: i64,
        pub(crate) object: i64,
        pub(crate) part: i64,
        /// Not zero: the log is kept for it.
        pub(crate) enabled: i64,
        /// The process that works for it; empty for one that asks by itself.
        pub(crate) holder: BinaryText,
        /// Until when, by the database's clock.
        pub(crate) lease_until: i64,
        /// When it was heard of last, by the database's clock.
        pub(crate) touched_at: i64,
    }
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
