//! Imports from another service, with the ids, times and states that things had there.

use super::Upload;
use crate::ids::{MediaId, MessageId, NotificationId, Pair, ProductId, ThreadId, UserId};
use crate::time::Timestamp;

/// Something that another service had stored. The commit does not check what exists already: a key that exists is an error,
/// and an id that is to be kept must be free (see [`crate::import::Present`]).
#[derive(Debug, Clone)]
pub enum Import {
    /// Ids that new rows must not get.
    Reserve(ReservedIds),
    /// Images that messages will hold. They are stored also if their owner is suspended, who sends nothing here.
    Images(Vec<Upload>),
    /// A message.
    Message(ImportedMessage),
    /// A notification.
    Notification(ImportedNotification),
}

impl Import {
    /// Returns when it is imported: the hub's own times do not come before that.
    pub(crate) fn at(&self) -> Option<Timestamp> {
        match self {
            Self::Message(message) => Some(message.at),
            Self::Reserve(_) | Self::Images(_) | Self::Notification(_) => None,
        }
    }
}

/// The highest ids that later imports may keep; new rows get ids above them. 0: none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReservedIds {
    /// Of threads.
    pub threads: u64,
    /// Of messages.
    pub messages: u64,
    /// Of notifications.
    pub notifications: u64,
}

/// A message of another service. Messages of a thread come in the order that they are to have.
#[derive(Debug, Clone)]
pub struct ImportedMessage {
    /// The members of the thread. It is made if there is none yet.
    pub pair: Pair,
    /// The id that the thread keeps if it is made; `None`: a new one.
    pub thread_id: Option<ThreadId>,
    /// The id that the message keeps; `None`: a new one.
    pub id: Option<MessageId>,
    /// The author; one of the pair.
    pub sender: UserId,
    /// The key by which an import recognises it, in the place of the author's key: 1–128 bytes.
    pub key: String,
    /// 32 bytes that no user's message has under that key.
    pub payload_hash: [u8; 32],
    /// The text; `None` if it has none or is deleted.
    pub content: Option<String>,
    /// Uploaded images of the author, not yet attached, in order; none if it is deleted.
    pub media: Vec<MediaId>,
    /// The product that it is about.
    pub product_id: Option<ProductId>,
    /// When it was written. If the thread has a newer message, it gets that one's time.
    pub created_at: Timestamp,
    /// Whether its author had deleted it.
    pub deleted: bool,
    /// Whether the other member had seen it.
    pub seen: bool,
    /// When it is imported.
    pub at: Timestamp,
}

/// A notification of another service.
#[derive(Debug, Clone)]
pub struct ImportedNotification {
    /// The id that it keeps; `None`: a new one.
    pub id: Option<NotificationId>,
    /// The receiver.
    pub user: UserId,
    /// The key by which an import recognises it, in the place of a deduplication key: 1–255 bytes.
    pub key: String,
    /// Its type (never `chat`).
    pub kind: String,
    /// The title: a line.
    pub title: String,
    /// The body: a paragraph.
    pub body: String,
    /// The thing it is about.
    pub related_id: Option<u64>,
    /// Whether it was read.
    pub read: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

/// The result of an import.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Imported {
    /// Whether a message has made its thread.
    pub opened: bool,
    /// Whether a message that was seen counts as unread again, for one before it was not seen: there is one watermark.
    pub unread_again: bool,
    /// Whether a message got a later time than its own: that of the message before it.
    pub later: bool,
}
