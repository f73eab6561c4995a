//! The messages next to a place, on a server: ranges of its index over (thread, seq).

use sea_orm::Value;

use crate::driver_error::DriverError;
use crate::ids::UserId;
use crate::message_rows::{self, STRIDE, StoredMessage};
use crate::queries::messages::found::{Found, Head, Side, ThreadRef};
use crate::rows::Reads;
use crate::seq_range::SeqRangeQuery;
use crate::size::{PAGE, Room};

/// Reads a thread's counters, and the messages on one side of a place that are nearest to it: at most `most`, and no more
/// than fit into a page, nearest first. `None` if the reader is not a member.
pub(crate) async fn nearest(
    db: &mut impl Reads,
    reader: UserId,
    thread: ThreadRef,
    side: Side,
    most: i64,
) -> Result<Option<Found>, DriverError> {
    // The counter is read before the messages, so that it never leads them.
    let Some(head) = db.select_one::<Head>(&Head::query(reader, thread)).await? else {
        return Ok(None);
    };
    let (messages, cut) = in_strides(db, &head, side, most).await?;
    Ok(Some(Found { head, messages, cut }))
}

async fn in_strides(
    db: &mut impl Reads,
    head: &Head,
    side: Side,
    most: i64,
) -> Result<(Vec<StoredMessage>, bool), DriverError> {
    let [above, up_to] = side.range(head.last_seq, most);
    let (mut above, mut up_to) = (above.max(0), up_to.min(head.last_seq));
    let (mut room, mut found) = (Room::of(PAGE), Vec::new());
    while above < up_to {
        let [from, to] = match side {
            Side::UpTo(_) => [above.max(up_to - STRIDE), up_to],
            Side::Above(_) => [above, up_to.min(above + STRIDE)],
        };
        let range = [head.thread, from, to].map(Value::from);
        let mut some = message_rows::between(db, SeqRangeQuery::default(), range, STRIDE).await?;
        match side {
            Side::UpTo(_) => {
                some.sort_unstable_by_key(|stored| -stored.row.seq);
                up_to = from;
            }
            Side::Above(_) => {
                some.sort_unstable_by_key(|stored| stored.row.seq);
                above = to;
            }
        }
        for stored in some {
            if !room.takes(&stored) {
                return Ok((found, true));
            }
            found.push(stored);
        }
    }
    Ok((found, false))
}
