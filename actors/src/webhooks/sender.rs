//! Sends webhooks: one request, with deadlines, to an address that was checked.

use std::error::Error as _;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use chat_database::time::Timestamp;
use futures_util::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, redirect};
use tokio::time::Instant;

use super::address::{self, Policy, Target};
use super::signature::{self, Secret};

/// How long a connection may take, and how long the whole request.
const CONNECT: Duration = Duration::from_secs(5);
const WHOLE: Duration = Duration::from_secs(15);

/// How much of an answer is read.
const REPLY: usize = 4 * 1_024;

/// How long a name's addresses are waited for when a webhook is made.
const LOOK_UP: Duration = Duration::from_secs(3);

/// Looks up the addresses of a name.
pub(super) type LookUp = Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync>;

/// A request to send.
#[derive(Clone)]
pub(super) struct Request {
    pub(super) url: String,
    pub(super) id: String,
    pub(super) secrets: Vec<Secret>,
    pub(super) body: Vec<u8>,
}

/// The result of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attempt {
    /// The status of the answer, if there was one.
    pub(super) code: Option<u16>,
    pub(super) ms: u64,
    /// The beginning of the answer, or why there was none.
    pub(super) reply: String,
    pub(super) retry_after: Option<String>,
}

impl Attempt {
    /// Tells whether the event has arrived.
    pub(super) fn is_success(&self) -> bool {
        self.code.is_some_and(|code| (200..300).contains(&code))
    }
}

/// Sends webhooks. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Sender {
    client: Client,
    policy: Arc<Policy>,
    look_up: LookUp,
}

impl Sender {
    /// Makes one that looks up names by the system.
    pub(crate) fn new(policy: Policy) -> Result<Self, reqwest::Error> {
        let look_up = |name: String| -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
            Box::pin(async move {
                let found = tokio::net::lookup_host((name, 0)).await?;
                Ok(found.map(|address| address.ip()).collect())
            })
        };
        Self::with(policy, Arc::new(look_up))
    }

    /// Makes one that looks names up in another way.
    pub(super) fn with(policy: Policy, look_up: LookUp) -> Result<Self, reqwest::Error> {
        // TLS needs a choice of crypto. Another part of the process may have made the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let policy = Arc::new(policy);
        let judged = JudgedNames { policy: Arc::clone(&policy), look_up: Arc::clone(&look_up) };
        let client = Client::builder()
            .dns_resolver(judged)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT)
            .timeout(WHOLE)
            .user_agent(concat!("softadastra-chat/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { client, policy, look_up })
    }

    /// Checks a URL, and the addresses that its host has now. A name may still be without an address.
    pub(super) async fn judge(&self, url: &str) -> Result<(), address::Error> {
        let (_, target) = self.policy.judge(url)?;
        if let Target::Name(name) = target
            && let Ok(Ok(addresses)) = tokio::time::timeout(LOOK_UP, (self.look_up)(name.clone())).await
        {
            self.policy.judge_name(&name, &addresses)?;
        }
        Ok(())
    }

    /// Sends a request, and returns the result.
    pub(super) async fn send(&self, request: &Request) -> Attempt {
        let started = Instant::now();
        let answered = self.ask(request).await;
        let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        match answered {
            Ok((code, retry_after, reply)) => Attempt { code: Some(code), ms, reply, retry_after },
            Err(why) => Attempt { code: None, ms, reply: why, retry_after: None },
        }
    }

    /// Sends a HEAD request to a URL, and returns the status.
    pub(super) async fn reach(&self, url: &str) -> Result<u16, String> {
        let (url, _) = self.policy.judge(url).map_err(|refused| refused.to_string())?;
        let answer = self.client.head(url).send().await.map_err(described)?;
        Ok(answer.status().as_u16())
    }

    async fn ask(&self, request: &Request) -> Result<(u16, Option<String>, String), String> {
        // A host that is an address is checked here, for it is not looked up.
        let (url, _) = self.policy.judge(&request.url).map_err(|refused| refused.to_string())?;
        let timestamp = Timestamp::now().seconds();
        let signature = signature::header(&request.secrets, &request.id, timestamp, &request.body);
        let sending = self
            .client
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", &request.id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signature)
            .body(request.body.clone())
            .send();
        let mut response = sending.await.map_err(described)?;
        let code = response.status().as_u16();
        let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let mut reply = Vec::new();
        while reply.len() < REPLY
            && let Some(chunk) = response.chunk().await.map_err(described)?
        {
            reply.extend_from_slice(&chunk);
        }
        reply.truncate(REPLY);
        // A database may refuse to store the character NUL.
        Ok((code, retry_after, String::from_utf8_lossy(&reply).replace('\0', "\u{fffd}")))
    }
}

/// Describes why there was no answer, without the URL: its query may hold a secret.
fn described(error: reqwest::Error) -> String {
    if error.is_timeout() {
        let (what, span) = if error.is_connect() { ("connection", CONNECT) } else { ("whole answer", WHOLE) };
        return format!("no {what} within {} s", span.as_secs());
    }
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// Looks up names for connections, and refuses a name with a forbidden address: so connections go to checked addresses
/// alone.
struct JudgedNames {
    policy: Arc<Policy>,
    look_up: LookUp,
}

impl Resolve for JudgedNames {
    fn resolve(&self, name: Name) -> Resolving {
        let (policy, name) = (Arc::clone(&self.policy), name.as_str().to_owned());
        let looking = (self.look_up)(name.clone());
        Box::pin(async move {
            let addresses = looking.await?;
            policy.judge_name(&name, &addresses)?;
            let addresses: Addrs = Box::new(addresses.into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests;
