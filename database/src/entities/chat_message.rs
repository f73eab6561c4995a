//! `chat_messages`: a message.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Deserializer};

/// A row; also as the array of its columns but `payload_hash` (see [`crate::json_rows`]).
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel, Deserialize)]
#[sea_orm(table_name = "chat_messages")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: i64,
    pub(crate) thread_id: i64,
    pub(crate) seq: i64,
    pub(crate) rev: i64,
    pub(crate) created_rev: i64,
    pub(crate) sender_id: i64,
    #[serde(deserialize_with = "bytes")]
    pub(crate) temp_id: Option<Vec<u8>>,
    #[serde(skip)]
    pub(crate) payload_hash: Vec<u8>,
    #[sea_orm(column_type = "Text", nullable)]
    pub(crate) content: Option<String>,
    pub(crate) product_id: Option<i64>,
    pub(crate) reply_to: Option<i64>,
    pub(crate) created_at: i64,
    pub(crate) edited_at: Option<i64>,
    pub(crate) deleted_at: Option<i64>,
    pub(crate) commit_no: i64,
    pub(crate) created_commit: i64,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

fn bytes<'de, D: Deserializer<'de>>(text: D) -> Result<Option<Vec<u8>>, D::Error> {
    Ok(Option::<String>::deserialize(text)?.map(String::into_bytes))
}
