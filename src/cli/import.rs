//! The settings of `import`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::database::WaitArgs;
use super::images::ImageArgs;
use super::secret::Secret;
use super::{serve, value};

/// What is brought over.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// The service that has stored it.
    #[command(subcommand)]
    pub service: Service,
}

/// Services that the hub replaces.
#[derive(Debug, Subcommand)]
pub enum Service {
    /// Bring over the threads, messages, images and notifications of the Node.js service. No hub may run; a second run brings over
    /// what is not there yet.
    Node(Box<NodeArgs>),
}

/// The tables of the Node.js service, and where they are brought to.
#[derive(Debug, Args)]
pub struct NodeArgs {
    /// The old service's database, which is only read: `mysql://user:…@host/shop` or `mariadb://…`.
    #[arg(long, env = "CHAT_IMPORT_FROM", value_name = "URL", hide_env_values = true)]
    pub from: Secret,
    /// The folder that the images of messages are in, and nothing else. Without it no image is brought over.
    #[arg(long, value_name = "DIR")]
    pub uploads: Option<PathBuf>,
    /// Only say what would be done.
    #[arg(long)]
    pub dry_run: bool,
    /// By how much the times of the old tables that have no time zone are ahead of UTC: `+03:00`.
    #[arg(long, value_name = "OFFSET", default_value = "+00:00", value_parser = value::utc_offset,
        allow_hyphen_values = true)]
    pub utc_offset: i64,
    /// The hub's database: `sqlite://…?mode=rwc`, `mysql://…`, `mariadb://…` or `postgres://…`.
    #[arg(long, env = "DATABASE_URL", default_value = serve::DATABASE_URL, hide_env_values = true)]
    pub database_url: Secret,
    /// How long to wait for it.
    #[command(flatten)]
    pub wait: WaitArgs,
    /// Where the hub keeps images, and which it takes.
    #[command(flatten)]
    pub images: ImageArgs,
}
