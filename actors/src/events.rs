//! Events for the marketplace's core, as the feed and the webhooks send them.
//!
//! ```text
//!  kind     the types of events, and which of them a reader asks for
//!  cursor   how far a reader of the feed has come
//!  feed     pages of the feed; readers: how far each has come
//! ```
//!
//! An event is read from the commit log, and sent with the present state of its object.

pub mod cursor;
pub(crate) mod feed;
pub mod kind;
pub(crate) mod readers;

use chat_database::events::{self, EventRef};
use chat_database::ids::{NotificationId, Seq, ThreadId, UserId};
use chat_database::objects::{Message, Notification};
use chat_database::queries::events::Objects;
use chat_database::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

pub use cursor::FeedCursor;
pub use feed::{Answer, Page};
pub use kind::{EventType, Wanted};

/// Something that has happened, as the core hears of it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Event {
    /// The event's id: the same on every node, and each time that it is told.
    pub id: String,
    /// The type of the event.
    #[serde(rename = "type")]
    pub kind: EventType,
    /// When it happened.
    pub at: Timestamp,
    /// The thread in which it happened, if it did in one.
    pub thread_id: Option<ThreadId>,
    /// What it is about, in its present state.
    pub data: EventData,
}

/// What an event is about, by its type.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(untagged)]
pub enum EventData {
    /// Of `message.created`, `message.updated` and `message.deleted`.
    Message(Box<MessageEvent>),
    /// Of `thread.created`.
    Thread(ThreadEvent),
    /// Of `thread.seen`.
    Seen(SeenEvent),
    /// Of `notification.created`.
    Notification(Box<NotificationEvent>),
}

/// A message was stored, changed or deleted.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MessageEvent {
    /// The message in its present state: one that was deleted meanwhile has no text.
    pub message: Message,
    /// The thread's members, the smaller id first.
    pub user_ids: [UserId; 2],
}

/// Two users wrote to each other for the first time.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct ThreadEvent {
    /// The thread.
    pub thread_id: ThreadId,
    /// The thread's members, the smaller id first.
    pub user_ids: [UserId; 2],
}

/// A user has read messages.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct SeenEvent {
    /// The thread.
    pub thread_id: ThreadId,
    /// The reader.
    pub user_id: UserId,
    /// The place up to which the user has read.
    pub up_to: Seq,
}

/// The marketplace notified a user.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct NotificationEvent {
    /// The notification's id.
    pub notification_id: NotificationId,
    /// The notification in its present state; null if its user has deleted it.
    pub notification: Option<Notification>,
}

/// Returns an event as it is sent; `None` if its object is not in the database any more, though the hub never removes one.
#[must_use]
pub fn told(event: &events::Event, objects: &Objects) -> Option<Event> {
    let data = data(event.event_ref, objects)?;
    Some(Event {
        id: event.id(),
        kind: EventType::of(event.event_ref),
        at: event.at,
        thread_id: event.event_ref.thread(),
        data,
    })
}

/// Returns the present state of the object of an event; `None` as for [`told`].
#[must_use]
pub fn data(event_ref: EventRef, objects: &Objects) -> Option<EventData> {
    let members = |thread: ThreadId| objects.threads.get(&thread).map(|pair| pair.members());
    Some(match event_ref {
        EventRef::ThreadCreated(thread_id) => {
            EventData::Thread(ThreadEvent { thread_id, user_ids: members(thread_id)? })
        }
        EventRef::MessageCreated(thread, id)
        | EventRef::MessageUpdated(thread, id, _)
        | EventRef::MessageDeleted(thread, id, _) => {
            let message = objects.messages.get(&id)?.clone();
            EventData::Message(Box::new(MessageEvent { message, user_ids: members(thread)? }))
        }
        EventRef::ThreadSeen(thread_id, user_id, up_to) => EventData::Seen(SeenEvent { thread_id, user_id, up_to }),
        EventRef::NotificationCreated(notification_id) => {
            let notification = objects.notifications.get(&notification_id).cloned();
            EventData::Notification(Box::new(NotificationEvent { notification_id, notification }))
        }
    })
}
