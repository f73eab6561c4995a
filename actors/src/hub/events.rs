//! The event feed: what has happened, for the marketplace's core.

use std::time::Duration;

use chat_database::change::Change;
use chat_database::consumers::ConsumerChange;
use tokio::time::{Instant, sleep};

use super::Hub;
use crate::error::Error;
use crate::events::feed::{self, Answer};
use crate::events::{FeedCursor, Page, Wanted, readers};

/// How often a waiting reader checks for new commits; a check reads one number in memory.
const CHECK_INTERVAL: Duration = Duration::from_millis(25);

impl Hub {
    /// Reads the events behind a cursor, at most `limit` of the wanted ones. Without a cursor, returns no events and the
    /// present cursor. If there are no events, waits for some until `wait` is over, or this node drains.
    ///
    /// # Errors
    /// `unavailable` with the database down.
    pub async fn events(
        &self,
        after: Option<FeedCursor>,
        wanted: Wanted,
        limit: usize,
        wait: Duration,
    ) -> Result<Answer, Error> {
        let deadline = Instant::now() + wait;
        let mut cursor = match after {
            Some(cursor) => {
                self.note_reader(&cursor);
                cursor
            }
            None => {
                let cursor = feed::now(&self.0.database).await?;
                return Ok(Answer::Page(Page { events: Vec::new(), cursor, has_more: false }));
            }
        };
        loop {
            let (database, from) = (self.0.database.clone(), cursor);
            let made = self.run_low_priority(async move { feed::page(&database, from, wanted, limit).await }).await??;
            let page = match made {
                Answer::Page(page) => page,
                gone @ Answer::Gone(_) => return Ok(gone),
            };
            if !page.events.is_empty() || !self.commits_come(&page, deadline).await {
                return Ok(Answer::Page(page));
            }
            cursor = page.cursor;
        }
    }

    /// Has a reader's position written, so that the log is kept for it. The reader does not wait for that.
    fn note_reader(&self, cursor: &FeedCursor) {
        if !self.0.feed_readers.is_due(cursor, Instant::now()) {
            return;
        }
        let change = ConsumerChange::Follow { name: readers::name(cursor), position: cursor.position.event };
        let storage = self.0.storage.clone();
        tokio::spawn(async move {
            if let Err(error) = storage.call_later(Change::Consume(Box::new(change))).await {
                tracing::debug!(%error, "how far a reader of the feed has come is noted when it asks again");
            }
        });
    }

    /// Waits until there is a commit that a page has not covered; `false` if there is none by the deadline.
    async fn commits_come(&self, page: &Page, deadline: Instant) -> bool {
        loop {
            if page.has_more || self.0.frontier.newest().commit > page.cursor.commit_ref.commit {
                return Instant::now() < deadline;
            }
            if Instant::now() >= deadline || self.0.draining.has_started() {
                return false;
            }
            sleep(CHECK_INTERVAL).await;
        }
    }
}
