//! The hub that is measured: somebody's, or one of our own.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use tempfile::TempDir;

use crate::args::TargetArgs;
use crate::client::Door;
use crate::environment::without_login;
use crate::server::{Launch, Server};
use crate::token;
use crate::usage;

/// How long the tokens of a run are good.
const LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// A server to measure.
#[derive(Debug)]
pub struct Target {
    /// What it is called in reports.
    pub name: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// Its base path; empty by default.
    pub base: String,
    /// The secret that its tokens are signed with.
    pub secret: String,
    /// Whether it is spoken to as to the service that the hub replaces.
    pub legacy: bool,
    /// Its process, if it is ours.
    pub server: Option<Server>,
    /// Its process, if somebody has said which it is.
    pid: Option<u32>,
    /// Where its data are, if that is known.
    data: Option<PathBuf>,
    /// Its data, if nobody wants to keep them. Dropped after the server.
    folder: Option<TempDir>,
}

impl Target {
    /// Finds the hub, or starts one.
    ///
    /// # Errors
    /// With what to do about it.
    pub async fn open(args: &TargetArgs, legacy: bool) -> anyhow::Result<Self> {
        match &args.target {
            Some(url) => Self::find("--target", url, args, legacy, args.pid),
            None => Self::start(args).await,
        }
    }

    /// Finds a server that runs. `flag` is the one that named it.
    ///
    /// # Errors
    /// With what to do about it.
    pub fn find(flag: &str, url: &str, args: &TargetArgs, legacy: bool, pid: Option<u32>) -> anyhow::Result<Self> {
        let shown = without_login(url);
        let Some(rest) = url.strip_prefix("http://").or_else(|| url.strip_prefix("ws://")) else {
            bail!(
                "{flag} {shown}: give http://host:port, with the base path behind it if there is one; TLS is not measured"
            );
        };
        let (host, base) =
            rest.split_once('/').map_or((rest, String::new()), |(host, base)| (host, format!("/{base}")));
        let address = host.to_socket_addrs().with_context(|| format!("{flag} {shown}"))?.next();
        let address = address.ok_or_else(|| anyhow!("{flag} {shown}: it has no address"))?;
        if !address.ip().is_loopback() && !args.allow_remote {
            bail!(
                "{flag} {shown}: {} is not this machine. A load test can bring a server down: if it is yours, say --allow-remote",
                address.ip()
            );
        }
        Ok(Self {
            name: shown,
            address,
            base: base.trim_end_matches('/').to_owned(),
            secret: args.secret.clone(),
            legacy,
            server: None,
            pid,
            data: None,
            folder: None,
        })
    }

    /// Takes a server that somebody else has started for us, with its data in a folder of ours; `legacy`: it is spoken to as to
    /// the service that the hub replaces, and has no history to read back.
    #[must_use]
    pub fn ours(name: &str, server: Server, secret: &str, folder: TempDir, legacy: bool) -> Self {
        Self {
            name: name.to_owned(),
            address: server.address(),
            base: String::new(),
            secret: secret.to_owned(),
            legacy,
            server: Some(server),
            pid: None,
            data: Some(folder.path().to_owned()),
            folder: Some(folder),
        }
    }

    /// Returns the process of the server, if it is known.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.server.as_ref().map(Server::pid).or(self.pid)
    }

    /// Returns the CPU seconds that the server has spent so far; nothing where its process is not known.
    #[must_use]
    pub fn cpu_seconds(&self) -> f64 {
        self.pid().and_then(|pid| usage::cpu_seconds(pid).ok()).unwrap_or_default()
    }

    /// Returns where the server keeps its data, if it is known.
    #[must_use]
    pub fn data(&self) -> Option<&Path> {
        self.data.as_deref()
    }

    /// Mints the token of a user.
    ///
    /// # Errors
    /// If it cannot be signed.
    pub fn token(&self, user: u64) -> anyhow::Result<String> {
        Ok(token::mint(&self.secret, user, LIFETIME)?)
    }

    /// Mints a token of the marketplace's core.
    ///
    /// # Errors
    /// If it cannot be signed.
    pub fn service_token(&self) -> anyhow::Result<String> {
        Ok(token::mint_with_role(&self.secret, 1, LIFETIME, Some("service"))?)
    }

    /// Returns a user's door to `/chat`.
    ///
    /// # Errors
    /// If the token cannot be signed.
    pub fn door(&self, user: u64) -> anyhow::Result<Door> {
        let mut door = Door::new(self.address, self.token(user)?);
        door.path = format!("{}{}", self.base, if self.legacy { "/ws/chat" } else { "/chat" });
        Ok(door)
    }

    /// Ends a server of our own.
    ///
    /// # Errors
    /// If its process cannot be waited for.
    pub async fn close(mut self) -> anyhow::Result<()> {
        if let Some(server) = &mut self.server {
            server.kill().await?;
        }
        if let Some(folder) = self.folder {
            folder.close()?;
        }
        Ok(())
    }

    async fn start(args: &TargetArgs) -> anyhow::Result<Self> {
        let (folder, temporary) = match &args.data {
            Some(folder) => {
                std::fs::create_dir_all(folder).with_context(|| format!("--data {}", folder.display()))?;
                (std::path::absolute(folder)?, None)
            }
            None => {
                let folder = tempfile::Builder::new().prefix("chat-loadtest-").tempdir()?;
                (folder.path().to_owned(), Some(folder))
            }
        };
        let hub = std::path::absolute(hub(args)?)?;
        let mut launch = Launch::new(&hub, &folder);
        // As many as the machine has files for: what a hub of the usual settings turns away is no measurement.
        launch.set("JWT_SECRET", &args.secret).set("RUST_LOG", "warn").set("CHAT_MAX_CONNECTIONS", "1000000");
        if let Some(url) = &args.database_url {
            launch.set("DATABASE_URL", url);
        }
        for (name, value) in &args.settings {
            launch.set(name, value);
        }
        let base = launch.settings.get("CHAT_BASE_PATH").cloned().unwrap_or_default();
        let kind = launch.settings.get("DATABASE_URL").and_then(|url| url.split(':').next()).unwrap_or_default();
        let name = format!("the hub, on {}", if kind == "sqlite" { "SQLite" } else { kind });
        let data = (kind == "sqlite").then(|| folder.clone());
        let failed = || format!("cannot start the hub {} (--hub names another)", hub.display());
        let server = launch.start().await.with_context(failed)?;
        let address = server.address();
        let secret = args.secret.clone();
        Ok(Self {
            name,
            address,
            base,
            secret,
            legacy: false,
            server: Some(server),
            pid: None,
            data,
            folder: temporary,
        })
    }
}

/// Returns the hub's program: the one given, or the one beside our own.
fn hub(args: &TargetArgs) -> anyhow::Result<PathBuf> {
    if let Some(hub) = &args.hub {
        return Ok(hub.clone());
    }
    let own = std::env::current_exe()?;
    let beside = own.with_file_name("softadastra-chat");
    if beside.exists() {
        return Ok(beside);
    }
    bail!("there is no hub at {}: build it with `cargo build --release`, or give its path with --hub", beside.display())
}
