//! The database of commands that do not serve, and how long they wait for it.

use std::time::Duration;

use clap::Args;

use super::secret::Secret;
use super::{serve, value};

/// The hub's database.
#[derive(Debug, Args)]
pub struct DatabaseArgs {
    /// `sqlite://…?mode=rwc`, `mysql://…`, `mariadb://…` or `postgres://…`.
    #[arg(long, env = "DATABASE_URL", default_value = serve::DATABASE_URL, hide_env_values = true)]
    pub database_url: Secret,
}

/// How long a command waits for the hub's database.
#[derive(Debug, Args)]
pub struct WaitArgs {
    /// How long to wait for a database that is away: `30s`, or `off`.
    #[arg(long, env = "CHAT_WAIT_FOR_DATABASE", value_name = "SPAN|off", default_value = "30s",
        value_parser = value::duration_or_off)]
    pub wait_for_database: Duration,
}
