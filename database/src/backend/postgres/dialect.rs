//! PostgreSQL's SQL.

use sea_orm::Value;
use sea_orm::sea_query::{Expr, Func, IntoIden as _, Query, TableRef};

use crate::backend::column::{Column, Kind};
use crate::backend::dialect::{Dialect, PageKey, Search};
use crate::backend::kind::Backend;
use crate::backend::server::seq_range;
use crate::backend::statements::{Rewrite, insert, update_of};
use crate::backend::time_buckets;
use crate::seq_range::{Ranges, SeqRangeQuery};
use crate::written_row::RowShape;

/// The function that makes rows of the one parameter. Each row is parsed once: of `json` each column would parse its whole row.
const ELEMENTS: &str = "jsonb_array_elements";
const PARAMETER: &str = "?::jsonb";

/// Tells the planner that each row is an array. That is always so, but the planner takes it for rare: it then expects one
/// row and not a hundred, and goes from the rows to a table, never from all of a table, however small or new that is, to
/// the rows.
const IS_ROW: &str = "jsonb_typeof(e.value) = 'array'";

/// PostgreSQL's SQL.
#[derive(Debug)]
pub(crate) struct PostgresDialect;

/// Returns a column of the row `row.value`, which is an array.
fn value(row: &str, at: usize, kind: Kind) -> String {
    match kind {
        Kind::Number => format!("({row}.value->>{at})::bigint"),
        Kind::Text => format!("({row}.value->>{at})"),
        Kind::BinaryText => format!("convert_to({row}.value->>{at}, 'UTF8')"),
        Kind::Hex => format!("decode({row}.value->>{at}, 'hex')"),
    }
}

impl Dialect for PostgresDialect {
    fn binary_text(&self, text: &str) -> Value {
        text.as_bytes().to_vec().into()
    }

    /// It has no hints: see [`super::session`].
    fn with_index(&self, table: &str, _index: &str) -> String {
        table.to_owned()
    }

    fn json_table(&self, name: &str, columns: &[Column]) -> String {
        let typed = |(at, (column, kind)): (usize, &Column)| format!("{} AS {column}", value("e", at, *kind));
        let columns: Vec<String> = columns.iter().enumerate().map(typed).collect();
        format!("(SELECT {} FROM {ELEMENTS}({PARAMETER}) AS e WHERE {IS_ROW}) AS {name}", columns.join(", "))
    }

    fn json_column(&self, name: &str, (column, _): Column) -> String {
        format!("{name}.{column}")
    }

    fn greatest(&self, one: &str, other: &str) -> String {
        format!("GREATEST({one}, {other})")
    }

    fn as_integer(&self, number: &str) -> String {
        format!("CAST({number} AS BIGINT)")
    }

    /// Not `clock_timestamp()`: that one may change from row to row, so no index would be searched for it.
    fn now_millis(&self) -> &'static str {
        "CAST(FLOOR(EXTRACT(EPOCH FROM statement_timestamp()) * 1000) AS BIGINT)"
    }

    fn prefixed(&self, prefix: &str, number: &str) -> String {
        format!("convert_to('{prefix}' || {number}, 'UTF8')")
    }

    /// Of several ranges each is searched for by itself: `OFFSET 0` keeps the planner from turning that round.
    fn messages_in_ranges(&self, query: &SeqRangeQuery<'_>) -> String {
        let Ranges::Of(ranges) = query.ranges else { return seq_range::text(self, query) };
        let range = Ranges::One(["j.thread_id", "j.above", "j.up_to"]);
        let one = seq_range::text(self, &SeqRangeQuery { ranges: range, named: &[], ..*query });
        let named = query.named_in("j.");
        format!("SELECT {named}w.wanted FROM {ranges} CROSS JOIN LATERAL ({one} OFFSET 0) AS w")
    }

    fn threads_by_activity(&self, _side: u8) -> String {
        "chat_threads".to_owned()
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
        time_buckets::changed_since("chat_threads", side, user, since)
    }

    fn rows(&self, _columns: &[Column]) -> Option<TableRef> {
        let elements = Func::cust(ELEMENTS).arg(Expr::cust(PARAMETER));
        let mut rows = Query::select();
        rows.expr(Expr::cust("e.value")).from_function(elements, "e").and_where(Expr::cust(IS_ROW));
        Some(TableRef::SubQuery(rows.into(), "j".into_iden()))
    }

    fn row_value(&self, at: usize, (_, kind): Column) -> String {
        value("j", at, kind)
    }

    fn has_column(&self, table: &str, column: &str) -> bool {
        // Servers find messages by an index over their places.
        (table, column) != ("chat_messages", "prev_id")
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

    /// By hand: sea-query has no `DELETE … USING`.
    fn delete(&self, shape: &RowShape) -> String {
        let matched = shape.columns.iter().enumerate();
        let matched = matched.map(|(at, column)| format!("d.{} = {}", column.0, self.row_value(at, *column)));
        let matched: Vec<String> = matched.collect();
        let rows = format!("(SELECT e.value FROM {ELEMENTS}({PARAMETER}) AS e WHERE {IS_ROW})");
        format!("DELETE FROM {} AS d USING {rows} AS j WHERE {}", shape.table, matched.join(" AND "))
    }

    fn rewrite(&self, shape: &RowShape, overwritten: &[&'static str]) -> Rewrite {
        let value = |column: &str| {
            let at = shape.columns.iter().position(|(name, _)| *name == column)?;
            Some(self.row_value(at, shape.columns[at]))
        };
        Rewrite::Apart {
            made: insert(Backend::Postgres, shape, &[]),
            present: update_of(Backend::Postgres, shape, overwritten, self.derived(shape.table, &value)),
        }
    }
}
