//! The command line.

mod output;
mod plan;
mod scenario;
mod target;
mod value;

use std::path::PathBuf;
use std::time::Duration;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, CommandFactory as _, Parser, Subcommand};

use crate::load::{Load, Offered, READ_BACK};
use crate::stats::slo::Slo;

use self::value::{rate, seconds, seconds_or_none, share};

pub use self::output::OutputArgs;
pub use self::plan::PlanArgs;
pub use self::scenario::{
    ChatRunShape, ChatShape, Endpoint, HistoryShape, IdleShape, ImagesShape, LoadArgs, MixedShape, NotificationsShape,
    PresenceShape, Receipts, ReconnectShape, Run, Scenario, SlowReadersShape, WebhooksShape, in_percent,
};
pub use self::target::{Database, Peer, Relay, TargetArgs};

const EXIT_CODES: &str = "\
Exit code: 0 if the server kept every guarantee, 1 if it broke one or the run failed, 2 for a wrong command line, 3 if the \
result is invalid (the generator was late or saturated, the load was not offered or was refused, no load met the objective, \
or the run was too short; the reason is printed).";

const EXAMPLES: &str = "\
Examples:
  chat-loadtest run chat --spawn --rate 5000 --seconds 30
      an open loop of 5,000 messages per second for 30 s, on a hub that is started for the run
  chat-loadtest run chat --target http://127.0.0.1:8080 --in-flight 8
      a closed loop with 8 messages in flight per author, on a running hub
  chat-loadtest capacity --spawn --slo 'p99<100ms,errors=0' --out capacity
      the highest load that meets the objective, as an interval, with a report in the folder capacity
  chat-loadtest run chat --spawn --nodes 3 --database mariadb --rate 1000
      three hubs on one MariaDB, with NATS between them, all started for the run; latency on one node and across nodes
  chat-loadtest plan --from capacity/report.json --users 1000000 --online 10%
      the number of machines for a marketplace
  chat-loadtest compare --spawn --peer node-group --in-flight 1,8
      the hub and a Node.js server with group commit, in turn";

/// Load test of a Softadastra Chat hub: measures its capacity and checks its guarantees.
///
/// The auditor follows every message: sent, acknowledged, stored, delivered, receipted. A message that is lost, duplicated or out
/// of order makes the exit code 1. By default the load is an open loop, and latency counts from the intended time of a message, so
/// that a server that stalls cannot hide it (coordinated omission).
#[derive(Debug, Parser)]
#[command(version, after_help = EXIT_CODES, after_long_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"))]
pub struct Cli {
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// Parses the command line, and exits if it is wrong.
    #[must_use]
    pub fn read() -> Self {
        Self::try_parse().and_then(Self::checked).unwrap_or_else(|error| without_secrets(error).exit())
    }

    /// Refuses flags that are valid alone and invalid together.
    fn checked(self) -> Result<Self, clap::Error> {
        if let Command::Run { scenario } = &self.command
            && let Scenario::Mixed(run) = &**scenario
        {
            run.shape.check().map_err(|why| Self::command().error(ErrorKind::ValueValidation, why))?;
        }
        if let Command::Capacity(args) = &self.command
            && args.from > args.to
        {
            let why = format!("--from {} is above --to {}", args.from, args.to);
            return Err(Self::command().error(ErrorKind::ValueValidation, why));
        }
        Ok(self)
    }
}

/// Removes possible secrets from an error: URLs with a login, settings, and words that resemble no flag, because they may be the
/// rest of a secret that contains a space.
fn without_secrets(mut error: clap::Error) -> clap::Error {
    let near = [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand];
    let stray = near.iter().all(|kind| error.get(*kind).is_none());
    let setting =
        matches!(error.get(ContextKind::InvalidArg), Some(ContextValue::String(flag)) if flag.contains("--set"));
    for (kind, of) in [
        (ContextKind::InvalidArg, ErrorKind::UnknownArgument),
        (ContextKind::InvalidSubcommand, ErrorKind::InvalidSubcommand),
        (ContextKind::InvalidValue, ErrorKind::TooManyValues),
    ] {
        let Some(ContextValue::String(text)) = error.get(kind) else { continue };
        let hidden = text.contains('@') || (stray && error.kind() == of && !is_flag(&Cli::command(), text));
        if hidden || (setting && kind == ContextKind::InvalidValue) {
            error.insert(kind, ContextValue::String("(not shown: it may be a secret)".to_owned()));
            error.remove(ContextKind::Suggested);
        }
    }
    error
}

