//! Messages as the tables hold them, made into what clients see.

use std::collections::HashMap;

use rusqlite::Connection;
use sea_orm::{ConnectionTrait, DatabaseBackend, FromQueryResult, QueryResult, Value};
use serde::{Deserialize, Deserializer};

use crate::driver_error::DriverError;
use crate::entities::chat_message;
use crate::ids::{MediaId, MessageId, ProductId, Rev, Seq, ThreadId, UserId};
use crate::json_rows;
use crate::objects::{ExtraData, Image, Message};
use crate::rows::{Reads, Row};
use crate::seq_range::SeqRangeQuery;
use crate::size::{self, Size};
use crate::sql::{self, Kind};
use crate::time::Timestamp;

/// A message as the tables hold it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct StoredMessage {
    pub(crate) row: chat_message::Model,
    /// Its images, in order.
    #[serde(deserialize_with = "images")]
    pub(crate) images: Vec<Image>,
}

impl StoredMessage {
    /// Makes the message that clients see.
    pub(crate) fn message(self) -> Message {
        let Self { row, images } = self;
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
}

impl Size for StoredMessage {
    fn size(&self) -> usize {
        size::of_message(self.row.temp_id.as_deref(), self.row.content.as_deref(), self.images.len())
    }
}

/// Reads messages by a query of their whole rows, to show them: their `payload_hash` may be left out. SQLite tells their
/// images with them; a server is asked for those of all of them.
pub(crate) async fn messages(
    db: &impl ConnectionTrait,
    text: &str,
    values: impl IntoIterator<Item = Value> + Send,
) -> Result<Vec<StoredMessage>, DriverError> {
    let each = |row: &QueryResult| {
        let row = chat_message::Model::from_query_result(row, "")?;
        Ok(StoredMessage { row, images: Vec::new() })
    };
    let found = json_rows::rows(db, &packed_columns("r"), text, values, each).await?;
    if db.get_database_backend() == DatabaseBackend::Sqlite {
        return Ok(found);
    }
    with_images(db, found.into_iter().map(|stored| stored.row).collect()).await
}

/// Reads the images of messages, with one query if there are any messages.
pub(crate) async fn with_images(
    db: &impl Reads,
    rows: Vec<chat_message::Model>,
) -> Result<Vec<StoredMessage>, DriverError> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let set = sql::set(db.backend(), "j", &[("message_id", Kind::Number)]);
    let text = format!(
        "SELECT b.message_id, m.id, m.width, m.height, m.bytes, m.mime, m.blurhash \
         FROM {set} JOIN chat_message_batches b ON b.message_id = j.message_id JOIN media m ON m.id = b.media_id \
         ORDER BY b.message_id, b.position"
    );
    let asked: Vec<(i64,)> = rows.iter().map(|row| (row.id,)).collect();
    let mut images: HashMap<i64, Vec<Image>> = HashMap::new();
    let each = |row: &Row<'_>| Ok((row.get::<i64>(0)?, image(row, 1)?));
    for (message, image) in db.rows(&text, [sql::json(&asked)], each).await? {
        images.entry(message).or_default().push(image);
    }
    let stored = rows.into_iter().map(|row| {
        let images = images.remove(&row.id).unwrap_or_default();
        StoredMessage { row, images }
    });
    Ok(stored.collect())
}

/// Reads `limit` of the messages of threads that [`SeqRangeQuery`] asks for, in no order; `values` are its parameters.
pub(crate) async fn between(
    db: &impl ConnectionTrait,
    question: SeqRangeQuery<'_>,
    values: impl IntoIterator<Item = Value>,
    limit: i64,
) -> Result<Vec<StoredMessage>, DriverError> {
    let backend = db.get_database_backend();
    let values: Vec<Value> = values.into_iter().chain([limit.into()]).collect();
    if backend == DatabaseBackend::Sqlite {
        let row = db.query_one_raw(sql::statement(backend, format!("SELECT {}", column(question)), values)).await?;
        let unpacked = row.map(|row| json_rows::unpack(&row)).transpose()?;
        return Ok(unpacked.unwrap_or_default());
    }
    let text = format!("{} LIMIT ?", SeqRangeQuery { wanted: "m.*", ..question }.query(backend));
    messages(db, &text, values).await
}

