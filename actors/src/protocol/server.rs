//! The frames that the hub sends.

use bytes::Bytes;
use chat_database::ids::{MessageId, NotificationId, Rev, Seq, ThreadId, UserId};
use chat_database::objects::{Card, Message, Notification, PublicProfile, Totals};
use chat_database::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::code::ErrorCode;
use super::cursor::Cursor;

/// Every frame that the hub sends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerFrame {
    /// The connection is authenticated.
    AuthOk(AuthOk),
    /// The user's unread totals.
    NavCounts {
        /// The user's unread totals.
        payload: Totals,
    },
    /// A message of this connection is stored.
    MessageAck(MessageAck),
    /// A thread began. Not durable; may come twice.
    NewThread {
        /// The thread.
        thread_id: ThreadId,
        /// The other member.
        other_user_id: UserId,
    },
    /// A message.
    NewMessage(NewMessage),
    /// A message's text was changed.
    MessageUpdated(MessageUpdated),
    /// A message was deleted.
    MessageDeleted(MessageDeleted),
    /// A member has read up to here.
    MessagesSeen(MessagesSeen),
    /// A member's devices have received up to here.
    MessagesDelivered(MessagesDelivered),
    /// A user is writing.
    Typing(TypingFrom),
    /// A user is not writing any more.
    StopTyping(TypingFrom),
    /// A user is online.
    UserOnline(PresenceOf),
    /// A user has left.
    UserOffline(PresenceOf),
    /// The answer to `who_is_online`: those of the users who are online.
    OnlineUsers {
        /// The users who are online, ascending.
        users: Vec<UserId>,
    },
    /// What the marketplace says of a user has changed.
    ProfileUpdated(ProfileUpdated),
    /// A card has changed that was sent lately in a thread of the user's.
    CardUpdated {
        /// The card as it is now.
        card: Box<Card>,
    },
    /// A notification.
    Notification {
        /// The notification.
        payload: Box<Notification>,
        /// How far this connection has been served; absent in a replay.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cursor: Option<Cursor>,
    },
    /// A notification was read, or all were.
    NotificationRead(NotificationMark),
    /// A notification was deleted, or all were.
    NotificationDeleted(NotificationMark),
    /// The connection listens to these now.
    Subscribed {
        /// The channels.
        channels: Vec<String>,
    },
    /// The answer to `echo`.
    Echo {
        /// The data, as it came.
        #[schema(value_type = Object)]
        data: Option<serde_json::Value>,
        /// The hub's clock, Unix milliseconds.
        ts: i64,
    },
    /// The answer to `ping`.
    Pong {
        /// What the ping carried.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<Object>)]
        t: Option<serde_json::Value>,
    },
    /// The replay is complete; live events follow.
    Synced {
        /// Everything up to here has been sent.
        cursor: Cursor,
        /// Present and true: the cursor asked for could not be served. Reload through REST, go on from `cursor`.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        reset: bool,
    },
    /// A request was refused.
    Error(ErrorFrame),
}

/// The types of the frames that the hub sends on `/notifications`; on `/chat` it may send all frames.
pub const ON_NOTIFICATIONS: [&str; 9] = [
    "auth_ok",
    "echo",
    "error",
    "nav_counts",
    "notification",
    "notification_deleted",
    "notification_read",
    "pong",
    "synced",
];

/// The connection is authenticated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuthOk {
    /// The authenticated user.
    pub user_id: UserId,
    /// The hub's clock, Unix milliseconds.
    pub ts: i64,
    /// The connection's name, for support.
    pub connection_id: String,
    /// How often the hub pings, in milliseconds.
    pub heartbeat_ms: u64,
    /// What may be sent.
    pub limits: Limits,
    /// Where the connection stands: the cursor it came with, or the present one.
    pub cursor: Cursor,
    /// Whether what was missed follows, up to `synced`.
    pub resumed: bool,
    /// Whether the cursor it came with could not be served: reload through REST.
    pub reset: bool,
}

/// What a connection may send.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Limits {
    /// Bytes of one frame.
    pub frame_bytes: usize,
    /// Characters of one text.
    pub text_chars: usize,
    /// Images of one message.
    pub images: usize,
    /// Frames that wait for their answer at a time.
    pub in_flight: usize,
    /// Messages per second and user; null: unlimited.
    pub rate: Option<f64>,
}

/// A message of this connection is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MessageAck {
    /// The author's key.
    pub temp_id: String,
    /// The message.
    pub message_id: MessageId,
    /// The thread of the message.
    pub thread_id: ThreadId,
    /// The message's place in its thread.
    pub seq: Seq,
    /// The thread's change counter at its creation.
    pub rev: Rev,
    /// When it was stored.
    pub created_at: Timestamp,
    /// Whether it had been stored before.
    pub duplicate: bool,
    /// How far this connection has been served; absent in the answer to a repetition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Cursor>,
}

/// A message with all its fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NewMessage {
    /// The message.
    #[serde(flatten)]
    pub message: Message,
    /// How far this connection has been served; absent in a replay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Cursor>,
}

