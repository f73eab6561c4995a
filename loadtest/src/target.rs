//! The server that is measured: a running one, or one that this program starts.

use std::net::ToSocketAddrs as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use tempfile::TempDir;

use crate::args::TargetArgs;
use crate::client::ConnectOptions;
use crate::environment::without_login;
use crate::nodes::{Node, Started};
use crate::server::Server;
use crate::services::Services;
use crate::token;
use crate::usage;

/// The lifetime of a run's tokens.
const TOKEN_LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// A server to measure.
#[derive(Debug)]
pub struct Target {
    /// Its name in reports.
    pub name: String,
    /// Its nodes; at least one.
    pub nodes: Vec<Node>,
    /// Its base path; empty by default.
    pub base: String,
    /// The secret that its tokens are signed with.
    pub secret: String,
    /// Whether it speaks the protocol of the service that the hub replaces.
    pub legacy: bool,
    /// The servers that this program started beside it.
    pub services: Services,
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
            None => {
                let Started { name, nodes, base, data, services, folder } = Started::start(args).await?;
                let secret = args.secret.clone();
                Ok(Self { name, nodes, base, secret, legacy, services, pid: None, data, folder })
            }
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
            name: shown.clone(),
            nodes: vec![Node { name: shown, address, server: None }],
            base: base.trim_end_matches('/').to_owned(),
            secret: args.secret.clone(),
            legacy,
            services: Services::default(),
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
            nodes: vec![Node { name: name.to_owned(), address: server.address(), server: Some(server) }],
            base: String::new(),
            secret: secret.to_owned(),
            legacy,
            services: Services::default(),
            pid: None,
            data: Some(folder.path().to_owned()),
            folder: Some(folder),
        }
    }

    /// Returns the process ids of its nodes that are known.
    pub fn pids(&self) -> impl Iterator<Item = u32> {
        self.nodes.iter().filter_map(|node| node.server.as_ref().map(Server::pid)).chain(self.pid)
    }

    /// Returns the CPU seconds that its nodes have used so far; 0 if their processes are not known.
    #[must_use]
    pub fn cpu_seconds(&self) -> f64 {
        self.pids().filter_map(|pid| usage::cpu_seconds(pid).ok()).sum()
    }

    /// Returns the resident memory of its nodes in KB; 0 if their processes are not known.
    #[must_use]
    pub fn resident_kb(&self) -> u32 {
        self.pids().filter_map(|pid| usage::resident_kb(pid).ok()).sum()
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

    /// Mints a token of the marketplace's staff.
    ///
    /// # Errors
    /// If it cannot be signed.
    pub fn admin_token(&self) -> anyhow::Result<String> {
        Ok(token::mint_with_role(&self.secret, 1, TOKEN_LIFETIME, Some("admin"))?)
    }

    /// Returns the options of a user's connection to `/chat`. Users are spread over the nodes by their ids.
    ///
    /// # Errors
    /// If the token cannot be signed.
    pub fn connect_options(&self, user: u64) -> anyhow::Result<ConnectOptions> {
        let nodes = self.nodes.len().max(1) as u64;
        self.connect_options_on(usize::try_from(user % nodes)?, user)
    }

    /// Returns the options of a user's connection to `/chat` on a node.
    ///
    /// # Errors
    /// If there is no such node, or the token cannot be signed.
    pub fn connect_options_on(&self, node: usize, user: u64) -> anyhow::Result<ConnectOptions> {
        let node = self.nodes.get(node).with_context(|| format!("there is no node {node}"))?;
        let mut options = ConnectOptions::new(node.address, self.token(user)?);
        options.path = format!("{}{}", self.base, if self.legacy { "/ws/chat" } else { "/chat" });
        Ok(options)
    }

    /// Stops the server, if this program started it.
    ///
    /// # Errors
    /// If its process cannot be waited for.
    pub async fn close(mut self) -> anyhow::Result<()> {
        for server in self.nodes.iter_mut().filter_map(|node| node.server.as_mut()) {
            server.kill().await?;
        }
        if let Some(folder) = self.folder {
            folder.close()?;
        }
        Ok(())
    }
}
