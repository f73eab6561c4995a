//! The frames of a user's notifications: of what has just happened, and of what was read from the database.

use chat_database::ids::CommitNo;
use chat_database::objects::Notification;
use chat_database::queries::changes::ChangedNotification;

use super::message::NotificationEvent;
use crate::protocol::server::NotificationMark;
use crate::protocol::{Cursor, ServerFrame};

/// Returns the frame of an event.
pub(super) fn of_event(event: NotificationEvent, cursor: Cursor) -> ServerFrame {
    let cursor = Some(cursor);
    let mark = |id, cursor| NotificationMark { id, all: id.is_none(), cursor };
    match event {
        NotificationEvent::Made(payload) => ServerFrame::Notification { payload, cursor },
        NotificationEvent::Read(id) => ServerFrame::NotificationRead(mark(Some(id), cursor)),
        NotificationEvent::AllRead => ServerFrame::NotificationRead(mark(None, cursor)),
        NotificationEvent::Deleted(id) => ServerFrame::NotificationDeleted(mark(Some(id), cursor)),
    }
}

/// Returns the frame of a thread's notification as it stands now.
pub(super) fn of_thread(notification: Notification, cursor: Cursor) -> ServerFrame {
    let cursor = Some(cursor);
    if notification.is_read {
        ServerFrame::NotificationRead(NotificationMark { id: Some(notification.id), all: false, cursor })
    } else {
        ServerFrame::Notification { payload: Box::new(notification), cursor }
    }
}

/// Returns the frame of a notification in its present state, for a client that has had everything up to `since`. In a replay it has
/// no cursor.
pub(crate) fn of_changed(changed: &ChangedNotification, since: CommitNo, cursor: Option<&Cursor>) -> ServerFrame {
    let cursor = cursor.cloned();
    let mark = |cursor| NotificationMark { id: Some(changed.id), all: false, cursor };
    match &changed.notification {
        None => ServerFrame::NotificationDeleted(mark(cursor)),
        Some(present) if present.is_read && changed.created <= since => ServerFrame::NotificationRead(mark(cursor)),
        Some(present) => ServerFrame::Notification { payload: Box::new(present.clone()), cursor },
    }
}