/// What a message is known by: itself, and when it changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) id: i64,
    pub(crate) thread: i64,
    pub(crate) rev: i64,
    pub(crate) commit: i64,
    pub(crate) created: i64,
}

impl Name {
    fn of([id, thread, rev, commit, created]: [i64; 5]) -> Self {
        Self { id, thread, rev, commit, created }
    }

    /// Returns its columns, in a row.
    fn columns(row: &str) -> [String; 5] {
        ["id", "thread_id", "rev", "commit_no", "created_commit"].map(|column| format!("{row}.{column}"))
    }
}

/// Reads the names of `limit` of the messages of threads that [`SeqRangeQuery`] asks for, in no order; `values` are its parameters.
pub(crate) async fn names_between(
    db: &impl ConnectionTrait,
    question: SeqRangeQuery<'_>,
    values: impl IntoIterator<Item = Value>,
    limit: i64,
) -> Result<Vec<Name>, DriverError> {
    let backend = db.get_database_backend();
    let values: Vec<Value> = values.into_iter().chain([limit.into()]).collect();
    let columns = Name::columns("m").join(", ");
    if backend == DatabaseBackend::Sqlite {
        let wanted = format!("json_array({columns})");
        let names =
            json_rows::joined(&format!("{} LIMIT ?", SeqRangeQuery { wanted: &wanted, ..question }.query(backend)));
        let row = db.query_one_raw(sql::statement(backend, format!("SELECT {names}"), values)).await?;
        let unpacked: Option<Vec<[i64; 5]>> = row.map(|row| json_rows::unpack(&row)).transpose()?;
        return Ok(unpacked.unwrap_or_default().into_iter().map(Name::of).collect());
    }
    let text = format!("{} LIMIT ?", SeqRangeQuery { wanted: &columns, ..question }.query(backend));
    names(db, &text, values).await
}

/// Reads the names of messages by a query of [their columns](names_of).
pub(crate) async fn names(
    db: &impl ConnectionTrait,
    text: &str,
    values: impl IntoIterator<Item = Value> + Send,
) -> Result<Vec<Name>, DriverError> {
    let each = |row: &QueryResult| {
        // A query of ranges has others before them.
        let column = |name| row.try_get("", name);
        Ok([column("id")?, column("thread_id")?, column("rev")?, column("commit_no")?, column("created_commit")?])
    };
    let found = json_rows::rows(db, &Name::columns("r"), text, values, each).await?;
    Ok(found.into_iter().map(Name::of).collect())
}

/// Returns the columns of a message's name, in a row, with commas.
pub(crate) fn names_of(row: &str) -> String {
    Name::columns(row).join(", ")
}

/// Returns the expression for messages between two places, as one value of a row: for SQLite. Its last parameter is how many.
/// To be read by [`json_rows::unpack`].
fn column(question: SeqRangeQuery<'_>) -> String {
    let wanted = format!("json_array({})", packed_columns("m").join(", "));
    json_rows::joined(&format!(
        "{} LIMIT ?",
        SeqRangeQuery { wanted: &wanted, ..question }.query(DatabaseBackend::Sqlite)
    ))
}

/// What makes a [`StoredMessage`] of a row, one text for each of its fields.
fn packed_columns(row: &str) -> [String; 2] {
    // Most have none, and to see that costs less than to make an empty list.
    let images = format!(
        "(SELECT json_group_array(json_array(i.id, i.width, i.height, i.bytes, i.mime, i.blurhash) ORDER BY o.position) \
         FROM chat_message_batches o JOIN media i ON i.id = o.media_id WHERE o.message_id = {row}.id)"
    );
    // What a subquery answers is text to whoever asks, until it is said to be JSON.
    let images = format!(
        "CASE WHEN EXISTS (SELECT 1 FROM chat_message_batches o WHERE o.message_id = {row}.id) \
         THEN json({images}) ELSE json('[]') END"
    );
    [format!("json_array({})", shown(row)), images]
}

