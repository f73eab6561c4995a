//! The hubs that a run starts: one, or several on one database.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use tempfile::TempDir;

use crate::args::{Database, Relay, TargetArgs};
use crate::server::{Launch, Server};
use crate::services::Services;

/// A server of a target.
#[derive(Debug)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Its address.
    pub address: SocketAddr,
    /// Its process, if this program started it.
    pub server: Option<Server>,
}

/// The hubs that were started for a run.
#[derive(Debug)]
pub(crate) struct Started {
    /// Their name in reports.
    pub(crate) name: String,
    /// The hubs.
    pub(crate) nodes: Vec<Node>,
    /// Their base path.
    pub(crate) base: String,
    /// The folder of their data, if all data is in it.
    pub(crate) data: Option<PathBuf>,
    /// The servers that they use.
    pub(crate) services: Services,
    /// Their folder, if it is temporary.
    pub(crate) folder: Option<TempDir>,
}

impl Started {
    /// Starts the hubs, and what they need.
    ///
    /// # Errors
    /// With advice for the user.
    pub(crate) async fn start(args: &TargetArgs) -> anyhow::Result<Self> {
        let several = args.nodes > 1;
        let database = args.database.clone().unwrap_or(if several { Database::MariaDb } else { Database::Sqlite });
        ensure!(
            !several || database != Database::Sqlite,
            "--nodes {} --database sqlite: several hubs need a database server: mariadb, postgres or a URL",
            args.nodes
        );
        let hub = std::path::absolute(hub(args)?)?;
        let (folder, temporary) = folder(args)?;
        let mut services = Services::default();
        let database_url = services.start_database(&database)?;
        let nats_url = services.start_relay(args.relay.unwrap_or(if several { Relay::Nats } else { Relay::Poll }))?;
        let mut all = Launch::new(&hub, &folder);
        // The hub's default limit would refuse connections of large runs; the limit of open files remains.
        all.set("JWT_SECRET", &args.secret).set("RUST_LOG", "warn").set("CHAT_MAX_CONNECTIONS", "1000000");
        for (name, value) in [("DATABASE_URL", database_url), ("NATS_URL", nats_url)] {
            if let Some(value) = value {
                all.set(name, value);
            }
        }
        for (name, value) in &args.settings {
            all.set(name, value);
        }
        let base = all.settings.get("CHAT_BASE_PATH").cloned().unwrap_or_default();
        let kind = all.settings.get("DATABASE_URL").and_then(|url| url.split(':').next()).unwrap_or_default();
        let on = match kind {
            "sqlite" => "SQLite",
            "postgres" | "postgresql" => "PostgreSQL",
            "mysql" | "mariadb" if database == Database::MariaDb => "MariaDB",
            kind => kind,
        };
        let relay = if all.settings.contains_key("NATS_URL") { ", over NATS" } else { "" };
        let name =
            if several { format!("{} hubs, on {on}{relay}", args.nodes) } else { format!("the hub, on {on}{relay}") };
        let data = (kind == "sqlite").then(|| folder.clone());
        let mut nodes = Vec::new();
        // One after another: the first hub creates the tables.
        for number in 1..=args.nodes {
            let name = format!("n{number}");
            let mut launch = all.clone();
            if several {
                launch.folder = folder.join(&name);
                std::fs::create_dir_all(&launch.folder)?;
                launch.set("CHAT_NODE_NAME", &name);
            }
            let failed = || format!("cannot start the hub {} (choose another with --hub)", hub.display());
            let server = launch.start().await.with_context(failed)?;
            nodes.push(Node { name, address: server.address(), server: Some(server) });
        }
        Ok(Self { name, nodes, base, data, services, folder: temporary })
    }
}

/// Returns the folder of a run's data, which is temporary unless `--data` names one.
fn folder(args: &TargetArgs) -> anyhow::Result<(PathBuf, Option<TempDir>)> {
    if let Some(folder) = &args.data {
        std::fs::create_dir_all(folder).with_context(|| format!("--data {}", folder.display()))?;
        return Ok((std::path::absolute(folder)?, None));
    }
    let folder = tempfile::Builder::new().prefix("chat-loadtest-").tempdir()?;
    Ok((Path::to_owned(folder.path()), Some(folder)))
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
