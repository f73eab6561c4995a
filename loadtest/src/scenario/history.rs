//! Pages of history over REST.

use std::rc::Rc;
use std::time::Instant;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use reqwest::Method;
use tokio::task::JoinHandle;

use super::{Scenario, setup};
use crate::args::HistoryShape;
use crate::audit::Violation;
use crate::keys::Keys;
use crate::recorder::{OperationId, Recorder};
use crate::rest::{Page, Rest};
use crate::run_context::{Pacing, RunContext};

/// How many threads are written concurrently.
const CONCURRENCY: usize = 8;

/// Readers of history.
#[derive(Debug)]
pub struct History {
    shape: HistoryShape,
}

impl History {
    /// Makes the scenario.
    #[must_use]
    pub fn new(shape: HistoryShape) -> Self {
        Self { shape }
    }
}

impl Scenario for History {
    type Clients = Vec<JoinHandle<()>>;

    fn name(&self) -> &'static str {
        "history"
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        let HistoryShape { threads, messages, page, .. } = &self.shape;
        vec![("threads", threads.to_string()), ("messages", messages.to_string()), ("page", page.to_string())]
    }

    fn keys(&self) -> Option<Keys> {
        Some(self.shape.keys.keys)
    }

    fn connections(&self) -> u32 {
        self.shape.clients
    }

    async fn open(&self, context: &RunContext<'_>) -> anyhow::Result<Vec<JoinHandle<()>>> {
        let HistoryShape { threads, messages, page, clients, keys } = self.shape;
        let operation = context.recorder.operation("page");
        let target = context.target;
        let pair =
            |thread: u32| (context.first_user + u64::from(thread) * 2, context.first_user + u64::from(thread) * 2 + 1);
        let writing = stream::iter(0..threads).map(|thread| {
            let (author, reader) = pair(thread);
            setup::write_history(target, (keys.keys, &context.run_id), author, reader, messages)
        });
        writing.buffer_unordered(CONCURRENCY).try_collect::<Vec<()>>().await?;
        let rest = Rest::new(target)?;
        let mut threads_to_read = Vec::new();
        for thread in 0..threads {
            let (author, reader) = pair(thread);
            let token = target.token(reader)?;
            let newest = rest.newest(&token, author).await?.seq;
            threads_to_read.push(Thread { author, token, newest });
        }
        let threads = Rc::new(threads_to_read);
        let mut seed = context.load.seed;
        let mut tasks = Vec::new();
        for pacing in context.pacing(clients)? {
            seed += 1;
            let rng = fastrand::Rng::with_seed(seed);
            let reader = Reader {
                rest: rest.clone(),
                threads: Rc::clone(&threads),
                page,
                rng,
                operation,
                recorder: Rc::clone(&context.recorder),
            };
            tasks.push(tokio::task::spawn_local(reader.run(pacing)));
        }
        Ok(tasks)
    }

    async fn close(&self, clients: Vec<JoinHandle<()>>, _: &RunContext<'_>) -> anyhow::Result<()> {
        for task in clients {
            task.await?;
        }
        Ok(())
    }
}

/// A thread that is read.
#[derive(Debug)]
struct Thread {
    author: u64,
    token: String,
    newest: u64,
}

struct Reader {
    rest: Rest,
    threads: Rc<Vec<Thread>>,
    page: u32,
    rng: fastrand::Rng,
    operation: OperationId,
    recorder: Rc<Recorder>,
}

impl Reader {
    async fn run(mut self, pacing: Pacing) {
        self.recorder.started().await;
        while let Some((intended, now)) = pacing.next(&self.recorder, self.operation).await {
            self.read(intended, now).await;
        }
    }

    /// Reads a random page of a random thread, and checks its places.
    async fn read(&mut self, intended: Instant, sent: Instant) {
        let Some(thread) = self.threads.get(self.rng.usize(..self.threads.len())) else { return };
        let before = self.rng.u64(2..=thread.newest.max(2) + 1);
        let path = format!("/chat/messages?with={}&before_seq={before}&limit={}", thread.author, self.page);
        let answer = self.rest.request(Method::GET, &path, &thread.token).send().await;
        let body = match answer {
            Ok(answer) if answer.status().is_success() => answer.bytes().await,
            Ok(answer) => return self.recorder.refused(self.operation, &answer.status().to_string(), Instant::now()),
            Err(error) => return self.recorder.refused(self.operation, &error.to_string(), Instant::now()),
        };
        let now = Instant::now();
        let page: Option<Page> = body.ok().and_then(|body| serde_json::from_slice(&body).ok());
        let places: Vec<u64> = page.iter().flat_map(|page| &page.messages).map(|message| message.seq).collect();
        let first = before.saturating_sub(u64::from(self.page)).max(1);
        if !places.iter().copied().eq(first..before) {
            self.recorder.violation(Violation::Misnumbered, || format!("GET {path} answered the places {places:?}"));
        }
        self.recorder.completed(self.operation, intended, sent, now);
    }
}
