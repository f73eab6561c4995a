//! The arguments of `run`: the scenarios and their load.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use super::output::OutputArgs;
use super::target::TargetArgs;
use super::value::{rate, seconds, seconds_or_none, share};
use crate::keys::KeysArgs;
use crate::load::{Load, Offered, READ_BACK};
use crate::stats::schedule::Arrivals;

/// A scenario.
#[derive(Debug, Subcommand)]
pub enum Scenario {
    /// Pairs of users: an author sends messages, a reader receives and confirms them
    ///
    /// A message is complete when its author has the acknowledgement and its reader has the message. The auditor finds lost,
    /// duplicated, delayed and reordered messages and missing receipts, and reads history back after the run.
    #[command(after_help = "\
Examples:
  chat-loadtest run chat --spawn --rate 5000 --arrivals poisson --seconds 30
  chat-loadtest run chat --spawn --pairs 100 --in-flight 8 --seconds 10")]
    Chat(Run<ChatRunShape>),
    /// Idle connections: the memory and CPU time of each
    ///
    /// Memory per connection = (resident memory with all connections − before the first) ÷ connections. Each connection is
    /// authenticated as another user. At the end all of them disconnect, and the resident memory is measured again.
    #[command(after_help = "Example: chat-loadtest run idle --spawn --connections 5000")]
    Idle(Run<IdleShape>),
    /// Presence: users connect, their counterparts are notified, and the users ask who is online
    ///
    /// Each circle is a user and the watchers who share a thread with that user. When the users connect, each watcher must be
    /// notified. Then the users ask who is online, and each answer must list all watchers.
    #[command(after_help = "Example: chat-loadtest run presence --spawn --circles 50 --watchers 8 --rate 4000")]
    Presence(Run<PresenceShape>),
    /// Notifications: the marketplace's core notifies connected users
    ///
    /// A request of the core notifies a batch of users, each of whom must receive the notification exactly once.
    #[command(after_help = "Example: chat-loadtest run notifications --spawn --listeners 500 --batch 100 --rate 200")]
    Notifications(Run<NotificationsShape>),
    /// Pages of history over REST
    #[command(after_help = "Example: chat-loadtest run history --spawn --threads 50 --messages 400 --rate 2000")]
    History(Run<HistoryShape>),
    /// Images: authors upload and send them, readers fetch them
    #[command(after_help = "Example: chat-loadtest run images --spawn --rate 20 --pixels 800x600")]
    Images(Run<ImagesShape>),
    /// A reconnection storm: all clients are disconnected and resume at once with a cursor
    ///
    /// While they are disconnected, other users send messages to each of them. The run ends when all clients are connected,
    /// resumed, and have received what they missed, once each.
    #[command(after_help = "Example: chat-loadtest run reconnect --spawn --connections 2000")]
    Reconnect(Run<ReconnectShape>),
    /// Slow readers: some connections stop reading, and the others must not notice
    ///
    /// The load of `run chat`, while some connections are sent 16 MB each (more, if the kernel buffers more) and read nothing.
    /// By then the hub must have closed each of them with code 4002, or disconnected it. If the run is too short to send that
    /// much, it is invalid.
    #[command(after_help = "Example: chat-loadtest run slow-readers --spawn --slow-readers 50 --rate 2000")]
    SlowReaders(Run<SlowReadersShape>),
    /// Webhooks and the event feed: what the marketplace's core hears of the load of `run chat`
    ///
    /// The program makes a webhook by the hub's admin API, receives what the hub sends, and deletes the webhook in the end. Each
    /// message must be told once (after repeats are removed by the event's id), each thread in order, and signed. The latency of
    /// `webhook` and of `feed event` is the time since the commit. Run it with `--endpoint none`, too: the difference is what
    /// webhooks cost messages.
    #[command(after_help = "\
Examples:
  chat-loadtest run webhooks --spawn --rate 5000 --seconds 30 --feed
  chat-loadtest run webhooks --spawn --rate 1000 --endpoint down")]
    Webhooks(Run<WebhooksShape>),
    /// The mix of a marketplace: mostly presence and history, some notifications, few messages
    #[command(after_help = "Example: chat-loadtest run mixed --spawn --rate 2000 --sends 20% --history 20%")]
    Mixed(Run<MixedShape>),
}

