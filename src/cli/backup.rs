//! The settings of `backup` and `restore`.

use std::path::PathBuf;

use clap::Args;

use super::secret::Secret;
use super::{images, serve};

/// Where the hub keeps what is backed up.
#[derive(Debug, Args)]
pub struct PlaceArgs {
    /// `sqlite://…?mode=rwc`, `mysql://…`, `mariadb://…` or `postgres://…`.
    #[arg(long, env = "DATABASE_URL", value_name = "URL", default_value = serve::DATABASE_URL, hide_env_values = true)]
    pub database_url: Secret,
    /// Where images are kept: `file:<folder>`, or `s3://<bucket>/<prefix>`.
    #[arg(long, env = "CHAT_MEDIA_URL", value_name = "URL", default_value = images::MEDIA_URL, hide_env_values = true)]
    pub media_url: Secret,
}

/// What is backed up, and where to.
#[derive(Debug, Args)]
pub struct BackupArgs {
    /// The folder of the backup; it must be empty, or not be there.
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
    /// What is backed up.
    #[command(flatten)]
    pub place: PlaceArgs,
}

/// What is restored, and where to.
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// The folder of a backup. The database and the place of images must be empty, or not be there.
    #[arg(long, value_name = "DIR", required_unless_present = "epoch", conflicts_with = "epoch")]
    pub from: Option<PathBuf>,
    /// Give the database a new epoch, and nothing else: after the tools of a server have read a dump back.
    #[arg(long)]
    pub epoch: bool,
    /// Where it is restored to.
    #[command(flatten)]
    pub place: PlaceArgs,
}
