//! SQLite's SQL.

use sea_orm::Value;

use crate::backend::dialect::{Column, Dialect, Kind};

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
}