/// The arguments of `run`.
#[derive(Debug, Clone, Args)]
pub struct Run<S: Args> {
    /// The server.
    #[command(flatten)]
    pub target: TargetArgs,
    /// The scenario.
    #[command(flatten)]
    pub shape: S,
    /// The load.
    #[command(flatten)]
    pub load: LoadArgs,
    /// The output.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// The load.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Load")]
pub struct LoadArgs {
    /// Open loop: this many requests per second, whether earlier ones were answered or not [default: by scenario]
    #[arg(long, value_parser = rate, conflicts_with = "in_flight")]
    pub rate: Option<f64>,
    /// Closed loop: each client keeps this many requests in flight
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=16))]
    pub in_flight: Option<u32>,
    /// The distribution of the intended times of an open loop
    #[arg(long, value_enum, default_value_t)]
    pub arrivals: Arrivals,
    /// The seed of random schedules: the same seed gives the same schedule
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Length of the measurement in seconds
    #[arg(long, default_value_t = 10.0, value_parser = seconds)]
    pub seconds: f64,
    /// Seconds of load before the measurement
    #[arg(long, default_value_t = 2.0, value_parser = seconds_or_none)]
    pub warmup: f64,
    /// Seconds after which a message counts as delayed
    #[arg(long, default_value_t = 10.0, value_parser = seconds)]
    pub deadline: f64,
    /// The lateness of the generator (99th percentile, in milliseconds) above which a run is invalid
    #[arg(long, value_name = "MS", default_value_t = 10.0, value_parser = seconds)]
    pub max_lateness: f64,
    /// Messages that the auditor reads back over REST at the end, at most
    #[arg(long, value_name = "COUNT", default_value_t = READ_BACK)]
    pub read_back: u64,
    /// The id of the first user; the others follow
    #[arg(long, value_name = "ID", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1 << 50))]
    pub first_user: u64,
}

impl LoadArgs {
    /// Makes the load; `default_rate` is that of the scenario.
    #[must_use]
    pub fn load(&self, default_rate: f64) -> Load {
        let offered = match self.in_flight {
            Some(in_flight) => Offered::Closed { in_flight },
            None => Offered::Open { rate: self.rate.unwrap_or(default_rate), arrivals: self.arrivals },
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

/// The receipts of readers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Receipts {
    /// None
    None,
    /// Delivery receipts
    Delivered,
    /// Read receipts
    Seen,
}

/// The shape of `chat`.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Scenario")]
pub struct ChatShape {
    /// Pairs of users
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=7_500))]
    pub pairs: u32,
    /// Characters per message
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=3_900))]
    pub chars: u32,
    /// Messages of an author that may be in flight in an open loop; the hub allows 16 per connection
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub window: u32,
    /// The receipts that readers send
    #[arg(long, value_enum, default_value_t = Receipts::Delivered)]
    pub receipts: Receipts,
    /// Milliseconds between two receipts of a reader, at least
    #[arg(long, value_name = "MS", default_value_t = 250)]
    pub receipt_every: u64,
    /// The idempotency keys.
    #[command(flatten)]
    pub keys: KeysArgs,
}

/// The shape of `chat`, and the server's protocol.
#[derive(Debug, Clone, Args)]
pub struct ChatRunShape {
    /// The shape.
    #[command(flatten)]
    pub chat: ChatShape,
    /// The server of --target speaks the legacy protocol: /ws/chat, first frame `auth {user_id}`
    #[arg(long, help_heading = "Server", conflicts_with = "spawn")]
    pub legacy: bool,
}

/// The shape of `idle`.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Scenario")]
pub struct IdleShape {
    /// Idle connections
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(1..=500_000))]
    pub connections: u32,
    /// Seconds to hold the connections before the measurement of memory [default: --seconds]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub hold: Option<f64>,
    /// Connect and disconnect all of them once before the measurement, so that it leaves out memory that is allocated once
    #[arg(long)]
    pub again: bool,
}

/// The shape of `presence`.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Scenario")]
pub struct PresenceShape {
    /// Circles: users with watchers
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..=2_000))]
    pub circles: u32,
    /// Watchers per circle
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub watchers: u32,
    /// The idempotency keys.
    #[command(flatten)]
    pub keys: KeysArgs,
}

