//! The messages of threads between two places.
//!
//! A server finds them through its index over (thread, seq). SQLite writes whole pages to its log, and an index by thread has
//! another page for each thread of a commit: of 61 pages that a commit of 35 messages wrote, 44 were that index's. So there
//! only every 16th message is in it, and each message names the one before it in its thread (`prev_id`): whoever looks for
//! a place goes to the nearest message above it that is indexed, or to the thread's newest, and from there down.
//!
//! The numbers of a thread's messages are dense, so "the 50 before this one" is a range, and every question is one for ranges.

use sea_orm::DatabaseBackend;

use crate::sql;

/// The ranges of one question, in SQL.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ranges<'a> {
    /// One: its thread, the `seq` above which it begins, and its last one, as expressions.
    One([&'a str; 3]),
    /// A table `j` with the columns `thread_id`, `above` and `up_to`, and others.
    Of(&'a str),
}

/// What is asked of the messages `m` in ranges `j`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SeqRangeQuery<'a> {
    pub(crate) ranges: Ranges<'a>,
    /// The ranges' other columns that the question names.
    pub(crate) named: &'a [&'a str],
    /// What is wanted of each message: an expression that is not null.
    pub(crate) wanted: &'a str,
    /// Of which messages.
    pub(crate) of: &'a str,
    /// What holds for all of a thread's messages down to one, and for none before: nothing is looked for below that.
    pub(crate) down_to: &'a str,
    /// Whether only the newest one of each range is wanted.
    pub(crate) newest: bool,
}

/// Everything, of every message of a range.
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
    /// Writes the query. Its columns: those that are `named`, then what is `wanted`. In no order; with `newest`, of one range,
    /// that one comes first.
    pub(crate) fn query(&self, backend: DatabaseBackend) -> String {
        match backend {
            DatabaseBackend::Sqlite => self.walk(),
            _ => self.search(backend),
        }
    }

    /// Goes from message to message.
    fn walk(&self) -> String {
        let Self { wanted, of, down_to, .. } = self;
        let ranges = match self.ranges {
            Ranges::One([thread, above, up_to]) => {
                format!("(SELECT {thread} AS thread_id, {above} AS above, {up_to} AS up_to) AS j")
            }
            Ranges::Of(ranges) => ranges.to_owned(),
        };
        let named: String = self.named.iter().map(|name| format!("{name}, ")).collect();
        let from_range: String = self.named.iter().map(|name| format!("j.{name}, ")).collect();
        let further = if self.newest { "j.wanted IS NULL AND " } else { "" };
        let step = format!(
            "SELECT m.seq, m.prev_id, j.above, j.up_to, {from_range}\
             CASE WHEN m.seq > j.above AND m.seq <= j.up_to AND {of} THEN {wanted} END"
        );
        format!(
            "WITH RECURSIVE w (seq, prev_id, above, up_to, {named}wanted) AS (\
             {step} FROM {ranges} JOIN chat_messages m ON m.id = COALESCE((\
             SELECT a.id FROM chat_messages a INDEXED BY chat_messages_step \
             WHERE a.thread_id = j.thread_id AND a.seq >= j.up_to AND a.seq % 16 = 0 ORDER BY a.seq LIMIT 1), (\
             SELECT b.last_message_id FROM chat_threads b WHERE b.id = j.thread_id)) WHERE {down_to} \
             UNION ALL \
             {step} FROM w AS j JOIN chat_messages m ON m.id = j.prev_id WHERE {further}j.seq > j.above + 1 AND {down_to}\
             ) SELECT {named}wanted FROM w WHERE wanted IS NOT NULL"
        )
    }

    /// Searches the index.
    fn search(&self, backend: DatabaseBackend) -> String {
        let Self { wanted, of, down_to, .. } = self;
        let named: String = self.named.iter().map(|name| format!("j.{name}, ")).collect();
        let messages = sql::indexed(backend, "chat_messages m", "chat_messages_seq");
        let (from, [thread, above, up_to]) = match self.ranges {
            Ranges::One(range) => (messages, range),
            Ranges::Of(ranges) => (format!("{ranges} JOIN {messages}"), ["j.thread_id", "j.above", "j.up_to"]),
        };
        let first = if self.newest { " ORDER BY m.seq DESC" } else { "" };
        format!(
            "SELECT {named}{wanted} FROM {from} WHERE m.thread_id = {thread} AND m.seq > {above} AND m.seq <= {up_to} \
             AND {of} AND {down_to}{first}"
        )
    }
}
