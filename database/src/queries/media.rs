//! Images: where one is for a user who may see it, and the images that are swept.

use sea_orm::sea_query::{Expr, ExprTrait as _, Func, Query};
use sea_orm::{EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait};

use crate::driver_error::error;
use crate::entities::{chat_message, chat_message_batch, chat_thread, media};
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
    let of_image = |column: media::Column| (media::Entity, column);
    let of_batch = |column: chat_message_batch::Column| (chat_message_batch::Entity, column);
    let of_message = |column: chat_message::Column| (chat_message::Entity, column);
    let of_thread = |column: chat_thread::Column| (chat_thread::Entity, column);
    let query = Query::select()
        .columns([media::Column::ObjectKey, media::Column::Mime, media::Column::OwnerId].map(of_image))
        .column(of_image(media::Column::AttachedAt))
        .columns([chat_thread::Column::User1Id, chat_thread::Column::User2Id].map(of_thread))
        .from(media::Entity)
        .left_join(
            chat_message_batch::Entity,
            Expr::col(of_batch(chat_message_batch::Column::MediaId)).equals(of_image(media::Column::Id)),
        )
        .left_join(
            chat_message::Entity,
            Expr::col(of_message(chat_message::Column::Id)).equals(of_batch(chat_message_batch::Column::MessageId)),
        )
        .left_join(
            chat_thread::Entity,
            Expr::col(of_thread(chat_thread::Column::Id)).equals(of_message(chat_message::Column::ThreadId)),
        )
        .and_where(Expr::col(of_image(media::Column::Id)).eq(db.backend.dialect().binary_text(&image.0)))
        .take();
    let row = (&db.readers).select_one::<ImageAccessRow>(&query).await.map_err(error)?;
    let Some(row) = row else { return Ok(None) };
    let reader = reader.column();
    let unsent = row.owner_id == reader && row.attached_at.is_none();
    if !unsent && row.user1_id != Some(reader) && row.user2_id != Some(reader) {
        return Ok(None);
    }
    Ok(Some(ImageLocation { object_key: row.object_key.into_text(), mime: row.mime }))
}

/// A user's uploads that no message holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unsent {
    /// The number of images.
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
    let query = Query::select()
        .expr(Func::count(Expr::col(media::Column::Id)))
        .expr(Expr::cust(db.backend.dialect().as_integer("COALESCE(SUM(bytes), 0)")))
        .from(media::Entity)
        .and_where(Expr::col(media::Column::ExpiresAt).gt(now.millis()))
        .and_where(Expr::col(media::Column::OwnerId).eq(owner.column()))
        .and_where(Expr::col(media::Column::AttachedAt).is_null())
        .take();
    let row = (&db.readers).select_one::<UnsentRow>(&query).await.map_err(error)?;
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
        .filter(Expr::col(media::Column::ExpiresAt).lte(now.millis()))
        .order_by_asc(media::Column::ExpiresAt)
        .limit(u64::from(most))
        .offset(u64::from(skip))
        .into_query();
    let ids = (&db.readers).select::<BinaryText>(&expired).await.map_err(error)?;
    Ok(ids.into_iter().map(|id| MediaId(id.into_text())).collect())
}
