//! The scenarios, and how they are loaded.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use super::value::{rate, seconds, seconds_or_none, share};
use super::{OutputArgs, TargetArgs};
use crate::keys::KeysArgs;
use crate::outcome::Offered;
use crate::stage::{Load, READ_BACK};
use crate::stats::schedule::Arrivals;

/// A scenario.
#[derive(Debug, Subcommand)]
pub enum Scenario {
    /// Pairs of users: one writes, the other reads and confirms
    ///
    /// A message is complete when its author has the acknowledgement and its reader the message. Lost, doubled, delayed
    /// and reordered messages and missing receipts are found while it runs, and history is read back afterwards.
    #[command(after_help = "\
Examples:
  chat-loadtest run chat --spawn --rate 5000 --arrivals poisson --seconds 30
  chat-loadtest run chat --spawn --pairs 100 --in-flight 8 --seconds 10")]
    Chat(Run<TalkShape>),
    /// Connected users who do nothing: memory and CPU time for each
    ///
    /// (Resident memory with all connections − before the first) ÷ connections. Each connection is another user's, and
    /// authenticated. At the end all of them leave, and what is left is weighed too.
    #[command(after_help = "Example: chat-loadtest run idle --spawn --connections 5000")]
    Idle(Run<IdleShape>),
    /// Users who come, counterparts who are told, and questions who is there
    ///
    /// Each circle is one user and the watchers who share a thread with them. When the users come, each of their watchers
    /// must be told; then the users ask who is online, and each answer must name all of the watchers.
    #[command(after_help = "Example: chat-loadtest run presence --spawn --circles 50 --watchers 8 --rate 4000")]
    Presence(Run<PresenceShape>),
    /// The marketplace's core notifies people who listen
    ///
    /// One request of the core notifies a batch of users; it is complete when all of them have heard. Each
    /// notification is followed: none may be lost or come twice.
    #[command(after_help = "Example: chat-loadtest run notifications --spawn --listeners 500 --batch 100 --rate 200")]
    Notifications(Run<NotificationsShape>),
    /// Pages of history over REST
    #[command(after_help = "Example: chat-loadtest run history --spawn --threads 50 --messages 400 --rate 2000")]
    History(Run<HistoryShape>),
    /// Images that are uploaded, sent and fetched
    #[command(after_help = "Example: chat-loadtest run images --spawn --rate 20 --pixels 800x600")]
    Images(Run<ImagesShape>),
    /// Everybody is cut off, and comes back at once with a cursor
    ///
    /// While they are away, each of them is written to. It is complete when everybody has been let in, resumed and given
    /// what they missed, once each.
    #[command(after_help = "Example: chat-loadtest run reconnect --spawn --connections 2000")]
    Reconnect(Run<ReconnectShape>),
    /// Readers who stop reading, and others who must not notice
    ///
    /// The chat of `run chat`, while some connections are sent 16 MB each (more, where the system keeps more) and read
    /// nothing. Each must be closed with 4002, or cut off, by then. If the time is too short to send that much, the run
    /// is void.
    #[command(after_help = "Example: chat-loadtest run slow-readers --spawn --sleepers 50 --rate 2000")]
    SlowReaders(Run<SlowReadersShape>),
    /// A marketplace's day: presence, notifications and history, and few sends
    #[command(after_help = "Example: chat-loadtest run mixed --spawn --rate 2000 --sends 20% --history 20%")]
    Mixed(Run<MixedShape>),
}

