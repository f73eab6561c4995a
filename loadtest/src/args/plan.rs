//! The arguments of `plan`.

use std::path::PathBuf;

use clap::Args;

use super::output::OutputArgs;
use super::value::{headroom, rate, share};

pub(super) const ABOUT: &str = "\
Calculate how many machines a marketplace needs, from measured unit costs.

The unit costs come from reports of other commands (--from); a flag overrides them. The share --headroom of each node is \
kept free. If several nodes are needed, the plan has one spare node, one spare NATS server, and a standby for each database. All \
nodes of a database take the numbers of their commits from one counter, one after another. The plan says up to which load one \
counter suffices: its messages per second, with the headroom, and a wait of at most 100 ms for a node's turn.";

pub(super) const EXAMPLES: &str = "\
Examples:
  chat-loadtest plan --from capacity/report.json --users 100000
  chat-loadtest plan --from node/report.json three-nodes/report.json --users 1000000
  chat-loadtest plan --users 1000000 --online 15% --messages 30 --peak 6 --images 8% --node-messages 12000";

/// The arguments of `plan`.
#[derive(Debug, Clone, Args)]
pub struct PlanArgs {
    /// Reports with unit costs: of `capacity` (also with --nodes), `run chat` and `run idle`
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub from: Vec<PathBuf>,
    /// The output.
    #[command(flatten)]
    pub output: OutputArgs,
    /// Users of the marketplace; several numbers with commas between them
    #[arg(long, value_delimiter = ',', default_value = "1000,10000,100000,1000000", value_parser = rate)]
    pub users: Vec<f64>,
    /// The share of the users that is connected at the peak
    #[arg(long, value_name = "SHARE", default_value = "100%", value_parser = share)]
    pub online: f64,
    /// Connections of a connected user
    #[arg(long, value_name = "COUNT", default_value_t = 1.2, value_parser = rate)]
    pub connections: f64,
    /// Messages of a user per day
    #[arg(long, value_name = "COUNT", default_value_t = 20.0, value_parser = rate)]
    pub messages: f64,
    /// The ratio of the peak rate to the average rate
    #[arg(long, value_name = "FACTOR", default_value_t = 5.0, value_parser = rate)]
    pub peak: f64,
    /// The share of messages with an image
    #[arg(long, value_name = "SHARE", default_value = "5%", value_parser = share)]
    pub images: f64,
    /// Size of an image with its renditions, in KB
    #[arg(long, value_name = "KB", default_value_t = 250.0, value_parser = rate)]
    pub image_kb: f64,
    /// The share of each node that is kept free
    #[arg(long, value_name = "SHARE", default_value = "40%", value_parser = headroom)]
    pub headroom: f64,
    /// Messages per second of a node [default: from --from]
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub node_messages: Option<f64>,
    /// Messages per second of all nodes of one database, whose commits take their numbers from one counter [default: from a
    /// report of --nodes, or 5000]
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub counter_messages: Option<f64>,
    /// Milliseconds of a commit without its messages, in which no other node commits [default: 3]
    #[arg(long, value_name = "MS", value_parser = rate)]
    pub commit_ms: Option<f64>,
    /// Deliveries per second of a NATS server [default: 200000]
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub nats_messages: Option<f64>,
    /// Connections of a node [default: 15000]
    #[arg(long, value_name = "COUNT", value_parser = rate)]
    pub node_connections: Option<f64>,
    /// Resident memory of a node without connections, in MB [default: from --from, or 60]
    #[arg(long, value_name = "MB", value_parser = rate)]
    pub node_mb: Option<f64>,
    /// The server's CPU time per message, in µs [default: from --from, by load, or 300]
    #[arg(long, value_name = "US", value_parser = rate)]
    pub message_cpu: Option<f64>,
    /// The server's CPU time of an idle connection, in µs per second [default: from --from, or 1]
    #[arg(long, value_name = "US", value_parser = rate)]
    pub connection_cpu: Option<f64>,
    /// Resident memory of a connection, in KB [default: from --from, or 12]
    #[arg(long, value_name = "KB", value_parser = rate)]
    pub connection_kb: Option<f64>,
    /// Bytes of the database per message [default: from --from, or 500]
    #[arg(long, value_name = "BYTES", value_parser = rate)]
    pub message_bytes: Option<f64>,
}
