//! Which server to measure.

use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueEnum};

use crate::token::SECRET;

/// Which server to measure.
#[derive(Debug, Clone, Args)]
#[command(group = ArgGroup::new("which").required(true).args(["target", "spawn"]), next_help_heading = "Server")]
pub struct TargetArgs {
    /// A hub that runs: http://host:port, and its base path. Start it with CHAT_RATE_LIMIT=off
    #[arg(long, value_name = "URL")]
    pub target: Option<String>,
    /// Start a hub for the run, on a free port and with a database of its own
    #[arg(long)]
    pub spawn: bool,
    /// The hub's program for --spawn [default: softadastra-chat beside this program]
    #[arg(long, value_name = "FILE", requires = "spawn")]
    pub hub: Option<PathBuf>,
    /// The database of the hub of --spawn [default: SQLite in its folder]
    #[arg(long, value_name = "URL", requires = "spawn")]
    pub database_url: Option<String>,
    /// Where the hub of --spawn keeps its data and its log; kept after the run [default: a temporary folder]
    #[arg(long, value_name = "FOLDER", requires = "spawn")]
    pub data: Option<PathBuf>,
    /// An environment variable for the hub of --spawn, as NAME=VALUE; may be repeated
    #[arg(long = "set", value_name = "NAME=VALUE", requires = "spawn", value_parser = setting)]
    pub settings: Vec<(String, String)>,
    /// The process of --target, for its CPU time and memory, if it is on this machine
    #[arg(long, conflicts_with = "spawn")]
    pub pid: Option<u32>,
    /// The secret that tokens are signed with
    #[arg(long, env = "JWT_SECRET", default_value = SECRET, hide_env_values = true, hide_default_value = true)]
    pub secret: String,
    /// Allow a --target that is not on this machine: be sure that it is yours
    #[arg(long)]
    pub allow_remote: bool,
}

/// A server to compare with, which this program can start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Peer {
    /// Node.js, ws and better-sqlite3, a commit per message
    Node,
    /// The same, with all messages of one turn of the event loop in one transaction
    NodeGroup,
    /// Node.js, ws and mysql2, three statements per message that commit one by one; needs --peer-database-url
    NodeMysql,
    /// The hub's sockets with nothing behind them, which keep nothing: the ceiling
    Sockets,
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("it is not NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}
