//! The server that is measured.

use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueEnum};

use crate::token::SECRET;

/// The server that is measured.
#[derive(Debug, Clone, Args)]
#[command(group = ArgGroup::new("which").required(true).args(["target", "spawn"]), next_help_heading = "Server")]
pub struct TargetArgs {
    /// Measure a running hub: http://HOST:PORT, followed by its base path. Start it with CHAT_RATE_LIMIT=off
    #[arg(long, value_name = "URL")]
    pub target: Option<String>,
    /// Start a hub for the run, on a free port and with its own database
    #[arg(long)]
    pub spawn: bool,
    /// The program of the hub that --spawn starts [default: softadastra-chat in the folder of this program]
    #[arg(long, value_name = "FILE", requires = "spawn")]
    pub hub: Option<PathBuf>,
    /// The database of the hub that --spawn starts [default: SQLite in its data folder]
    #[arg(long, value_name = "URL", requires = "spawn")]
    pub database_url: Option<String>,
    /// The folder for the data and the log of the hub that --spawn starts; it is kept [default: a temporary folder]
    #[arg(long, value_name = "FOLDER", requires = "spawn")]
    pub data: Option<PathBuf>,
    /// An environment variable for the hub that --spawn starts; may be repeated
    #[arg(long = "set", value_name = "NAME=VALUE", requires = "spawn", value_parser = setting)]
    pub settings: Vec<(String, String)>,
    /// The process id of --target, to measure its CPU time and memory, if it runs on this machine
    #[arg(long, conflicts_with = "spawn")]
    pub pid: Option<u32>,
    /// The secret that signs tokens
    #[arg(long, env = "JWT_SECRET", default_value = SECRET, hide_env_values = true, hide_default_value = true)]
    pub secret: String,
    /// Allow a --target on another machine. Make sure that the machine is yours
    #[arg(long)]
    pub allow_remote: bool,
}

/// A server that `compare` can start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Peer {
    /// Node.js with ws and better-sqlite3, one commit per message
    Node,
    /// The same with group commit: all messages of an event loop iteration in one transaction
    NodeGroup,
    /// Node.js with ws and mysql2, three statements per message, each with its own commit; needs --peer-database-url
    NodeMysql,
    /// WebSockets alone, without storage: the upper bound on this machine
    Sockets,
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("must be NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}
