//! The statements that write rows, where SQLite's differ.

use sea_orm::sea_query::{Expr, ExprTrait as _, Query, SqliteQueryBuilder};

use crate::backend::dialect::Dialect;
use crate::backend::kind::Backend;
use crate::backend::statements::Rewrite;
use crate::backend::statements::{insert, update_of};
use crate::written_row::RowShape;

/// Columns, beside the time buckets, that an index holds and that a row's change may leave as they are.
const INDEXED: [(&str, &str); 1] = [("chat_message_status", "has_unread")];

/// Describes a delete of rows by the one column of the shape.
pub(super) fn delete(dialect: &dyn Dialect, shape: &RowShape) -> String {
    let mut delete = Query::delete();
    delete.from_table(shape.table);
    for (at, column) in shape.columns.iter().enumerate() {
        delete.and_where(Expr::col(column.0).eq(Expr::cust(dialect.row_value(at, *column))));
    }
    delete.to_string(SqliteQueryBuilder)
}

/// Returns the statements for rows that are inserted or updated.
pub(super) fn rewrite(dialect: &dyn Dialect, shape: &RowShape, overwritten: &[&'static str]) -> Rewrite {
    let value = |column: &str| {
        let at = shape.columns.iter().position(|(name, _)| *name == column)?;
        Some(dialect.row_value(at, shape.columns[at]))
    };
    let derived = dialect.derived(shape.table, &value);
    let kept: Vec<_> = overwritten.iter().copied().filter(|column| !INDEXED.contains(&(shape.table, column))).collect();
    Rewrite::Each {
        made: insert(Backend::Sqlite, shape, &[]),
        moved: update_of(Backend::Sqlite, shape, overwritten, derived),
        kept: update_of(Backend::Sqlite, shape, &kept, Vec::new()),
    }
}