/// What `run` takes.
#[derive(Debug, Clone, Args)]
pub struct Run<S: Args> {
    /// The server.
    #[command(flatten)]
    pub target: TargetArgs,
    /// What the scenario is made of.
    #[command(flatten)]
    pub shape: S,
    /// How it is loaded.
    #[command(flatten)]
    pub load: LoadArgs,
    /// Where the result goes.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// How a scenario is loaded.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Load")]
pub struct LoadArgs {
    /// Offer this much a second by the clock, whatever the answers (an open loop) [default: the scenario's]
    #[arg(long, value_parser = rate, conflicts_with = "in_flight")]
    pub rate: Option<f64>,
    /// Offer as fast as answers come, with this many under way for each client (a closed loop)
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=16))]
    pub in_flight: Option<u32>,
    /// How what is offered by the clock follows each other
    #[arg(long, value_enum, default_value_t)]
    pub arrivals: Arrivals,
    /// What random schedules are drawn from: the same seed, the same schedule
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Seconds to measure
    #[arg(long, default_value_t = 10.0, value_parser = seconds)]
    pub seconds: f64,
    /// Seconds to run before measuring
    #[arg(long, default_value_t = 2.0, value_parser = seconds_or_none)]
    pub warmup: f64,
    /// Seconds after which a message is delayed, and not waited for
    #[arg(long, default_value_t = 10.0, value_parser = seconds)]
    pub deadline: f64,
    /// Milliseconds by which the generator may be late with 1 % of what is due
    #[arg(long, value_name = "MS", default_value_t = 10.0, value_parser = seconds)]
    pub max_lateness: f64,
    /// How many messages are read back over REST at the end, at most
    #[arg(long, value_name = "COUNT", default_value_t = READ_BACK)]
    pub read_back: u64,
    /// The first user's id; the others follow
    #[arg(long, value_name = "ID", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1 << 50))]
    pub first_user: u64,
}

impl LoadArgs {
    /// Makes the load; `usual` is the scenario's own rate.
    #[must_use]
    pub fn load(&self, usual: f64) -> Load {
        let offered = match self.in_flight {
            Some(in_flight) => Offered::Closed { in_flight },
            None => Offered::Open { rate: self.rate.unwrap_or(usual), arrivals: self.arrivals },
        };
        Load {
            offered,
            seed: self.seed,
            warmup: Duration::from_secs_f64(self.warmup),
            length: Duration::from_secs_f64(self.seconds),
            deadline: Duration::from_secs_f64(self.deadline),
            max_lateness: Duration::from_secs_f64(self.max_lateness / 1_000.0),
            read_back: self.read_back,
        }
    }
}

/// What readers confirm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Receipts {
    /// Nothing
    None,
    /// What has arrived
    Delivered,
    /// What has been read
    Seen,
}

/// Who talks.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Scenario")]
pub struct ChatShape {
    /// Pairs of users
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=7_500))]
    pub pairs: u32,
    /// Characters of a message
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=3_900))]
    pub chars: u32,
    /// Messages of one author that may be under way in an open loop; the hub takes 16 of a connection
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub window: u32,
    /// What readers confirm
    #[arg(long, value_enum, default_value_t = Receipts::Delivered)]
    pub receipts: Receipts,
    /// Milliseconds between two confirmations of a reader, at least
    #[arg(long, value_name = "MS", default_value_t = 250)]
    pub receipt_every: u64,
    /// The keys.
    #[command(flatten)]
    pub keys: KeysArgs,
}

/// Who talks, and in which words.
#[derive(Debug, Clone, Args)]
pub struct TalkShape {
    /// Who talks.
    #[command(flatten)]
    pub chat: ChatShape,
    /// The server of --target is an old one: /ws/chat, `auth {user_id}`
    #[arg(long, help_heading = "Server", conflicts_with = "spawn")]
    pub legacy: bool,
}

/// Who is idle.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Scenario")]
pub struct IdleShape {
    /// Connections to hold
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(1..=500_000))]
    pub connections: u32,
    /// Seconds to hold all of them before weighing [default: --seconds]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub hold: Option<f64>,
    /// Have all of them come and go once before anything is weighed: what stays then is not what a first crowd warms up
    #[arg(long)]
    pub again: bool,
}

/// Who watches whom.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Scenario")]
pub struct PresenceShape {
    /// Users who are watched
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..=2_000))]
    pub circles: u32,
    /// Counterparts of each of them
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub watchers: u32,
    /// The keys.
    #[command(flatten)]
    pub keys: KeysArgs,
}

