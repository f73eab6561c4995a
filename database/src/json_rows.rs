//! Many rows at once.
//!
//! The pool's driver of SQLite hands each row, a column at a time, from the thread that reads to the one that waits, and that
//! takes longer than to find it: 50 messages take a third less of the processor as one text. So there the rows travel as one.
//! Pages are read without that way ([`crate::backend::sqlite`]).

use std::borrow::Borrow;

use sea_orm::{ConnectionTrait, DatabaseBackend, DbErr, QueryResult, Value};
use serde::de::DeserializeOwned;

use crate::sql;

/// Reads all rows that a query finds, in its order. `columns` are those that make a `T`, by their names in the row `r` (or what
/// is made of them) and in the order of its fields: numbers, texts and JSON; `each` makes one of a row as servers send it.
pub(crate) async fn rows<T: DeserializeOwned>(
    db: &impl ConnectionTrait,
    columns: &[impl Borrow<str> + Sync],
    text: &str,
    values: impl IntoIterator<Item = Value> + Send,
    each: impl Fn(&QueryResult) -> Result<T, DbErr> + Send,
) -> Result<Vec<T>, DbErr> {
    let backend = db.get_database_backend();
    if backend != DatabaseBackend::Sqlite {
        let rows = db.query_all_raw(sql::statement(backend, text, values)).await?;
        return rows.iter().map(each).collect();
    }
    let packed = format!("SELECT {}", column(columns, text));
    let Some(row) = db.query_one_raw(sql::statement(backend, packed, values)).await? else {
        return Ok(Vec::new());
    };
    unpack(&row)
}

/// Returns the expression for all rows that a query finds, as one value of a row: for SQLite.
fn column(columns: &[impl Borrow<str>], text: &str) -> String {
    format!("(SELECT json_group_array(json_array({})) FROM ({text}) AS r)", columns.join(", "))
}

/// Returns the expression for all rows of a query of one column `wanted`, each a JSON array already, as one value of a row: for
/// SQLite.
pub(crate) fn joined(text: &str) -> String {
    format!("(SELECT COALESCE('[' || group_concat(x.wanted) || ']', '[]') FROM ({text}) AS x)")
}

/// Reads what a [`column`] or [`joined`] holds, in a row of nothing else.
pub(crate) fn unpack<T: DeserializeOwned>(row: &QueryResult) -> Result<Vec<T>, DbErr> {
    let json: String = row.try_get_by_index(0)?;
    serde_json::from_str(&json).map_err(|error| DbErr::Type(error.to_string()))
}
