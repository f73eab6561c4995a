//! Pairs of users: one writes, the other reads and confirms.

mod history;
mod pair;

use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::task::JoinHandle;

use self::pair::{Kinds, Pair, Talked};
use super::Scenario;
use crate::args::{ChatShape, Receipts};
use crate::audit::Fault;
use crate::keys::Keys;
use crate::rest::Rest;
use crate::stage::{Load, Stage};

/// How many pairs connect, or are read back, at a time.
const AT_ONCE: usize = 32;

/// Pairs of users who talk.
#[derive(Debug)]
pub struct Chat {
    shape: ChatShape,
}

/// Pairs at work.
#[derive(Debug)]
pub struct Pairs {
    tasks: Vec<JoinHandle<Talked>>,
    rest: Option<Rest>,
}

impl Chat {
    /// Makes the scenario.
    #[must_use]
    pub fn new(shape: ChatShape) -> Self {
        Self { shape }
    }

    fn users(&self, stage: &Stage<'_>, number: u32) -> (u64, u64) {
        let author = stage.first_user + u64::from(number) * 2;
        (author, author + 1)
    }
}

impl Scenario for Chat {
    type Crew = Pairs;

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

    async fn open(&self, stage: &Stage<'_>) -> anyhow::Result<Pairs> {
        let rest = (!stage.target.legacy).then(|| Rest::new(stage.target)).transpose()?;
        if rest.is_none() {
            stage.recorder.note("history was not read back: this server has none that we know");
        }
        let kinds = Kinds::of(&stage.recorder);
        let paces = stage.pace(self.shape.pairs)?;
        let open = |(number, pace)| {
            let (author, reader) = self.users(stage, number);
            let rest = rest.as_ref();
            async move { Pair::open(stage, &self.shape, number, (author, reader), pace, kinds, rest).await }
        };
        let pairs: Vec<Pair> = stream::iter((0..).zip(paces)).map(open).buffered(AT_ONCE).try_collect().await?;
        // Boxed: a pair with its two connections is large, and moves once.
        let tasks = pairs.into_iter().map(|pair| tokio::task::spawn_local(Box::pin(pair.run()))).collect();
        Ok(Pairs { tasks, rest })
    }

    async fn close(&self, crew: Pairs, stage: &Stage<'_>) -> anyhow::Result<()> {
        let Load { deadline, read_back, .. } = stage.load;
        let mut talked = Vec::new();
        for task in crew.tasks {
            // It gives up by itself, a little after the deadline.
            match tokio::time::timeout(deadline * 3 + Duration::from_secs(10), task).await {
                Ok(Ok(pair)) => talked.push(pair),
                _ => stage.recorder.fault(Fault::Disconnected, || "a pair did not come to an end".to_owned()),
            }
        }
        let sent: u64 = talked.iter().map(|pair| pair.ledger.next_number()).sum();
        let quota = read_back / (talked.len() as u64).max(1);
        if sent > read_back && crew.rest.is_some() {
            stage.recorder.note(format!("of each pair no more than the newest {quota} messages were read back"));
        }
        if let Some(rest) = &crew.rest {
            let reading = stream::iter(&mut talked).map(|pair| history::read_back(rest, stage.target, pair, quota));
            reading.buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await?;
        }
        for pair in talked {
            let (tally, faults) = pair.ledger.close();
            stage.recorder.audited(tally, faults);
        }
        Ok(())
    }
}
