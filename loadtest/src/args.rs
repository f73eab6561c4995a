//! The command line.

mod plan;
mod scenario;
mod target;
mod value;

use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, CommandFactory as _, Parser, Subcommand};

use crate::stats::slo::Slo;

use self::value::{rate, seconds, seconds_or_none, share};

pub use self::plan::PlanArgs;
pub use self::scenario::{
    ChatShape, HistoryShape, IdleShape, ImagesShape, LoadArgs, MixedShape, NotificationsShape, PresenceShape, Receipts,
    ReconnectShape, Run, Scenario, SlowReadersShape, TalkShape, in_percent,
};
pub use self::target::{Peer, TargetArgs};

const EXIT_CODES: &str = "\
Exit code: 0 if every promise was kept, 1 if one was broken or the run failed, 2 for a wrong command line, \
3 if it says nothing (the generator was late or saturated, the load could not be offered or was refused, no load met the \
objective, or the time was too short; the reason is printed).";

const EXAMPLES: &str = "\
Examples:
  chat-loadtest run chat --spawn --rate 5000 --seconds 30
      5,000 messages a second by the clock, for half a minute, against a hub of its own
  chat-loadtest run chat --target http://127.0.0.1:8080 --in-flight 8
      as fast as the answers come, 8 at a time for each author, against a hub that runs
  chat-loadtest capacity --spawn --slo 'p99<100ms,errors=0' --out capacity
      the highest load that meets the objective, as an interval, with a report in capacity/
  chat-loadtest plan --from capacity/report.json --users 1000000 --online 10%
      how many machines that makes
  chat-loadtest compare --spawn --peer node-group --in-flight 1,8
      the hub and the strongest peer that we know, in turn";

/// Measures what a Softadastra Chat hub carries, and holds it to its promises meanwhile.
///
/// Every message is followed: sent, acknowledged, stored, delivered, receipted. What is lost, doubled or out of order is
/// counted, named, and makes the exit code 1. By default messages are sent by the clock (an open loop), and latency is
/// counted from the time at which a message was meant to be sent, so a server that stalls cannot hide it.
#[derive(Debug, Parser)]
#[command(version, after_help = EXIT_CODES, after_long_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"))]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// Reads the command line, and ends the program where it is wrong.
    #[must_use]
    pub fn read() -> Self {
        Self::try_parse().and_then(Self::checked).unwrap_or_else(|error| without_secrets(error).exit())
    }

    /// Refuses what is right flag by flag and wrong as a whole.
    fn checked(self) -> Result<Self, clap::Error> {
        if let Command::Run { scenario } = &self.command
            && let Scenario::Mixed(run) = &**scenario
        {
            run.shape.check().map_err(|why| Self::command().error(ErrorKind::ValueValidation, why))?;
        }
        if let Command::Capacity(args) = &self.command
            && args.from > args.to
        {
            let why = format!("--from {} is above --to {}: nothing lies between them", args.from, args.to);
            return Err(Self::command().error(ErrorKind::ValueValidation, why));
        }
        Ok(self)
    }
}

/// Takes from an error what may be a secret: what may hold a login, settings, and words that are no flag nor near one, for they
/// may be the second half of a secret with a space in it.
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

/// Tells whether a word is a flag, of whichever command.
fn is_flag(command: &clap::Command, word: &str) -> bool {
    let named = |argument: &clap::Arg| argument.get_long().is_some_and(|name| word.strip_prefix("--") == Some(name));
    command.get_arguments().any(named) || command.get_subcommands().any(|command| is_flag(command, word))
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run one scenario against a hub and print what was found
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
    Plan(PlanArgs),
    /// Measure two servers in turn under the same load
    #[command(long_about = COMPARE, after_help = COMPARE_EXAMPLES)]
    Compare(Box<CompareArgs>),
    /// Make the HTML report again from JSON
    #[command(after_help = "Example: chat-loadtest report capacity/report.json idle/report.json --html both.html")]
    Report(ReportArgs),
    /// Serve what `compare --peer sockets` compares with
    #[command(hide = true)]
    Sockets {
        /// Where to listen; on this machine.
        #[arg(long, env = "CHAT_LISTEN")]
        listen: std::net::SocketAddr,
    },
}