/// The columns of a message that is to be shown: all but its `payload_hash`, in the order of the fields.
const SHOWN: [&str; 15] = [
    "id",
    "thread_id",
    "seq",
    "rev",
    "created_rev",
    "sender_id",
    "temp_id",
    "content",
    "product_id",
    "reply_to",
    "created_at",
    "edited_at",
    "deleted_at",
    "commit_no",
    "created_commit",
];

/// Returns those columns of a row, with commas.
pub(crate) fn shown(row: &str) -> String {
    SHOWN.map(|column| format!("{row}.{column}")).join(", ")
}

/// Takes a message of a row whose columns from this one on are those [`shown`].
pub(crate) fn model(row: &Row<'_>, first: usize) -> Result<chat_message::Model, DriverError> {
    Ok(chat_message::Model {
        id: row.get(first)?,
        thread_id: row.get(first + 1)?,
        seq: row.get(first + 2)?,
        rev: row.get(first + 3)?,
        created_rev: row.get(first + 4)?,
        sender_id: row.get(first + 5)?,
        temp_id: row.bytes(first + 6)?,
        payload_hash: Vec::new(),
        content: row.get(first + 7)?,
        product_id: row.get(first + 8)?,
        reply_to: row.get(first + 9)?,
        created_at: row.get(first + 10)?,
        edited_at: row.get(first + 11)?,
        deleted_at: row.get(first + 12)?,
        commit_no: row.get(first + 13)?,
        created_commit: row.get(first + 14)?,
    })
}

/// Reads the images of a message, in order, from SQLite.
pub(crate) fn images_of(snapshot: &Connection, message: i64) -> Result<Vec<Image>, DriverError> {
    const IMAGES: &str = "SELECT i.id, i.width, i.height, i.bytes, i.mime, i.blurhash \
         FROM chat_message_batches o JOIN media i ON i.id = o.media_id WHERE o.message_id = ? ORDER BY o.position";
    let mut images = sql::prepared(snapshot, IMAGES)?;
    let mut rows = images.query((message,))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(image(&Row::Embedded(row), 0)?);
    }
    Ok(found)
}

/// Takes an image of a row whose columns from this one on are those of [`Media`].
fn image(row: &Row<'_>, first: usize) -> Result<Image, DriverError> {
    Ok(Image::from(Media {
        id: row.bytes(first)?.ok_or_else(|| DriverError::Refused("an image has no id".to_owned()))?,
        width: row.get(first + 1)?,
        height: row.get(first + 2)?,
        bytes: row.get(first + 3)?,
        mime: row.get(first + 4)?,
        blurhash: row.get(first + 5)?,
    }))
}

fn images<'de, D: Deserializer<'de>>(packed: D) -> Result<Vec<Image>, D::Error> {
    Ok(Vec::<Media>::deserialize(packed)?.into_iter().map(Image::from).collect())
}

fn bytes<'de, D: Deserializer<'de>>(text: D) -> Result<Vec<u8>, D::Error> {
    String::deserialize(text).map(String::into_bytes)
}

/// What an image's row says of its full rendition.
#[derive(Debug, FromQueryResult, Deserialize)]
pub(crate) struct Media {
    #[serde(deserialize_with = "bytes")]
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

#[cfg(test)]
mod tests {
    use sea_orm::{IdenStatic as _, Iterable as _};

    use super::*;

    #[test]
    fn what_is_shown_of_a_message_is_all_but_its_hash() {
        let all: Vec<_> = chat_message::Column::iter().map(|column| column.as_str()).collect();
        let shown: Vec<_> = all.into_iter().filter(|column| *column != "payload_hash").collect();
        assert_eq!(shown, SHOWN);
    }
}
