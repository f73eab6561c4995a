//! `audit_chain`: the one row that says where the audit log begins and ends.

use sea_orm::entity::prelude::*;

use crate::rows::{BinaryText, row};

row! {
    #[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "audit_chain")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) id: i64,
        /// The newest row that was removed because it was old; 0: none was.
        pub(crate) removed_id: i64,
        pub(crate) removed_hash: BinaryText,
        /// The newest row; 0: there was none yet.
        pub(crate) last_id: i64,
        pub(crate) last_hash: BinaryText,
    }
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