const CAPACITY: &str = "\
Find the highest load of the scenario `chat` that meets an objective.

Doubles the load until it fails, halves the interval until it is narrow, confirms the highest load that passed three \
times, and tries the lowest that failed until it has failed twice, and as often as it passed; otherwise a higher one. \
The answer is that interval: its lower end passes, its upper end does not, and in between it depends on the moment. A \
load at which the generator itself was late or saturated is not held against the server: the answer then says \"at \
least\".

Then measures a closed loop at eight or more concurrencies and fits the Universal Scalability Law, with intervals of \
95 % (bootstrap). Nothing is said of loads that the points do not bear.";

const CAPACITY_EXAMPLES: &str = "\
Examples:
  chat-loadtest capacity --spawn
  chat-loadtest capacity --spawn --slo 'p99<20ms,errors=0,delivered>=99%' --step-seconds 30 --out capacity
  chat-loadtest capacity --target http://127.0.0.1:8080 --pid 4711 --from 500 --no-usl";

const COMPARE: &str = "\
Measure two servers in turn, A B A B, under the same load; print medians, ratios and how far they lie apart. Where the \
other server has no receipts (--peer, --legacy), readers send them on the first side alone.

The other server is a peer that this program starts (--peer), or any that runs (--against). With --legacy that one is \
spoken to as to the service that the hub replaces: on /ws/chat, with a first frame `auth {user_id}`.";

const COMPARE_EXAMPLES: &str = "\
Examples:
  chat-loadtest compare --spawn --peer node
  chat-loadtest compare --spawn --peer node-group --in-flight 1,8 --rounds 3 --out comparison
  chat-loadtest compare --spawn --against http://127.0.0.1:3000 --legacy --in-flight 1";

/// Where what was found goes.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// Print one line of JSON instead of a table
    #[arg(long)]
    pub json: bool,
    /// Also write report.json, report.html, report.txt and .hlog files into this folder
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
    /// Show nothing while it runs
    #[arg(long)]
    pub quiet: bool,
}

/// What `capacity` takes.
#[derive(Debug, Clone, Args)]
pub struct CapacityArgs {
    /// The server.
    #[command(flatten)]
    pub target: TargetArgs,
    /// Who talks.
    #[command(flatten)]
    pub shape: ChatShape,
    /// Where the result goes.
    #[command(flatten)]
    pub output: OutputArgs,
    /// The server of --target is an old one: /ws/chat, `auth {user_id}`
    #[arg(long, conflicts_with = "spawn")]
    pub legacy: bool,
    /// What "good enough" means: p50, p90, p99, p99.9 and max in ms or s, errors, delivered in %
    #[arg(long, default_value = "p99<100ms,errors=0")]
    pub slo: Slo,
    /// The first load to try, in messages a second
    #[arg(long, value_name = "RATE", default_value_t = 1_000.0, value_parser = rate)]
    pub from: f64,
    /// The highest load to try
    #[arg(long, value_name = "RATE", default_value_t = 500_000.0, value_parser = rate)]
    pub to: f64,
    /// How narrow the interval is to be, as a share of its lower end
    #[arg(long, value_name = "SHARE", default_value = "4%", value_parser = share)]
    pub precision: f64,
    /// How often the answer must pass again
    #[arg(long, value_name = "TIMES", default_value_t = 3, value_parser = clap::value_parser!(u32).range(0..=20))]
    pub confirmations: u32,
    /// The most loads to measure
    #[arg(long, value_name = "COUNT", default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..=200))]
    pub steps: u32,
    /// Seconds to measure each load
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0, value_parser = seconds)]
    pub step_seconds: f64,
    /// Seconds to run each load before measuring
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0, value_parser = seconds_or_none)]
    pub warmup: f64,
    /// How the messages of a load follow each other
    #[arg(long, value_enum, default_value_t)]
    pub arrivals: crate::stats::schedule::Arrivals,
    /// Milliseconds by which the generator may be late with 1 % of what is due
    #[arg(long, value_name = "MS", default_value_t = 20.0, value_parser = seconds)]
    pub max_lateness: f64,
    /// Leave the scalability curve out
    #[arg(long)]
    pub no_usl: bool,
}

