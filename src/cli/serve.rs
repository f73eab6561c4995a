//! The settings of `serve`, with their defaults.

use std::path::PathBuf;
use std::time::Duration;

use chat_actors::webhooks::address::Block;
use clap::Args;

pub use super::admin::AdminArgs;
pub use super::images::ImageArgs;
pub use super::nodes::NodeArgs;
use super::secret::Secret;
use super::value::{self, Rate};
pub use super::webhooks::WebhookArgs;

/// The default database.
pub const DATABASE_URL: &str = "sqlite://data/chat.db?mode=rwc";

/// The settings of `serve`.
#[derive(Debug, Clone, Args)]
pub struct ServeArgs {
    /// Address and port to listen on. Any address but loopback needs a JWT key.
    #[arg(long, env = "CHAT_LISTEN", default_value = "127.0.0.1:8080", help_heading = "Network")]
    pub listen: String,
    /// The prefix of every path, for example `/api`.
    #[arg(long, env = "CHAT_BASE_PATH", default_value = "", help_heading = "Network")]
    pub base_path: String,
    /// The hub's own address as browsers see it; its origin is allowed.
    #[arg(long, env = "CHAT_PUBLIC_URL", value_name = "URL", help_heading = "Network")]
    pub public_url: Option<String>,
    /// Origins whose pages may open sockets, act by cookie and read answers, separated by commas. Origins of apps and extensions
    /// count too: `capacitor://localhost`, `chrome-extension://<id>`.
    #[arg(long, env = "CHAT_ALLOWED_ORIGINS", value_name = "ORIGINS", value_delimiter = ',', help_heading = "Network")]
    pub allowed_origins: Vec<String>,
    /// Certificate chain, PEM: serve https and wss. Needs --tls-key.
    #[arg(long, env = "CHAT_TLS_CERT", value_name = "FILE", help_heading = "Network")]
    pub tls_cert: Option<PathBuf>,
    /// The certificate's private key, PEM.
    #[arg(long, env = "CHAT_TLS_KEY", value_name = "FILE", help_heading = "Network")]
    pub tls_key: Option<PathBuf>,
    /// Serve the page at the base path: `on` or `off` (default: on in development mode alone).
    #[arg(long, env = "CHAT_PAGE", value_name = "on|off", value_parser = value::switch, help_heading = "Network")]
    pub page: Option<bool>,
    /// The proxies in front of the hub, as blocks of addresses, separated by commas. Of a request from one of them the hub takes
    /// the client's address, for the audit log and for limits by address, from `X-Forwarded-For`.
    #[arg(long, env = "CHAT_TRUSTED_PROXIES", value_name = "BLOCKS", value_delimiter = ',',
        default_value = "127.0.0.0/8,::1", value_parser = value::block, help_heading = "Network")]
    pub trusted_proxies: Vec<Option<Block>>,

    /// The keys of tokens and tickets.
    #[command(flatten)]
    pub keys: KeyArgs,

    /// `sqlite://…?mode=rwc`, `mysql://user:…@host/chat`, `mariadb://…` or `postgres://…`. The hub migrates it at start.
    #[arg(long, env = "DATABASE_URL", value_name = "URL", default_value = DATABASE_URL, hide_env_values = true,
        help_heading = "Storage")]
    pub database_url: Secret,
    /// How long the start waits for a database that is away, or `off`.
    #[arg(long, env = "CHAT_WAIT_FOR_DATABASE", value_name = "SPAN|off", default_value = "30s",
        value_parser = value::duration_or_off, help_heading = "Storage")]
    pub wait_for_database: Duration,
    /// Connections that read from the database; with SQLite, as many OS threads make pages besides.
    #[arg(long, env = "CHAT_DATABASE_READERS", value_name = "N", default_value_t = 4, help_heading = "Storage")]
    pub database_readers: u32,

    /// How this node is joined to the others.
    #[command(flatten)]
    pub nodes: NodeArgs,

    /// The settings of images.
    #[command(flatten)]
    pub images: ImageArgs,

    /// The settings of webhooks.
    #[command(flatten)]
    pub webhooks: WebhookArgs,

    /// What operators may do.
    #[command(flatten)]
    pub admin: AdminArgs,

    /// The limits of users, connections and the node.
    #[command(flatten)]
    pub limits: LimitArgs,

    /// The settings of the process.
    #[command(flatten)]
    pub process: ProcessArgs,
}

