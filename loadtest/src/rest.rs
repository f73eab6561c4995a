//! REST, as far as scenarios need it.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde::Deserialize;

use crate::target::Target;

/// A caller of REST.
#[derive(Debug, Clone)]
pub struct Rest {
    http: reqwest::Client,
    base: String,
}

/// The newest message of a conversation, as history tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Newest {
    /// Its place in the thread; 0 in an empty one.
    pub seq: u64,
    /// The thread's change counter.
    pub rev: u64,
}

#[derive(Deserialize)]
struct History {
    #[serde(default)]
    rev: u64,
    messages: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    seq: u64,
}

impl Rest {
    /// Makes a caller of a hub.
    ///
    /// # Errors
    /// If the HTTP client cannot be built.
    pub fn new(target: &Target) -> anyhow::Result<Self> {
        // The hub's store of images brings TLS to this client, too, without saying with which crypto.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().timeout(Duration::from_secs(30)).build()?;
        Ok(Self { http, base: format!("http://{}{}", target.address, target.base) })
    }

    /// Returns the newest message between the token's user and another.
    ///
    /// # Errors
    /// If the hub does not answer with a history.
    pub async fn newest(&self, token: &str, with: u64) -> anyhow::Result<Newest> {
        let url = format!("{}/chat/messages?with={with}&limit=1", self.base);
        let answer = self.http.get(&url).bearer_auth(token).send().await?;
        let status = answer.status();
        let body = answer.text().await?;
        ensure!(status.is_success(), "GET {url} answered {status}: {body}");
        let history: History = serde_json::from_str(&body).with_context(|| format!("GET {url} answered {body}"))?;
        Ok(Newest { seq: history.messages.last().map_or(0, |entry| entry.seq), rev: history.rev })
    }
}
