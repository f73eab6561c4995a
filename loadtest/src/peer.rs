//! The peers of `compare --peer`: minimal services in Node.js with the same guarantees (folder `peers`), or WebSockets alone.

pub mod sockets;

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, bail, ensure};
use tokio::process::Command;

use crate::args::{CompareArgs, Peer};
use crate::environment::in_path;
use crate::progress::Progress;
use crate::server::Launch;
use crate::target::Target;

/// The Node.js headers of the system's packages. Without them npm would download them.
const HEADERS: &str = "/usr/include/node/node.h";

/// The hidden command that runs [`sockets::serve`].
pub const SOCKETS: &str = "sockets";

impl Peer {
    /// Returns its name in reports.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Node => "Node.js, one commit per message",
            Self::NodeGroup => "Node.js, group commit",
            Self::NodeMysql => "Node.js on MySQL, three statements per message",
            Self::Sockets => "WebSockets alone, without storage",
        }
    }

    /// Tells whether it speaks the protocol of the service that the hub replaces, and has no history to read back.
    #[must_use]
    pub fn is_legacy(self) -> bool {
        matches!(self, Self::NodeMysql | Self::Sockets)
    }
}

/// Starts a peer on a free port, with its data in a temporary folder. Installs its packages the first time.
///
/// # Errors
/// If a program or a package that it needs is missing.
pub async fn start(peer: Peer, args: &CompareArgs, progress: &Progress) -> anyhow::Result<Target> {
    let data = tempfile::Builder::new().prefix("chat-loadtest-peer-").tempdir()?;
    let launch = launch(peer, args, data.path(), progress).await?;
    let server = launch.start().await.context("the peer did not start")?;
    Ok(Target::started(peer.title(), server, &args.target.secret, data, peer.is_legacy()))
}

async fn launch(peer: Peer, args: &CompareArgs, data: &Path, progress: &Progress) -> anyhow::Result<Launch> {
    // Files that exist when the packages are installed.
    const BUILT: &str = "node_modules/better-sqlite3/build/Release/better_sqlite3.node";
    const INSTALLED: &str = "node_modules/mysql2/package.json";
    let folder = args.peer_folder.as_deref();
    let mode = match peer {
        Peer::Sockets => {
            let mut launch = Launch::new(std::env::current_exe()?, data);
            launch.arguments = vec![SOCKETS.to_owned()];
            // It has no readiness check: it is ready when it accepts connections.
            launch.tls = true;
            return Ok(launch);
        }
        Peer::NodeMysql => {
            let mut launch = node(folder, "node-mysql", INSTALLED, data, progress).await?;
            let url = args.peer_database_url.as_deref().context("--peer node-mysql needs --peer-database-url")?;
            launch.set("PEER_DATABASE_URL", url);
            return Ok(launch);
        }
        Peer::Node => "each",
        Peer::NodeGroup => "group",
    };
    let mut launch = node(folder, "node", BUILT, data, progress).await?;
    launch
        .set("JWT_SECRET", &args.target.secret)
        .set("PEER_MODE", mode)
        .set("PEER_DATABASE", data.join("peer.db").display().to_string());
    Ok(launch)
}

/// Makes the launch of a service under `peers`. The file `installed` exists when its packages are installed.
async fn node(
    folder: Option<&Path>,
    name: &str,
    installed: &str,
    data: &Path,
    progress: &Progress,
) -> anyhow::Result<Launch> {
    let source = match folder {
        Some(folder) => folder.to_owned(),
        None => Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/peers")).join(name),
    };
    let program = std::path::absolute(source.join("peer.js"))?;
    ensure!(program.exists(), "there is no {}: give the folder of the peer with --peer-folder", program.display());
    let node = in_path("node")
        .context("the peer needs Node.js: install it (Debian: apt-get install nodejs npm libnode-dev)")?;
    if !source.join(installed).exists() {
        progress.print("installing the peer's packages with npm (once; it compiles C++, which takes a minute)");
        install(&source).await?;
    }
    let mut launch = Launch::new(node, data);
    launch.set("NODE_ENV", "production");
    launch.arguments = vec![program.display().to_string()];
    Ok(launch)
}

async fn install(folder: &Path) -> anyhow::Result<()> {
    let npm = in_path("npm").context("the peer's packages need npm: install it (Debian: apt-get install npm)")?;
    let mut command = Command::new(npm);
    command.args(["ci", "--no-audit", "--no-fund"]).current_dir(folder).stdin(Stdio::null()).kill_on_drop(true);
    // The package's prebuilt binaries are not on npm's registry.
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
