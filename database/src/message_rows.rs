//! Messages as the tables hold them, made into what clients see. Each shape of a message has one struct, which reads it.

use std::collections::HashMap;

use sea_orm::Value;

use crate::backend::column::Kind;
use crate::driver_error::DriverError;
use crate::entities::{chat_message, media};
use crate::ids::{MediaId, MessageId, ProductId, Rev, Seq, ThreadId, UserId};
use crate::objects::{Card, ExtraData, Image, Message, MessageKind};
use crate::rows::{BinaryText, Reads, row, select};
use crate::seq_range::SeqRangeQuery;
use crate::size::{self, Size};
use crate::sql;
use crate::time::Timestamp;

/// How many messages a page reads at a time: as many of the largest ones are about as large as a page.
pub(crate) const STRIDE: i64 = 64;

row! {
    /// A message's columns but for its `payload_hash`, which clients never see.
    #[derive(Debug, Clone)]
    pub(crate) struct MessageRow of chat_message {
        pub(crate) id: i64 = Id,
        pub(crate) thread_id: i64 = ThreadId,
        pub(crate) seq: i64 = Seq,
        pub(crate) rev: i64 = Rev,
        pub(crate) created_rev: i64 = CreatedRev,
        pub(crate) sender_id: i64 = SenderId,
        pub(crate) temp_id: Option<BinaryText> = TempId,
        pub(crate) content: Option<String> = Content,
        pub(crate) product_id: Option<i64> = ProductId,
        pub(crate) reply_to: Option<i64> = ReplyTo,
        pub(crate) created_at: i64 = CreatedAt,
        pub(crate) edited_at: Option<i64> = EditedAt,
        pub(crate) deleted_at: Option<i64> = DeletedAt,
        pub(crate) commit_no: i64 = CommitNo,
        pub(crate) created_commit: i64 = CreatedCommit,
        pub(crate) card: Option<String> = Card,
        pub(crate) texts: Option<String> = Texts,
    }
}

row! {
    /// A message as [`shown`] selects it.
    #[derive(Debug, Clone)]
    pub(crate) struct ShownRow {
        pub(crate) message: MessageRow,
        /// The message's id again if it has images. Most messages have none, and their images are not read.
        pub(crate) with_images: Option<i64>,
    }
}

row! {
    /// The columns that identify a message and its last change.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) struct MessageKey of chat_message {
        pub(crate) id: i64 = Id,
        pub(crate) thread_id: i64 = ThreadId,
        pub(crate) rev: i64 = Rev,
        pub(crate) commit_no: i64 = CommitNo,
        pub(crate) created_commit: i64 = CreatedCommit,
    }
}

row! {
    /// What an image's row says of its full rendition.
    #[derive(Debug)]
    pub(crate) struct ImageRow of media {
        id: BinaryText = Id,
        width: i64 = Width,
        height: i64 = Height,
        bytes: i64 = Bytes,
        mime: String = Mime,
        blurhash: String = Blurhash,
    }
}

row! {
    /// An image of a message.
    struct MessageImageRow {
        message_id: i64,
        image: ImageRow,
    }
}

/// A message as the tables hold it.
#[derive(Debug, Clone)]
pub(crate) struct StoredMessage {
    pub(crate) row: MessageRow,
    /// Its images, in order.
    pub(crate) images: Vec<Image>,
}

impl StoredMessage {
    /// Makes the message that clients see.
    pub(crate) fn message(self) -> Message {
        let Self { row, images } = self;
        let sender_id = sender(row.sender_id);
        Message {
            id: MessageId::from_column(row.id),
            thread_id: ThreadId::from_column(row.thread_id),
            seq: Seq::from_column(row.seq),
            rev: Rev::from_column(row.rev),
            kind: MessageKind::of(sender_id),
            sender_id,
            // The marketplace's key is not shown to users.
            temp_id: row.temp_id.filter(|_| sender_id.is_some()).map(BinaryText::into_text),
            content: row.content,
            image_urls: images.iter().map(|image| image.url.clone()).collect(),
            images,
            extra_data: row.product_id.map(extra_data),
            card: row.card.as_deref().and_then(card).map(Box::new),
            reply_to: row.reply_to.map(MessageId::from_column),
            created_at: Timestamp::from_millis(row.created_at),
            edited_at: row.edited_at.map(Timestamp::from_millis),
            deleted: row.deleted_at.is_some(),
            texts: row.texts.as_deref().map(texts).unwrap_or_default(),
        }
    }
}

impl Size for StoredMessage {
    fn size(&self) -> usize {
        let temp_id = self.row.temp_id.as_ref().map(|key| key.0.as_slice());
        let further = [&self.row.card, &self.row.texts].map(|text| text.as_ref().map_or(0, String::len));
        size::of_message(temp_id, self.row.content.as_deref(), self.images.len()) + further.iter().sum::<usize>()
    }
}

/// Returns what a query selects of the messages `table` to show them: the columns of a [`ShownRow`].
pub(crate) fn shown(table: &str) -> String {
    let columns = select(table, MessageRow::COLUMNS.iter().copied());
    // A column of one type on every database, which EXISTS is not; and to count the images takes longer.
    format!("{columns}, (SELECT o.message_id FROM chat_message_batches o WHERE o.message_id = {table}.id LIMIT 1)")
}

