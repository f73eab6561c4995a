//! The fragments of SQL that differ between databases.

use std::fmt;

use sea_orm::Value;

/// How a column travels in a JSON parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A whole number.
    Number,
    /// Text.
    Text,
    /// Text that is compared byte by byte.
    BinaryText,
    /// Bytes, written as hexadecimal digits.
    Hex,
}

/// A column of a JSON parameter.
pub(crate) type Column = (&'static str, Kind);

/// How a database writes what SQL leaves open. It has no default methods, so that a new database forgets none.
#[allow(dead_code, reason = "the queries that need the last four move here next")]
pub(crate) trait Dialect: fmt::Debug + Send + Sync {
    /// Returns text as a column holds it that is compared byte by byte.
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
}
