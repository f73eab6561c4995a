//! The fragments of SQL that differ between databases.

use std::fmt;

use sea_orm::Value;
use sea_orm::sea_query::TableRef;

use super::column::Column;
use super::statements::Rewrite;
use crate::seq_range::SeqRangeQuery;
use crate::written_row::RowShape;

/// The SQL of a database where databases differ. It has no default methods, so that a new database must define each.
pub(crate) trait Dialect: fmt::Debug + Send + Sync {
    /// Returns text as a value for a column that is compared byte by byte.
    fn binary_text(&self, text: &str) -> Value;

    /// Returns a table that is to be read through one index.
    ///
    /// Which index is right does not depend on the number of rows. Servers choose by statistics that may be old, and then
    /// read and sort a whole long thread.
    fn with_index(&self, table: &str, index: &str) -> String;

    /// Returns a table `name` over one parameter `?`: a JSON array of rows, each an array of `columns`.
    fn json_table(&self, name: &str, columns: &[Column]) -> String;

    /// Returns the expression for a column of the [`json_table`](Dialect::json_table) `name`, as the tables hold it.
    fn json_column(&self, name: &str, column: Column) -> String;

    /// Returns the greater one of two numbers, neither of them null.
    fn greatest(&self, one: &str, other: &str) -> String;

    /// Returns a number as a 64-bit integer: sums and products may be wider.
    fn as_integer(&self, number: &str) -> String;

    /// Returns the database's clock: Unix milliseconds.
    fn now_millis(&self) -> &'static str;

    /// Returns a prefix with a number behind it, as a column holds text that is compared byte by byte.
    fn prefixed(&self, prefix: &str, number: &str) -> String;

    /// Returns the query for messages in ranges of places. Its columns: those that are `named`, then `wanted`. In no order; with
    /// `newest`, of one range, the newest message comes first.
    fn messages_in_ranges(&self, query: &SeqRangeQuery<'_>) -> String;

    /// Returns `chat_threads` by the index over one side's user and the time of each thread's newest message.
    fn threads_by_activity(&self, side: u8) -> String;

    /// Returns the order in which that index has the most recently active threads first.
    fn most_recent_first(&self) -> &'static str;

    /// Returns the condition for what comes after a key in that order, and its values.
    fn less_recent_than(&self, key: PageKey) -> Search;

    /// Returns the number, as an expression, of a user's threads on one side with a newer message than `active`; `user` and
    /// `active` are expressions.
    fn count_more_recent_threads(&self, side: u8, user: &str, active: &str) -> String;

    /// Returns a table of one side's threads of a user that changed after a commit, with the condition and its values.
    fn threads_changed_since(&self, side: u8, user: i64, since: i64) -> Search;

    /// Returns the table `j` over the one parameter that holds all rows of a statement; `None` if a statement runs for each row.
    fn rows(&self, columns: &[Column]) -> Option<TableRef>;

    /// Returns the expression for a row's value of its column `at`.
    fn row_value(&self, at: usize, column: Column) -> String;

    /// Tells whether a column is there: some are in SQLite's tables alone.
    fn has_column(&self, table: &str, column: &str) -> bool;

    /// Returns derived columns of a table, with their values; `value` returns the value of another column.
    fn derived(&self, table: &str, value: &dyn Fn(&str) -> Option<String>) -> Vec<(&'static str, String)>;

    /// Returns the value that an insert would have written to a column, had the row not been there.
    fn inserted(&self, column: &str) -> String;

    /// Returns the statement that deletes rows by the one column of the shape.
    fn delete(&self, shape: &RowShape) -> String;

    /// Returns the statements for rows that are inserted or, if they exist, updated in some columns.
    fn rewrite(&self, shape: &RowShape, overwritten: &[&'static str]) -> Rewrite;
}

/// The key by which pages of a user's threads are cut, the most recently active first: a time, and a thread's id.
pub(crate) type PageKey = (i64, i64);

/// A part of a query, and the values of its parameters.
pub(crate) type Search = (String, Vec<Value>);
