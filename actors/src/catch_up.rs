//! From a cursor to what has changed since: for a socket that comes back, and for `GET /chat/sync`.

use std::collections::BTreeSet;

use chat_database::ids::{CommitNo, UserId};
use chat_database::queries::changes::{self, Changes};
use chat_database::queries::notifications;
use chat_database::time::Timestamp;

use crate::events;
use crate::hub::SyncPage;
use crate::node::Node;
use crate::protocol::cursor::MAX_CHANGES;
use crate::protocol::{Cursor, ServerFrame};

/// Where somebody goes on from.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum From {
    /// They have not been here before.
    Here,
    /// Their cursor can be served, as far as its form and age go.
    Cursor(Cursor),
    /// It cannot: they reload.
    Reset,
}

/// Judges a cursor: malformed, of another database, too old, or beyond the newest commit is a reset.
pub(crate) async fn from(node: &Node, text: &str, now: Timestamp) -> Result<From, chat_database::Error> {
    let cursor = Cursor::parse(text).filter(|cursor| cursor.epoch == *node.horizon.epoch() && !cursor.is_stale(now));
    let Some(cursor) = cursor else { return Ok(From::Reset) };
    let (_, newest) = node.horizon.span();
    // Another node may be further than we have heard.
    if cursor.commit > newest && cursor.commit > changes::head(&node.database).await?.commit {
        return Ok(From::Reset);
    }
    Ok(From::Cursor(cursor))
}

/// What changed, as frames without cursors: messages by thread in the order of `rev`, then watermarks, then notifications.
pub(crate) async fn frames(
    node: &Node,
    user: UserId,
    missed: Changes,
    since: CommitNo,
    chat: bool,
    notifications: bool,
) -> Vec<ServerFrame> {
    let mut frames = Vec::new();
    if chat {
        frames.extend(missed.messages.iter().map(|changed| events::of_message(changed, since, None)));
        for changed in &missed.watermarks {
            let seen_only = changed.user == user;
            let events = events::of_watermarks(changed, since, None);
            frames
                .extend(events.into_iter().filter(|event| !seen_only || matches!(event, ServerFrame::MessagesSeen(_))));
        }
    }
    if notifications {
        frames.extend(missed.notifications.iter().map(|changed| events::of_notification(changed, since, None)));
        frames.extend(of_threads(node, user, &missed).await);
    }
    frames
}

/// The notifications of unread threads say what the threads say: those of threads that changed are told again.
async fn of_threads(node: &Node, user: UserId, missed: &Changes) -> Vec<ServerFrame> {
    let told: BTreeSet<_> = missed.notifications.iter().map(|changed| changed.id).collect();
    let changed: BTreeSet<_> = missed.messages.iter().map(|changed| changed.message.thread_id).collect();
    let mut frames = Vec::new();
    for thread in changed {
        if let Ok(Some(payload)) = notifications::of_thread(&node.database, user, thread).await
            && !payload.is_read
            && !told.contains(&payload.id)
        {
            frames.push(ServerFrame::Notification { payload: Box::new(payload), cursor: None });
        }
    }
    frames
}

/// One page of what has changed, for HTTP: whole commits, oldest first.
pub(crate) async fn page(
    node: &Node,
    user: UserId,
    text: &str,
    limit: usize,
) -> Result<SyncPage, chat_database::Error> {
    let (released, _) = node.horizon.span();
    let reset =
        || SyncPage { events: Vec::new(), cursor: node.horizon.cursor_at(released), has_more: false, reset: true };
    let From::Cursor(cursor) = from(node, text, Timestamp::now()).await? else { return Ok(reset()) };
    let since = cursor.commit;
    let Some(mut missed) = changes::of_user(&node.database, user, since, MAX_CHANGES).await? else {
        return Ok(reset());
    };

    let mut commits: Vec<CommitNo> = missed.messages.iter().map(|changed| changed.commit).collect();
    commits.extend(missed.watermarks.iter().map(|changed| changed.commit));
    commits.extend(missed.notifications.iter().map(|changed| changed.commit));
    commits.sort_unstable();
    // A page ends with a whole commit, so that its cursor is true.
    let end = commits.get(limit.saturating_sub(1)).copied();
    let has_more = end.is_some_and(|end| commits.last().is_some_and(|last| *last > end));
    if let Some(end) = end.filter(|_| has_more) {
        missed.messages.retain(|changed| changed.commit <= end);
        missed.watermarks.retain(|changed| changed.commit <= end);
        missed.notifications.retain(|changed| changed.commit <= end);
    }
    let commit = end.filter(|_| has_more).unwrap_or(released.max(since));
    let events = frames(node, user, missed, since, true, true).await;
    Ok(SyncPage { events, cursor: node.horizon.cursor_at(commit), has_more, reset: false })
}
