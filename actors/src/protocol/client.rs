//! The frames that clients send.

mod parse;
mod sender;

use chat_database::ids::{MediaId, MessageId, NotificationId, ProductId, Seq, ThreadId, UserId, place, place_or_none};
use chat_database::objects::CardRef;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

pub use parse::{ParseError, parse};
pub use sender::{SENDER_MISMATCH, SenderClaim, SenderClaims};

/// Which socket a frame came in on; each has its own frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Socket {
    /// `/chat`: everything.
    Chat,
    /// `/notifications`: the notification stream alone.
    Notifications,
}

/// Every frame that a client may send.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ClientFrame {
    /// Authenticates the connection, first or again with a fresh token.
    Auth(Auth),
    /// Sends a message.
    MessageSend(MessageSend),
    /// Changes a message's text.
    MessageEdit(MessageEdit),
    /// Deletes a message.
    MessageDelete(MessageDelete),
    /// "I have read up to here."
    MessageSeen(MessageSeen),
    /// "My device has received up to here."
    MessageDelivered(MessageDelivered),
    /// "I am writing."
    Typing(TypingIn),
    /// "I am not writing any more."
    StopTyping(TypingIn),
    /// Asks which users are online.
    WhoIsOnline(WhoIsOnline),
    /// Asks for the unread totals.
    NavCounts,
    /// Subscribes the connection to channels.
    Subscribe(Subscribe),
    /// Asks for what was missed.
    Sync(Sync),
    /// Asks for a `pong`.
    Ping(Ping),
    /// Asks for its own data back.
    Echo(Echo),
    /// "I have read this notification."
    NotificationRead(NotificationRead),
    /// "I have read all notifications."
    NotificationsReadAll,
}

impl ClientFrame {
    /// Reads the frame of a type that a socket takes; `None` if the socket takes no such type.
    fn read(kind: &str, socket: Socket, text: &str) -> Option<Result<Self, serde_json::Error>> {
        Some(match (kind, socket) {
            ("auth", _) => body(text).map(Self::Auth),
            ("nav_counts", _) => Ok(Self::NavCounts),
            ("ping", _) => body(text).map(Self::Ping),
            ("echo", _) => body(text).map(Self::Echo),
            ("sync", _) => body(text).map(Self::Sync),
            ("notification_read", _) => body(text).map(Self::NotificationRead),
            ("notifications_read_all", _) => Ok(Self::NotificationsReadAll),
            ("message_send" | "message", Socket::Chat) => body(text).map(Self::MessageSend),
            ("message_edit", Socket::Chat) => body(text).map(Self::MessageEdit),
            ("message_delete", Socket::Chat) => body(text).map(Self::MessageDelete),
            ("message_seen", Socket::Chat) => body(text).map(Self::MessageSeen),
            ("message_delivered", Socket::Chat) => body(text).map(Self::MessageDelivered),
            ("typing", Socket::Chat) => body(text).map(Self::Typing),
            ("stop_typing", Socket::Chat) => body(text).map(Self::StopTyping),
            ("who_is_online", Socket::Chat) => body(text).map(Self::WhoIsOnline),
            ("subscribe", Socket::Chat) => body(text).map(Self::Subscribe),
            _ => return None,
        })
    }
}

/// Authenticates the connection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Auth {
    /// A JWT of the marketplace's core.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "said")]
    pub token: Option<String>,
    /// Or a ticket.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "said")]
    pub ticket: Option<String>,
    /// How far this client has been served.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "said")]
    pub cursor: Option<String>,
}

/// Sends a message.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MessageSend {
    /// The author's key, 1–128 bytes: the same key again is the same message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temp_id: Option<String>,
    /// The receiver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receiver_id: Option<UserId>,
    /// Or the thread. With both, they must agree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread_id: Option<ThreadId>,
    /// The text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// Uploaded images, in order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub images: Option<Vec<MediaId>>,
    /// The same, by the URLs that the upload returned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_urls: Option<Vec<String>>,
    /// What the marketplace attaches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra_data: Option<Extra>,
    /// The card that it shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<CardRef>,
    /// The message that it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<MessageId>,
}

/// What the marketplace attaches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Extra {
    /// The product that the message is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product_id: Option<ProductId>,
}

/// Changes a message's text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MessageEdit {
    /// The message.
    pub message_id: MessageId,
    /// Its new text.
    pub content: String,
}

/// Deletes a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MessageDelete {
    /// The message.
    pub message_id: MessageId,
}

/// "I have read up to here."
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MessageSeen {
    /// The thread.
    pub thread_id: ThreadId,
    /// The place of the newest message that the user has read; without it: the newest of the thread.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "place_or_none")]
    pub up_to: Option<Seq>,
}

/// "My device has received up to here."
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MessageDelivered {
    /// The thread.
    pub thread_id: ThreadId,
    /// The place of the newest message that the device has received.
    #[serde(deserialize_with = "place")]
    pub up_to: Seq,
}

/// Where the user is writing: a thread, or the other user of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TypingIn {
    /// The thread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread_id: Option<ThreadId>,
    /// Or the other user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<UserId>,
}

/// Asks which users are online.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WhoIsOnline {
    /// The users to ask about, at most 1,000; without it: every user that the asker shares a thread with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_ids: Option<Vec<UserId>>,
}

/// Subscribes the connection to channels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Subscribe {
    /// `notifications`; `presence` is accepted and changes nothing.
    pub channels: Vec<String>,
}

/// Asks for what was missed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Sync {
    /// How far this client has been served.
    pub cursor: String,
}

/// Asks for a `pong`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Ping {
    /// Comes back in the `pong`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub t: Option<serde_json::Value>,
}

/// Asks for its own data back.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Echo {
    /// Comes back in the answer.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub data: Option<serde_json::Value>,
}

/// "I have read this notification."
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NotificationRead {
    /// The notification.
    pub id: NotificationId,
}

fn body<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, serde_json::Error> {
    serde_json::from_str(text)
}

/// Reads an optional text; a blank one counts as absent.
fn said<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<String>::deserialize(from)?.filter(|text| !text.trim().is_empty()))
}
