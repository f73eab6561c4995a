//! Pairs of users: an author sends messages, a reader receives and confirms them.

mod history;
mod pair;

use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::task::JoinHandle;

use self::pair::{Conversation, OperationIds, Pair};
use super::Scenario;
use crate::args::{ChatShape, Receipts};
use crate::audit::{Acknowledged, Violation};
use crate::keys::Keys;
use crate::load::Load;
use crate::rest::Rest;
use crate::run_context::RunContext;

/// How many pairs connect, or are read back, concurrently.
const CONCURRENCY: usize = 32;

/// Pairs of users.
#[derive(Debug)]
pub struct Chat {
    shape: ChatShape,
}

/// The connected pairs.
#[derive(Debug)]
pub struct Pairs {
    tasks: Vec<JoinHandle<Conversation>>,
    rest: Option<Rest>,
}

impl Chat {
    /// Makes the scenario.
    #[must_use]
    pub fn new(shape: ChatShape) -> Self {
        Self { shape }
    }

    fn users(&self, context: &RunContext<'_>, number: u32) -> (u64, u64) {
        let author = context.first_user + u64::from(number) * 2;
        (author, author + 1)
    }

    /// Waits for the last answers and checks the guarantees, as [`Scenario::close`]; returns what the hub has acknowledged to
    /// each author.
    ///
    /// # Errors
    /// If the hub does not answer.
    pub(super) async fn end(&self, clients: Pairs, context: &RunContext<'_>) -> anyhow::Result<Vec<Acknowledged>> {
        let Load { deadline, read_back, .. } = context.load;
        let mut conversations = Vec::new();
        for task in clients.tasks {
            // A pair ends by itself a little after the deadline.
            match tokio::time::timeout(deadline * 3 + Duration::from_secs(10), task).await {
                Ok(Ok(conversation)) => conversations.push(conversation),
                _ => context.recorder.violation(Violation::Disconnected, || "a pair did not end".to_owned()),
            }
        }
        let sent: u64 = conversations.iter().map(|pair| pair.ledger.next_number()).sum();
        let quota = read_back / (conversations.len() as u64).max(1);
        if sent > read_back && clients.rest.is_some() {
            context.recorder.note(format!("only the newest {quota} messages of each pair were read back"));
        }
        if let Some(rest) = &clients.rest {
            let reading =
                stream::iter(&mut conversations).map(|pair| history::read_back(rest, context.target, pair, quota));
            reading.buffer_unordered(CONCURRENCY).try_collect::<Vec<()>>().await?;
        }
        let mut acknowledged = Vec::new();
        for Conversation { author, ledger, .. } in conversations {
            let (tally, violations) = ledger.close();
            acknowledged.push(Acknowledged { author, messages: tally.acknowledged });
            context.recorder.audited(tally, violations);
        }
        Ok(acknowledged)
    }

    /// Returns the nodes of the author and the reader of a pair: nodes × nodes consecutive pairs have each combination once.
    fn nodes(context: &RunContext<'_>, number: u32) -> (usize, usize) {
        let (nodes, number) = (context.target.nodes.len().max(1), number as usize);
        (number % nodes, (number / nodes + number) % nodes)
    }
}

impl Scenario for Chat {
    type Clients = Pairs;

    fn name(&self) -> &'static str {
        "chat"
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        let ChatShape { pairs, chars, window, receipts, receipt_every, .. } = &self.shape;
        let receipts = match receipts {
            Receipts::None => "none".to_owned(),
            kind => format!("{kind:?} every {receipt_every} ms").to_lowercase(),
        };
        vec![
            ("pairs", pairs.to_string()),
            ("chars", chars.to_string()),
            ("window", window.to_string()),
            ("receipts", receipts),
        ]
    }

    fn keys(&self) -> Option<Keys> {
        Some(self.shape.keys.keys)
    }

    fn connections(&self) -> u32 {
        self.shape.pairs * 2
    }

    async fn open(&self, context: &RunContext<'_>) -> anyhow::Result<Pairs> {
        let rest = (!context.target.legacy).then(|| Rest::new(context.target)).transpose()?;
        if rest.is_none() {
            context.recorder.note("history was not read back: a server of the legacy protocol has none");
        }
        let kinds = OperationIds::of(&context.recorder, context.target.nodes.len() > 1);
        let pacing = context.pacing(self.shape.pairs)?;
        let open = |(number, pacing)| {
            let (users, nodes) = (self.users(context, number), Self::nodes(context, number));
            let rest = rest.as_ref();
            async move { Pair::open(context, &self.shape, number, (users, nodes), pacing, kinds, rest).await }
        };
        let pairs: Vec<Pair> = stream::iter((0..).zip(pacing)).map(open).buffered(CONCURRENCY).try_collect().await?;
        // A pair with its two connections is large: boxed, it is moved once.
        let tasks = pairs.into_iter().map(|pair| tokio::task::spawn_local(Box::pin(pair.run()))).collect();
        Ok(Pairs { tasks, rest })
    }

    async fn close(&self, clients: Pairs, context: &RunContext<'_>) -> anyhow::Result<()> {
        self.end(clients, context).await.map(drop)
    }
}
