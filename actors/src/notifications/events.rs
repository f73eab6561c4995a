//! Events of a user's notifications, as a commit caused them or as read from the database, and the frames that tell of
//! them.

use chat_database::change::{Change, Outcome};
use chat_database::ids::{CommitNo, NotificationId, UserId};
use chat_database::objects::Notification;
use chat_database::queries::changes::ChangedNotification;

use crate::protocol::server::NotificationMark;
use crate::protocol::{Cursor, ServerFrame};

/// Something that happened to a user's notifications.
#[derive(Debug, Clone)]
pub(crate) enum NotificationEvent {
    Made(Box<Notification>),
    Read(NotificationId),
    AllRead,
    Deleted(NotificationId),
}

impl NotificationEvent {
    /// Calls `each` with every event that a change has caused, by its outcome, and with the event's user.
    pub(crate) fn of(change: &Change, outcome: &Outcome, mut each: impl FnMut(UserId, Self)) {
        match (change, outcome) {
            (Change::Notify(_), Outcome::Notified(made)) => {
                for notification in made {
                    each(notification.user_id, Self::Made(Box::new(notification.clone())));
                }
            }
            (Change::ReadNotification(own), Outcome::NotificationsChanged) => each(own.user, Self::Read(own.id)),
            (Change::ReadAllNotifications(user), Outcome::NotificationsChanged) => each(*user, Self::AllRead),
            (Change::DeleteNotification(own), Outcome::NotificationsChanged) => each(own.user, Self::Deleted(own.id)),
            _ => {}
        }
    }

    /// Returns the frame that tells of it.
    pub(super) fn frame(self, cursor: Cursor) -> ServerFrame {
        let cursor = Some(cursor);
        let mark = |id, cursor| NotificationMark { id, all: id.is_none(), cursor };
        match self {
            Self::Made(payload) => ServerFrame::Notification { payload, cursor },
            Self::Read(id) => ServerFrame::NotificationRead(mark(Some(id), cursor)),
            Self::AllRead => ServerFrame::NotificationRead(mark(None, cursor)),
            Self::Deleted(id) => ServerFrame::NotificationDeleted(mark(Some(id), cursor)),
        }
    }
}

/// Returns the frame of a thread's notification as it stands now.
pub(super) fn thread_notification(notification: Notification, cursor: Cursor) -> ServerFrame {
    let event = if notification.is_read {
        NotificationEvent::Read(notification.id)
    } else {
        NotificationEvent::Made(Box::new(notification))
    };
    event.frame(cursor)
}

/// Returns the frame of a notification in its present state, for clients that have had everything up to `since`. In a
/// replay it has no cursor.
pub(crate) fn changed_notification(
    changed: &ChangedNotification,
    since: CommitNo,
    cursor: Option<&Cursor>,
) -> ServerFrame {
    let cursor = cursor.cloned();
    let mark = |cursor| NotificationMark { id: Some(changed.id), all: false, cursor };
    match &changed.notification {
        None => ServerFrame::NotificationDeleted(mark(cursor)),
        Some(present) if present.is_read && changed.created <= since => ServerFrame::NotificationRead(mark(cursor)),
        Some(present) => ServerFrame::Notification { payload: Box::new(present.clone()), cursor },
    }
}
