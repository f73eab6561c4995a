//! `hub_commits`: an entry of the commit log.

use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "hub_commits")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) commit_no: i64,
    pub(crate) nonce: i64,
    pub(crate) node: Vec<u8>,
    pub(crate) at: i64,
    #[sea_orm(column_type = "Text")]
    pub(crate) threads: String,
    #[sea_orm(column_type = "Text")]
    pub(crate) users: String,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