/// Tells whether a word is a flag of any command.
fn is_flag(command: &clap::Command, word: &str) -> bool {
    let named = |argument: &clap::Arg| argument.get_long().is_some_and(|name| word.strip_prefix("--") == Some(name));
    command.get_arguments().any(named) || command.get_subcommands().any(|command| is_flag(command, word))
}

/// A command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a scenario on a hub and print the outcome
    Run {
        /// The scenario.
        #[command(subcommand)]
        scenario: Box<Scenario>,
    },
    /// Find the highest load that meets an objective
    #[command(long_about = CAPACITY, after_help = CAPACITY_EXAMPLES)]
    Capacity(Box<CapacityArgs>),
    /// Calculate how many machines a marketplace needs
    #[command(long_about = plan::ABOUT, after_help = plan::EXAMPLES)]
    Plan(Box<PlanArgs>),
    /// Measure two servers in turn under the same load
    #[command(long_about = COMPARE, after_help = COMPARE_EXAMPLES)]
    Compare(Box<CompareArgs>),
    /// Render reports in JSON as one HTML page
    #[command(after_help = "Example: chat-loadtest report capacity/report.json idle/report.json --html both.html")]
    Report(ReportArgs),
    /// Run the server of `compare --peer sockets`
    #[command(hide = true)]
    Sockets {
        /// The address to listen on; a loopback address.
        #[arg(long, env = "CHAT_LISTEN")]
        listen: std::net::SocketAddr,
    },
}

const CAPACITY: &str = "\
Find the highest load of the scenario `chat` that meets an objective.

The search doubles the load until it fails, bisects the interval until it is narrow, and confirms the highest passing load \
three times. It repeats the lowest failing load until that has failed twice and as often as it passed; otherwise a higher \
one is the upper end. The result is an interval: its lower end passes, its upper end fails, and loads between them may do \
either. If the generator itself was late or saturated at a load, the result is a lower bound (\"at least\").

Then the command measures closed loops at eight or more concurrencies and fits the Universal Scalability Law, with 95 % \
confidence intervals (bootstrap). It predicts nothing that the points do not support.";

const CAPACITY_EXAMPLES: &str = "\
Examples:
  chat-loadtest capacity --spawn
  chat-loadtest capacity --spawn --slo 'p99<20ms,errors=0,delivered>=99%' --step-seconds 30 --out capacity
  chat-loadtest capacity --target http://127.0.0.1:8080 --pid 4711 --from 500 --no-usl";

const COMPARE: &str = "\
Measure two servers in turn, A B A B, under the same load, and print medians, ratios and ranges. If server B has no receipts \
(--peer, --legacy), only the readers of server A send them.

Server B is a peer that this program starts (--peer), or a running server (--against). With --legacy this program speaks the \
protocol of the service that the hub replaces to server B: /ws/chat, with a first frame `auth {user_id}`.";

const COMPARE_EXAMPLES: &str = "\
Examples:
  chat-loadtest compare --spawn --peer node
  chat-loadtest compare --spawn --peer node-group --in-flight 1,8 --rounds 3 --out comparison
  chat-loadtest compare --spawn --against http://127.0.0.1:3000 --legacy --in-flight 1";

/// The arguments of `capacity`.
#[derive(Debug, Clone, Args)]
pub struct CapacityArgs {
    /// The server.
    #[command(flatten)]
    pub target: TargetArgs,
    /// The shape of the load.
    #[command(flatten)]
    pub shape: ChatShape,
    /// The output.
    #[command(flatten)]
    pub output: OutputArgs,
    /// The server of --target speaks the legacy protocol: /ws/chat, first frame `auth {user_id}`
    #[arg(long, conflicts_with = "spawn")]
    pub legacy: bool,
    /// The objective: conditions on p50, p90, p99, p99.9, max (ms or s), errors and delivered (%)
    #[arg(long, default_value = "p99<100ms,errors=0")]
    pub slo: Slo,
    /// The first load to try, in messages per second
    #[arg(long, value_name = "RATE", default_value_t = 1_000.0, value_parser = rate)]
    pub from: f64,
    /// The highest load to try, in messages per second
    #[arg(long, value_name = "RATE", default_value_t = 500_000.0, value_parser = rate)]
    pub to: f64,
    /// The width of the interval, as a share of its lower end
    #[arg(long, value_name = "SHARE", default_value = "4%", value_parser = share)]
    pub precision: f64,
    /// How often the highest passing load must pass again
    #[arg(long, value_name = "TIMES", default_value_t = 3, value_parser = clap::value_parser!(u32).range(0..=20))]
    pub confirmations: u32,
    /// The maximal number of measurements
    #[arg(long, value_name = "COUNT", default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..=200))]
    pub steps: u32,
    /// Length of each measurement in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0, value_parser = seconds)]
    pub step_seconds: f64,
    /// Seconds of load before each measurement
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0, value_parser = seconds_or_none)]
    pub warmup: f64,
    /// The distribution of the intended times of messages
    #[arg(long, value_enum, default_value_t)]
    pub arrivals: crate::stats::schedule::Arrivals,
    /// The lateness of the generator (99th percentile, in milliseconds) above which a measurement is invalid
    #[arg(long, value_name = "MS", default_value_t = 20.0, value_parser = seconds)]
    pub max_lateness: f64,
    /// Do not measure throughput over concurrency
    #[arg(long)]
    pub no_usl: bool,
}

