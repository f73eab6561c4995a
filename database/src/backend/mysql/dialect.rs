//! MySQL's and MariaDB's SQL.

use sea_orm::Value;
use sea_orm::sea_query::TableRef;

use super::statements;
use crate::backend::column::{Column, Kind};
use crate::backend::dialect::{Dialect, PageKey, Search};
use crate::backend::kind::Backend;
use crate::backend::server::seq_range;
use crate::backend::statements::{Rewrite, upsert};
use crate::seq_range::SeqRangeQuery;
use crate::written_row::RowShape;

/// The SQL that MySQL and MariaDB share.
#[derive(Debug)]
pub(crate) struct MySqlDialect;

impl Dialect for MySqlDialect {
    fn binary_text(&self, text: &str) -> Value {
        text.as_bytes().to_vec().into()
    }

    fn with_index(&self, table: &str, index: &str) -> String {
        format!("{table} FORCE INDEX ({index})")
    }

    fn json_table(&self, name: &str, columns: &[Column]) -> String {
        format!("JSON_TABLE({}) AS {name}", statements::json_columns(columns))
    }

    fn json_column(&self, name: &str, (column, kind): Column) -> String {
        match kind {
            Kind::Hex => format!("UNHEX({name}.{column})"),
            Kind::BinaryText => format!("CAST({name}.{column} AS BINARY)"),
            Kind::Number | Kind::Text => format!("{name}.{column}"),
        }
    }

    fn greatest(&self, one: &str, other: &str) -> String {
        format!("GREATEST({one}, {other})")
    }

    fn as_integer(&self, number: &str) -> String {
        format!("CAST({number} AS SIGNED)")
    }

    fn now_millis(&self) -> &'static str {
        "CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)"
    }

    fn prefixed(&self, prefix: &str, number: &str) -> String {
        format!("CAST(CONCAT('{prefix}', {number}) AS BINARY)")
    }

    fn messages_in_ranges(&self, query: &SeqRangeQuery<'_>) -> String {
        seq_range::text(self, query)
    }

    fn threads_by_activity(&self, side: u8) -> String {
        self.with_index("chat_threads", &format!("chat_threads_user{side}_updated"))
    }

    fn most_recent_first(&self) -> &'static str {
        "updated_at DESC, id DESC"
    }

    fn less_recent_than(&self, (at, id): PageKey) -> Search {
        ("updated_at <= ? AND (updated_at < ? OR id < ?)".to_owned(), [at, at, id].map(Value::from).into())
    }

    fn count_more_recent_threads(&self, side: u8, user: &str, active: &str) -> String {
        let table = self.threads_by_activity(side);
        format!("(SELECT COUNT(*) FROM {table} WHERE user{side}_id = {user} AND updated_at > {active})")
    }

    fn threads_changed_since(&self, side: u8, user: i64, since: i64) -> Search {
        let table = self.with_index("chat_threads", &format!("chat_threads_user{side}_commit"));
        (format!("{table} WHERE user{side}_id = ? AND commit_no > ?"), [user, since].map(Value::from).into())
    }

    fn rows(&self, columns: &[Column]) -> Option<TableRef> {
        Some(statements::rows(columns))
    }

    fn row_value(&self, _at: usize, column: Column) -> String {
        self.json_column("j", column)
    }

    fn has_column(&self, table: &str, column: &str) -> bool {
        // Servers find messages by an index over their places.
        (table, column) != ("chat_messages", "prev_id")
    }

    fn derived(&self, _table: &str, _value: &dyn Fn(&str) -> Option<String>) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    fn inserted(&self, column: &str) -> String {
        format!("VALUES({column})")
    }

    fn delete(&self, shape: &RowShape) -> String {
        statements::delete(self, shape)
    }

    fn rewrite(&self, shape: &RowShape, overwritten: &[&'static str]) -> Rewrite {
        Rewrite::All(upsert(Backend::MySql, shape, overwritten))
    }
}
