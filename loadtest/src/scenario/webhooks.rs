//! Webhooks and the event feed: what the marketplace's core hears of the load of `run chat`.

mod feed;
mod receiver;

use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;
use tokio::task::JoinHandle;

use super::chat::Pairs;
use super::{Chat, Scenario};
use crate::args::{Endpoint, WebhooksShape};
use crate::audit::{Acknowledged, Tally};
use crate::keys::Keys;
use crate::rest::Rest;
use crate::run_context::RunContext;
use crate::stats::float;
use feed::Feed;
use receiver::{ConsumerRecord, Receiver, nowhere};

/// The connections of the receiver and of the consumer of the feed, at most.
const CONNECTIONS: u32 = 16;

/// The time between two checks whether a consumer has heard of all messages.
const LOOK: Duration = Duration::from_millis(20);

/// Pairs of users, and the consumers of events that hear of their messages.
#[derive(Debug)]
pub struct Webhooks {
    shape: WebhooksShape,
    chat: Chat,
}

/// The pairs, and the consumers of events that hear of their messages.
#[derive(Debug)]
pub struct WebhookClients {
    pairs: Pairs,
    rest: Rest,
    /// The webhook that was made.
    webhook: Option<u64>,
    receiver: Option<(Receiver, Rc<ConsumerRecord>)>,
    feed: Option<(Feed, Rc<ConsumerRecord>, JoinHandle<()>)>,
}

#[derive(Deserialize)]
struct Made {
    id: u64,
    secret: String,
}

impl Webhooks {
    /// Makes the scenario.
    #[must_use]
    pub fn new(shape: WebhooksShape) -> Self {
        let chat = Chat::new(shape.chat.clone());
        Self { shape, chat }
    }

    /// Makes a webhook for messages.
    async fn register(rest: &Rest, context: &RunContext<'_>, url: &str) -> anyhow::Result<Made> {
        let body = json!({"url": url, "types": ["message.created"], "description": "chat-loadtest"});
        let token = context.target.admin_token()?;
        let answer = rest.request(Method::POST, "/admin/webhooks", &token).json(&body).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        ensure!(status.is_success(), "POST /admin/webhooks answered {status}: {text}");
        serde_json::from_str(&text).context("the answer of POST /admin/webhooks is not a webhook")
    }
}

impl Scenario for Webhooks {
    type Clients = WebhookClients;

    fn name(&self) -> &'static str {
        "webhooks"
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        let mut settings = self.chat.settings();
        settings.push(("endpoint", format!("{:?}", self.shape.endpoint).to_lowercase()));
        settings.push(("feed", if self.shape.feed { "followed" } else { "not read" }.to_owned()));
        settings
    }

    fn keys(&self) -> Option<Keys> {
        self.chat.keys()
    }

    fn connections(&self) -> u32 {
        self.chat.connections() + CONNECTIONS
    }

    async fn open(&self, context: &RunContext<'_>) -> anyhow::Result<WebhookClients> {
        let is_here = context.target.nodes.iter().all(|node| node.address.ip().is_loopback());
        ensure!(is_here, "run webhooks: this program receives the webhooks, so the hub must run on this machine");
        let rest = Rest::new(context.target)?;
        // The primary operation is that of `run chat`, so that both can be compared.
        context.recorder.operation("message");
        let (mut receiver, mut webhook) = (None, None);
        match self.shape.endpoint {
            Endpoint::Up => {
                let record = ConsumerRecord::new("webhook", context.recorder.operation("webhook"), &context.recorder);
                let started = Receiver::start(Rc::clone(&record)).await?;
                let made = Self::register(&rest, context, &started.url()).await?;
                started.trusts(&made.secret);
                (receiver, webhook) = (Some((started, record)), Some(made.id));
            }
            Endpoint::Down => webhook = Some(Self::register(&rest, context, &nowhere().await?).await?.id),
            Endpoint::None => {}
        }
        let mut feed = None;
        if self.shape.feed {
            let record = ConsumerRecord::new("feed", context.recorder.operation("feed event"), &context.recorder);
            let reader = Feed::begin(rest.clone(), context.target.service_token()?).await?;
            let following = tokio::task::spawn_local(reader.clone().follow(Rc::clone(&record)));
            feed = Some((reader, record, following));
        }
        let pairs = self.chat.open(context).await?;
        Ok(WebhookClients { pairs, rest, webhook, receiver, feed })
    }

    async fn close(&self, clients: WebhookClients, context: &RunContext<'_>) -> anyhow::Result<()> {
        let WebhookClients { pairs, rest, webhook, receiver, feed } = clients;
        let ended = Instant::now();
        let acknowledged = self.chat.end(pairs, context).await?;
        let recorder = &context.recorder;
        for (record, name, again) in [
            (receiver.as_ref().map(|(_, record)| record), "webhooks", "webhooks sent again"),
            (feed.as_ref().map(|(_, record, _)| record), "feed events", "feed events told again"),
        ] {
            let Some(record) = record else { continue };
            let behind = record.ledger.borrow().missing(&acknowledged);
            hears_all(record, &acknowledged, context.load.deadline).await;
            let ledger = record.ledger.borrow();
            recorder.figure(name, float(ledger.count()), "");
            recorder.figure(again, float(ledger.repeats()), "");
            if behind > 0 {
                let seconds = ended.elapsed().as_secs_f64();
                recorder.note(format!("{behind} {name} came after the last message, within {seconds:.1} s"));
            }
        }
        if let Some((reader, record, following)) = feed {
            following.abort();
            let pages = reader.replay().await?;
            if pages.count() > 0 {
                recorder.figure("feed page of 500, p50", pages.quantile(0.5), "ms");
                recorder.figure("feed page of 500, p99", pages.quantile(0.99), "ms");
            }
            recorder.audited(Tally::default(), record.ledger.borrow_mut().close(&acknowledged));
        }
        if let Some(id) = webhook {
            let token = context.target.admin_token()?;
            let answer = rest.request(Method::DELETE, &format!("/admin/webhooks/{id}"), &token).send().await?;
            ensure!(answer.status().is_success(), "DELETE /admin/webhooks/{id} answered {}", answer.status());
        }
        if let Some((receiver, record)) = receiver {
            receiver.end();
            recorder.audited(Tally::default(), record.ledger.borrow_mut().close(&acknowledged));
        }
        Ok(())
    }
}

/// Waits until a consumer has heard of all messages, or has heard of none for as long as `patience`.
async fn hears_all(record: &ConsumerRecord, acknowledged: &[Acknowledged], patience: Duration) {
    let (mut missing, mut since) = (u64::MAX, Instant::now());
    loop {
        let now = record.ledger.borrow().missing(acknowledged);
        if now == 0 || since.elapsed() > patience {
            return;
        }
        if now < missing {
            (missing, since) = (now, Instant::now());
        }
        tokio::time::sleep(LOOK).await;
    }
}
