//! Statements that write rows, gathered to run as one: a `WITH` of statements that change data.
//!
//! They run in no order, and each sees the tables as they were before all of them
//! (<https://www.postgresql.org/docs/current/queries-with.html#QUERIES-WITH-MODIFYING>). So no two of them may touch the
//! same row: a commit's inserts make rows that it changes in no other statement, while two statements that change rows of
//! one table may meet.

use std::fmt::Write as _;

use sea_orm::Value;

use crate::backend::statements::RowStatement;

/// Statements that are yet to run.
#[derive(Debug, Default)]
pub(in crate::backend) struct Gathered {
    text: String,
    values: Vec<Value>,
    /// Which tables they write, and whether they insert.
    written: Vec<(&'static str, bool)>,
}

impl Gathered {
    pub(in crate::backend) fn is_empty(&self) -> bool {
        self.written.is_empty()
    }

    /// Tells whether a statement may run together with those that are there.
    pub(in crate::backend) fn takes(&self, statement: &RowStatement) -> bool {
        !self.written.contains(&(statement.table, statement.inserts))
    }

    /// Adds a statement over one parameter.
    pub(in crate::backend) fn add(&mut self, statement: &RowStatement, rows: Value) {
        let before = if self.is_empty() { "WITH" } else { "," };
        // Writing to a String does not fail.
        let _ = write!(self.text, "{before} w{} AS ({})", self.written.len(), statement.text);
        self.values.push(rows);
        self.written.push((statement.table, statement.inserts));
    }

    /// Takes all of them, with a query that ends the statement: its text and its values.
    pub(in crate::backend) fn take(&mut self, query: &str) -> (String, Vec<Value>) {
        let Self { text, values, .. } = std::mem::take(self);
        (format!("{text} {query}"), values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(text: &str, table: &'static str, inserts: bool) -> RowStatement {
        RowStatement { text: text.to_owned(), table, inserts }
    }

    #[test]
    fn what_is_written_to_several_tables_is_one_statement() {
        let mut gathered = Gathered::default();
        gathered.add(&statement("INSERT INTO a SELECT ?", "a", true), "[1]".into());
        gathered.add(&statement("UPDATE a FROM ?", "a", false), "[2]".into());
        gathered.add(&statement("UPDATE b FROM ?", "b", false), "[3]".into());
        let (text, values) = gathered.take("SELECT 1");
        assert_eq!(
            text,
            "WITH w0 AS (INSERT INTO a SELECT ?), w1 AS (UPDATE a FROM ?), w2 AS (UPDATE b FROM ?) SELECT 1"
        );
        assert_eq!(values, ["[1]", "[2]", "[3]"].map(Value::from));
        assert!(gathered.is_empty());
        assert_eq!(gathered.take("SELECT 1").0.trim(), "SELECT 1");
    }

    #[test]
    fn statements_that_may_meet_in_a_row_do_not_run_together() {
        let mut gathered = Gathered::default();
        gathered.add(&statement("UPDATE media", "media", false), "[]".into());
        assert!(!gathered.takes(&statement("DELETE FROM media", "media", false)));
        assert!(gathered.takes(&statement("INSERT INTO media", "media", true)));
        assert!(gathered.takes(&statement("DELETE FROM used_tickets", "used_tickets", false)));
    }
}
