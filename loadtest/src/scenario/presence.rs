//! Presence: users connect, their counterparts are notified, and the users ask who is online.

use std::rc::Rc;
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::task::JoinHandle;

use super::{Scenario, setup};
use crate::args::PresenceShape;
use crate::audit::Violation;
use crate::client::{Client, Received};
use crate::connect::connect;
use crate::frame;
use crate::keys::Keys;
use crate::recorder::{OperationId, Recorder};
use crate::rest::Rest;
use crate::run_context::{Pacing, RunContext};
use crate::stats::float;
use crate::usage;

/// How many users connect concurrently.
const CONCURRENCY: usize = 32;

/// How long a watcher may take to be notified.
const NOTIFY_TIMEOUT: Duration = Duration::from_secs(15);

/// How long the server may take to announce the watchers: a fixed time, and a time per watcher.
const SETTLE: Duration = Duration::from_secs(1);
const SETTLE_PER_WATCHER: Duration = Duration::from_millis(1);

/// Circles: each is a user and the watchers who share a thread with them.
#[derive(Debug)]
pub struct Presence {
    shape: PresenceShape,
}

/// The connected users and watchers.
#[derive(Debug)]
pub struct PresenceClients {
    asking: Vec<JoinHandle<()>>,
    watching: Vec<JoinHandle<()>>,
}

impl Presence {
    /// Makes the scenario.
    #[must_use]
    pub fn new(shape: PresenceShape) -> Self {
        Self { shape }
    }
}

impl Scenario for Presence {
    type Clients = PresenceClients;

    fn name(&self) -> &'static str {
        "presence"
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        vec![("circles", self.shape.circles.to_string()), ("watchers", self.shape.watchers.to_string())]
    }

    fn keys(&self) -> Option<Keys> {
        Some(self.shape.keys.keys)
    }

    fn connections(&self) -> u32 {
        self.shape.circles * (self.shape.watchers + 1)
    }

    async fn open(&self, context: &RunContext<'_>) -> anyhow::Result<PresenceClients> {
        let PresenceShape { circles, watchers, keys } = self.shape;
        let operation = context.recorder.operation("presence query");
        let size = u64::from(watchers) + 1;
        let user = |circle: u32| context.first_user + u64::from(circle) * size;
        let watcher = |number: u32| user(number / watchers) + 1 + u64::from(number % watchers);
        let rest = Rest::new(context.target)?;
        let pairs = (0..circles * watchers).map(|number| (user(number / watchers), watcher(number)));
        setup::create_threads(context.target, &rest, (keys.keys, &context.run_id), pairs).await?;

        let connect_watcher = |number| connect(context.target, watcher(number), number);
        let clients: Vec<Client> =
            stream::iter(0..circles * watchers).map(connect_watcher).buffered(CONCURRENCY).try_collect().await?;
        // The users connect after the server has announced all watchers.
        tokio::time::sleep(SETTLE + SETTLE_PER_WATCHER * circles * watchers).await;
        let kernel_seconds = || {
            let each = context.target.pids().filter_map(|pid| usage::usage(pid).ok());
            each.map(|usage| usage.system).sum::<f64>()
        };
        let (began, spent, before) = (Instant::now(), context.target.cpu_seconds(), kernel_seconds());
        let mut waiting = Vec::new();
        for (number, client) in (0..).zip(clients) {
            waiting.push(tokio::task::spawn_local(notified(client, user(number / watchers))));
        }
        let connect_user = |circle| connect(context.target, user(circle), circles * watchers + circle);
        let users: Vec<Client> = stream::iter(0..circles).map(connect_user).buffered(CONCURRENCY).try_collect().await?;
        let mut watching = Vec::new();
        for task in waiting {
            let Some(client) = task.await? else {
                context.recorder.violation(Violation::Unnotified, || {
                    "a watcher was not notified that its user had connected".to_owned()
                });
                continue;
            };
            watching.push(tokio::task::spawn_local(client.hold()));
        }
        let frames = float(watching.len() as u64);
        context.recorder.figure("presence notifications", frames, "frames");
        context.recorder.figure("presence notifications per second", frames / began.elapsed().as_secs_f64(), "/s");
        let spent = (context.target.cpu_seconds() - spent).max(0.01);
        context.recorder.figure("presence notifications per server CPU second", frames / spent, "");
        context.recorder.figure("kernel share of that CPU time", 100.0 * (kernel_seconds() - before) / spent, "%");
        let mut asking = Vec::new();
        for ((circle, client), pacing) in (0..).zip(users).zip(context.pacing(circles)?) {
            let asked: Vec<String> =
                (0..watchers).map(|place| (user(circle) + 1 + u64::from(place)).to_string()).collect();
            let question = format!(r#"{{"type":"who_is_online","user_ids":[{}]}}"#, asked.join(","));
            let recorder = Rc::clone(&context.recorder);
            asking.push(tokio::task::spawn_local(ask(client, question, watchers, pacing, operation, recorder)));
        }
        Ok(PresenceClients { asking, watching })
    }

    async fn close(&self, clients: PresenceClients, context: &RunContext<'_>) -> anyhow::Result<()> {
        for task in clients.asking {
            if tokio::time::timeout(context.load.deadline, task).await.is_err() {
                context.recorder.violation(Violation::Unnotified, || "a presence query was not answered".to_owned());
            }
        }
        clients.watching.into_iter().for_each(|task| task.abort());
        Ok(())
    }
}

/// Waits until a watcher is notified that its user has connected.
async fn notified(mut client: Client, user: u64) -> Option<Client> {
    let notified = async {
        loop {
            let Received::Text(text) = client.next().await else { return None };
            if frame::kind(&text) == Some("user_online") && frame::number(&text, r#""user_id":"#) == Some(user) {
                return Some(client);
            }
        }
    };
    tokio::time::timeout(NOTIFY_TIMEOUT, notified).await.ok().flatten()
}

/// Asks who is online whenever a query is due. All users of the query are online.
async fn ask(
    mut client: Client,
    question: String,
    online: u32,
    pacing: Pacing,
    operation: OperationId,
    recorder: Rc<Recorder>,
) {
    recorder.started().await;
    while let Some((intended, now)) = pacing.next(&recorder, operation).await {
        if client.send(question.as_str()).await.is_err() {
            return recorder.violation(Violation::Disconnected, || "a user who asked who is online".to_owned());
        }
        loop {
            let Received::Text(text) = client.next().await else {
                return recorder.violation(Violation::Disconnected, || "a user who asked who is online".to_owned());
            };
            match frame::kind(&text) {
                Some("online_users") => {
                    let found = text.split_once('[').map_or(0, |(_, list)| {
                        list.split(']').next().unwrap_or_default().split(',').filter(|id| !id.is_empty()).count()
                    });
                    if found != online as usize {
                        recorder.violation(Violation::Unnotified, || {
                            format!("{found} of {online} online users were listed")
                        });
                    }
                    recorder.completed(operation, intended, now, Instant::now());
                    break;
                }
                Some("error") => {
                    recorder.refused(operation, frame::text(&text, r#""code":"#).unwrap_or("unknown"), Instant::now());
                    break;
                }
                _ => {}
            }
        }
    }
}