impl CapacityArgs {
    /// Makes the load of a measurement of so many seconds.
    #[must_use]
    pub fn load(&self, offered: Offered, seconds: f64) -> Load {
        Load {
            offered,
            seed: 1,
            warmup: Duration::from_secs_f64(self.warmup),
            length: Duration::from_secs_f64(seconds),
            deadline: Duration::from_secs(10),
            max_lateness: Duration::from_secs_f64(self.max_lateness / 1_000.0),
            read_back: READ_BACK,
        }
    }
}

/// The arguments of `compare`.
#[derive(Debug, Clone, Args)]
#[command(group = clap::ArgGroup::new("other").required(true).args(["peer", "against"]))]
pub struct CompareArgs {
    /// Server A.
    #[command(flatten)]
    pub target: TargetArgs,
    /// The shape of the load.
    #[command(flatten)]
    pub shape: ChatShape,
    /// The output.
    #[command(flatten)]
    pub output: OutputArgs,
    /// Server B: a peer that this program starts
    #[arg(long, value_enum)]
    pub peer: Option<Peer>,
    /// The database of --peer node-mysql, in which it creates its tables: mysql://HOST/DATABASE
    #[arg(long, value_name = "URL", requires = "peer", required_if_eq("peer", "node-mysql"))]
    pub peer_database_url: Option<String>,
    /// Server B: a running server
    #[arg(long, value_name = "URL")]
    pub against: Option<String>,
    /// The process id of --against, to measure its costs
    #[arg(long, value_name = "PID", requires = "against")]
    pub against_pid: Option<u32>,
    /// The server of --against speaks the legacy protocol: /ws/chat, first frame `auth {user_id}`
    #[arg(long, requires = "against", conflicts_with = "peer")]
    pub legacy: bool,
    /// Closed loops with this many messages in flight per author; several numbers with commas between them
    #[arg(long, value_name = "COUNTS", value_delimiter = ',', default_value = "1,8",
          value_parser = clap::value_parser!(u32).range(1..=16), conflicts_with = "rate")]
    pub in_flight: Vec<u32>,
    /// An open loop at this rate instead
    #[arg(long, value_parser = rate)]
    pub rate: Option<f64>,
    /// Measurements of each server
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=50))]
    pub rounds: u32,
    /// Length of each measurement in seconds
    #[arg(long, default_value_t = 5.0, value_parser = seconds)]
    pub seconds: f64,
    /// Seconds of load before each measurement
    #[arg(long, default_value_t = 1.0, value_parser = seconds_or_none)]
    pub warmup: f64,
    /// The folder of the peer, with its package.json
    #[arg(long, value_name = "FOLDER")]
    pub peer_folder: Option<PathBuf>,
}

/// The arguments of `report`.
#[derive(Debug, Clone, Args)]
pub struct ReportArgs {
    /// Reports in JSON (--json, or report.json of --out)
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The HTML file
    #[arg(long, value_name = "FILE", default_value = "report.html")]
    pub html: PathBuf,
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::Cli;

