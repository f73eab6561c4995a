//! The messages of threads between two places.
//!
//! The places (`seq`) of a thread's messages are dense, so "the 50 before this one" is a range, and each query is one for ranges.
//! How messages are found by their place differs between databases: see [`crate::backend::sqlite::seq_range`] and
//! [`crate::backend::server::seq_range`].

/// The ranges of one query, in SQL.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ranges<'a> {
    /// One: its thread, the `seq` above which it begins, and its last one, as expressions.
    One([&'a str; 3]),
    /// A table `j` with the columns `thread_id`, `above` and `up_to`, and others.
    Of(&'a str),
}

/// A query for the messages `m` in ranges `j`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SeqRangeQuery<'a> {
    pub(crate) ranges: Ranges<'a>,
    /// The ranges' other columns that the query names.
    pub(crate) named: &'a [&'a str],
    /// The expression that the query selects of each message, as the column `wanted`; it is never null.
    pub(crate) wanted: &'a str,
    /// The condition that the messages fulfil.
    pub(crate) of: &'a str,
    /// A condition that holds for all of a thread's messages down to one, and for none before: the search ends there.
    pub(crate) down_to: &'a str,
    /// Whether only the newest message of each range is wanted.
    pub(crate) newest: bool,
}

/// The ids of all messages of one range; its thread, beginning and end are parameters.
impl Default for SeqRangeQuery<'_> {
    fn default() -> Self {
        Self {
            ranges: Ranges::One(["?", "?", "?"]),
            named: &[],
            wanted: "m.id",
            of: "TRUE",
            down_to: "TRUE",
            newest: false,
        }
    }
}

impl SeqRangeQuery<'_> {
    /// Returns the columns that are `named`, in a row, with a comma behind each.
    pub(crate) fn named_in(&self, row: &str) -> String {
        self.named.iter().map(|name| format!("{row}{name}, ")).collect()
    }
}
