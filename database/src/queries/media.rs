//! Images: where one is for somebody who may see it, and whose time is over.

use sea_orm::{ConnectionTrait, DatabaseBackend, Value};

use crate::ids::{MediaId, UserId};
use crate::time::Timestamp;
use crate::{Database, Error, driver_error, message_rows, sql};

/// Where an image is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageLocation {
    /// The key in the store.
    pub object_key: String,
    /// Its renditions' media type.
    pub mime: String,
}

/// Finds an image for somebody who may see it: the members of the thread whose message holds it, and its uploader until it
/// is sent. `None` for everybody else, and once its message is deleted.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn find(db: &Database, asker: UserId, image: &MediaId) -> Result<Option<ImageLocation>, Error> {
    const FIND: &str = "SELECT i.object_key, i.mime, i.owner_id, i.attached_at, t.user1_id, t.user2_id FROM media i \
         LEFT JOIN chat_message_batches b ON b.media_id = i.id LEFT JOIN chat_messages m ON m.id = b.message_id \
         LEFT JOIN chat_threads t ON t.id = m.thread_id WHERE i.id = ?";
    let statement = sql::statement(db.backend, FIND, [sql::binary_text(db.backend, &image.0)]);
    let Some(row) = db.readers.query_one_raw(statement).await.map_err(driver_error::error)? else { return Ok(None) };
    let number = |at: usize| row.try_get_by_index::<Option<i64>>(at).map_err(driver_error::error);
    let asker = Some(asker.column());
    let waits = number(2)? == asker && number(3)?.is_none();
    if !waits && number(4)? != asker && number(5)? != asker {
        return Ok(None);
    }
    let object_key = message_rows::text(row.try_get_by_index(0).map_err(driver_error::error)?);
    let mime = row.try_get_by_index(1).map_err(driver_error::error)?;
    Ok(Some(ImageLocation { object_key, mime }))
}

/// What of a user's uploads no message holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unsent {
    /// Images.
    pub images: u64,
    /// The bytes of their full renditions together.
    pub bytes: u64,
}

/// Counts a user's uploads that could still be sent. It looks at everybody's, as far as they are not sent: those have a time
/// when they go, and are found by it; one more index would cost each message with images, and these are few.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn unsent(db: &Database, owner: UserId, now: Timestamp) -> Result<Unsent, Error> {
    // MySQL makes a decimal of a sum.
    const UNSENT: &str = "SELECT COUNT(*), CAST(COALESCE(SUM(i.bytes), 0) AS {integer}) FROM media i \
         WHERE i.expires_at > ? AND i.owner_id = ? AND i.attached_at IS NULL";
    let integer = if db.backend == DatabaseBackend::MySql { "SIGNED" } else { "INTEGER" };
    let values = [Value::from(now.millis()), Value::from(owner.column())];
    let statement = sql::statement(db.backend, UNSENT.replace("{integer}", integer), values);
    let Some(row) = db.readers.query_one_raw(statement).await.map_err(driver_error::error)? else {
        return Ok(Unsent::default());
    };
    let number = |at: usize| row.try_get_by_index::<i64>(at).map(i64::unsigned_abs).map_err(driver_error::error);
    Ok(Unsent { images: number(0)?, bytes: number(1)? })
}

/// Returns images whose time is over, the longest over first, without the first `skip`.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn over(db: &Database, now: Timestamp, skip: u32, most: u32) -> Result<Vec<MediaId>, Error> {
    const OVER: &str = "SELECT i.id FROM media i WHERE i.expires_at <= ? ORDER BY i.expires_at LIMIT ? OFFSET ?";
    let values = [Value::from(now.millis()), Value::from(i64::from(most)), Value::from(i64::from(skip))];
    let rows = db.readers.query_all_raw(sql::statement(db.backend, OVER, values)).await.map_err(driver_error::error)?;
    let id = |row: &sea_orm::QueryResult| row.try_get_by_index(0).map(|id| MediaId(message_rows::text(id)));
    rows.iter().map(id).collect::<Result<_, _>>().map_err(driver_error::error)
}
