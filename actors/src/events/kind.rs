//! The types of events, and which of them a reader asks for.

use std::str::FromStr;

use chat_database::events::EventRef;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The type of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub enum EventType {
    /// Two users wrote to each other for the first time.
    #[serde(rename = "thread.created")]
    ThreadCreated,
    /// A message was stored.
    #[serde(rename = "message.created")]
    MessageCreated,
    /// A message's text was changed.
    #[serde(rename = "message.updated")]
    MessageUpdated,
    /// A message was deleted.
    #[serde(rename = "message.deleted")]
    MessageDeleted,
    /// A member of a thread has read up to a place.
    #[serde(rename = "thread.seen")]
    ThreadSeen,
    /// The marketplace notified a user.
    #[serde(rename = "notification.created")]
    NotificationCreated,
    /// A user came online: for webhooks that ask for it by name. It is sent once, to those that are up, and not kept.
    #[serde(rename = "user.online")]
    UserOnline,
    /// A user went offline: as with `user.online`.
    #[serde(rename = "user.offline")]
    UserOffline,
    /// A user has not read a thread for long. No hub tells it yet.
    #[serde(rename = "thread.unread_reminder")]
    ThreadUnreadReminder,
    /// A webhook was disabled: for the other webhooks.
    #[serde(rename = "webhook.disabled")]
    WebhookDisabled,
}

/// A name that is no type of an event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no type of an event; there are thread.created, message.created, message.updated, message.deleted, thread.seen, \
         notification.created, user.online, user.offline, thread.unread_reminder and webhook.disabled"
)]
pub struct NoSuchType(String);

impl EventType {
    /// Every type.
    pub const ALL: [Self; 10] = [
        Self::ThreadCreated,
        Self::MessageCreated,
        Self::MessageUpdated,
        Self::MessageDeleted,
        Self::ThreadSeen,
        Self::NotificationCreated,
        Self::UserOnline,
        Self::UserOffline,
        Self::ThreadUnreadReminder,
        Self::WebhookDisabled,
    ];

    /// Returns the type of something that has happened.
    #[must_use]
    pub const fn of(event_ref: EventRef) -> Self {
        match event_ref {
            EventRef::ThreadCreated(_) => Self::ThreadCreated,
            EventRef::MessageCreated(..) => Self::MessageCreated,
            EventRef::MessageUpdated(..) => Self::MessageUpdated,
            EventRef::MessageDeleted(..) => Self::MessageDeleted,
            EventRef::ThreadSeen(..) => Self::ThreadSeen,
            EventRef::NotificationCreated(_) => Self::NotificationCreated,
        }
    }

    /// Returns the name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ThreadCreated => "thread.created",
            Self::MessageCreated => "message.created",
            Self::MessageUpdated => "message.updated",
            Self::MessageDeleted => "message.deleted",
            Self::ThreadSeen => "thread.seen",
            Self::NotificationCreated => "notification.created",
            Self::UserOnline => "user.online",
            Self::UserOffline => "user.offline",
            Self::ThreadUnreadReminder => "thread.unread_reminder",
            Self::WebhookDisabled => "webhook.disabled",
        }
    }

    /// Tells whether `*` includes the type. Presence changes often, so it must be asked for by name.
    #[must_use]
    pub const fn is_in_all(self) -> bool {
        !matches!(self, Self::UserOnline | Self::UserOffline)
    }
}

impl FromStr for EventType {
    type Err = NoSuchType;

    fn from_str(text: &str) -> Result<Self, NoSuchType> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| NoSuchType(text.to_owned()))
    }
}

/// The types that a reader asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted(u16);

impl Wanted {
    /// Asks for all types that need not be asked for by name.
    #[must_use]
    pub fn all() -> Self {
        Self::of(EventType::ALL.into_iter().filter(|kind| kind.is_in_all()))
    }

    /// Asks for some types.
    #[must_use]
    pub fn of(kinds: impl IntoIterator<Item = EventType>) -> Self {
        Self(kinds.into_iter().fold(0, |wanted, kind| wanted | bit(kind)))
    }

    /// Returns the types of both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Tells whether a type is asked for.
    #[must_use]
    pub const fn has(self, kind: EventType) -> bool {
        self.0 & bit(kind) != 0
    }
}

const fn bit(kind: EventType) -> u16 {
    1 << kind as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_written_as_it_is_named() {
        for kind in EventType::ALL {
            assert_eq!(serde_json::to_value(kind).expect("a name"), kind.as_str());
            assert_eq!(kind.as_str().parse(), Ok(kind));
            assert!(NoSuchType(String::new()).to_string().contains(kind.as_str()), "{kind:?}");
        }
        assert!("message.read".parse::<EventType>().is_err());
    }

    #[test]
    fn presence_is_asked_for_by_name() {
        assert!(!Wanted::all().has(EventType::UserOnline) && Wanted::all().has(EventType::WebhookDisabled));
        let some = Wanted::of([EventType::UserOnline, EventType::ThreadSeen]);
        let wanted: Vec<_> = EventType::ALL.into_iter().filter(|kind| some.has(*kind)).collect();
        assert_eq!(wanted, [EventType::ThreadSeen, EventType::UserOnline]);
    }
}
