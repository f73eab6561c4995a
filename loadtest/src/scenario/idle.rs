//! Connected users who do nothing: what each of them weighs.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use futures_util::{StreamExt as _, stream};

use super::Scenario;
use crate::args::IdleArgs;
use crate::client::{Client, Door, Heard};
use crate::frame;
use crate::report::Report;
use crate::target::Target;
use crate::usage;

/// Files that a process has open beside its connections.
const OTHER_FILES: u32 = 200;

/// How many connections are being made at a time.
const AT_ONCE: usize = 64;

/// How many connections share a source address.
const PER_SOURCE: u32 = 10_000;

/// Idle connections.
#[derive(Debug)]
pub struct Idle {
    args: IdleArgs,
}

impl Idle {
    /// Makes the scenario.
    #[must_use]
    pub fn new(args: IdleArgs) -> Self {
        Self { args }
    }
}

impl Scenario for Idle {
    async fn run(&self, target: &Target) -> anyhow::Result<Report> {
        let mut report = Report::default();
        let Some(pid) = self.args.pid.or(target.pid()) else {
            bail!("whose memory? Give --spawn, or --pid with --target");
        };
        let count = affordable(self.args.connections, pid, &mut report)?;
        let before = usage::resident_kb(pid)?;
        let began = Instant::now();
        let clients: Vec<anyhow::Result<Client>> = stream::iter(0..count)
            .map(|number| enter(target, self.args.first_user + u64::from(number), number))
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        let connecting = began.elapsed().as_secs_f64();
        let clients = clients.into_iter().collect::<anyhow::Result<Vec<Client>>>()?;
        let held: Vec<_> = clients.into_iter().map(|client| tokio::task::spawn_local(hold(client))).collect();
        tokio::time::sleep(Duration::from_secs(self.args.hold)).await;
        let after = usage::resident_kb(pid)?;
        let lost = held.iter().filter(|connection| connection.is_finished()).count();
        if lost > 0 {
            report.defect(format!("{lost} of {count} connections were closed while they did nothing"));
        }
        report.figure("connections", f64::from(count), "");
        report.figure("connected", f64::from(count) / connecting, "/s");
        report.figure("resident before", f64::from(before), "KB");
        report.figure("resident after", f64::from(after), "KB");
        report.figure("per connection", (f64::from(after) - f64::from(before)) / f64::from(count), "KB");
        held.into_iter().for_each(|connection| connection.abort());
        Ok(report)
    }
}

/// Returns how many connections both processes have files for.
fn affordable(wanted: u32, hub: u32, report: &mut Report) -> anyhow::Result<u32> {
    let limit = usage::file_limit(std::process::id())?.min(usage::file_limit(hub)?);
    let most = limit.saturating_sub(OTHER_FILES).max(1);
    if wanted > most {
        report.note(format!("{wanted} connections wanted, {most} made: a process may have {limit} files open here"));
    }
    Ok(wanted.min(most))
}

/// Connects a user and waits until the hub has said all that it says to somebody new.
async fn enter(target: &Target, user: u64, number: u32) -> anyhow::Result<Client> {
    let mut door: Door = target.door(user)?;
    door.buffer = 1024;
    if let SocketAddr::V4(address) = target.address
        && address.ip().is_loopback()
    {
        let block = u8::try_from(number / PER_SOURCE).unwrap_or(u8::MAX - 1);
        door.source = Some(Ipv4Addr::new(127, 0, 0, 1 + block));
    }
    let mut client = Client::connect(&door).await.with_context(|| format!("connection {number}"))?;
    for wanted in ["auth_ok", "nav_counts"] {
        match client.next().await {
            Heard::Text(text) if frame::kind(&text) == Some(wanted) => {}
            other => bail!("connection {number} waited for {wanted} and got {other:?}"),
        }
    }
    Ok(client)
}

/// Reads until the connection ends: pings are answered meanwhile.
async fn hold(mut client: Client) {
    while let Heard::Text(_) = client.next().await {}
}
