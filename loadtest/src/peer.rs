//! A peer to compare with: the smallest honest Node.js service of the same job, under `peers/node`.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, bail, ensure};
use tokio::process::Command;

use crate::args::Peer;
use crate::live::Live;
use crate::server::Launch;
use crate::target::Target;

/// Where `node.h` is, where the system's own packages have put it: without it npm would fetch it from afar.
const HEADERS: &str = "/usr/include/node/node.h";

impl Peer {
    /// Names it for people.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Node => "Node.js, a commit per message",
            Self::NodeGroup => "Node.js, group commit",
        }
    }

    fn mode(self) -> &'static str {
        match self {
            Self::Node => "each",
            Self::NodeGroup => "group",
        }
    }
}

/// Starts a peer on a free port, with a database in a temporary folder. Its packages are installed the first time.
///
/// # Errors
/// With what is missing.
pub async fn start(peer: Peer, folder: Option<&Path>, secret: &str, live: &Live) -> anyhow::Result<Target> {
    let source = match folder {
        Some(folder) => folder.to_owned(),
        None => PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/peers/node")),
    };
    let program = std::path::absolute(source.join("peer.js"))?;
    ensure!(program.exists(), "there is no {}: give the folder of the peer with --peer-folder", program.display());
    let node =
        find("node").context("the peer needs Node.js: install it (Debian: apt-get install nodejs npm libnode-dev)")?;
    if !source.join("node_modules/better-sqlite3/build/Release/better_sqlite3.node").exists() {
        live.say("installing the peer's packages with npm (once; better-sqlite3 is compiled, which takes a minute)");
        install(&source).await?;
    }
    let data = tempfile::Builder::new().prefix("chat-loadtest-peer-").tempdir()?;
    let mut launch = Launch::new(node, data.path());
    launch
        .set("JWT_SECRET", secret)
        .set("NODE_ENV", "production")
        .set("PEER_MODE", peer.mode())
        .set("PEER_DATABASE", data.path().join("peer.db").display().to_string());
    launch.arguments = vec![program.display().to_string()];
    let server = launch.start().await.context("the peer did not start")?;
    Ok(Target::ours(peer.title(), server, secret, data))
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
