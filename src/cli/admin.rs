//! The settings of what operators do, and the commands for it.

use chat_database::ids::{ThreadId, UserId};
use chat_database::time::Timestamp;
use clap::{Args, Subcommand, ValueEnum};

use super::database::DatabaseArgs;
use super::secret::quoted;
use super::value;

/// What operators may do over HTTP, and how long it is remembered.
#[derive(Debug, Clone, Args)]
pub struct AdminArgs {
    /// What a token with the role `admin` may do below `/admin`: `off`, nothing; `read`, see users, conversations, the audit log and
    /// the hub's state; `write`, also suspend and restore users and end their sessions.
    #[arg(long, env = "CHAT_ADMIN", value_name = "off|read|write", value_enum, default_value_t = AdminMode::Read,
        hide_possible_values = true, help_heading = "Administration")]
    pub admin: AdminMode,
    /// Days for which the hub keeps rows of the audit log.
    #[arg(long, env = "CHAT_AUDIT_DAYS", value_name = "DAYS", default_value_t = 400,
        value_parser = clap::value_parser!(u32).range(1..=36_500), help_heading = "Administration")]
    pub audit_days: u32,
}

/// What operators may do over HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum AdminMode {
    /// Nothing.
    Off,
    /// See users, conversations, the audit log and the hub's state.
    Read,
    /// See the same, and restrict users.
    Write,
}

impl AdminMode {
    /// Returns the mode as it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

/// The command `users`. A hub that runs applies the changes at once.
#[derive(Debug, Args)]
pub struct UsersArgs {
    /// The subcommand.
    #[command(subcommand)]
    pub action: UsersAction,
}

/// The subcommands of `users`.
#[derive(Debug, Subcommand)]
pub enum UsersAction {
    /// Print a user's profile, connections and restrictions, as JSON.
    Show {
        /// The user.
        id: UserId,
        /// The database.
        #[command(flatten)]
        at: DatabaseArgs,
    },
    /// Suspend a user: until a time, the user sends nothing.
    Suspend {
        /// The user.
        id: UserId,
        /// The end of the suspension, as a time (`2026-12-24T00:00:00Z`) or a span from now (`7d`).
        #[arg(long, value_name = "TIME", value_parser = until)]
        until: Timestamp,
        /// The reason, for the audit log.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// The database.
        #[command(flatten)]
        at: DatabaseArgs,
    },
    /// Lift a suspension.
    Restore {
        /// The user.
        id: UserId,
        /// The reason, for the audit log.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// The database.
        #[command(flatten)]
        at: DatabaseArgs,
    },
    /// Close a user's connections, and refuse all tokens that were issued up to now.
    EndSessions {
        /// The user.
        id: UserId,
        /// The reason, for the audit log.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// The database.
        #[command(flatten)]
        at: DatabaseArgs,
    },
}

/// The command `threads`.
#[derive(Debug, Args)]
pub struct ThreadsArgs {
    /// The subcommand.
    #[command(subcommand)]
    pub action: ThreadsAction,
}

/// The subcommands of `threads`.
#[derive(Debug, Subcommand)]
pub enum ThreadsAction {
    /// Print the newest messages of a conversation, a line of JSON for each, oldest first.
    Show {
        /// The thread.
        id: ThreadId,
        /// The reason, which is written to the audit log before anything is read.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// The number of messages.
        #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=200))]
        limit: u32,
        /// The database.
        #[command(flatten)]
        at: DatabaseArgs,
    },
}

/// The command `audit`.
#[derive(Debug, Args)]
pub struct AuditArgs {
    /// The subcommand.
    #[command(subcommand)]
    pub action: AuditAction,
}

/// The subcommands of `audit`.
#[derive(Debug, Subcommand)]
pub enum AuditAction {
    /// Verify the chain of hashes. Names the rows that were changed, swapped or removed, and exits with 1 if there are any.
    Verify {
        /// The database.
        #[command(flatten)]
        at: DatabaseArgs,
    },
}

/// Reads a time, or a span from now on.
fn until(text: &str) -> Result<Timestamp, String> {
    match value::duration(text) {
        Ok(span) => return Ok(Timestamp::now().after(span)),
        Err(no_unit) if text.bytes().all(|byte| byte.is_ascii_digit()) => return Err(no_unit),
        Err(_) => {}
    }
    let wrong = |_| format!("{} is no time; write 2026-12-24T00:00:00Z, or a span from now on like 7d", quoted(text));
    text.parse().map_err(wrong)
}
