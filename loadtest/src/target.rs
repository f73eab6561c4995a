//! The hub that is measured: somebody's, or one of our own.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use tempfile::TempDir;

use crate::args::TargetArgs;
use crate::client::Door;
use crate::server::{Launch, Server};
use crate::token;

/// How long the tokens of a run are good.
const LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// A hub to measure.
#[derive(Debug)]
pub struct Target {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its base path; empty by default.
    pub base: String,
    /// The secret that its tokens are signed with.
    pub secret: String,
    /// Its process, if it is ours.
    pub server: Option<Server>,
    /// Its data, if nobody wants to keep them. Dropped after the server.
    folder: Option<TempDir>,
}

impl Target {
    /// Finds the hub, or starts one.
    ///
    /// # Errors
    /// With what to do about it.
    pub async fn open(args: &TargetArgs) -> anyhow::Result<Self> {
        match &args.target {
            Some(url) => Self::find(url, &args.secret),
            None => Self::start(args).await,
        }
    }

    /// Returns the process of the hub, if it is ours.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.server.as_ref().map(Server::pid)
    }

    /// Mints the token of a user.
    ///
    /// # Errors
    /// If it cannot be signed.
    pub fn token(&self, user: u64) -> anyhow::Result<String> {
        Ok(token::mint(&self.secret, user, LIFETIME)?)
    }

    /// Returns a user's door to `/chat`.
    ///
    /// # Errors
    /// If the token cannot be signed.
    pub fn door(&self, user: u64) -> anyhow::Result<Door> {
        let mut door = Door::new(self.address, self.token(user)?);
        door.path = format!("{}/chat", self.base);
        Ok(door)
    }

    /// Ends a hub of our own.
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

    fn find(url: &str, secret: &str) -> anyhow::Result<Self> {
        let Some(rest) = url.strip_prefix("http://").or_else(|| url.strip_prefix("ws://")) else {
            bail!(
                "--target {url}: give http://host:port, with the base path behind it if there is one; TLS is not measured"
            );
        };
        let (host, base) =
            rest.split_once('/').map_or((rest, String::new()), |(host, base)| (host, format!("/{base}")));
        let address = host.to_socket_addrs().with_context(|| format!("--target {url}"))?.next();
        Ok(Self {
            address: address.ok_or_else(|| anyhow!("--target {url}: {host} has no address"))?,
            base: base.trim_end_matches('/').to_owned(),
            secret: secret.to_owned(),
            server: None,
            folder: None,
        })
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
        let mut launch = Launch::new(std::path::absolute(hub(args)?)?, &folder);
        launch.set("JWT_SECRET", &args.secret).set("RUST_LOG", "warn");
        for (name, value) in &args.settings {
            launch.set(name, value);
        }
        let base = launch.settings.get("CHAT_BASE_PATH").cloned().unwrap_or_default();
        let server = launch.start().await?;
        let address = server.address();
        Ok(Self { address, base, secret: args.secret.clone(), server: Some(server), folder: temporary })
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
