//! Messages by their place, as a server finds them: by its index over (thread, seq).

use crate::backend::dialect::Dialect;
use crate::seq_range::{Ranges, SeqRangeQuery};

/// Writes the query. Its columns: those that are `named`, then `wanted`. In no order; with `newest`, the newest message comes
/// first.
pub(crate) fn text(dialect: &dyn Dialect, query: &SeqRangeQuery<'_>) -> String {
    let SeqRangeQuery { wanted, of, down_to, .. } = query;
    let named = query.named_in("j.");
    let messages = dialect.with_index("chat_messages m", "chat_messages_seq");
    let (from, [thread, above, up_to]) = match query.ranges {
        Ranges::One(range) => (messages, range),
        Ranges::Of(ranges) => (format!("{ranges} CROSS JOIN {messages}"), ["j.thread_id", "j.above", "j.up_to"]),
    };
    let first = if query.newest { " ORDER BY m.seq DESC" } else { "" };
    format!(
        "SELECT {named}{wanted} AS wanted FROM {from} \
         WHERE m.thread_id = {thread} AND m.seq > {above} AND m.seq <= {up_to} AND {of} AND {down_to}{first}"
    )
}
