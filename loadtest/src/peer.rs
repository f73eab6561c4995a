//! A peer to compare with: the smallest honest service of the same job in Node.js, under `peers`, or the hub's sockets with
//! nothing behind them.

pub mod sockets;

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, bail, ensure};
use tokio::process::Command;

use crate::args::{CompareArgs, Peer};
use crate::live::Live;
use crate::server::Launch;
use crate::target::Target;

/// Where `node.h` is, where the system's own packages have put it: without it npm would fetch it from afar.
const HEADERS: &str = "/usr/include/node/node.h";

/// The subcommand that [`sockets::serve`] runs under.
pub const SOCKETS: &str = "sockets";

impl Peer {
    /// Names it for people.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Node => "Node.js, a commit per message",
            Self::NodeGroup => "Node.js, group commit",
            Self::NodeMysql => "Node.js on MySQL, three statements per message",
            Self::Sockets => "sockets alone, nothing kept",
        }
    }

    /// Returns whether it speaks the frames of the service that the hub replaces, and has no history to read back.
    #[must_use]
    pub fn is_legacy(self) -> bool {
        matches!(self, Self::NodeMysql | Self::Sockets)
    }
}

/// Starts a peer on a free port, with its data in a temporary folder. Its packages are installed the first time.
///
/// # Errors
/// With what is missing.
pub async fn start(peer: Peer, args: &CompareArgs, live: &Live) -> anyhow::Result<Target> {
    let data = tempfile::Builder::new().prefix("chat-loadtest-peer-").tempdir()?;
    let launch = launch(peer, args, data.path(), live).await?;
    let server = launch.start().await.context("the peer did not start")?;
    Ok(Target::ours(peer.title(), server, &args.target.secret, data, peer.is_legacy()))
}

async fn launch(peer: Peer, args: &CompareArgs, data: &Path, live: &Live) -> anyhow::Result<Launch> {
    // What is there once the packages are installed.
    const BUILT: &str = "node_modules/better-sqlite3/build/Release/better_sqlite3.node";
    const INSTALLED: &str = "node_modules/mysql2/package.json";
    let folder = args.peer_folder.as_deref();
    let mode = match peer {
        Peer::Sockets => {
            let mut launch = Launch::new(std::env::current_exe()?, data);
            launch.arguments = vec![SOCKETS.to_owned()];
            // It has no health to ask for: it is ready when it takes connections.
            launch.tls = true;
            return Ok(launch);
        }
        Peer::NodeMysql => {
            let mut launch = node(folder, "node-mysql", INSTALLED, data, live).await?;
            let url = args.peer_database_url.as_deref().context("--peer node-mysql needs --peer-database-url")?;
            launch.set("PEER_DATABASE_URL", url);
            return Ok(launch);
        }
        Peer::Node => "each",
        Peer::NodeGroup => "group",
    };
    let mut launch = node(folder, "node", BUILT, data, live).await?;
    launch
        .set("JWT_SECRET", &args.target.secret)
        .set("PEER_MODE", mode)
        .set("PEER_DATABASE", data.join("peer.db").display().to_string());
    Ok(launch)
}

/// Makes the launch of a service under `peers`; `wanted` is there once its packages are installed.
async fn node(folder: Option<&Path>, name: &str, wanted: &str, data: &Path, live: &Live) -> anyhow::Result<Launch> {
    let source = match folder {
        Some(folder) => folder.to_owned(),
        None => Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/peers")).join(name),
    };
    let program = std::path::absolute(source.join("peer.js"))?;
    ensure!(program.exists(), "there is no {}: give the folder of the peer with --peer-folder", program.display());
    let node =
        find("node").context("the peer needs Node.js: install it (Debian: apt-get install nodejs npm libnode-dev)")?;
    if !source.join(wanted).exists() {
        live.say("installing the peer's packages with npm (once; what is C++ is compiled, which takes a minute)");
        install(&source).await?;
    }
    let mut launch = Launch::new(node, data);
    launch.set("NODE_ENV", "production");
    launch.arguments = vec![program.display().to_string()];
    Ok(launch)
}

async fn install(folder: &Path) -> anyhow::Result<()> {
    let npm = find("npm").context("the peer's packages need npm: install it (Debian: apt-get install npm)")?;
    let mut command = Command::new(npm);
    command.args(["ci", "--no-audit", "--no-fund"]).current_dir(folder).stdin(Stdio::null()).kill_on_drop(true);
    // There are ready-made binaries, but not on npm's registry.
    command.env("npm_config_build_from_source", "true");
    if Path::new(HEADERS).exists() {
        command.env("npm_config_nodedir", "/usr");
    }
    let output = command.output().await?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`npm ci` failed in {}:\n{}", folder.display(), crate::server::last_lines(&said, 20));
    }
    Ok(())
}

fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}
