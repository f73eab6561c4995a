//! The settings of `backup` and `restore`.

use std::path::PathBuf;

use clap::Args;

use super::secret::Secret;
use super::{images, serve};

/// The hub's database and images.
#[derive(Debug, Args)]
pub struct PlaceArgs {
    /// `sqlite://…?mode=rwc`, `mysql://…`, `mariadb://…` or `postgres://…`.
    #[arg(long, env = "DATABASE_URL", value_name = "URL", default_value = serve::DATABASE_URL, hide_env_values = true)]
    pub database_url: Secret,
    /// The hub's images: `file:<folder>`, or `s3://<bucket>/<prefix>`.
    #[arg(long, env = "CHAT_MEDIA_URL", value_name = "URL", default_value = images::MEDIA_URL, hide_env_values = true)]
    pub media_url: Secret,
}

/// The command `backup`.
#[derive(Debug, Args)]
pub struct BackupArgs {
    /// The folder of the backup; it must be empty, or not be there.
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
    /// The hub's database and images.
    #[command(flatten)]
    pub place: PlaceArgs,
}

/// The command `restore`.
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// The folder of a backup. The database and the place of images must be empty, or not be there.
    #[arg(long, value_name = "DIR", required_unless_present = "epoch", conflicts_with = "epoch")]
    pub from: Option<PathBuf>,
    /// Only give the database a new epoch, after the database server's own tools have restored a dump.
    #[arg(long)]
    pub epoch: bool,
    /// The database and the images to restore.
    #[command(flatten)]
    pub place: PlaceArgs,
}