/// Who is notified.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Scenario")]
pub struct NotificationsShape {
    /// Users who listen
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=15_000))]
    pub listeners: u32,
    /// Users whom one request notifies
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub batch: u32,
    /// Requests that may be under way
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub clients: u32,
}

/// What is read.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Scenario")]
pub struct HistoryShape {
    /// Threads that are read
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=5_000))]
    pub threads: u32,
    /// Messages of each, written before the run
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub messages: u32,
    /// Messages of a page
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=200))]
    pub page: u32,
    /// Requests that may be under way
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=512))]
    pub clients: u32,
    /// The keys.
    #[command(flatten)]
    pub keys: KeysArgs,
}

/// What is uploaded.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Scenario")]
pub struct ImagesShape {
    /// Pairs of users
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub pairs: u32,
    /// The size of an image, in pixels: WIDTHxHEIGHT
    #[arg(long, default_value = "640x480", value_parser = pixels)]
    pub pixels: (u32, u32),
    /// The keys.
    #[command(flatten)]
    pub keys: KeysArgs,
}

/// Who comes back.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Scenario")]
pub struct ReconnectShape {
    /// Connections that are cut off
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub connections: u32,
    /// Messages that each of them misses
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(0..=100))]
    pub missed: u32,
    /// How many come back at a time
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub at_once: u32,
    /// The keys.
    #[command(flatten)]
    pub keys: KeysArgs,
}

/// Who sleeps.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Scenario")]
pub struct SlowReadersShape {
    /// Those who talk meanwhile.
    #[command(flatten)]
    pub chat: ChatShape,
    /// Connections that stop reading
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub sleepers: u32,
}

/// What a marketplace's day is made of; the shares make the whole.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Scenario")]
pub struct MixedShape {
    /// Share of sends
    #[arg(long, value_name = "SHARE", default_value = "10%", value_parser = share)]
    pub sends: f64,
    /// Share of presence: questions who is online
    #[arg(long, value_name = "SHARE", default_value = "45%", value_parser = share)]
    pub presence: f64,
    /// Share of notifications
    #[arg(long, value_name = "SHARE", default_value = "15%", value_parser = share)]
    pub notifications: f64,
    /// Share of pages of history
    #[arg(long, value_name = "SHARE", default_value = "30%", value_parser = share)]
    pub history: f64,
    /// Users who take part, about
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u32).range(20..=10_000))]
    pub people: u32,
    /// The keys.
    #[command(flatten)]
    pub keys: KeysArgs,
}

impl MixedShape {
    /// Returns the shares by name.
    #[must_use]
    pub fn shares(&self) -> [(&'static str, f64); 4] {
        let Self { sends, presence, notifications, history, .. } = *self;
        [("sends", sends), ("presence", presence), ("notifications", notifications), ("history", history)]
    }

    /// Makes sure that the shares make the whole.
    ///
    /// # Errors
    /// With what they make instead.
    pub fn check(&self) -> Result<(), String> {
        let shares = self.shares();
        let sum: f64 = shares.iter().map(|(_, share)| share).sum();
        if (sum - 1.0).abs() < 1e-6 {
            return Ok(());
        }
        let each = shares.map(|(name, share)| format!("--{name} {}", in_percent(share))).join(", ");
        Err(format!("the shares make {} together, and not 100%: {each}", in_percent(sum)))
    }
}

/// Writes a share as flags take it.
#[must_use]
pub fn in_percent(share: f64) -> String {
    format!("{}%", (share * 10_000.0).round() / 100.0)
}

fn pixels(text: &str) -> Result<(u32, u32), String> {
    let side = |text: &str| text.parse::<u32>().ok().filter(|side| (16..=4_000).contains(side));
    let sides = text.split_once('x').and_then(|(width, height)| Some((side(width)?, side(height)?)));
    sides.ok_or_else(|| "it is not WIDTHxHEIGHT, 16 to 4000 each".to_owned())
}
