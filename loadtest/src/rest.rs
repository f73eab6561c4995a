//! The REST requests of the scenarios.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use reqwest::{Method, RequestBuilder};
use serde::Deserialize;

use crate::target::Target;

/// A REST client of the hub.
#[derive(Debug, Clone)]
pub struct Rest {
    http: reqwest::Client,
    /// The URLs of the nodes, which are asked in turn.
    nodes: Vec<String>,
    asked: Rc<Cell<usize>>,
}

/// The newest message of a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Newest {
    /// Its place in the thread; 0 in an empty thread.
    pub seq: u64,
    /// The thread's change counter.
    pub rev: u64,
}

/// A page of history.
#[derive(Debug, Deserialize)]
pub struct Page {
    #[serde(default)]
    rev: u64,
    /// Its messages, oldest first.
    pub messages: Vec<Entry>,
    /// Whether there are newer ones.
    #[serde(default)]
    pub has_more: bool,
}

/// A message of history.
#[derive(Debug, Deserialize)]
pub struct Entry {
    /// Its place.
    pub seq: u64,
    /// Its idempotency key.
    pub temp_id: Option<String>,
}

/// Messages of a page.
const PAGE_SIZE: u32 = 200;

impl Rest {
    /// Makes a client of a hub.
    ///
    /// # Errors
    /// If the HTTP client cannot be built.
    pub fn new(target: &Target) -> anyhow::Result<Self> {
        // The hub's media store enables TLS in reqwest for the whole workspace, without a default crypto provider.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().timeout(Duration::from_secs(30)).build()?;
        let nodes = target.nodes.iter().map(|node| format!("http://{}{}", node.address, target.base)).collect();
        Ok(Self { http, nodes, asked: Rc::default() })
    }

    /// Returns the newest message between the token's user and another.
    ///
    /// # Errors
    /// If the hub does not answer with a history.
    pub async fn newest(&self, token: &str, with: u64) -> anyhow::Result<Newest> {
        let page = self.history(token, &format!("with={with}&limit=1")).await?;
        Ok(Newest { seq: page.messages.last().map_or(0, |entry| entry.seq), rev: page.rev })
    }

    /// Returns the next messages after a place.
    ///
    /// # Errors
    /// If the hub does not answer with a history.
    pub async fn page(&self, token: &str, with: u64, after_seq: u64) -> anyhow::Result<Page> {
        self.history(token, &format!("with={with}&after_seq={after_seq}&limit={PAGE_SIZE}")).await
    }

    /// Makes a request to the next node.
    pub fn request(&self, method: Method, path: &str, token: &str) -> RequestBuilder {
        let turn = self.asked.get();
        self.asked.set(turn.wrapping_add(1));
        let node = self.nodes.get(turn % self.nodes.len().max(1)).map_or("", String::as_str);
        self.http.request(method, format!("{node}{path}")).bearer_auth(token)
    }

    async fn history(&self, token: &str, query: &str) -> anyhow::Result<Page> {
        let path = format!("/chat/messages?{query}");
        let answer = self.request(Method::GET, &path, token).send().await?;
        let status = answer.status();
        let body = answer.text().await?;
        ensure!(status.is_success(), "GET {path} answered {status}: {body}");
        serde_json::from_str(&body).with_context(|| format!("GET {path} answered {body}"))
    }
}
