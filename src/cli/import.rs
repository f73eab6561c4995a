//! The settings of `import`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::database::WaitArgs;
use super::images::ImageArgs;
use super::secret::Secret;
use super::{serve, value};

/// The command `import`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// The service to import from.
    #[command(subcommand)]
    pub service: Service,
}

/// Services that the hub replaces.
#[derive(Debug, Subcommand)]
pub enum Service {
    /// Import the threads, messages, images and notifications of the Node.js service. No hub may run meanwhile; a second run imports
    /// only what is missing.
    Node(Box<NodeArgs>),
}

/// The tables of the Node.js service, and the hub's database and images.
#[derive(Debug, Args)]
pub struct NodeArgs {
    /// The old service's database, which is only read: `mysql://user:…@host/shop` or `mariadb://…`.
    #[arg(long, env = "CHAT_IMPORT_FROM", value_name = "URL", hide_env_values = true)]
    pub from: Secret,
    /// The old service's folder of the images of messages, which holds nothing else. Without it no image is imported.
    #[arg(long, value_name = "DIR")]
    pub uploads: Option<PathBuf>,
    /// Print what an import would do, and change nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// The UTC offset of times in the old tables, which name no time zone: `+03:00`.
    #[arg(long, value_name = "OFFSET", default_value = "+00:00", value_parser = value::utc_offset,
        allow_hyphen_values = true)]
    pub utc_offset: i64,
    /// The hub's database: `sqlite://…?mode=rwc`, `mysql://…`, `mariadb://…` or `postgres://…`.
    #[arg(long, env = "DATABASE_URL", default_value = serve::DATABASE_URL, hide_env_values = true)]
    pub database_url: Secret,
    /// How long to wait for a database that cannot be reached.
    #[command(flatten)]
    pub wait: WaitArgs,
    /// The hub's settings of images.
    #[command(flatten)]
    pub images: ImageArgs,
}
