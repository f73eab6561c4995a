//! From a cursor to what has changed since: for a socket that comes back, and for `GET /chat/sync`.

use chat_database::history;
use chat_database::ids::{CommitNo, UserId};
use chat_database::queries::changes::{self, Changes};
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

/// Judges a cursor: malformed, another reader's, too old, or of another history is a reset.
pub(crate) async fn from(
    node: &Node,
    reader: UserId,
    text: &str,
    now: Timestamp,
) -> Result<From, chat_database::Error> {
    let cursor = Cursor::parse(text).filter(|cursor| cursor.reader == Some(reader) && !cursor.is_stale(now));
    let Some(cursor) = cursor.filter(|cursor| cursor.commit <= cursor.heard.commit) else { return Ok(From::Reset) };
    Ok(if history::holds(&node.database, &cursor.heard).await? { From::Cursor(cursor) } else { From::Reset })
}

/// Who hears what has changed, and how much of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hearer {
    pub(crate) user: UserId,
    pub(crate) chat: bool,
    pub(crate) notifications: bool,
}

/// What changed, as frames: messages by thread in the order of `rev`, then watermarks, then notifications.
/// Without a cursor in a replay, whose end says how far it went.
pub(crate) fn frames(hearer: Hearer, missed: &Changes, since: CommitNo, cursor: Option<&Cursor>) -> Vec<ServerFrame> {
    let mut frames = Vec::new();
    if hearer.chat {
        frames.extend(missed.messages.iter().map(|changed| events::of_message(changed, since, cursor)));
        for changed in &missed.watermarks {
            // What one's own devices have received is no news to oneself; what was read on another one is.
            let seen_only = changed.user == hearer.user;
            let events = events::of_watermarks(changed, since, cursor);
            frames
                .extend(events.into_iter().filter(|event| !seen_only || matches!(event, ServerFrame::MessagesSeen(_))));
        }
    }
    if hearer.notifications {
        frames.extend(missed.notifications.iter().map(|changed| events::of_notification(changed, since, cursor)));
    }
    frames
}

/// One page of what has changed, for HTTP: whole commits, so that its cursor is true, oldest first.
pub(crate) async fn page(
    node: &Node,
    user: UserId,
    text: &str,
    limit: usize,
) -> Result<SyncPage, chat_database::Error> {
    let (released, _) = node.horizon.span();
    let reset = || SyncPage {
        events: Vec::new(),
        cursor: node.horizon.cursor_at(released, user),
        has_more: false,
        reset: true,
    };
    let From::Cursor(cursor) = from(node, user, text, Timestamp::now()).await? else { return Ok(reset()) };
    let since = cursor.commit;
    let Some(changes::Page { changes, end }) = changes::page(&node.database, user, since, MAX_CHANGES, limit).await?
    else {
        return Ok(reset());
    };
    let next = node.horizon.onward(&cursor, end.unwrap_or(released));
    let mut events = frames(Hearer { user, chat: true, notifications: true }, &changes, since, None);
    events.iter_mut().for_each(|event| node.images.links().dress_frame(event, user));
    Ok(SyncPage { events, cursor: next, has_more: end.is_some(), reset: false })
}