/// The keys that verify tokens and sign tickets.
#[derive(Debug, Clone, Args)]
pub struct KeyArgs {
    /// Secrets that the core signs tokens with (HS256), separated by commas; each at least 32 bytes. Any of them
    /// verifies; the first one signs. `kid=<name>:<secret>` names one. Without any key: development mode.
    #[arg(
        long,
        env = "JWT_SECRET",
        value_name = "SECRETS",
        value_delimiter = ',',
        hide_env_values = true,
        allow_hyphen_values = true,
        help_heading = "Tokens"
    )]
    pub jwt_secret: Vec<Secret>,
    /// Public keys of the core, PEM, one after another: RSA (RS256), P-256 (ES256) or Ed25519 (EdDSA).
    #[arg(long, env = "JWT_PUBLIC_KEY", value_name = "FILE", help_heading = "Tokens")]
    pub jwt_public_key: Option<PathBuf>,
    /// Public keys of the core as a JSON Web Key Set.
    #[arg(long, env = "JWT_JWKS", value_name = "FILE", help_heading = "Tokens")]
    pub jwt_jwks: Option<PathBuf>,
    /// The issuers (`iss`) of which the hub accepts tokens, separated by commas (default: not checked).
    #[arg(long, env = "JWT_ISSUER", value_name = "NAMES", value_delimiter = ',', help_heading = "Tokens")]
    pub jwt_issuer: Vec<String>,
    /// The audiences of which a token's `aud` must name one, separated by commas (default: not checked).
    #[arg(long, env = "JWT_AUDIENCE", value_name = "NAMES", value_delimiter = ',', help_heading = "Tokens")]
    pub jwt_audience: Vec<String>,
    /// The secret of tickets, at least 32 bytes (default: the first JWT_SECRET).
    #[arg(
        long,
        env = "CHAT_TICKET_SECRET",
        value_name = "SECRET",
        hide_env_values = true,
        allow_hyphen_values = true,
        help_heading = "Tokens"
    )]
    pub ticket_secret: Option<Secret>,
    /// The secret from which the hub derives each webhook's own, at least 32 bytes (default: derived from the secret of tickets).
    #[arg(
        long,
        env = "CHAT_WEBHOOK_SECRET",
        value_name = "SECRET",
        hide_env_values = true,
        allow_hyphen_values = true,
        help_heading = "Tokens"
    )]
    pub webhook_secret: Option<Secret>,
}

