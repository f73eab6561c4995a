//! Idle connections: the memory and CPU time of each.

use std::ops::Range;
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::task::JoinHandle;

use super::Scenario;
use crate::args::IdleShape;
use crate::audit::Violation;
use crate::client::{Client, Received};
use crate::connect::connect_with;
use crate::frame;
use crate::load::Load;
use crate::load::Offered;
use crate::run_context::RunContext;
use crate::stats::float;

/// How many clients connect concurrently.
const CONCURRENCY: usize = 64;

/// How long a server may take to release all connections: it waits for a user who reconnects soon.
const SETTLE: Duration = Duration::from_secs(20);

/// How often the memory is measured while the clients connect.
const MEASUREMENTS: u32 = 10;

/// Idle connections.
#[derive(Debug)]
pub struct Idle {
    shape: IdleShape,
}

/// The idle clients.
#[derive(Debug)]
pub struct IdleClients {
    connections: Vec<JoinHandle<()>>,
    before_kb: u32,
    /// The CPU time of a connection, in microseconds per second.
    cpu_us: f64,
}

impl Idle {
    /// Makes the scenario.
    #[must_use]
    pub fn new(shape: IdleShape) -> Self {
        Self { shape }
    }
}

impl Scenario for Idle {
    type Clients = IdleClients;

    fn name(&self) -> &'static str {
        "idle"
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        vec![("connections", self.shape.connections.to_string())]
    }

    fn connections(&self) -> u32 {
        self.shape.connections
    }

    fn offered(&self, _: &Load) -> Offered {
        Offered::Own
    }

    fn load(&self, load: Load) -> Load {
        Load { length: self.shape.hold.map_or(load.length, Duration::from_secs_f64), ..load }
    }

    async fn open(&self, context: &RunContext<'_>) -> anyhow::Result<IdleClients> {
        let recorder = &context.recorder;
        recorder.operation("connection");
        anyhow::ensure!(
            context.target.pids().next().is_some(),
            "the memory of an unknown process cannot be measured: give --spawn, or --pid with --target"
        );
        let count = self.shape.connections;
        let resident_kb = || context.target.resident_kb();
        if self.shape.again {
            for connection in connect_all(context, 0..count).await? {
                connection.abort();
            }
            tokio::time::sleep(SETTLE).await;
        }
        let before_kb = resident_kb();
        let mut connections = Vec::new();
        let began = Instant::now();
        for part in 0..MEASUREMENTS {
            connections
                .extend(connect_all(context, count * part / MEASUREMENTS..count * (part + 1) / MEASUREMENTS).await?);
            recorder.figure(&format!("resident with {}", connections.len()), f64::from(resident_kb()), "KB");
        }
        recorder.figure("connections", f64::from(count), "");
        recorder.figure("connected", f64::from(count) / began.elapsed().as_secs_f64(), "/s");
        Ok(IdleClients { connections, before_kb, cpu_us: 0.0 })
    }

    async fn work(&self, clients: &mut IdleClients, context: &RunContext<'_>) -> anyhow::Result<()> {
        let window = context.recorder.started().await;
        let (since, before) = (Instant::now(), context.target.cpu_seconds());
        tokio::time::sleep(window.to.saturating_duration_since(since)).await;
        let each = since.elapsed().as_secs_f64() * float(clients.connections.len().max(1) as u64);
        clients.cpu_us = (context.target.cpu_seconds() - before) * 1e6 / each;
        Ok(())
    }

    async fn close(&self, clients: IdleClients, context: &RunContext<'_>) -> anyhow::Result<()> {
        let recorder = &context.recorder;
        let resident_kb = || context.target.resident_kb();
        let (with, count) = (resident_kb(), float(clients.connections.len() as u64));
        let closed = clients.connections.iter().filter(|connection| connection.is_finished()).count() as u64;
        for _ in 0..closed {
            recorder.violation(Violation::Disconnected, || "an idle connection was closed".to_owned());
        }
        recorder.figure("resident before", f64::from(clients.before_kb), "KB");
        recorder.figure("resident after", f64::from(with), "KB");
        recorder.figure(
            "memory per connection",
            (f64::from(with) - f64::from(clients.before_kb)) / count.max(1.0),
            "KB",
        );
        recorder.figure("CPU per connection", clients.cpu_us, "µs per second");
        clients.connections.into_iter().for_each(|connection| connection.abort());
        tokio::time::sleep(SETTLE).await;
        recorder.figure("resident after all disconnected", f64::from(resident_kb()), "KB");
        Ok(())
    }
}

/// Connects clients that only answer pings.
async fn connect_all(context: &RunContext<'_>, range: Range<u32>) -> anyhow::Result<Vec<JoinHandle<()>>> {
    let connecting = stream::iter(range).map(|number| connect(context, number)).buffer_unordered(CONCURRENCY);
    let clients: Vec<Client> = connecting.try_collect().await?;
    Ok(clients.into_iter().map(|client| tokio::task::spawn_local(client.hold())).collect())
}

/// Connects a user and waits for the last frame of the session's start.
async fn connect(context: &RunContext<'_>, number: u32) -> anyhow::Result<Client> {
    let user = context.first_user + u64::from(number);
    let mut options = context.target.connect_options(user)?;
    options.read_buffer = 1024;
    let mut client = connect_with(context.target.legacy, options, user, number).await?.client;
    loop {
        match client.next().await {
            Received::Text(text) if frame::kind(&text) == Some("nav_counts") => return Ok(client),
            Received::Text(_) => {}
            other => anyhow::bail!("connection {number} waited for nav_counts and got {other}"),
        }
    }
}
