//! Changes that were read from the database, as frames: for replays, and for commits of other nodes.

use chat_database::ids::CommitNo;
use chat_database::objects::Message;
use chat_database::queries::changes::{ChangedMessage, ChangedNotification, ChangedWatermarks};

use crate::protocol::server::{
    MessageDeleted, MessageUpdated, MessagesDelivered, MessagesSeen, NewMessage, NotificationMark,
};
use crate::protocol::{Cursor, ServerFrame};

/// Returns the frame of a message in its present state, for a client that has had everything up to `since`.
pub(crate) fn of_message(changed: &ChangedMessage, since: CommitNo, cursor: Option<&Cursor>) -> ServerFrame {
    let message = &changed.message;
    let cursor = cursor.cloned();
    if changed.created > since {
        return ServerFrame::NewMessage(NewMessage { message: message.clone(), cursor });
    }
    if message.deleted {
        let &Message { id, thread_id, seq, sender_id, rev, .. } = message;
        return ServerFrame::MessageDeleted(MessageDeleted { id, thread_id, seq, sender_id, rev, cursor });
    }
    ServerFrame::MessageUpdated(MessageUpdated {
        id: message.id,
        thread_id: message.thread_id,
        seq: message.seq,
        sender_id: message.sender_id,
        rev: message.rev,
        content: message.content.clone(),
        edited_at: message.edited_at,
        cursor,
    })
}

/// Returns the frames of those of a member's watermarks that moved after `since`.
pub(crate) fn of_watermarks(changed: &ChangedWatermarks, since: CommitNo, cursor: Option<&Cursor>) -> Vec<ServerFrame> {
    let &ChangedWatermarks { thread_id, user, delivered_seq, read_seq, .. } = changed;
    let mut frames = Vec::new();
    if changed.delivered_commit > since
        && let Some(at) = changed.delivered_at
    {
        let cursor = cursor.cloned();
        let delivered = MessagesDelivered { thread_id, delivered_to: user, up_to: delivered_seq, at, cursor };
        frames.push(ServerFrame::MessagesDelivered(delivered));
    }
    if changed.read_commit > since
        && let Some(at) = changed.read_at
    {
        let cursor = cursor.cloned();
        frames.push(ServerFrame::MessagesSeen(MessagesSeen { thread_id, seen_by: user, up_to: read_seq, at, cursor }));
    }
    frames
}

/// Returns the frame of a notification in its present state, for a client that has had everything up to `since`.
pub(crate) fn of_notification(changed: &ChangedNotification, since: CommitNo, cursor: Option<&Cursor>) -> ServerFrame {
    let cursor = cursor.cloned();
    let mark = |cursor| NotificationMark { id: Some(changed.id), all: false, cursor };
    match &changed.notification {
        None => ServerFrame::NotificationDeleted(mark(cursor)),
        Some(present) if present.is_read && changed.created <= since => ServerFrame::NotificationRead(mark(cursor)),
        Some(present) => ServerFrame::Notification { payload: Box::new(present.clone()), cursor },
    }
}
