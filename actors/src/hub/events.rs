//! The event feed: what has happened, for the marketplace's core.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::Hub;
use crate::error::Error;
use crate::events::feed::{self, Answer};
use crate::events::{FeedCursor, Page, Wanted};

/// How often a reader who waits looks whether anything was committed: a look at a number in memory.
const LOOK: Duration = Duration::from_millis(25);

impl Hub {
    /// Reads the events behind a cursor, `limit` of those that are wanted. Without a cursor: none, and where the feed stands now.
    /// If there are none, waits for some until `wait` is over, or this node drains.
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
            Some(cursor) => cursor,
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

    /// Waits until something was committed that a page has not looked at; `false` if nothing is by the deadline.
    async fn commits_come(&self, page: &Page, deadline: Instant) -> bool {
        loop {
            if page.has_more || self.0.frontier.newest().commit > page.cursor.mark.commit {
                return Instant::now() < deadline;
            }
            if Instant::now() >= deadline || self.0.draining.has_started() {
                return false;
            }
            sleep(LOOK).await;
        }
    }
}
