//! The statements that write rows, where MySQL's and MariaDB's differ: all rows are one parameter, a JSON table.

use sea_orm::sea_query::{Expr, Func, IntoIden as _, TableRef};

use crate::backend::column::{Column, Kind};
use crate::backend::dialect::Dialect;
use crate::written_row::RowShape;

/// Returns the JSON table `j` of all rows.
pub(super) fn rows(columns: &[Column]) -> TableRef {
    TableRef::FunctionCall(Func::cust("JSON_TABLE").arg(Expr::cust(json_columns(columns))), "j".into_iden())
}

/// Returns the arguments of `JSON_TABLE`: the parameter, and the columns of each of its arrays.
pub(super) fn json_columns(columns: &[Column]) -> String {
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
    format!("?, '$[*]' COLUMNS ({})", columns.join(", "))
}

/// Returns a delete of rows by the one column of the shape. Written by hand: sea-query has no `DELETE … JOIN`, and for a
/// subquery MariaDB would walk the whole table.
pub(super) fn delete(dialect: &dyn Dialect, shape: &RowShape) -> String {
    let set = dialect.json_table("j", &shape.columns);
    let matched: Vec<String> =
        shape.columns.iter().map(|column| format!("d.{} = {}", column.0, dialect.json_column("j", *column))).collect();
    format!("DELETE d FROM {set} JOIN {} AS d ON {}", shape.table, matched.join(" AND "))
}
