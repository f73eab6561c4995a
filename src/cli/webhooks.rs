//! The settings of webhooks, and the commands for them.

use std::time::Duration;

use chat_actors::webhooks::address::Block;
use chat_database::ids::WebhookId;
use clap::{Args, Subcommand, ValueEnum};

use super::database::DatabaseArgs;
use super::serve::KeyArgs;
use super::value;

/// The settings of webhooks.
#[derive(Debug, Clone, Default, Args)]
pub struct WebhookArgs {
    /// Blocks of addresses that webhooks may be sent to besides public ones, separated by commas: `10.0.0.0/8,fd00::/8`.
    #[arg(long, env = "CHAT_WEBHOOK_ALLOW", value_name = "BLOCKS", value_delimiter = ',', help_heading = "Webhooks",
        value_parser = value::block)]
    pub webhook_allow: Vec<Option<Block>>,
}

/// What is done with webhooks at the machine. A hub that runs notices within a second.
#[derive(Debug, Args)]
pub struct WebhooksArgs {
    /// What is to be done.
    #[command(subcommand)]
    pub action: Action,
}

/// What is done with webhooks.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Make a webhook; prints its id, and its secret, which is shown once.
    Add {
        /// Where events are sent to: https, unless it is of this machine.
        #[arg(long)]
        url: String,
        /// The types of events, separated by commas; `*` for all but presence.
        #[arg(long, value_delimiter = ',', default_value = "*")]
        types: Vec<String>,
        /// What it is for.
        #[arg(long, default_value = "")]
        description: String,
        /// The database, and the keys.
        #[command(flatten)]
        at: Machine,
    },
    /// Print the webhooks, a line of JSON for each.
    List {
        /// The database, and the keys.
        #[command(flatten)]
        at: Machine,
    },
    /// Send an event `webhook.test`, and print what the receiver answers.
    Test {
        /// The webhook.
        id: WebhookId,
        /// The database, and the keys.
        #[command(flatten)]
        at: Machine,
    },
    /// Have deliveries sent again; prints how many.
    Replay {
        /// The webhook.
        id: WebhookId,
        /// How far back: `30m`, `7d`.
        #[arg(long, value_parser = value::duration)]
        since: Duration,
        /// Which of them.
        #[arg(long, value_enum, default_value_t = OnlyArg::Failed)]
        only: OnlyArg,
        /// The database, and the keys.
        #[command(flatten)]
        at: Machine,
    },
    /// Remove a webhook.
    Remove {
        /// The webhook.
        id: WebhookId,
        /// The database, and the keys.
        #[command(flatten)]
        at: Machine,
    },
}

/// Which deliveries are sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnlyArg {
    /// Those that have used up their tries.
    Failed,
    /// Those that have arrived, too.
    All,
}

/// The database, and the keys, of the hub whose webhooks they are.
#[derive(Debug, Args)]
pub struct Machine {
    /// The database.
    #[command(flatten)]
    pub database: DatabaseArgs,
    /// The keys, of which the secrets of webhooks are made.
    #[command(flatten)]
    pub keys: KeyArgs,
    /// Where webhooks may be sent to.
    #[command(flatten)]
    pub webhooks: WebhookArgs,
}
