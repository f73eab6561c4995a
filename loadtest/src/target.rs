//! The server that is measured: a running one, or one that this program starts.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use tempfile::TempDir;

use crate::args::TargetArgs;
use crate::client::ConnectOptions;
use crate::environment::without_login;
use crate::server::{Launch, Server};
use crate::token;
use crate::usage;

/// The lifetime of a run's tokens.
const TOKEN_LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// A server to measure.
#[derive(Debug)]
pub struct Target {
    /// Its name in reports.
    pub name: String,
    /// Its address.
    pub address: SocketAddr,
    /// Its base path; empty by default.
    pub base: String,
    /// The secret that its tokens are signed with.
    pub secret: String,
    /// Whether it speaks the protocol of the service that the hub replaces.
    pub legacy: bool,
    /// Its process, if this program started it.
    pub server: Option<Server>,
    /// Its process id, if the user gave it.
    pid: Option<u32>,
    /// Its data folder, if it is known.
    data: Option<PathBuf>,
    /// Its data folder, if it is temporary. Dropped after the server.
    folder: Option<TempDir>,
}

impl Target {
    /// Connects to the server of `--target`, or starts the hub of `--spawn`.
    ///
    /// # Errors
    /// With advice for the user.
    pub async fn open(args: &TargetArgs, legacy: bool) -> anyhow::Result<Self> {
        match &args.target {
            Some(url) => Self::find("--target", url, args, legacy, args.pid),
            None => Self::start(args).await,
        }
    }

    /// Looks up a running server. `flag` is the flag that its URL comes from.
    ///
    /// # Errors
    /// With advice for the user.
    pub fn find(flag: &str, url: &str, args: &TargetArgs, legacy: bool, pid: Option<u32>) -> anyhow::Result<Self> {
        let shown = without_login(url);
        let Some(rest) = url.strip_prefix("http://").or_else(|| url.strip_prefix("ws://")) else {
            bail!(
                "{flag} {shown}: give http://HOST:PORT, followed by the base path if there is one; this program does not speak TLS"
            );
        };
        let (host, base) =
            rest.split_once('/').map_or((rest, String::new()), |(host, base)| (host, format!("/{base}")));
        let address = host.to_socket_addrs().with_context(|| format!("{flag} {shown}"))?.next();
        let address = address.ok_or_else(|| anyhow!("{flag} {shown}: the host has no address"))?;
        if !address.ip().is_loopback() && !args.allow_remote {
            bail!(
                "{flag} {shown}: {} is another machine. A load test can make a server unavailable: if it is yours, add --allow-remote",
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

    /// Makes the target of a server that this program started, with its data in a temporary folder. `legacy`: it speaks the
    /// protocol of the service that the hub replaces, and has no history to read back.
    #[must_use]
    pub fn started(name: &str, server: Server, secret: &str, folder: TempDir, legacy: bool) -> Self {
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

    /// Returns the server's process id, if it is known.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.server.as_ref().map(Server::pid).or(self.pid)
    }

    /// Returns the CPU seconds that the server has used so far; 0 if its process is not known.
    #[must_use]
    pub fn cpu_seconds(&self) -> f64 {
        self.pid().and_then(|pid| usage::cpu_seconds(pid).ok()).unwrap_or_default()
    }

    /// Returns the server's data folder, if it is known.
    #[must_use]
    pub fn data(&self) -> Option<&Path> {
        self.data.as_deref()
    }

    /// Mints the token of a user.
    ///
    /// # Errors
    /// If it cannot be signed.
    pub fn token(&self, user: u64) -> anyhow::Result<String> {
        Ok(token::mint(&self.secret, user, TOKEN_LIFETIME)?)
    }

    /// Mints a token of the marketplace's core service.
    ///
    /// # Errors
    /// If it cannot be signed.
    pub fn service_token(&self) -> anyhow::Result<String> {
        Ok(token::mint_with_role(&self.secret, 1, TOKEN_LIFETIME, Some("service"))?)
    }

    /// Returns the options of a user's connection to `/chat`.
    ///
    /// # Errors
    /// If the token cannot be signed.
    pub fn connect_options(&self, user: u64) -> anyhow::Result<ConnectOptions> {
        let mut options = ConnectOptions::new(self.address, self.token(user)?);
        options.path = format!("{}{}", self.base, if self.legacy { "/ws/chat" } else { "/chat" });
        Ok(options)
    }

    /// Stops the server, if this program started it.
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
        // The hub's default limit would refuse connections of large runs; the limit of open files remains.
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
        let failed = || format!("cannot start the hub {} (choose another with --hub)", hub.display());
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

/// Returns the hub's program: the given one, or the one in the folder of this program.
fn hub(args: &TargetArgs) -> anyhow::Result<PathBuf> {
    if let Some(hub) = &args.hub {
        return Ok(hub.clone());
    }
    let beside = std::env::current_exe()?.with_file_name("softadastra-chat");
    if beside.exists() {
        return Ok(beside);
    }
    bail!("there is no hub at {}: build it with `cargo build --release`, or give its path with --hub", beside.display())
}
