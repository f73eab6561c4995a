//! What `plan` takes.

use std::path::PathBuf;

use clap::Args;

use super::OutputArgs;
use super::value::{headroom, rate, share};

pub(super) const ABOUT: &str = "\
Calculate how many machines a marketplace needs, from measured unit costs.

What one node carries comes from a report of `capacity` (--from), and from the flags where they are given. The share \
--headroom of each node is kept free; where several nodes are needed, one more stands by.";

pub(super) const EXAMPLES: &str = "\
Examples:
  chat-loadtest plan --from capacity/report.json --users 100000
  chat-loadtest plan --users 1000000 --online 15% --messages 30 --peak 6 --images 8% --node-messages 12000";

/// What `plan` takes.
#[derive(Debug, Clone, Args)]
pub struct PlanArgs {
    /// Reports to take unit costs from: of `capacity`, `run chat`, `run idle`
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub from: Vec<PathBuf>,
    /// Where the result goes.
    #[command(flatten)]
    pub output: OutputArgs,
    /// Users of the marketplace; several by commas
    #[arg(long, value_delimiter = ',', default_value = "1000,10000,100000,1000000", value_parser = rate)]
    pub users: Vec<f64>,
    /// The share of them that is connected at the busiest time
    #[arg(long, value_name = "SHARE", default_value = "100%", value_parser = share)]
    pub online: f64,
    /// Connections of one user who is connected
    #[arg(long, value_name = "COUNT", default_value_t = 1.2, value_parser = rate)]
    pub connections: f64,
    /// Messages of one user a day
    #[arg(long, value_name = "COUNT", default_value_t = 20.0, value_parser = rate)]
    pub messages: f64,
    /// How much busier the busiest second is than the average one
    #[arg(long, value_name = "FACTOR", default_value_t = 5.0, value_parser = rate)]
    pub peak: f64,
    /// The share of messages with an image
    #[arg(long, value_name = "SHARE", default_value = "5%", value_parser = share)]
    pub images: f64,
    /// KB of an image, with its renditions
    #[arg(long, value_name = "KB", default_value_t = 250.0, value_parser = rate)]
    pub image_kb: f64,
    /// The share of each node that is kept free
    #[arg(long, value_name = "SHARE", default_value = "40%", value_parser = headroom)]
    pub headroom: f64,
    /// Messages a second that a node carries [default: from --from]
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub node_messages: Option<f64>,
    /// Connections that a node holds [default: 15000]
    #[arg(long, value_name = "COUNT", value_parser = rate)]
    pub node_connections: Option<f64>,
    /// Resident memory of a node that nobody is connected to, in MB [default: from --from, or 60]
    #[arg(long, value_name = "MB", value_parser = rate)]
    pub node_mb: Option<f64>,
    /// CPU time of the server for a message, in µs, at any load [default: from --from, by load, or 300]
    #[arg(long, value_name = "US", value_parser = rate)]
    pub message_cpu: Option<f64>,
    /// CPU time of the server for a connection that does nothing, in µs a second [default: from --from, or 1]
    #[arg(long, value_name = "US", value_parser = rate)]
    pub connection_cpu: Option<f64>,
    /// Resident memory of a connection, in KB [default: from --from, or 12]
    #[arg(long, value_name = "KB", value_parser = rate)]
    pub connection_kb: Option<f64>,
    /// Bytes of the database for a message [default: from --from, or 500]
    #[arg(long, value_name = "BYTES", value_parser = rate)]
    pub message_bytes: Option<f64>,
}
