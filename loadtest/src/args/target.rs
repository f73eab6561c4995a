//! The server that is measured.

use std::fmt;
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
    /// Start this many hubs on one database, named n1, n2, …: the two users of a pair are on any two of them
    #[arg(long, value_name = "COUNT", default_value_t = 1, conflicts_with = "target", value_parser = clap::value_parser!(u32).range(1..=16))]
    pub nodes: u32,
    /// The database of the hubs that --spawn starts: `sqlite`, `mariadb` or `postgres` (a server that this program starts from
    /// Debian's package, on a free port with its data in a temporary folder), or the URL of one that runs [default: sqlite for
    /// one hub, mariadb for several]
    #[arg(long, visible_alias = "database-url", value_name = "DATABASE", conflicts_with = "target", value_parser = Database::parse)]
    pub database: Option<Database>,
    /// How the hubs that --spawn starts hear of each other's commits [default: nats for several hubs, poll for one]
    #[arg(long, value_enum, conflicts_with = "target")]
    pub relay: Option<Relay>,
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

/// The database of the hubs.
#[derive(Clone, PartialEq, Eq)]
pub enum Database {
    /// A file of the hub.
    Sqlite,
    /// A MariaDB server that this program starts.
    MariaDb,
    /// A PostgreSQL server that this program starts.
    Postgres,
    /// A database that runs.
    Url(String),
}

/// How hubs hear of each other's commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Relay {
    /// Over a NATS server that this program starts
    Nats,
    /// Each asks the database
    Poll,
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

impl Database {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "sqlite" => Ok(Self::Sqlite),
            "mariadb" => Ok(Self::MariaDb),
            "postgres" => Ok(Self::Postgres),
            url if url.contains("://") => Ok(Self::Url(url.to_owned())),
            _ => Err("must be sqlite, mariadb, postgres or a URL".to_owned()),
        }
    }
}

/// Without the URL, which may hold a password.
impl fmt::Debug for Database {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Self::Sqlite => "sqlite",
            Self::MariaDb => "mariadb",
            Self::Postgres => "postgres",
            Self::Url(_) => "(a URL)",
        })
    }
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("must be NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}
