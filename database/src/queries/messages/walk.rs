//! The messages next to a place, as SQLite has them: from each to the one before it ([`crate::seq_range`]), looked up one by one.

use std::collections::VecDeque;
use std::sync::LazyLock;

use rusqlite::{Connection, OptionalExtension as _, params_from_iter};

use super::{Found, Head, Side, ThreadRef, head_query};
use crate::driver_error::DriverError;
use crate::ids::UserId;
use crate::message_rows::{self, StoredMessage};
use crate::rows::Row;
use crate::size::{PAGE, Size as _};
use crate::sql::prepared;

/// Reads where a thread stands, if the reader is of it, and those of the `most` messages that are nearest to a place on one side
/// of it that fit into a page. Newest first.
pub(super) fn next_to(
    snapshot: &Connection,
    reader: UserId,
    which: ThreadRef,
    side: Side,
    most: i64,
) -> Result<Option<Found>, DriverError> {
    let (text, values) = head_query(reader, which);
    let head = prepared(snapshot, &text)?.query_row(params_from_iter(values), head).optional()?;
    let Some(head) = head else {
        return Ok(None);
    };
    let (messages, cut) = down(snapshot, head.thread, side.range(head.last_seq, most), side)?;
    Ok(Some(Found { head, messages, cut }))
}

/// A message, with the one before it, and whether it has images.
static LINK: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT m.prev_id, EXISTS (SELECT 1 FROM chat_message_batches o WHERE o.message_id = m.id), {} \
         FROM chat_messages m WHERE m.id = ?",
        message_rows::shown("m")
    )
});

/// How many columns of it come before the message's own.
const LINK_COLUMNS: usize = 2;

fn head(row: &rusqlite::Row<'_>) -> rusqlite::Result<Head> {
    Ok(Head { thread: row.get(0)?, rev: row.get(1)?, last_seq: row.get(2)? })
}

/// Goes from the message at `up_to`, or the thread's newest, down to the one above `above`; keeps what fits into a page and is
/// nearest to the side's place, and tells whether there was more.
fn down(
    snapshot: &Connection,
    thread: i64,
    [above, up_to]: [i64; 2],
    side: Side,
) -> Result<(Vec<StoredMessage>, bool), DriverError> {
    const START: &str = "SELECT COALESCE((\
         SELECT a.id FROM chat_messages a INDEXED BY chat_messages_step \
         WHERE a.thread_id = t.id AND a.seq >= ? AND a.seq % 16 = 0 ORDER BY a.seq LIMIT 1), t.last_message_id) \
         FROM chat_threads t WHERE t.id = ?";

    let mut next: Option<i64> = prepared(snapshot, START)?.query_row((up_to, thread), |row| row.get(0))?;
    let mut link = prepared(snapshot, &LINK)?;
    let (mut found, mut last_seq) = (VecDeque::new(), i64::MAX);
    let (mut bytes, mut cut) = (0, false);
    while let Some(id) = next {
        let mut rows = link.query((id,))?;
        let Some(columns) = rows.next()? else {
            return Err(DriverError::Refused(format!("thread {thread} goes on with message {id}, which is not there")));
        };
        let (before, pictured): (Option<i64>, bool) = (columns.get(0)?, columns.get(1)?);
        let row = message_rows::model(&Row::Embedded(columns), LINK_COLUMNS)?;
        // A chain that is damaged could go on for ever, or into another thread.
        if row.thread_id != thread || row.seq >= last_seq {
            return Err(DriverError::Refused(format!("thread {thread} goes on with message {id}, which is not of it")));
        }
        last_seq = row.seq;
        next = before.filter(|_| row.seq - 1 > above);
        if row.seq > above && row.seq <= up_to {
            // Most have none.
            let images = if pictured { message_rows::images_of(snapshot, row.id)? } else { Vec::new() };
            let stored = StoredMessage { row, images };
            bytes += stored.size();
            found.push_back(stored);
            // On the way down the place is reached last if it is below, and first if it is above.
            while bytes > PAGE && found.len() > 1 {
                cut = true;
                let too_much = if matches!(side, Side::Above(_)) { found.pop_front() } else { found.pop_back() };
                bytes -= too_much.map_or(0, |stored| stored.size());
            }
            if cut && matches!(side, Side::UpTo(_)) {
                break;
            }
        }
    }
    Ok((found.into(), cut))
}
