//! The messages next to a place, as SQLite has them: from each to the one before it ([`crate::chain`]), looked up one by one.

use std::sync::LazyLock;

use rusqlite::{Connection, OptionalExtension as _, params_from_iter};

use super::{Head, Side, Which, head_query};
use crate::failure::Failure;
use crate::ids::UserId;
use crate::rows::Row;
use crate::sql::prepared;
use crate::stored::{self, Stored};

/// Reads where a thread stands, if the reader is of it, and the `most` messages that are nearest to a place on one side of it.
/// Newest first.
pub(super) fn next_to(
    snapshot: &Connection,
    reader: UserId,
    which: Which,
    side: Side,
    most: i64,
) -> Result<Option<(Head, Vec<Stored>)>, Failure> {
    let (text, values) = head_query(reader, which);
    let head = prepared(snapshot, &text)?.query_row(params_from_iter(values), head).optional()?;
    let Some(head) = head else {
        return Ok(None);
    };
    let [above, up_to] = side.range(head.last_seq, most);
    let found = down(snapshot, head.thread, above, up_to)?;
    Ok(Some((head, found)))
}

/// A message, with the one before it, and whether it has images.
static LINK: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT m.prev_id, EXISTS (SELECT 1 FROM chat_message_batches o WHERE o.message_id = m.id), {} \
         FROM chat_messages m WHERE m.id = ?",
        stored::shown("m")
    )
});

/// How many columns of it come before the message's own.
const LINK_COLUMNS: usize = 2;

fn head(row: &rusqlite::Row<'_>) -> rusqlite::Result<Head> {
    Ok(Head { thread: row.get(0)?, rev: row.get(1)?, last_seq: row.get(2)? })
}

/// Goes from the message at `up_to`, or the thread's newest, down to the one above `above`.
fn down(snapshot: &Connection, thread: i64, above: i64, up_to: i64) -> Result<Vec<Stored>, Failure> {
    const START: &str = "SELECT COALESCE((\
         SELECT a.id FROM chat_messages a INDEXED BY chat_messages_step \
         WHERE a.thread_id = t.id AND a.seq >= ? AND a.seq % 16 = 0 ORDER BY a.seq LIMIT 1), t.last_message_id) \
         FROM chat_threads t WHERE t.id = ?";

    let mut next: Option<i64> = prepared(snapshot, START)?.query_row((up_to, thread), |row| row.get(0))?;
    let mut link = prepared(snapshot, &LINK)?;
    let (mut found, mut last_seq) = (Vec::new(), i64::MAX);
    while let Some(id) = next {
        let mut rows = link.query((id,))?;
        let Some(columns) = rows.next()? else {
            return Err(Failure::Refused(format!("thread {thread} goes on with message {id}, which is not there")));
        };
        let (before, pictured): (Option<i64>, bool) = (columns.get(0)?, columns.get(1)?);
        let row = stored::model(&Row::Embedded(columns), LINK_COLUMNS)?;
        // A chain that is damaged could go on for ever, or into another thread.
        if row.thread_id != thread || row.seq >= last_seq {
            return Err(Failure::Refused(format!("thread {thread} goes on with message {id}, which is not of it")));
        }
        last_seq = row.seq;
        next = before.filter(|_| row.seq - 1 > above);
        if row.seq > above && row.seq <= up_to {
            // Most have none.
            let images = if pictured { stored::images_of(snapshot, row.id)? } else { Vec::new() };
            found.push(Stored { row, images });
        }
    }
    Ok(found)
}
