//! Messages by their place, as SQLite finds them: from each to the one before it.
//!
//! SQLite writes whole pages to its log, and an index by thread has another page for each thread of a commit: of 61 pages that a
//! commit of 35 messages wrote, 44 were that index's. So only every 16th message is in the index, and each message names the one
//! before it in its thread (`prev_id`). A search for a place begins at the nearest indexed message above it, or at the thread's
//! newest, and goes down from there.

use crate::seq_range::{Ranges, SeqRangeQuery};

/// Writes the query. Its columns: those that are `named`, then `wanted`. In no order; with `newest`, of one range, the newest
/// message comes first.
pub(super) fn text(query: &SeqRangeQuery<'_>) -> String {
    let SeqRangeQuery { wanted, of, down_to, .. } = query;
    let ranges = match query.ranges {
        Ranges::One([thread, above, up_to]) => {
            format!("(SELECT {thread} AS thread_id, {above} AS above, {up_to} AS up_to) AS j")
        }
        Ranges::Of(ranges) => ranges.to_owned(),
    };
    let (named, from_range) = (query.named_in(""), query.named_in("j."));
    let further = if query.newest { "j.wanted IS NULL AND " } else { "" };
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
