//! Images: where one is for a user who may see it, and the images that are swept.

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait};

use crate::driver_error::error;
use crate::entities::media;
use crate::ids::{MediaId, UserId};
use crate::rows::{BinaryText, Reads, row};
use crate::time::Timestamp;
use crate::{Database, Error};

/// Where an image is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageLocation {
    /// The key in the store.
    pub object_key: String,
    /// Its renditions' media type.
    pub mime: String,
}

row! {
    /// An image, and the members of the thread whose message holds it.
    struct ImageAccessRow {
        object_key: BinaryText,
        mime: String,
        owner_id: i64,
        attached_at: Option<i64>,
        user1_id: Option<i64>,
        user2_id: Option<i64>,
    }
}

/// Finds an image for a user who may see it: the members of the thread whose message holds it, and its uploader until it
/// is sent. `None` for every other user, and once its message is deleted.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn find(db: &Database, reader: UserId, image: &MediaId) -> Result<Option<ImageLocation>, Error> {
    const FIND: &str = "SELECT i.object_key, i.mime, i.owner_id, i.attached_at, t.user1_id, t.user2_id FROM media i \
         LEFT JOIN chat_message_batches b ON b.media_id = i.id LEFT JOIN chat_messages m ON m.id = b.message_id \
         LEFT JOIN chat_threads t ON t.id = m.thread_id WHERE i.id = ?";
    let id = db.backend.dialect().binary_text(&image.0);
    let Some(row) = (&db.readers).row::<ImageAccessRow>(FIND, [id]).await.map_err(error)? else { return Ok(None) };
    let reader = reader.column();
    let unsent = row.owner_id == reader && row.attached_at.is_none();
    if !unsent && row.user1_id != Some(reader) && row.user2_id != Some(reader) {
        return Ok(None);
    }
    Ok(Some(ImageLocation { object_key: row.object_key.into_text(), mime: row.mime }))
}

/// What of a user's uploads no message holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unsent {
    /// Images.
    pub images: u64,
    /// The bytes of their full renditions together.
    pub bytes: u64,
}

row! {
    struct UnsentRow {
        images: i64,
        bytes: i64,
    }
}

/// Counts a user's uploads that could still be sent. It reads all users' uploads that are not sent: those have a time of
/// expiry, and are found by it. One more index would cost each message with images, and these uploads are few.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn unsent(db: &Database, owner: UserId, now: Timestamp) -> Result<Unsent, Error> {
    let bytes = db.backend.dialect().as_integer("COALESCE(SUM(i.bytes), 0)");
    let text = format!(
        "SELECT COUNT(*), {bytes} FROM media i WHERE i.expires_at > ? AND i.owner_id = ? AND i.attached_at IS NULL"
    );
    let values = [now.millis().into(), owner.column().into()];
    let row = (&db.readers).row::<UnsentRow>(&text, values).await.map_err(error)?;
    Ok(row.map_or_else(Unsent::default, |row| Unsent {
        images: row.images.unsigned_abs(),
        bytes: row.bytes.unsigned_abs(),
    }))
}

/// Returns images that have expired, the longest expired first, without the first `skip`.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn over(db: &Database, now: Timestamp, skip: u32, most: u32) -> Result<Vec<MediaId>, Error> {
    let expired = media::Entity::find()
        .select_only()
        .column(media::Column::Id)
        .filter(media::Column::ExpiresAt.lte(now.millis()))
        .order_by_asc(media::Column::ExpiresAt)
        .limit(u64::from(most))
        .offset(u64::from(skip))
        .into_query();
    let ids = (&db.readers).select::<BinaryText>(&expired).await.map_err(error)?;
    Ok(ids.into_iter().map(|id| MediaId(id.into_text())).collect())
}
