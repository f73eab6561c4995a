//! Finds what has changed since a cursor: for a socket that comes back, and for `GET /chat/sync`.

use chat_database::Database;
use chat_database::history;
use chat_database::ids::{CommitNo, UserId};
use chat_database::queries::changes::{self, Changes};
use chat_database::time::Timestamp;

use crate::delivery_frontier::DeliveryFrontier;
use crate::images::links::Links;
use crate::notifications::events::changed_notification;
use crate::protocol::cursor::MAX_CHANGES;
use crate::protocol::{Cursor, ServerFrame};
use crate::thread::fanout;

/// A page of what has changed.
#[derive(Debug)]
pub struct SyncPage {
    /// What changed, as frames without cursors.
    pub events: Vec<ServerFrame>,
    /// The cursor of the next page.
    pub cursor: Cursor,
    /// Whether there is more.
    pub has_more: bool,
    /// Whether the cursor could not be served: reload, and go on from `cursor`.
    pub reset: bool,
}

/// The point from which a client continues.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ResumePoint {
    /// The client has no cursor, and starts at the present.
    Here,
    /// The client's cursor can be served, as far as its form and age go.
    Cursor(Cursor),
    /// The cursor cannot be served: the client reloads.
    Reset,
}

/// Checks a cursor: a malformed one, another reader's, one that is too old, or one of another history is a reset.
pub(crate) async fn resume_point(
    database: &Database,
    reader: UserId,
    text: &str,
    now: Timestamp,
) -> Result<ResumePoint, chat_database::Error> {
    let cursor = Cursor::parse(text).filter(|cursor| cursor.reader == Some(reader) && !cursor.is_stale(now));
    let Some(cursor) = cursor.filter(|cursor| cursor.commit <= cursor.heard.commit) else {
        return Ok(ResumePoint::Reset);
    };
    let holds = history::holds(database, &cursor.heard).await?;
    Ok(if holds { ResumePoint::Cursor(cursor) } else { ResumePoint::Reset })
}

/// The reader of changes, and which kinds of frames it gets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader {
    pub(crate) user: UserId,
    pub(crate) chat: bool,
    pub(crate) notifications: bool,
}

/// Returns changes as frames: messages by thread in the order of `rev`, then watermarks, then notifications. They have no
/// cursor in a replay, whose end has one.
pub(crate) fn frames(reader: Reader, missed: &Changes, since: CommitNo, cursor: Option<&Cursor>) -> Vec<ServerFrame> {
    let mut frames = Vec::new();
    if reader.chat {
        let messages = missed.messages.iter().map(|changed| fanout::changed_message(changed, since, cursor));
        let moved = missed.watermarks.iter().flat_map(|changed| fanout::moved_watermarks(changed, since, cursor));
        let told = messages.chain(moved).filter(|(recipients, _)| recipients.include(reader.user));
        frames.extend(told.map(|(_, frame)| frame));
    }
    if reader.notifications {
        frames.extend(missed.notifications.iter().map(|changed| changed_notification(changed, since, cursor)));
    }
    frames
}

/// Reads one page of what has changed, for HTTP: whole commits, so that its cursor is true, oldest first.
pub(crate) async fn page(
    (database, frontier, links): (&Database, &DeliveryFrontier, &Links),
    user: UserId,
    text: &str,
    limit: usize,
) -> Result<SyncPage, chat_database::Error> {
    let (released, _) = frontier.span();
    let reset =
        || SyncPage { events: Vec::new(), cursor: frontier.cursor_at(released, user), has_more: false, reset: true };
    let ResumePoint::Cursor(cursor) = resume_point(database, user, text, Timestamp::now()).await? else {
        return Ok(reset());
    };
    let since = cursor.commit;
    let Some(changes::Page { changes, end }) = changes::page(database, user, since, MAX_CHANGES, limit).await? else {
        return Ok(reset());
    };
    let next = frontier.onward(&cursor, end.unwrap_or(released));
    let mut events = frames(Reader { user, chat: true, notifications: true }, &changes, since, None);
    events.iter_mut().for_each(|event| links.dress_frame(event, user));
    Ok(SyncPage { events, cursor: next, has_more: end.is_some(), reset: false })
}
