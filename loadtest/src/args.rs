//! The command line.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Parser, Subcommand};

use crate::token::SECRET;

/// Measures what a Softadastra Chat hub carries, and holds it to its promises meanwhile.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Exit code: 0 if every promise was kept, 1 if one was broken or the run failed, 2 for a wrong command line."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a scenario against a hub and print its figures.
    Run {
        /// The scenario.
        #[command(subcommand)]
        scenario: Scenario,
    },
}

/// A scenario.
#[derive(Debug, Subcommand)]
pub enum Scenario {
    /// Pairs of users in a closed loop: messages a second, stored, acknowledged and delivered.
    ///
    /// In each pair one user writes and the other reads. A message counts when its author has the acknowledgement and its
    /// receiver the message; then the author sends the next. Latency is from the sending to whichever came later. Lost,
    /// doubled and reordered messages are found while it runs, and what was counted is held against history afterwards.
    #[command(after_help = "Example: chat-loadtest run chat --spawn --pairs 100 --in-flight 8 --seconds 10")]
    Chat(ChatArgs),
    /// Connected users who do nothing: resident memory for each.
    ///
    /// (Resident memory with all connections − before the first) ÷ connections, from /proc/<pid>/status. Each
    /// connection is another user's, and authenticated.
    #[command(after_help = "Example: chat-loadtest run idle --spawn --connections 5000")]
    Idle(IdleArgs),
}

/// Which hub to measure.
#[derive(Debug, Clone, Args)]
#[command(group = ArgGroup::new("which").required(true).args(["target", "spawn"]))]
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
    /// Where the hub of --spawn keeps its data and its log; kept after the run [default: a temporary folder]
    #[arg(long, value_name = "FOLDER", requires = "spawn")]
    pub data: Option<PathBuf>,
    /// An environment variable for the hub of --spawn, as NAME=VALUE; may be repeated
    #[arg(long = "set", value_name = "NAME=VALUE", requires = "spawn", value_parser = setting)]
    pub settings: Vec<(String, String)>,
    /// The secret that tokens are signed with
    #[arg(long, env = "JWT_SECRET", default_value = SECRET, hide_env_values = true, hide_default_value = true)]
    pub secret: String,
    /// Print the figures as one line of JSON
    #[arg(long)]
    pub json: bool,
}

/// What `run chat` takes.
#[derive(Debug, Clone, Args)]
pub struct ChatArgs {
    /// The hub.
    #[command(flatten)]
    pub target: TargetArgs,
    /// Pairs of users
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=7_500))]
    pub pairs: u32,
    /// Messages of one author that wait for their completion at a time; the hub takes 16 of a connection
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=16))]
    pub in_flight: u32,
    /// Seconds to measure
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    pub seconds: u64,
    /// Seconds to run before measuring
    #[arg(long, default_value_t = 2)]
    pub warmup: u64,
    /// Characters of a message
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=4_000))]
    pub chars: u32,
    /// The first user's id; the others follow
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1 << 50))]
    pub first_user: u64,
}

/// What `run idle` takes.
#[derive(Debug, Clone, Args)]
pub struct IdleArgs {
    /// The hub.
    #[command(flatten)]
    pub target: TargetArgs,
    /// Connections to hold
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub connections: u32,
    /// Seconds to hold all of them before weighing
    #[arg(long, default_value_t = 3)]
    pub hold: u64,
    /// The process to weigh with --target [default: the one of --spawn]
    #[arg(long)]
    pub pid: Option<u32>,
    /// The first user's id; the others follow
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1 << 50))]
    pub first_user: u64,
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("{text:?} is not NAME=VALUE"))?;
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::Cli;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
        Cli::try_parse_from(["x", "run", "chat", "--spawn", "--pairs", "3"]).expect("a hub of our own");
        Cli::try_parse_from(["x", "run", "idle", "--target", "http://127.0.0.1:1"]).expect("somebody's hub");
        Cli::try_parse_from(["x", "run", "chat"]).expect_err("no hub at all");
        Cli::try_parse_from(["x", "run", "chat", "--spawn", "--in-flight", "17"]).expect_err("more than the hub takes");
    }
}
