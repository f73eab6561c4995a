//! The objects of the wire protocol: messages, threads, notifications.
//!
//! Queries return them as clients receive them, so there is one definition of each.

mod card;
mod profile;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ids::{MediaId, MessageId, NotificationId, ProductId, Rev, Seq, ThreadId, UserId};
use crate::time::Timestamp;

pub use card::{Card, CardId, CardKind, CardRef, NotACard};
pub use profile::{ContactChannel, MarketRole, Profile, PublicProfile};

/// A message in its present state.
///
/// A deleted message keeps its id, place and author; its content and images are gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Message {
    /// The message's id.
    pub id: MessageId,
    /// The thread that holds it.
    pub thread_id: ThreadId,
    /// Its place in the thread, dense from 1.
    pub seq: Seq,
    /// The thread's change counter at the message's last change.
    pub rev: Rev,
    /// Whether a user wrote it, or the marketplace itself.
    pub kind: MessageKind,
    /// The user who wrote it; null for a message of the marketplace itself.
    pub sender_id: Option<UserId>,
    /// The author's idempotency key, if the author gave one.
    pub temp_id: Option<String>,
    /// The text; null for a message of images alone, and after deletion.
    pub content: Option<String>,
    /// The full renditions' URLs, in order: for clients that show nothing else.
    pub image_urls: Vec<String>,
    /// The images, in order.
    pub images: Vec<Image>,
    /// What the marketplace attached to it.
    pub extra_data: Option<ExtraData>,
    /// The card that it shows, as it was when the message was sent; null after deletion.
    pub card: Option<Box<Card>>,
    /// The message that it answers.
    pub reply_to: Option<MessageId>,
    /// When it was stored.
    pub created_at: Timestamp,
    /// When its text was last changed.
    pub edited_at: Option<Timestamp>,
    /// Whether its author has deleted it.
    pub deleted: bool,
    /// What each member is told in the place of `content`, if the marketplace says it to them in other languages.
    #[serde(skip)]
    pub texts: Vec<(UserId, String)>,
}

impl Message {
    /// Sets the text to the one for a reader. May be called again for another reader.
    pub fn address(&mut self, reader: UserId) {
        if let Some((_, text)) = self.texts.iter().find(|(member, _)| *member == reader) {
            self.content = Some(text.clone());
        }
    }
}

/// Who wrote a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum MessageKind {
    /// A member of the thread.
    Text,
    /// The marketplace itself.
    System,
}

impl MessageKind {
    /// Returns the kind of a message of this author.
    #[must_use]
    pub const fn of(sender: Option<UserId>) -> Self {
        if sender.is_some() { Self::Text } else { Self::System }
    }
}

/// An image of a message. Width, height, bytes and mime are those of the full rendition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Image {
    /// The image's id.
    pub id: MediaId,
    /// Where the full rendition is.
    pub url: String,
    /// Where the thumbnail is.
    pub thumb_url: String,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// Size in bytes.
    pub bytes: u64,
    /// Media type.
    pub mime: String,
    /// A placeholder to show while it loads (<https://blurha.sh>).
    pub blurhash: String,
}

/// What the marketplace attaches to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExtraData {
    /// The product that the message is about.
    pub product_id: Option<ProductId>,
}

/// A thread as one of its two members sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Thread {
    /// The thread's id.
    pub id: ThreadId,
    /// The member across from the reader.
    pub other_user_id: UserId,
    /// What the marketplace says of that member; null where it has said nothing.
    pub other: Option<PublicProfile>,
    /// Whether that member is connected. The database does not know: the edge fills it in.
    pub other_online: bool,
    /// When that member was last connected.
    pub other_last_seen: Option<Timestamp>,
    /// The newest message, deleted or not.
    pub last_message: Option<Message>,
    /// The newest message's place.
    pub last_seq: Seq,
    /// The thread's change counter.
    pub rev: Rev,
    /// Messages of the other side above the reader's watermark that are not deleted.
    pub unread: u64,
    /// How far the reader has read.
    pub read_seq: Seq,
    /// How far the other member has read.
    pub other_read_seq: Seq,
    /// How far the other member's devices have received.
    pub other_delivered_seq: Seq,
    /// When the thread began.
    pub created_at: Timestamp,
    /// When its newest message was stored.
    pub updated_at: Timestamp,
}

/// A notification. An unread thread is one notification of type `chat`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Notification {
    /// The notification's id.
    pub id: NotificationId,
    /// The user whose notification it is.
    pub user_id: UserId,
    /// What it is about; `chat` is the hub's own.
    #[serde(rename = "type")]
    pub kind: String,
    /// One line of text.
    pub title: String,
    /// A paragraph of text. Of type `chat`: the newest unread message's text.
    pub body: String,
    /// The id of the object that it is about. Of type `chat`: the thread.
    pub related_id: Option<u64>,
    /// How many events it stands for. Of type `chat`: the thread's unread messages.
    pub count: u64,
    /// Whether it was read.
    pub is_read: bool,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its content last changed.
    pub updated_at: Timestamp,
}

/// A user's unread totals.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Totals {
    /// Unread notifications, those of type `chat` included.
    pub notifications: u64,
    /// Unread messages in all threads.
    pub messages: u64,
}
