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
    /// Private blocks of addresses that webhooks may be sent to, besides all public addresses; separated by commas:
    /// `10.0.0.0/8,fd00::/8`.
    #[arg(long, env = "CHAT_WEBHOOK_ALLOW", value_name = "BLOCKS", value_delimiter = ',', help_heading = "Webhooks",
        value_parser = value::block)]
    pub webhook_allow: Vec<Option<Block>>,
}

/// The command `webhooks`. A hub that runs notices changes within a second.
#[derive(Debug, Args)]
pub struct WebhooksArgs {
    /// The subcommand.
    #[command(subcommand)]
    pub action: Action,
}

/// The subcommands of `webhooks`.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Make a webhook; prints its id, and its secret, which is shown once.
    Add {
        /// The URL that the hub posts events to; it must be https, except for this machine itself.
        #[arg(long)]
        url: String,
        /// The types of events to send, separated by commas; `*` for all but presence.
        #[arg(long, value_delimiter = ',', default_value = "*")]
        types: Vec<String>,
        /// A description for the operators.
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
    /// Send an event `webhook.test`, and print the receiver's answer.
    Test {
        /// The webhook.
        id: WebhookId,
        /// The database, and the keys.
        #[command(flatten)]
        at: Machine,
    },
    /// Send deliveries again; prints how many there are.
    Replay {
        /// The webhook.
        id: WebhookId,
        /// The age of the oldest delivery to send: `30m`, `7d`.
        #[arg(long, value_parser = value::duration)]
        since: Duration,
        /// Which deliveries to send.
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

/// The deliveries to send again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnlyArg {
    /// Those that failed at their last attempt.
    Failed,
    /// All, including those that the receiver accepted.
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
