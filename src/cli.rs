//! The command line.
//!
//! Every setting is a flag, an environment variable and a line of the configuration file; the flag takes precedence over the
//! variable, and that over the file ([`config_file`]). [`crate::config`] checks their combination.
//! The declarations in [`serve`], [`nodes`] and [`images`] are the only place of a setting's name, default and help: [`settings`] makes
//! the table in `docs/OPERATIONS.md` from them, and [`commented_file`] the configuration file of a package.

pub mod admin;
pub mod backup;
pub mod commented_file;
mod config_file;
pub mod database;
pub mod images;
pub mod import;
pub mod names;
mod nearest;
pub mod nodes;
pub mod redaction;
pub mod secret;
pub mod serve;
pub mod settings;
pub mod value;
pub mod webhooks;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use chat_database::ids::UserId;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use crate::auth::Role;
use database::{DatabaseArgs, WaitArgs};
pub use serve::ServeArgs;

const EXAMPLES: &str = "\
Examples:
  softadastra-chat
      Development: SQLite under data/, loopback only, two links to try it with on stdout.

  JWT_SECRET=… softadastra-chat --listen 0.0.0.0:8080 --base-path /api --allowed-origins https://shop.example
      Production on one node, behind a proxy that speaks TLS.

  DATABASE_URL=mysql://chat:…@db/chat JWT_PUBLIC_KEY=core.pem CHAT_TICKET_SECRET=… softadastra-chat
      On MySQL or MariaDB, with tokens that the core signs with its private key.

  softadastra-chat --config /etc/softadastra-chat/config.toml
      With settings from a file, as listen = \"127.0.0.1:8080\": the flags' names.

  softadastra-chat token --user 42 --expires-in 1h
      A token for trying things out.

Secrets belong into the environment or the file rather than on the command line, where every user of the machine sees them.";

/// The real-time messaging hub of the Softadastra marketplace.
#[derive(Debug, Parser)]
#[command(version, about, after_help = EXAMPLES, args_conflicts_with_subcommands = true, max_term_width = 110)]
pub struct Cli {
    /// The command; `serve` by default.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// The settings of `serve`.
    #[command(flatten)]
    pub serve: ServeArgs,

    /// A file with settings, TOML, under the flags' names: `listen = "127.0.0.1:8080"`. Flags and variables take precedence.
    #[arg(long, env = "CHAT_CONFIG", value_name = "FILE", global = true, help_heading = "Process")]
    pub config: Option<PathBuf>,
}

impl Cli {
    /// Parses the command line, the environment and the configuration file. Exits with a message if they are invalid; the message
    /// holds no secret.
    #[must_use]
    pub fn read() -> Self {
        Self::of(std::env::args_os().collect()).unwrap_or_else(|error| error.exit())
    }

    /// Parses a command line, with the environment and the file that is named.
    ///
    /// # Errors
    /// What is wrong with one of them, without secrets.
    pub fn of(mut words: Vec<OsString>) -> Result<Self, clap::Error> {
        let redacted = |error| redaction::without_secrets(error, &Self::command());
        let mut command = Self::command();
        let matches = command.try_get_matches_from_mut(&words).map_err(redacted)?;
        let Some(added) = config_file::read(&command, &matches)? else {
            return Self::from_arg_matches(&matches).map_err(redacted);
        };
        words.extend_from_slice(&added.flags);
        // The command line alone was parsed before without an error, so this error lies in the file.
        Self::try_parse_from(words).map_err(|error| added.blamed(&redacted(error)))
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve clients (the default).
    #[command(after_help = EXAMPLES)]
    Serve(Box<ServeArgs>),
    /// Bring the database's schema up to date, and stop.
    Migrate(MigrateArgs),
    /// Print a token, signed with the first JWT_SECRET, or with the development secret under data/.
    Token(TokenArgs),
    /// Print a ticket that opens one connection, within a minute.
    Ticket(TicketArgs),
    /// Make, list, test, replay and remove webhooks, on the hub's database.
    Webhooks(Box<webhooks::WebhooksArgs>),
    /// Import the data of the service that the hub replaces.
    Import(import::ImportArgs),
    /// Copy the database (SQLite) and the images into a folder, beside a hub that runs or not.
    Backup(backup::BackupArgs),
    /// Restore a backup to an empty place; or, with a database that its own tools restored, begin a new epoch.
    Restore(backup::RestoreArgs),
    /// Check everything that the hub needs, and say what is wrong and what to do; exits with 1 if something is broken.
    Doctor(Box<ServeArgs>),
    /// Show, suspend and restore users, and end their sessions, on the hub's database.
    Users(admin::UsersArgs),
    /// Show a conversation from the hub's database; the reason goes into the audit log.
    Threads(admin::ThreadsArgs),
    /// Verify the audit log.
    Audit(admin::AuditArgs),
    /// Write the manual pages and the completions of shells: a package installs them.
    #[command(hide = true)]
    PackageFiles(PackageFilesArgs),
}

/// The settings of `migrate`.
#[derive(Debug, Args)]
pub struct MigrateArgs {
    /// The database.
    #[command(flatten)]
    pub database: DatabaseArgs,
    /// How long to wait for a database that cannot be reached.
    #[command(flatten)]
    pub wait: WaitArgs,
}

/// The claims of the token, and the key that signs it.
#[derive(Debug, Args)]
pub struct TokenArgs {
    /// The user of the token.
    #[arg(long)]
    pub user: UserId,
    /// The role of the token.
    #[arg(long, value_enum, default_value_t = RoleArg::User)]
    pub role: RoleArg,
    /// The lifetime of the token: `90s`, `15m`, `1h`, `7d`.
    #[arg(long, default_value = "1h", value_parser = value::duration)]
    pub expires_in: Duration,
    /// The user whose conversation the page opens first, as the token's claim `peer` says.
    #[arg(long, value_name = "USER")]
    pub peer: Option<UserId>,
    /// The keys that sign it.
    #[command(flatten)]
    pub keys: serve::KeyArgs,
}

/// The user of the ticket, and the key that signs it.
#[derive(Debug, Args)]
pub struct TicketArgs {
    /// The user of the ticket.
    #[arg(long)]
    pub user: UserId,
    /// The keys that sign it.
    #[command(flatten)]
    pub keys: serve::KeyArgs,
}

/// Where the files of a package are written.
#[derive(Debug, Args)]
pub struct PackageFilesArgs {
    /// The folder; it must be there.
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
}

/// A role, as it is written on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RoleArg {
    /// A user.
    User,
    /// A member of the marketplace's staff.
    Admin,
    /// The marketplace's core.
    Service,
}

impl From<RoleArg> for Role {
    fn from(role: RoleArg) -> Self {
        match role {
            RoleArg::User => Self::User,
            RoleArg::Admin => Self::Admin,
            RoleArg::Service => Self::Service,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn serve_is_what_is_done_without_a_word() {
        let cli = Cli::try_parse_from(["chat", "--listen", "127.0.0.1:0"]).expect("flags alone");
        assert!(cli.command.is_none());
        assert_eq!(cli.serve.listen, "127.0.0.1:0");
        let cli = Cli::try_parse_from(["chat", "serve", "--listen", "127.0.0.1:1"]).expect("with the word");
        let Some(Command::Serve(serve)) = cli.command else { panic!("serve") };
        assert_eq!(serve.listen, "127.0.0.1:1");
        assert!(Cli::try_parse_from(["chat"]).expect("nothing at all").command.is_none());
        assert!(Cli::try_parse_from(["chat", "token", "--user", "0"]).is_err());
    }
}