    #[test]
    fn an_error_of_the_command_line_contains_no_secret() {
        for line in [
            "x run chat --spawn --secret my hunter2",
            "x run chat --spawn --secrets hunter2",
            "x run chat --spawn --set hunter2",
            "x run chat --spawn --rate ann:hunter2@db",
            "x mysql://ann:hunter2@db/x",
            "x run chat --spawn --databaze-url=mysql://ann:hunter2@db/x",
            "x capacity --spawn --peer-database-url mysql://ann:hunter2@db/x",
        ] {
            let message = super::without_secrets(read(line).expect_err(line)).to_string();
            assert!(!message.contains("hunter2"), "{line}: {message}");
        }
    }

    fn read(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split(' '))?.checked()
    }

    #[test]
    fn the_command_line_accepts_and_refuses_what_it_should() {
        Cli::command().debug_assert();
        for right in [
            "x run chat --spawn --pairs 3",
            "x run chat --spawn --in-flight 8 --seconds 5",
            "x run idle --target http://127.0.0.1:1",
            "x run chat --target http://127.0.0.1:1 --legacy --warmup 0",
            "x run idle --spawn --hold 20",
            "x run webhooks --spawn --endpoint down --feed",
            "x run mixed --spawn --rate 500 --sends 55% --presence 0",
            "x run mixed --spawn --sends 33.3% --presence 33.3% --notifications 33.4% --history 0",
            "x capacity --spawn --slo p99<20ms",
            "x compare --spawn --peer node-group --in-flight 1,8",
            "x compare --spawn --peer node-mysql --peer-database-url mysql://127.0.0.1/peer",
            "x compare --spawn --peer sockets",
            "x compare --spawn --against http://127.0.0.1:1 --legacy",
            "x run chat --spawn --nodes 3",
            "x run chat --spawn --nodes 3 --database mariadb --relay poll",
            "x capacity --spawn --nodes 2 --database postgres --relay nats",
            "x run chat --spawn --database-url mysql://127.0.0.1/hub",
            "x run chat --spawn --keys time",
            "x run presence --spawn --keys uuid4",
            "x run history --spawn --keys uuid4",
            "x run images --spawn --keys uuid4",
            "x run reconnect --spawn --keys uuid4",
            "x run slow-readers --spawn --keys uuid4",
            "x run mixed --spawn --keys uuid4",
            "x capacity --spawn --keys uuid4",
            "x compare --spawn --peer node --keys uuid4",
            "x plan --users 1000,2000 --online 10%",
            "x report a.json b.json --html c.html",
        ] {
            read(right).unwrap_or_else(|error| panic!("{right}: {error}"));
        }
        for wrong in [
            "x run chat",
            "x run chat --spawn --in-flight 17",
            "x run chat --spawn --in-flight 1 --rate 5",
            "x run chat --spawn --rate 0",
            "x run chat --spawn --target http://127.0.0.1:1",
            "x run chat --spawn --legacy",
            "x run chat --spawn --seconds 0",
            "x run chat --spawn --seconds nan",
            "x run chat --spawn --deadline 0",
            "x run chat --spawn --warmup -1",
            "x run idle --target http://127.0.0.1:1 --legacy",
            "x run idle --spawn --hold nan",
            "x run idle --spawn --hold 1e300",
            "x run chat --spawn --nodes 0",
            "x run chat --spawn --nodes 17",
            "x run chat --target http://127.0.0.1:1 --nodes 3",
            "x run chat --spawn --database mysql",
            "x run chat --spawn --relay redis",
            "x run chat --spawn --keys uuid7",
            "x run idle --spawn --keys uuid4",
            "x run mixed --spawn --sends 50% --presence 10% --notifications 10% --history 10%",
            "x run mixed --spawn --sends 0 --presence 0 --notifications 0 --history 0",
            "x capacity --spawn --legacy",
            "x capacity --spawn --step-seconds 0",
            "x capacity --spawn --slo p99",
            "x compare --spawn",
            "x compare --spawn --peer node --legacy",
            "x compare --spawn --peer node-mysql",
            "x plan --online 150%",
            "x plan --headroom 100%",
            "x report",
        ] {
            read(wrong).expect_err(wrong);
        }
    }
}