/// Runs a query of [`shown`] messages, and reads the images of those that have any by another one.
pub(crate) async fn messages(
    db: &mut impl Reads,
    text: &str,
    values: impl IntoIterator<Item = Value> + Send,
) -> Result<Vec<StoredMessage>, DriverError> {
    let rows = db.rows(text, values).await?;
    with_images(db, rows).await
}

/// Reads the images of messages, each of which is there once, with one query if any of them has images.
pub(crate) async fn with_images(db: &mut impl Reads, rows: Vec<ShownRow>) -> Result<Vec<StoredMessage>, DriverError> {
    let asked: Vec<(i64,)> = rows.iter().filter_map(|row| row.with_images).map(|id| (id,)).collect();
    let mut images: HashMap<i64, Vec<Image>> = HashMap::new();
    if !asked.is_empty() {
        let set = db.backend().dialect().json_table("j", &[("message_id", Kind::Number)]);
        let columns = select("m", ImageRow::COLUMNS.iter().copied());
        let text = format!(
            "SELECT b.message_id, {columns} \
             FROM {set} JOIN chat_message_batches b ON b.message_id = j.message_id JOIN media m ON m.id = b.media_id \
             ORDER BY b.message_id, b.position"
        );
        for MessageImageRow { message_id, image } in db.rows(&text, [sql::json(&asked)]).await? {
            images.entry(message_id).or_default().push(image.into());
        }
    }
    let stored = rows.into_iter().map(|ShownRow { message: row, .. }| {
        let images = images.remove(&row.id).unwrap_or_default();
        StoredMessage { row, images }
    });
    Ok(stored.collect())
}

/// Reads `limit` of the messages that a [`SeqRangeQuery`] finds, in no order; `values` are the query's parameters.
pub(crate) async fn between(
    db: &mut impl Reads,
    query: SeqRangeQuery<'_>,
    values: impl IntoIterator<Item = Value> + Send,
    limit: i64,
) -> Result<Vec<StoredMessage>, DriverError> {
    let text = found_by(&db.backend().dialect().messages_in_ranges(&query), &shown("m"));
    let values: Vec<Value> = values.into_iter().chain([limit.into()]).collect();
    messages(db, &text, values).await
}

/// Reads the keys of `limit` of the messages that a [`SeqRangeQuery`] finds, in no order; `values` are the query's parameters.
pub(crate) async fn keys_between(
    db: &mut impl Reads,
    query: SeqRangeQuery<'_>,
    values: impl IntoIterator<Item = Value> + Send,
    limit: i64,
) -> Result<Vec<MessageKey>, DriverError> {
    let text = found_by(&db.backend().dialect().messages_in_ranges(&query), &keys("m"));
    let values: Vec<Value> = values.into_iter().chain([limit.into()]).collect();
    db.rows(&text, values).await
}

/// Returns the columns of a [`MessageKey`] of the messages `table`.
pub(crate) fn keys(table: &str) -> String {
    select(table, MessageKey::COLUMNS.iter().copied())
}

/// Returns a query of columns of the messages `m` whose ids another query finds; its last parameter is how many.
fn found_by(query: &str, columns: &str) -> String {
    format!("SELECT {columns} FROM ({query}) AS x JOIN chat_messages m ON m.id = x.wanted LIMIT ?")
}

impl From<ImageRow> for Image {
    fn from(row: ImageRow) -> Self {
        let id = row.id.into_text();
        Self {
            url: format!("/media/{id}/full"),
            thumb_url: format!("/media/{id}/thumb"),
            id: MediaId(id),
            width: u32::try_from(row.width).unwrap_or_default(),
            height: u32::try_from(row.height).unwrap_or_default(),
            bytes: u64::try_from(row.bytes).unwrap_or_default(),
            mime: row.mime,
            blurhash: row.blurhash,
        }
    }
}

/// The author of a message of the marketplace itself, as its column holds it.
pub(crate) const MARKETPLACE: i64 = 0;

/// Returns the user who wrote a message, if it was one.
pub(crate) fn sender(column: i64) -> Option<UserId> {
    (column != MARKETPLACE).then(|| UserId::from_column(column))
}

/// Reads the members' texts as a column holds them.
pub(crate) fn texts(column: &str) -> Vec<(UserId, String)> {
    let read: Vec<(i64, String)> = serde_json::from_str(column).unwrap_or_default();
    read.into_iter().map(|(member, text)| (UserId::from_column(member), text)).collect()
}

/// Reads a card as a column holds it. What is stored was a card when it was written.
pub(crate) fn card(body: &str) -> Option<Card> {
    let read = serde_json::from_str(body);
    debug_assert!(read.is_ok(), "the column holds a card");
    read.ok()
}

/// Writes a card as a column holds it.
pub(crate) fn card_text(card: &Card) -> String {
    // Texts, a number and names of variants can be written as JSON in every case.
    serde_json::to_string(card).unwrap_or_default()
}

/// Makes what the marketplace attached to a message.
pub(crate) fn extra_data(product: i64) -> ExtraData {
    ExtraData { product_id: Some(ProductId::from_column(product)) }
}
