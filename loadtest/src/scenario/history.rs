//! Pages of history over REST.

use std::rc::Rc;
use std::time::Instant;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use reqwest::Method;
use tokio::task::JoinHandle;

use super::{Scenario, people};
use crate::args::HistoryShape;
use crate::audit::Fault;
use crate::keys::Keys;
use crate::recorder::{Kind, Recorder};
use crate::rest::{Page, Rest};
use crate::stage::{Pace, Stage};

/// How many threads are written at a time.
const AT_ONCE: usize = 8;

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
    type Crew = Vec<JoinHandle<()>>;

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

    async fn open(&self, stage: &Stage<'_>) -> anyhow::Result<Vec<JoinHandle<()>>> {
        let HistoryShape { threads, messages, page, clients, keys } = self.shape;
        let kind = stage.recorder.operation("page");
        let target = stage.target;
        let pair =
            |thread: u32| (stage.first_user + u64::from(thread) * 2, stage.first_user + u64::from(thread) * 2 + 1);
        let writing = stream::iter(0..threads).map(|thread| {
            let (author, reader) = pair(thread);
            people::write(target, (keys.keys, &stage.run), author, reader, messages)
        });
        writing.buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await?;
        let rest = Rest::new(target)?;
        let mut threads_to_read = Vec::new();
        for thread in 0..threads {
            let (author, reader) = pair(thread);
            let token = target.token(reader)?;
            let newest = rest.newest(&token, author).await?.seq;
            threads_to_read.push(Thread { author, token, newest });
        }
        let threads = Rc::new(threads_to_read);
        let mut seed = stage.load.seed;
        let mut tasks = Vec::new();
        for pace in stage.pace(clients)? {
            seed += 1;
            let dice = fastrand::Rng::with_seed(seed);
            let reader = Reader {
                rest: rest.clone(),
                threads: Rc::clone(&threads),
                page,
                dice,
                kind,
                recorder: Rc::clone(&stage.recorder),
            };
            tasks.push(tokio::task::spawn_local(reader.run(pace)));
        }
        Ok(tasks)
    }

    async fn close(&self, crew: Vec<JoinHandle<()>>, _: &Stage<'_>) -> anyhow::Result<()> {
        for task in crew {
            task.await?;
        }
        Ok(())
    }
}

/// A thread to read.
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
    dice: fastrand::Rng,
    kind: Kind,
    recorder: Rc<Recorder>,
}

impl Reader {
    async fn run(mut self, pace: Pace) {
        self.recorder.begun().await;
        while let Some((intended, now)) = pace.next(&self.recorder, self.kind).await {
            self.read(intended, now).await;
        }
    }

    /// Reads a page somewhere in a thread, and checks that it is the one that was asked for.
    async fn read(&mut self, intended: Instant, written: Instant) {
        let Some(thread) = self.threads.get(self.dice.usize(..self.threads.len())) else { return };
        let before = self.dice.u64(2..=thread.newest.max(2) + 1);
        let path = format!("/chat/messages?with={}&before_seq={before}&limit={}", thread.author, self.page);
        let answer = self.rest.request(Method::GET, &path, &thread.token).send().await;
        let body = match answer {
            Ok(answer) if answer.status().is_success() => answer.bytes().await,
            Ok(answer) => return self.recorder.refused(self.kind, &answer.status().to_string(), Instant::now()),
            Err(error) => return self.recorder.refused(self.kind, &error.to_string(), Instant::now()),
        };
        let now = Instant::now();
        let page: Option<Page> = body.ok().and_then(|body| serde_json::from_slice(&body).ok());
        let places: Vec<u64> = page.iter().flat_map(|page| &page.messages).map(|message| message.seq).collect();
        let first = before.saturating_sub(u64::from(self.page)).max(1);
        if !places.iter().copied().eq(first..before) {
            self.recorder.fault(Fault::Misnumbered, || format!("GET {path} answered places {places:?}"));
        }
        self.recorder.done(self.kind, intended, written, now);
    }
}