/// The shape of `notifications`.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Scenario")]
pub struct NotificationsShape {
    /// Connected users
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=15_000))]
    pub listeners: u32,
    /// Users per request
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub batch: u32,
    /// Concurrent requests
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub clients: u32,
}

/// The shape of `history`.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Scenario")]
pub struct HistoryShape {
    /// Threads
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=5_000))]
    pub threads: u32,
    /// Messages per thread, sent before the run
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub messages: u32,
    /// Messages per page
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=200))]
    pub page: u32,
    /// Concurrent requests
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=512))]
    pub clients: u32,
    /// The idempotency keys.
    #[command(flatten)]
    pub keys: KeysArgs,
}

/// The shape of `images`.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Scenario")]
pub struct ImagesShape {
    /// Pairs of users
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub pairs: u32,
    /// The size of an image in pixels: WIDTHxHEIGHT
    #[arg(long, default_value = "640x480", value_parser = pixels)]
    pub pixels: (u32, u32),
    /// The idempotency keys.
    #[command(flatten)]
    pub keys: KeysArgs,
}

/// The shape of `reconnect`.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Scenario")]
pub struct ReconnectShape {
    /// Connections
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub connections: u32,
    /// Messages that each client misses
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(0..=100))]
    pub missed: u32,
    /// Clients that reconnect concurrently
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub concurrency: u32,
    /// The idempotency keys.
    #[command(flatten)]
    pub keys: KeysArgs,
}

/// The shape of `slow-readers`.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Scenario")]
pub struct SlowReadersShape {
    /// The pairs of users.
    #[command(flatten)]
    pub chat: ChatShape,
    /// Connections that stop reading
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub slow_readers: u32,
}

/// The endpoint of the webhook that a run makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Endpoint {
    /// The receiver of this program
    Up,
    /// Nothing listens there
    Down,
    /// No webhook is made
    None,
}

/// The shape of `webhooks`.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Scenario")]
pub struct WebhooksShape {
    /// The pairs of users.
    #[command(flatten)]
    pub chat: ChatShape,
    /// The endpoint of the webhook
    #[arg(long, value_enum, default_value_t = Endpoint::Up)]
    pub endpoint: Endpoint,
    /// A consumer follows the event feed, and reads all of it again in the end
    #[arg(long)]
    pub feed: bool,
}

/// The shape of `mixed`. The shares add up to 100 %.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Scenario")]
pub struct MixedShape {
    /// Share of messages
    #[arg(long, value_name = "SHARE", default_value = "10%", value_parser = share)]
    pub sends: f64,
    /// Share of presence queries
    #[arg(long, value_name = "SHARE", default_value = "45%", value_parser = share)]
    pub presence: f64,
    /// Share of notifications
    #[arg(long, value_name = "SHARE", default_value = "15%", value_parser = share)]
    pub notifications: f64,
    /// Share of pages of history
    #[arg(long, value_name = "SHARE", default_value = "30%", value_parser = share)]
    pub history: f64,
    /// Users, approximately
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u32).range(20..=10_000))]
    pub users: u32,
    /// The idempotency keys.
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

    /// Checks that the shares add up to 100 %.
    ///
    /// # Errors
    /// With their sum.
    pub fn check(&self) -> Result<(), String> {
        let shares = self.shares();
        let sum: f64 = shares.iter().map(|(_, share)| share).sum();
        if (sum - 1.0).abs() < 1e-6 {
            return Ok(());
        }
        let each = shares.map(|(name, share)| format!("--{name} {}", in_percent(share))).join(", ");
        Err(format!("the shares add up to {} and not to 100%: {each}", in_percent(sum)))
    }
}

/// Formats a share as a percentage.
#[must_use]
pub fn in_percent(share: f64) -> String {
    format!("{}%", (share * 10_000.0).round() / 100.0)
}

fn pixels(text: &str) -> Result<(u32, u32), String> {
    let side = |text: &str| text.parse::<u32>().ok().filter(|side| (16..=4_000).contains(side));
    let sides = text.split_once('x').and_then(|(width, height)| Some((side(width)?, side(height)?)));
    sides.ok_or_else(|| "must be WIDTHxHEIGHT, 16 to 4000 each".to_owned())
}
