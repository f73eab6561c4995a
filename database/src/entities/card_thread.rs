//! `card_threads`: a thread in which a card was sent.

use sea_orm::entity::prelude::*;

use crate::rows::{BinaryText, row};

row! {
    #[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "card_threads")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) kind: BinaryText,
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) card_id: BinaryText,
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) thread_id: i64,
        pub(crate) user1_id: i64,
        pub(crate) user2_id: i64,
        /// When it was sent there last.
        pub(crate) sent_at: i64,
    }
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
