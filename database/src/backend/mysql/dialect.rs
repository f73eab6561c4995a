//! MySQL's and MariaDB's SQL.

use sea_orm::Value;

use crate::backend::dialect::{Column, Dialect, Kind};

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
        let typed = |(at, (column, kind)): (usize, &Column)| {
            let sql_type = match kind {
                Kind::Number => "BIGINT",
                // Without its character set a column would have the database's, which may be a narrow one.
                Kind::Text => "MEDIUMTEXT CHARACTER SET utf8mb4",
                Kind::BinaryText => "VARCHAR(255) CHARACTER SET utf8mb4",
                Kind::Hex => "VARCHAR(64) CHARACTER SET utf8mb4",
            };
            format!("{column} {sql_type} PATH '$[{at}]'")
        };
        let columns: Vec<String> = columns.iter().enumerate().map(typed).collect();
        format!("JSON_TABLE(?, '$[*]' COLUMNS ({})) AS {name}", columns.join(", "))
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
}