/// What `compare` takes.
#[derive(Debug, Clone, Args)]
#[command(group = clap::ArgGroup::new("other").required(true).args(["peer", "against"]))]
pub struct CompareArgs {
    /// The one server.
    #[command(flatten)]
    pub target: TargetArgs,
    /// Who talks.
    #[command(flatten)]
    pub shape: ChatShape,
    /// Where the result goes.
    #[command(flatten)]
    pub output: OutputArgs,
    /// The other server: a small one of the same job, which this program starts
    #[arg(long, value_enum)]
    pub peer: Option<Peer>,
    /// The database of --peer node-mysql: mysql://HOST/DATABASE. It makes its tables there
    #[arg(long, value_name = "URL", requires = "peer", required_if_eq("peer", "node-mysql"))]
    pub peer_database_url: Option<String>,
    /// The other server: one that runs
    #[arg(long, value_name = "URL")]
    pub against: Option<String>,
    /// The process of --against, for its costs
    #[arg(long, value_name = "PID", requires = "against")]
    pub against_pid: Option<u32>,
    /// The server of --against is an old one: /ws/chat, `auth {user_id}`
    #[arg(long, requires = "against", conflicts_with = "peer")]
    pub legacy: bool,
    /// Compare closed loops with this many messages in flight for each author; several by commas
    #[arg(long, value_name = "COUNTS", value_delimiter = ',', default_value = "1,8",
          value_parser = clap::value_parser!(u32).range(1..=16), conflicts_with = "rate")]
    pub in_flight: Vec<u32>,
    /// Compare an open loop at this rate instead
    #[arg(long, value_parser = rate)]
    pub rate: Option<f64>,
    /// How often each is measured
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=50))]
    pub rounds: u32,
    /// Seconds to measure each time
    #[arg(long, default_value_t = 5.0, value_parser = seconds)]
    pub seconds: f64,
    /// Seconds to run each time before measuring
    #[arg(long, default_value_t = 1.0, value_parser = seconds_or_none)]
    pub warmup: f64,
    /// The folder of the peer of --peer, with its package.json
    #[arg(long, value_name = "FOLDER")]
    pub peer_folder: Option<PathBuf>,
}

/// What `report` takes.
#[derive(Debug, Clone, Args)]
pub struct ReportArgs {
    /// JSON files that other commands wrote (--json, or report.json of --out)
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Where the HTML goes
    #[arg(long, value_name = "FILE", default_value = "report.html")]
    pub html: PathBuf,
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::Cli;

    #[test]
    fn what_is_said_of_a_wrong_command_line_tells_no_secret() {
        for line in [
            "x run chat --spawn --secret my hunter2",
            "x run chat --spawn --secrets hunter2",
            "x run chat --spawn --set hunter2",
            "x run chat --spawn --rate ann:hunter2@db",
            "x mysql://ann:hunter2@db/x",
            "x run chat --spawn --databaze-url=mysql://ann:hunter2@db/x",
            "x capacity --spawn --peer-database-url mysql://ann:hunter2@db/x",
        ] {
            let said = super::without_secrets(read(line).expect_err(line)).to_string();
            assert!(!said.contains("hunter2"), "{line}: {said}");
        }
    }

    fn read(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split(' '))?.checked()
    }

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
        for right in [
            "x run chat --spawn --pairs 3",
            "x run chat --spawn --in-flight 8 --seconds 5",
            "x run idle --target http://127.0.0.1:1",
            "x run chat --target http://127.0.0.1:1 --legacy --warmup 0",
            "x run idle --spawn --hold 20",
            "x run mixed --spawn --rate 500 --sends 55% --presence 0",
            "x run mixed --spawn --sends 33.3% --presence 33.3% --notifications 33.4% --history 0",
            "x capacity --spawn --slo p99<20ms",
            "x compare --spawn --peer node-group --in-flight 1,8",
            "x compare --spawn --peer node-mysql --peer-database-url mysql://127.0.0.1/peer",
            "x compare --spawn --peer sockets",
            "x compare --spawn --against http://127.0.0.1:1 --legacy",
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
