//! Connected users who do nothing: what each of them weighs.

use std::ops::Range;
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::task::JoinHandle;

use super::Scenario;
use crate::args::IdleShape;
use crate::audit::Fault;
use crate::client::{Client, Heard};
use crate::enter::through;
use crate::frame;
use crate::outcome::Offered;
use crate::stage::{Load, Stage};
use crate::stats::float;
use crate::usage;

/// How many connections are being made at a time.
const AT_ONCE: usize = 64;

/// How long a server may take to notice that all have left: who loses the network for a moment has not left.
const SETTLE: Duration = Duration::from_secs(20);

/// How many times on the way up the server is weighed.
const WEIGHINGS: u32 = 10;

/// Idle connections.
#[derive(Debug)]
pub struct Idle {
    shape: IdleShape,
}

/// Those who are there.
#[derive(Debug)]
pub struct Crowd {
    held: Vec<JoinHandle<()>>,
    before_kb: u32,
    /// What each of them cost while it did nothing: CPU microseconds a second.
    cost: f64,
}

impl Idle {
    /// Makes the scenario.
    #[must_use]
    pub fn new(shape: IdleShape) -> Self {
        Self { shape }
    }
}

impl Scenario for Idle {
    type Crew = Crowd;

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

    async fn open(&self, stage: &Stage<'_>) -> anyhow::Result<Crowd> {
        let recorder = &stage.recorder;
        recorder.operation("connection");
        let pid = stage.target.pid();
        anyhow::ensure!(pid.is_some(), "whose memory? Give --spawn, or --pid with --target");
        let count = self.shape.connections;
        let weigh = || pid.and_then(|pid| usage::resident_kb(pid).ok()).unwrap_or_default();
        if self.shape.again {
            for connection in gather(stage, 0..count).await? {
                connection.abort();
            }
            tokio::time::sleep(SETTLE).await;
        }
        let before_kb = weigh();
        let mut held = Vec::new();
        let began = Instant::now();
        for part in 0..WEIGHINGS {
            held.extend(gather(stage, count * part / WEIGHINGS..count * (part + 1) / WEIGHINGS).await?);
            recorder.figure(&format!("resident with {}", held.len()), f64::from(weigh()), "KB");
        }
        recorder.figure("connections", f64::from(count), "");
        recorder.figure("connected", f64::from(count) / began.elapsed().as_secs_f64(), "/s");
        Ok(Crowd { held, before_kb, cost: 0.0 })
    }

    async fn work(&self, crew: &mut Crowd, stage: &Stage<'_>) -> anyhow::Result<()> {
        let window = stage.recorder.begun().await;
        let (since, before) = (Instant::now(), stage.target.cpu_seconds());
        tokio::time::sleep(window.to.saturating_duration_since(since)).await;
        let each = since.elapsed().as_secs_f64() * float(crew.held.len().max(1) as u64);
        crew.cost = (stage.target.cpu_seconds() - before) * 1e6 / each;
        Ok(())
    }

    async fn close(&self, crew: Crowd, stage: &Stage<'_>) -> anyhow::Result<()> {
        let recorder = &stage.recorder;
        let weigh = || stage.target.pid().and_then(|pid| usage::resident_kb(pid).ok()).unwrap_or_default();
        let (with, count) = (weigh(), float(crew.held.len() as u64));
        let lost = crew.held.iter().filter(|connection| connection.is_finished()).count() as u64;
        for _ in 0..lost {
            recorder.fault(Fault::Disconnected, || "a connection was closed while it did nothing".to_owned());
        }
        recorder.figure("resident before", f64::from(crew.before_kb), "KB");
        recorder.figure("resident after", f64::from(with), "KB");
        recorder.figure("per connection", (f64::from(with) - f64::from(crew.before_kb)) / count.max(1.0), "KB");
        recorder.figure("CPU of each", crew.cost, "µs a second");
        crew.held.into_iter().for_each(|connection| connection.abort());
        tokio::time::sleep(SETTLE).await;
        recorder.figure("resident when all have left", f64::from(weigh()), "KB");
        Ok(())
    }
}

/// Connects some, and has them wait.
async fn gather(stage: &Stage<'_>, range: Range<u32>) -> anyhow::Result<Vec<JoinHandle<()>>> {
    let entering = stream::iter(range).map(|number| enter(stage, number)).buffer_unordered(AT_ONCE);
    let clients: Vec<Client> = entering.try_collect().await?;
    Ok(clients.into_iter().map(|client| tokio::task::spawn_local(hold(client))).collect())
}

/// Connects a user and waits until the hub has said all that it says to somebody new.
async fn enter(stage: &Stage<'_>, number: u32) -> anyhow::Result<Client> {
    let user = stage.first_user + u64::from(number);
    let mut door = stage.target.door(user)?;
    door.buffer = 1024;
    let mut client = through(stage.target.legacy, door, user, number).await?.client;
    loop {
        match client.next().await {
            Heard::Text(text) if frame::kind(&text) == Some("nav_counts") => return Ok(client),
            Heard::Text(_) => {}
            other => anyhow::bail!("connection {number} waited for nav_counts and got {other}"),
        }
    }
}

/// Reads until the connection ends: pings are answered meanwhile.
async fn hold(mut client: Client) {
    while let Heard::Text(_) = client.next().await {}
}
