//! SQLite's SQL.

use sea_orm::Value;
use sea_orm::sea_query::TableRef;

use super::{seq_range, statements};
use crate::backend::column::{Column, Kind};
use crate::backend::dialect::{Dialect, PageKey, Search};
use crate::backend::statements::Rewrite;
use crate::backend::time_buckets;
use crate::seq_range::SeqRangeQuery;
use crate::written_row::RowShape;

/// SQLite's SQL.
#[derive(Debug)]
pub(crate) struct SqliteDialect;

impl Dialect for SqliteDialect {
    fn binary_text(&self, text: &str) -> Value {
        text.into()
    }

    fn with_index(&self, table: &str, index: &str) -> String {
        format!("{table} INDEXED BY {index}")
    }

    fn json_table(&self, name: &str, columns: &[Column]) -> String {
        let extracted = |(at, (column, kind)): (usize, &Column)| match kind {
            Kind::Hex => format!("unhex(v->>{at}) AS {column}"),
            Kind::Number | Kind::Text | Kind::BinaryText => format!("v->>{at} AS {column}"),
        };
        let columns: Vec<String> = columns.iter().enumerate().map(extracted).collect();
        // Each row is parsed once: without the step between, SQLite would write and parse it for each column.
        let rows = "WITH r AS MATERIALIZED (SELECT jsonb(value) AS v FROM json_each(?))";
        format!("({rows} SELECT {} FROM r) AS {name}", columns.join(", "))
    }

    fn json_column(&self, name: &str, (column, _): Column) -> String {
        format!("{name}.{column}")
    }

    fn greatest(&self, one: &str, other: &str) -> String {
        format!("max({one}, {other})")
    }

    fn as_integer(&self, number: &str) -> String {
        format!("CAST({number} AS INTEGER)")
    }

    fn now_millis(&self) -> &'static str {
        "CAST(unixepoch('subsec') * 1000 AS INTEGER)"
    }

    fn prefixed(&self, prefix: &str, number: &str) -> String {
        format!("'{prefix}' || {number}")
    }

    fn messages_in_ranges(&self, query: &SeqRangeQuery<'_>) -> String {
        seq_range::text(query)
    }

    fn threads_by_activity(&self, side: u8) -> String {
        self.with_index("chat_threads", &format!("chat_threads_user{side}_updated"))
    }

    fn most_recent_first(&self) -> &'static str {
        time_buckets::MOST_RECENT_FIRST
    }

    fn less_recent_than(&self, key: PageKey) -> Search {
        time_buckets::less_recent_than(key)
    }

    fn count_more_recent_threads(&self, side: u8, user: &str, active: &str) -> String {
        time_buckets::count_more_recent(&self.threads_by_activity(side), side, user, active)
    }

    fn threads_changed_since(&self, side: u8, user: i64, since: i64) -> Search {
        let table = self.with_index("chat_threads", &format!("chat_threads_user{side}_commit"));
        time_buckets::changed_since(&table, side, user, since)
    }

    fn rows(&self, _columns: &[Column]) -> Option<TableRef> {
        None
    }

    fn row_value(&self, at: usize, _column: Column) -> String {
        format!("?{}", at + 1)
    }

    fn has_column(&self, _table: &str, _column: &str) -> bool {
        true
    }

    fn derived(&self, table: &str, value: &dyn Fn(&str) -> Option<String>) -> Vec<(&'static str, String)> {
        match table {
            "chat_threads" => time_buckets::columns(value),
            _ => Vec::new(),
        }
    }

    fn inserted(&self, column: &str) -> String {
        format!("excluded.{column}")
    }

    fn delete(&self, shape: &RowShape) -> String {
        statements::delete(self, shape)
    }

    fn rewrite(&self, shape: &RowShape, overwritten: &[&'static str]) -> Rewrite {
        statements::rewrite(self, shape, overwritten)
    }
}