/// The limits of users, connections and the node.
#[derive(Debug, Clone, Args)]
pub struct LimitArgs {
    /// WebSocket connections of this node.
    #[arg(long, env = "CHAT_MAX_CONNECTIONS", value_name = "N", default_value_t = 15_000, help_heading = "Limits")]
    pub max_connections: usize,
    /// WebSocket connections of one user.
    #[arg(
        long,
        env = "CHAT_MAX_CONNECTIONS_PER_USER",
        value_name = "N",
        default_value_t = 10,
        help_heading = "Limits"
    )]
    pub max_connections_per_user: usize,
    /// HTTP connections of this node beyond its WebSockets.
    #[arg(long, env = "CHAT_MAX_HTTP_CONNECTIONS", value_name = "N", default_value_t = 1_000, help_heading = "Limits")]
    pub max_http_connections: usize,
    /// Size of one frame.
    #[arg(long, env = "CHAT_MAX_FRAME", value_name = "BYTES", default_value = "64KiB", value_parser = value::bytes,
        help_heading = "Limits")]
    pub max_frame: usize,
    /// Characters of one text.
    #[arg(long, env = "CHAT_MAX_TEXT", value_name = "N", default_value_t = 4_000, help_heading = "Limits")]
    pub max_text: usize,
    /// Images of one message.
    #[arg(long, env = "CHAT_MAX_IMAGES", value_name = "N", default_value_t = 10, help_heading = "Limits")]
    pub max_images: usize,
    /// Frames of one connection that wait for their answer; beyond that the hub reads nothing from it.
    #[arg(long, env = "CHAT_MAX_IN_FLIGHT", value_name = "N", default_value_t = 16, help_heading = "Limits")]
    pub max_in_flight: usize,
    /// Requests without a valid token, and all for the page and the API's documents, per minute and address, or `off`. Mobile
    /// networks put thousands of users behind one address: they count together.
    #[arg(long, env = "CHAT_ADDRESS_RATE", value_name = "N|off", default_value = "off", value_parser = value::rate,
        help_heading = "Limits")]
    pub address_rate: Rate,
    /// Messages per second and user, or `off`; `off` also lifts the limits on edits, receipts, typing, queries and new
    /// conversations, unless they are set.
    #[arg(long, env = "CHAT_RATE_LIMIT", value_name = "N|off", default_value = "20", value_parser = value::rate,
        help_heading = "Limits")]
    pub rate_limit: Rate,
    /// Messages that a user may send at once.
    #[arg(long, env = "CHAT_RATE_BURST", value_name = "N", default_value_t = 60, help_heading = "Limits")]
    pub rate_burst: u32,
    /// Edits and deletions per second and user, or `off` (default: 20).
    #[arg(long, env = "CHAT_EDIT_RATE", value_name = "N|off", value_parser = value::rate, help_heading = "Limits")]
    pub edit_rate: Option<Rate>,
    /// Edits and deletions that a user may make at once.
    #[arg(long, env = "CHAT_EDIT_BURST", value_name = "N", default_value_t = 60, help_heading = "Limits")]
    pub edit_burst: u32,
    /// Receipts, and what else marks something as read, per second and user, or `off` (default: 200).
    #[arg(long, env = "CHAT_RECEIPT_RATE", value_name = "N|off", value_parser = value::rate, help_heading = "Limits")]
    pub receipt_rate: Option<Rate>,
    /// Receipts that a user may send at once.
    #[arg(long, env = "CHAT_RECEIPT_BURST", value_name = "N", default_value_t = 1_000, help_heading = "Limits")]
    pub receipt_burst: u32,
    /// Queries (all that reads and changes nothing, but for images) per second and user, or `off` (default: 100).
    #[arg(long, env = "CHAT_QUERY_RATE", value_name = "N|off", value_parser = value::rate, help_heading = "Limits")]
    pub query_rate: Option<Rate>,
    /// Queries that a user may make at once.
    #[arg(long, env = "CHAT_QUERY_BURST", value_name = "N", default_value_t = 500, help_heading = "Limits")]
    pub query_burst: u32,
    /// `typing` and `stop_typing` frames per minute and user, as many at once, or `off` (default: 60).
    #[arg(long, env = "CHAT_TYPING_PER_MINUTE", value_name = "N|off", value_parser = value::rate,
        help_heading = "Limits")]
    pub typing_per_minute: Option<Rate>,
    /// New conversations that a user may begin per minute, as many at once, or `off` (default: 20). Answers do not count.
    #[arg(long, env = "CHAT_NEW_CONVERSATIONS_PER_MINUTE", value_name = "N|off", value_parser = value::rate,
        help_heading = "Limits")]
    pub new_conversations_per_minute: Option<Rate>,
    /// New conversations that a user may begin per day, as many at once, or `off` (default: 200).
    #[arg(long, env = "CHAT_NEW_CONVERSATIONS_PER_DAY", value_name = "N|off", value_parser = value::rate,
        help_heading = "Limits")]
    pub new_conversations_per_day: Option<Rate>,
    /// How long after its creation a message may be edited.
    #[arg(long, env = "CHAT_EDIT_WINDOW", value_name = "SPAN", default_value = "15m", value_parser = value::duration,
        help_heading = "Limits")]
    pub edit_window: Duration,
    /// Bytes that may wait for a client that reads slowly; beyond that the client is served from the database.
    #[arg(long, env = "CHAT_OUTBOX_BYTES", value_name = "BYTES", default_value = "1MiB", value_parser = value::bytes,
        help_heading = "Limits")]
    pub outbox_bytes: usize,
    /// Frames that may wait for a client that reads slowly.
    #[arg(long, env = "CHAT_OUTBOX_FRAMES", value_name = "N", default_value_t = 4_096, help_heading = "Limits")]
    pub outbox_frames: usize,
    /// Writes that may wait for storage; beyond that clients get `overloaded`.
    #[arg(long, env = "CHAT_STORAGE_QUEUE", value_name = "N", default_value_t = 10_000, help_heading = "Limits")]
    pub storage_queue: usize,
}

/// The settings of the process.
#[derive(Debug, Clone, Args)]
pub struct ProcessArgs {
    /// OS threads that run the hub (default: half of the cores, at least one).
    #[arg(long, env = "CHAT_WORKERS", value_name = "N", help_heading = "Process")]
    pub workers: Option<usize>,
    /// How long the drain may take, at most.
    #[arg(long, env = "CHAT_DRAIN_SECONDS", value_name = "SECONDS", default_value = "20", value_parser = value::seconds,
        help_heading = "Process")]
    pub drain_seconds: Duration,
    /// How often the hub pings a connection; it closes one after two pings without a sign of life.
    #[arg(long, env = "CHAT_HEARTBEAT", value_name = "SPAN", default_value = "25s", value_parser = value::duration,
        help_heading = "Process")]
    pub heartbeat: Duration,
    /// How long after their last connection a user counts as offline.
    #[arg(long, env = "CHAT_OFFLINE_AFTER", value_name = "SPAN", default_value = "10s", value_parser = value::duration,
        help_heading = "Process")]
    pub offline_after: Duration,
    /// How often the hub asks the database for commits of other nodes.
    #[arg(long, env = "CHAT_COMMIT_POLL_INTERVAL", value_name = "SPAN", default_value = "100ms", value_parser = value::duration,
        help_heading = "Process")]
    pub commit_poll_interval: Duration,
    /// How long a thread's actor stays in memory without work.
    #[arg(long, env = "CHAT_THREAD_IDLE", value_name = "SPAN", default_value = "60s", value_parser = value::duration,
        help_heading = "Process")]
    pub thread_idle: Duration,
}