/// A message's text was changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MessageUpdated {
    /// The message.
    pub id: MessageId,
    /// The thread of the message.
    pub thread_id: ThreadId,
    /// The message's place in its thread.
    pub seq: Seq,
    /// The author of the message; null for one of the marketplace itself.
    pub sender_id: Option<UserId>,
    /// The thread's change counter now.
    pub rev: Rev,
    /// The new text.
    pub content: Option<String>,
    /// When it was changed.
    pub edited_at: Option<Timestamp>,
    /// How far this connection has been served; absent in a replay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Cursor>,
}

/// A message was deleted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MessageDeleted {
    /// The message.
    pub id: MessageId,
    /// The thread of the message.
    pub thread_id: ThreadId,
    /// The message's place in its thread: a client that has not loaded the message can tell whether it was unread.
    pub seq: Seq,
    /// The author of the message; null for one of the marketplace itself.
    pub sender_id: Option<UserId>,
    /// The thread's change counter now.
    pub rev: Rev,
    /// How far this connection has been served; absent in a replay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Cursor>,
}

/// A member has read up to here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MessagesSeen {
    /// The thread.
    pub thread_id: ThreadId,
    /// The member who has read.
    pub seen_by: UserId,
    /// The place of the newest message that the member has read.
    pub up_to: Seq,
    /// When the watermark moved.
    pub at: Timestamp,
    /// How far this connection has been served; absent in a replay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Cursor>,
}

/// A member's devices have received up to here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MessagesDelivered {
    /// The thread.
    pub thread_id: ThreadId,
    /// The member whose device has received.
    pub delivered_to: UserId,
    /// The place of the newest message that the device has.
    pub up_to: Seq,
    /// When the watermark moved.
    pub at: Timestamp,
    /// How far this connection has been served; absent in a replay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Cursor>,
}

/// A user who is writing, or has stopped.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TypingFrom {
    /// The user who writes.
    pub from: UserId,
    /// The thread in which the user writes.
    pub thread_id: ThreadId,
}

/// A user who is online, or has left.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PresenceOf {
    /// The user.
    pub user_id: UserId,
    /// When the user was last seen.
    pub last_seen: Option<Timestamp>,
}

/// What the marketplace says of a user now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProfileUpdated {
    /// The user.
    pub user_id: UserId,
    /// The profile.
    #[serde(flatten)]
    pub profile: PublicProfile,
}

/// The notification that changed, or all of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NotificationMark {
    /// The notification, if it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<NotificationId>,
    /// Whether it was all of the user's notifications.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub all: bool,
    /// How far this connection has been served; absent in a replay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Cursor>,
}

/// A request was refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ErrorFrame {
    /// The error code.
    pub code: ErrorCode,
    /// What happened and what to do.
    pub message: String,
    /// Whether the same request may succeed later.
    pub temporary: bool,
    /// When to try again, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// Of `suspended`: until when the user sends nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// The key of the frame that it answers.
    #[serde(flatten)]
    pub about: About,
}

/// The keys of the frame that an error answers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct About {
    /// The author's key of the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temp_id: Option<String>,
    /// The message that was to change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<MessageId>,
    /// The thread that was meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread_id: Option<ThreadId>,
}

impl ServerFrame {
    /// Tells whether it carries images, whose links are the reader's own.
    #[must_use]
    pub fn has_images(&self) -> bool {
        matches!(self, Self::NewMessage(new) if !new.message.images.is_empty())
    }

    /// Encodes the frame for one reader: a cursor in it becomes theirs.
    #[must_use]
    pub fn encode_for(&mut self, reader: UserId) -> Bytes {
        if let Some(cursor) = self.cursor_mut() {
            cursor.reader = Some(reader);
        }
        self.encode()
    }

    /// Returns the cursor that it carries, if it carries one.
    fn cursor_mut(&mut self) -> Option<&mut Cursor> {
        match self {
            Self::AuthOk(AuthOk { cursor, .. }) | Self::Synced { cursor, .. } => Some(cursor),
            Self::MessageAck(MessageAck { cursor, .. })
            | Self::NewMessage(NewMessage { cursor, .. })
            | Self::MessageUpdated(MessageUpdated { cursor, .. })
            | Self::MessageDeleted(MessageDeleted { cursor, .. })
            | Self::MessagesSeen(MessagesSeen { cursor, .. })
            | Self::MessagesDelivered(MessagesDelivered { cursor, .. })
            | Self::Notification { cursor, .. }
            | Self::NotificationRead(NotificationMark { cursor, .. })
            | Self::NotificationDeleted(NotificationMark { cursor, .. }) => cursor.as_mut(),
            Self::NavCounts { .. }
            | Self::NewThread { .. }
            | Self::Typing(_)
            | Self::StopTyping(_)
            | Self::UserOnline(_)
            | Self::UserOffline(_)
            | Self::OnlineUsers { .. }
            | Self::ProfileUpdated(_)
            | Self::CardUpdated { .. }
            | Self::Subscribed { .. }
            | Self::Echo { .. }
            | Self::Pong { .. }
            | Self::Error(_) => None,
        }
    }

    /// Encodes a frame that says the same to all its readers: without a cursor, or with one that has its reader already.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut text = Vec::with_capacity(512);
        // Every field is a number, a string or a struct of those: nothing here can fail to be written.
        let written = serde_json::to_writer(&mut text, self);
        debug_assert!(written.is_ok(), "a frame can always be written");
        Bytes::from(text)
    }
}
