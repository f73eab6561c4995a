//! Messages as the tables hold them, made into what clients see.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, IdenStatic, Iterable, Value};

use crate::entities::chat_message;
use crate::ids::{MediaId, MessageId, ProductId, Rev, Seq, ThreadId, UserId};
use crate::objects::{ExtraData, Image, Message};
use crate::packed;
use crate::sql::{self, Kind};
use crate::time::Timestamp;

/// The images of some messages, each message's in order.
pub(crate) type Images = HashMap<i64, Vec<Image>>;

/// Makes a message of its row and its images.
pub(crate) fn message(row: chat_message::Model, images: Vec<Image>) -> Message {
    Message {
        id: MessageId::from_column(row.id),
        thread_id: ThreadId::from_column(row.thread_id),
        seq: Seq::from_column(row.seq),
        rev: Rev::from_column(row.rev),
        sender_id: UserId::from_column(row.sender_id),
        temp_id: row.temp_id.map(text),
        content: row.content,
        image_urls: images.iter().map(|image| image.url.clone()).collect(),
        images,
        extra_data: row.product_id.map(extra_data),
        reply_to: row.reply_to.map(MessageId::from_column),
        created_at: Timestamp::from_millis(row.created_at),
        edited_at: row.edited_at.map(Timestamp::from_millis),
        deleted: row.deleted_at.is_some(),
    }
}

/// Reads whole rows of messages, to show them: their `payload_hash` may be left out.
pub(crate) async fn rows(
    db: &impl ConnectionTrait,
    text: &str,
    values: impl IntoIterator<Item = Value> + Send,
) -> Result<Vec<chat_message::Model>, DbErr> {
    let shown = chat_message::Column::iter().filter(|column| !matches!(column, chat_message::Column::PayloadHash));
    let shown: Vec<&str> = shown.map(|column| column.as_str()).collect();
    packed::rows(db, &shown, text, values, |row| chat_message::Model::from_query_result(row, "")).await
}

/// Makes messages of their rows, with one more query if there are any.
pub(crate) async fn messages(db: &impl ConnectionTrait, rows: Vec<chat_message::Model>) -> Result<Vec<Message>, DbErr> {
    let standing: Vec<i64> = rows.iter().filter(|row| row.deleted_at.is_none()).map(|row| row.id).collect();
    let mut images = images(db, &standing).await?;
    let with_images = rows.into_iter().map(|row| {
        let images = images.remove(&row.id).unwrap_or_default();
        message(row, images)
    });
    Ok(with_images.collect())
}

/// Returns the list of all columns of a message, each under its name with a prefix.
pub(crate) fn columns(table: &str, prefix: &str) -> String {
    let columns = chat_message::Column::iter().map(|column| {
        let name = column.as_str();
        format!("{table}.{name} AS {prefix}{name}")
    });
    columns.collect::<Vec<_>>().join(", ")
}

/// Reads the images of some messages.
pub(crate) async fn images(db: &impl ConnectionTrait, messages: &[i64]) -> Result<Images, DbErr> {
    let mut found = Images::new();
    if messages.is_empty() {
        return Ok(found);
    }
    let backend = db.get_database_backend();
    let set = sql::set(backend, "j", &[("message_id", Kind::Number)]);
    let text = format!(
        "SELECT b.message_id, m.id, m.width, m.height, m.bytes, m.mime, m.blurhash \
         FROM {set} JOIN chat_message_batches b ON b.message_id = j.message_id JOIN media m ON m.id = b.media_id \
         ORDER BY b.message_id, b.position"
    );
    let asked: Vec<(i64,)> = messages.iter().map(|id| (*id,)).collect();
    for row in db.query_all_raw(sql::statement(backend, text, [sql::json(&asked)])).await? {
        let message: i64 = row.try_get("", "message_id")?;
        let media = Media::from_query_result(&row, "")?;
        found.entry(message).or_default().push(media.into());
    }
    Ok(found)
}

/// What an image's row says of its full rendition.
#[derive(Debug, FromQueryResult)]
pub(crate) struct Media {
    id: Vec<u8>,
    width: i64,
    height: i64,
    bytes: i64,
    mime: String,
    blurhash: String,
}

impl From<Media> for Image {
    fn from(media: Media) -> Self {
        let id = text(media.id);
        Self {
            url: format!("/media/{id}/full"),
            thumb_url: format!("/media/{id}/thumb"),
            id: MediaId(id),
            width: u32::try_from(media.width).unwrap_or_default(),
            height: u32::try_from(media.height).unwrap_or_default(),
            bytes: u64::try_from(media.bytes).unwrap_or_default(),
            mime: media.mime,
            blurhash: media.blurhash,
        }
    }
}

/// Makes what the marketplace attached to a message.
pub(crate) fn extra_data(product: i64) -> ExtraData {
    ExtraData { product_id: Some(ProductId::from_column(product)) }
}

/// Takes text that a column holds as bytes; it was text when it was written.
pub(crate) fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}
