//! The messages next to a place, on SQLite: from each to the one before it (see [`super::seq_range`]), looked up one by one.
//!
//! One query that walks over all of them takes longer, because SQLite keeps its rows in a table of its own meanwhile.

use std::collections::VecDeque;
use std::sync::LazyLock;

use rusqlite::{Connection, OptionalExtension as _};

use super::rows::{rows, take};
use super::statement::prepared;
use crate::backend::kind::Backend;
use crate::driver_error::DriverError;
use crate::ids::UserId;
use crate::message_rows::{self, ImageRow, ShownRow, StoredMessage};
use crate::objects::Image;
use crate::queries::messages::found::{Found, Head, Side, ThreadRef};
use crate::rows::{row, select};
use crate::size::{PAGE, Size as _};

row! {
    /// A message, and the one before it in its thread.
    struct LinkRow {
        prev_id: Option<i64>,
        shown: ShownRow,
    }
}

/// Looks up one message.
static LINK: LazyLock<String> =
    LazyLock::new(|| format!("SELECT m.prev_id, {} FROM chat_messages m WHERE m.id = ?", message_rows::shown("m")));

/// Looks up the images of one message, in order.
static IMAGES: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {} FROM chat_message_batches o JOIN media i ON i.id = o.media_id \
         WHERE o.message_id = ? ORDER BY o.position",
        select("i", ImageRow::COLUMNS.iter().copied())
    )
});

/// Reads a thread's counters, and the messages on one side of a place that are nearest to it: at most `most`, and no more
/// than fit into a page, newest first. `None` if the reader is not a member.
pub(crate) fn nearest(
    snapshot: &Connection,
    reader: UserId,
    thread: ThreadRef,
    side: Side,
    most: i64,
) -> Result<Option<Found>, DriverError> {
    let (text, values) = Backend::Sqlite.build(&Head::query(reader, thread));
    let Some(head) = rows::<Head>(snapshot, &text, values)?.pop() else {
        return Ok(None);
    };
    let (messages, cut) = walk(snapshot, head.thread, side.range(head.last_seq, most), side)?;
    Ok(Some(Found { head, messages, cut }))
}

/// Walks from the message at `up_to`, or the thread's newest, down to the one above `above`. Keeps the messages nearest to
/// the side's place that fit into a page, and tells whether there were more.
fn walk(
    snapshot: &Connection,
    thread: i64,
    [above, up_to]: [i64; 2],
    side: Side,
) -> Result<(Vec<StoredMessage>, bool), DriverError> {
    const START: &str = "SELECT COALESCE((\
         SELECT a.id FROM chat_messages a INDEXED BY chat_messages_step \
         WHERE a.thread_id = t.id AND a.seq >= ? AND a.seq % 16 = 0 ORDER BY a.seq LIMIT 1), t.last_message_id) \
         FROM chat_threads t WHERE t.id = ?";

    let mut next: Option<i64> =
        prepared(snapshot, START)?.query_row((up_to, thread), |row| row.get(0)).optional()?.flatten();
    let mut link = prepared(snapshot, &LINK)?;
    // The list does not grow step by step: each step would copy it.
    let room = usize::try_from(up_to.saturating_sub(above)).unwrap_or_default().min(usize::from(u8::MAX));
    let (mut found, mut last_seq) = (VecDeque::with_capacity(room), i64::MAX);
    let (mut bytes, mut cut) = (0, false);
    while let Some(id) = next {
        let mut looked_up = link.query((id,))?;
        let Some(row) = looked_up.next()? else {
            return Err(DriverError::Refused(format!("thread {thread} goes on with message {id}, which is not there")));
        };
        let LinkRow { prev_id, shown: ShownRow { message: row, with_images } } = take(row)?;
        // A chain that is damaged could go on for ever, or into another thread.
        if row.thread_id != thread || row.seq >= last_seq {
            return Err(DriverError::Refused(format!("thread {thread} goes on with message {id}, which is not of it")));
        }
        last_seq = row.seq;
        next = prev_id.filter(|_| row.seq - 1 > above);
        if row.seq > above && row.seq <= up_to {
            let images = if with_images.is_some() { images_of(snapshot, row.id)? } else { Vec::new() };
            let stored = StoredMessage { row, images };
            bytes += stored.size();
            found.push_back(stored);
            // If the place is below, the first messages found are the farthest from it; if it is above, the last ones are.
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

fn images_of(snapshot: &Connection, message: i64) -> Result<Vec<Image>, DriverError> {
    Ok(rows::<ImageRow>(snapshot, &IMAGES, [message.into()])?.into_iter().map(Image::from).collect())
}
