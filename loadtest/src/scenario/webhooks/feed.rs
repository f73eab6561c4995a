//! A consumer that follows the event feed.

use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use reqwest::Method;
use serde::Deserialize;

use super::receiver::ConsumerRecord;
use crate::rest::Rest;
use crate::stats::latency::Latency;

/// The maximum number of events of a page.
const PAGE: usize = 500;

/// How long a consumer that was refused waits before it asks again.
const PAUSE: Duration = Duration::from_millis(500);

/// A reader of the event feed.
#[derive(Debug, Clone)]
pub(super) struct Feed {
    rest: Rest,
    token: String,
    /// The cursor at which it began.
    start: String,
}

#[derive(Debug, Deserialize)]
struct Page {
    events: Vec<Event>,
    cursor: String,
    has_more: bool,
}

#[derive(Debug, Deserialize)]
struct Event {
    at: String,
    data: Data,
}

#[derive(Debug, Deserialize)]
struct Data {
    message: Message,
}

#[derive(Debug, Deserialize)]
struct Message {
    id: u64,
    seq: u64,
    sender_id: u64,
}

impl Feed {
    /// Makes a reader that begins at the present cursor of the feed.
    pub(super) async fn begin(rest: Rest, token: String) -> anyhow::Result<Self> {
        let mut feed = Self { rest, token, start: String::new() };
        feed.start = feed.ask("?limit=1").await?.1.cursor;
        Ok(feed)
    }

    /// Follows the feed, for ever.
    pub(super) async fn follow(self, record: Rc<ConsumerRecord>) {
        let mut cursor = self.start.clone();
        loop {
            let asked = self.ask(&format!("{}&wait=20", behind(&cursor))).await;
            let Ok((_, page)) = asked else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            for Event { at, data: Data { message } } in &page.events {
                record.hears(message.id, message.sender_id, message.seq, at);
            }
            cursor = page.cursor;
        }
    }

    /// Reads everything again from where it began, and returns how long a whole page took.
    ///
    /// # Errors
    /// If the hub does not answer.
    pub(super) async fn replay(&self) -> anyhow::Result<Latency> {
        let (mut cursor, mut latency) = (self.start.clone(), Latency::new());
        loop {
            let (took, page) = self.ask(&behind(&cursor)).await?;
            if page.events.len() == PAGE {
                latency.record(took);
            }
            cursor = page.cursor;
            if !page.has_more {
                return Ok(latency);
            }
        }
    }

    /// Asks for a page, and returns it with the time that it took.
    async fn ask(&self, query: &str) -> anyhow::Result<(Duration, Page)> {
        let asked = Instant::now();
        let answer = self.rest.request(Method::GET, &format!("/internal/events{query}"), &self.token).send().await?;
        let (status, body) = (answer.status(), answer.bytes().await?);
        let took = asked.elapsed();
        let text = || String::from_utf8_lossy(&body).into_owned();
        ensure!(status.is_success(), "GET /internal/events answered {status}: {}", text());
        let page =
            serde_json::from_slice(&body).with_context(|| format!("GET /internal/events answered {}", text()))?;
        Ok((took, page))
    }
}

fn behind(cursor: &str) -> String {
    format!("?after={cursor}&types=message.created&limit={PAGE}")
}
