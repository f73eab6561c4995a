//! A reconnection storm: all clients are disconnected, miss messages, and resume at once with a cursor.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::bail;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::task::JoinSet;

use super::{Scenario, setup};
use crate::args::ReconnectShape;
use crate::audit::Violation;
use crate::client::{Client, ConnectOptions, Received, truncate};
use crate::connect::{Connected, connect_with};
use crate::frame;
use crate::keys::Keys;
use crate::load::Load;
use crate::load::Offered;
use crate::recorder::OperationId;
use crate::rest::Rest;
use crate::run_context::RunContext;
use crate::stats::float;

/// How many clients connect concurrently before the storm.
const CONCURRENCY: usize = 32;

/// How long the storm may take.
const STORM_TIMEOUT: Duration = Duration::from_secs(300);

/// The number of users who send the messages that the clients miss.
const AUTHORS: u64 = 20;

/// A reconnection storm.
#[derive(Debug)]
pub struct Reconnect {
    shape: ReconnectShape,
}

/// The clients of the storm.
#[derive(Debug)]
pub struct ReconnectClients {
    disconnected: Vec<User>,
    resumed: Vec<Client>,
    operation: OperationId,
    resident_before: u32,
}

#[derive(Debug, Clone)]
struct User {
    id: u64,
    number: u32,
    cursor: String,
}

impl Reconnect {
    /// Makes the scenario.
    #[must_use]
    pub fn new(shape: ReconnectShape) -> Self {
        Self { shape }
    }
}

impl Scenario for Reconnect {
    type Clients = ReconnectClients;

    fn name(&self) -> &'static str {
        "reconnect"
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        let ReconnectShape { connections, missed, concurrency, .. } = &self.shape;
        let settings = [("connections", connections), ("missed", missed), ("concurrency", concurrency)];
        settings.map(|(name, value)| (name, value.to_string())).into()
    }

    fn keys(&self) -> Option<Keys> {
        Some(self.shape.keys.keys)
    }

    fn connections(&self) -> u32 {
        self.shape.connections
    }

    fn offered(&self, _: &Load) -> Offered {
        Offered::Own
    }

    fn load(&self, load: Load) -> Load {
        // The run ends when all clients have resumed.
        Load { warmup: Duration::ZERO, length: STORM_TIMEOUT, ..load }
    }

    async fn open(&self, context: &RunContext<'_>) -> anyhow::Result<ReconnectClients> {
        let recorder = &context.recorder;
        let operation = recorder.operation("resumption");
        let first = context.first_user + AUTHORS;
        let connect = |number: u32| async move {
            let user = first + u64::from(number);
            let mut options = context.target.connect_options(user)?;
            options.read_buffer = 1024;
            let Connected { client, auth_ok } = connect_with(context.target.legacy, options, user, number).await?;
            let cursor = frame::text(&auth_ok, r#""cursor":"#).unwrap_or_default().to_owned();
            anyhow::Ok((client, User { id: user, number, cursor }))
        };
        let connected: Vec<(Client, User)> =
            stream::iter(0..self.shape.connections).map(connect).buffer_unordered(CONCURRENCY).try_collect().await?;
        let resident_before = context.target.resident_kb();
        // Disconnects without a close frame.
        let disconnected: Vec<User> = connected.into_iter().map(|(_, user)| user).collect();
        tokio::time::sleep(Duration::from_millis(500)).await;
        let rest = Rest::new(context.target)?;
        let author = |user: &User| context.first_user + u64::from(user.number) % AUTHORS;
        for round in 0..self.shape.missed {
            let label = format!("{}-{round}", context.run_id);
            let pairs = disconnected.iter().map(|user| (author(user), user.id));
            setup::create_threads(context.target, &rest, (self.shape.keys.keys, &label), pairs).await?;
        }
        Ok(ReconnectClients { disconnected, resumed: Vec::new(), operation, resident_before })
    }

    async fn work(&self, clients: &mut ReconnectClients, context: &RunContext<'_>) -> anyhow::Result<()> {
        let storm = Instant::now();
        let concurrency = usize::try_from(self.shape.concurrency)?;
        let (operation, missed) = (clients.operation, self.shape.missed);
        let disconnected = std::mem::take(&mut clients.disconnected);
        let count = disconnected.len();
        let mut waiting = disconnected.into_iter();
        // Each client is a task: in one task hundreds of them would share its turns, and some would not be polled for seconds.
        let mut resuming = JoinSet::new();
        loop {
            while resuming.len() < concurrency
                && let Some(user) = waiting.next()
            {
                let options = context.target.connect_options(user.id)?;
                let (legacy, recorder) = (context.target.legacy, Rc::clone(&context.recorder));
                resuming.spawn_local(async move {
                    let began = Instant::now();
                    let resumed = resume(legacy, options, &user, missed).await;
                    if resumed.is_ok() {
                        // Measured from the start of this client; the figures have the length of the storm.
                        recorder.completed(operation, began, began, Instant::now());
                    }
                    (user, resumed)
                });
            }
            let Some(resumed) = resuming.join_next().await else { break };
            match resumed? {
                (_, Ok(client)) => {
                    clients.resumed.push(client);
                    if clients.resumed.len() == count.div_ceil(2) {
                        context.recorder.figure("half resumed after", storm.elapsed().as_secs_f64(), "s");
                    }
                }
                (user, Err(error)) => {
                    context.recorder.violation(Violation::Unnotified, || format!("user {}: {error:#}", user.id));
                }
            }
        }
        let took = storm.elapsed().as_secs_f64();
        context.recorder.figure("all resumed after", took, "s");
        context.recorder.figure("resumed per second", float(clients.resumed.len() as u64) / took, "/s");
        context.recorder.figure("resumed", float(clients.resumed.len() as u64), &format!("of {count}"));
        Ok(())
    }

    async fn close(&self, clients: ReconnectClients, context: &RunContext<'_>) -> anyhow::Result<()> {
        let after = context.target.resident_kb();
        if after > 0 {
            context.recorder.figure("resident before the storm", f64::from(clients.resident_before), "KB");
            context.recorder.figure("resident after the storm", f64::from(after), "KB");
        }
        drop(clients);
        Ok(())
    }
}

/// Resumes with a cursor, and waits for the missed messages and for `synced`.
async fn resume(legacy: bool, mut options: ConnectOptions, user: &User, missed: u32) -> anyhow::Result<Client> {
    options.read_buffer = 1024;
    options.cursor = Some(user.cursor.clone());
    let Connected { mut client, auth_ok } = connect_with(legacy, options, user.id, user.number).await?;
    if !auth_ok.contains(r#""resumed":true"#) {
        bail!("the hub did not resume the session: {}", truncate(&auth_ok));
    }
    let mut got = BTreeSet::new();
    let syncing = async {
        loop {
            match client.next().await {
                Received::Text(text) => match frame::kind(&text) {
                    // Clients drop repeated messages.
                    Some("new_message") => got.extend(frame::number(&text, r#""id":"#)),
                    Some("synced") => return Ok(()),
                    _ => {}
                },
                ended => bail!("waited for `synced` and got {ended}"),
            }
        }
    };
    tokio::time::timeout(STORM_TIMEOUT, syncing).await??;
    if got.len() != missed as usize {
        bail!("missed {missed} messages and got {}", got.len());
    }
    Ok(client)
}
