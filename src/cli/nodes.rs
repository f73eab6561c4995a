//! The settings that join several nodes.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::secret::Secret;

/// How this node is joined to the others of its database.
#[derive(Debug, Clone, Args)]
pub struct NodeArgs {
    /// This node's name, unique among the nodes of one database (default: made up at start).
    #[arg(long, env = "CHAT_NODE_NAME", value_name = "NAME", help_heading = "Nodes")]
    pub node_name: Option<String>,
    /// What carries messages between nodes: `nats`; `poll`, the database alone; `auto`, NATS if NATS_URL is set.
    #[arg(long, env = "CHAT_RELAY", value_name = "auto|nats|poll", value_enum, default_value_t = RelayArg::Auto,
        hide_possible_values = true, help_heading = "Nodes")]
    pub relay: RelayArg,
    /// NATS servers, separated by commas: `nats://user:…@host:4222`, `nats://token@host`, `tls://host`. Needs the same
    /// CHAT_TICKET_SECRET (or first JWT_SECRET) on every node.
    #[arg(long, env = "NATS_URL", value_name = "URLS", hide_env_values = true, help_heading = "Nodes")]
    pub nats_url: Option<Secret>,
    /// A file to log in to NATS with: a credentials file, or a user's seed (`SU…`).
    #[arg(long, env = "NATS_CREDS", value_name = "FILE", help_heading = "Nodes")]
    pub nats_creds: Option<PathBuf>,
    /// Certificates, PEM, that the NATS servers' certificates are checked against (default: the system's). Requires TLS.
    #[arg(long, env = "NATS_CA", value_name = "FILE", help_heading = "Nodes")]
    pub nats_ca: Option<PathBuf>,
}

/// What carries messages between nodes, as it is written on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RelayArg {
    /// NATS if NATS_URL is set.
    Auto,
    /// NATS.
    Nats,
    /// The database alone.
    Poll,
}
