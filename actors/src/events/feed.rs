//! Pages of the event feed.

use chat_database::queries::events::{self, Found, Window};
use chat_database::{Database, history};

use super::{Event, EventType, FeedCursor, Wanted, told};
use crate::error::Error;

/// How many windows of the log one page reads at most, while it finds too few of the events that are asked for.
const WINDOWS: usize = 50;

/// A page of the feed.
#[derive(Debug, Clone)]
pub struct Page {
    /// What has happened, in the order of commits.
    pub events: Vec<Event>,
    /// The cursor for the next page.
    pub cursor: FeedCursor,
    /// Whether there is more.
    pub has_more: bool,
}

/// The answer to a read behind a cursor.
#[derive(Debug)]
pub enum Answer {
    /// What has happened.
    Page(Page),
    /// The log does not reach back to the cursor, or the cursor is of another history. Holds the oldest cursor that can be
    /// read from.
    Gone(FeedCursor),
}

/// Returns the present cursor, for a new reader.
pub(crate) async fn now(database: &Database) -> Result<FeedCursor, Error> {
    Ok(FeedCursor::behind(history::head(database).await?, fastrand::u32(1..)))
}

/// Reads the page behind a cursor: at most `limit` events, or fewer if their objects do not fit in a page.
pub(crate) async fn page(
    database: &Database,
    after: FeedCursor,
    wanted: Wanted,
    limit: usize,
) -> Result<Answer, Error> {
    if !history::holds(database, &after.commit_ref).await? {
        return gone(database, after.reader).await;
    }
    let mut most = limit;
    loop {
        let Some(happened) = happened(database, after.clone(), wanted, most).await? else {
            return gone(database, after.reader).await;
        };
        let Happened { events: happened, cursor, has_more } = happened;
        let event_refs: Vec<_> = happened.iter().map(|event| event.event_ref).collect();
        let objects = events::objects(database, &event_refs).await?;
        let fitting = objects.fitting(&event_refs);
        if fitting == event_refs.len() {
            let events = happened.iter().filter_map(|event| told(event, &objects)).collect();
            return Ok(Answer::Page(Page { events, cursor, has_more }));
        }
        // Only the log knows the cursor behind the events that fit, so these alone are read again.
        most = fitting;
    }
}

/// What has happened behind a cursor, and where to go on.
struct Happened {
    events: Vec<chat_database::events::Event>,
    cursor: FeedCursor,
    has_more: bool,
}

/// Reads what has happened behind a cursor; `None` if the log does not go back so far.
async fn happened(
    database: &Database,
    after: FeedCursor,
    wanted: Wanted,
    limit: usize,
) -> Result<Option<Happened>, Error> {
    let mut cursor = after;
    let mut happened = Vec::new();
    let mut has_more = true;
    for _ in 0..WINDOWS {
        let most = limit - happened.len();
        let asked = move |event_ref| wanted.has(EventType::of(event_ref));
        let window = match events::after(database, cursor.position, most, asked).await? {
            Found::Window(window) => window,
            // This page returns what was found so far; the next one says that the rest has gone.
            Found::Gone if happened.is_empty() => return Ok(None),
            Found::Gone => break,
        };
        let Window { events, end, commit_ref, has_more: more } = window;
        happened.extend(events);
        cursor =
            FeedCursor { commit_ref: commit_ref.unwrap_or(cursor.commit_ref), position: end, reader: cursor.reader };
        has_more = more;
        if !more || happened.len() >= limit {
            break;
        }
    }
    Ok(Some(Happened { events: happened, cursor, has_more }))
}

async fn gone(database: &Database, reader: u32) -> Result<Answer, Error> {
    Ok(Answer::Gone(FeedCursor::behind(events::oldest(database).await?, reader)))
}
