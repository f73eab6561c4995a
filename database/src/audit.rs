//! The audit log: who did what, to whom, from where, why and when. Rows form a chain: the hash of each one covers the row
//! before it.
//!
//! ```text
//!  hash = SHA-256 of the JSON array [at, who, what, whom, from, why, detail, previous]   as 64 hexadecimal digits
//! ```
//!
//! `at` is Unix milliseconds; `previous` is the hash of the row before it, and 64 zeros in the first row. The commit that
//! holds the counter's lock writes the rows, so that all nodes share one chain. No row holds the text of a message.

mod verify;

use std::fmt::Write as _;

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::ids::AuditId;
use crate::time::Timestamp;

pub use verify::{Fault, Verifier};

/// The hash that stands for the one before the first row.
pub const NOTHING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// How many rows one sweep removes at the most.
pub const SWEPT_AT_ONCE: u32 = 500;

/// The acts that the log knows: a closed list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Act {
    /// A hub has started; the detail is its configuration.
    HubStart,
    /// A token was refused.
    TokenRefused,
    /// A ticket was refused.
    TicketRefused,
    /// Further tokens and tickets were refused, without a row each; the detail counts them by reason.
    RefusalsLeftOut,
    /// The marketplace's core has read the event feed; the detail counts pages and events of a minute.
    EventsRead,
    /// A token that is no user's has read what a user reads; the detail counts requests of a minute.
    ChatRead,
    /// A token that is no user's has opened a WebSocket; the detail counts them for a minute.
    ChatConnect,
    /// A member of the staff has looked at a user.
    UserShow,
    /// A user was suspended.
    UserSuspend,
    /// A suspension was lifted.
    UserRestore,
    /// A user's sessions were ended.
    UserEndSessions,
    /// A member of the staff has read a conversation.
    ThreadShow,
    /// A member of the staff has read the audit log.
    AuditRead,
    /// Old rows of the audit log were removed; the detail says up to which.
    AuditSweep,
    /// A webhook was made.
    WebhookAdd,
    /// A webhook was changed.
    WebhookEdit,
    /// A webhook was removed.
    WebhookRemove,
    /// A webhook got another secret.
    WebhookSecret,
    /// A webhook was sent a test.
    WebhookTest,
    /// A delivery is tried again.
    WebhookRetry,
    /// Deliveries are sent again.
    WebhookReplay,
}

impl Act {
    /// Returns its name in the log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HubStart => "hub.start",
            Self::TokenRefused => "token.refused",
            Self::TicketRefused => "ticket.refused",
            Self::RefusalsLeftOut => "refusals.left_out",
            Self::EventsRead => "events.read",
            Self::ChatRead => "chat.read",
            Self::ChatConnect => "chat.connect",
            Self::UserShow => "user.show",
            Self::UserSuspend => "user.suspend",
            Self::UserRestore => "user.restore",
            Self::UserEndSessions => "user.end_sessions",
            Self::ThreadShow => "thread.show",
            Self::AuditRead => "audit.read",
            Self::AuditSweep => "audit.sweep",
            Self::WebhookAdd => "webhook.add",
            Self::WebhookEdit => "webhook.edit",
            Self::WebhookRemove => "webhook.remove",
            Self::WebhookSecret => "webhook.secret",
            Self::WebhookTest => "webhook.test",
            Self::WebhookRetry => "webhook.retry",
            Self::WebhookReplay => "webhook.replay",
        }
    }
}

/// An entry to be written into the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEntry {
    /// Who acts: `admin:2`, `service:1`, `operator:root` (at the machine), `hub:left` (a node), `unknown`.
    pub who: String,
    /// The act.
    pub what: Act,
    /// The object of the act: `user:7`, `thread:77`, `webhook:5`.
    pub whom: Option<String>,
    /// From where: the client's address.
    pub from: Option<String>,
    /// The reason that the actor gave.
    pub why: Option<String>,
    /// Further details, as JSON.
    pub detail: Option<String>,
}

impl NewEntry {
    /// Makes an entry of who and what.
    pub fn new(who: impl Into<String>, what: Act) -> Self {
        Self { who: who.into(), what, whom: None, from: None, why: None, detail: None }
    }
}

/// A row of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its number: dense, in the order in which rows were written.
    pub id: AuditId,
    /// When, by the database's clock.
    pub at: Timestamp,
    /// The user or the program that acted.
    pub who: String,
    /// What was done: the name of an [`Act`], also of one that this version does not know.
    pub what: String,
    /// The object of the act.
    pub whom: Option<String>,
    /// The client's address.
    pub from: Option<String>,
    /// The reason that the actor gave.
    pub why: Option<String>,
    /// Further details, as JSON.
    pub detail: Option<String>,
    /// The hash of the row before it.
    pub previous: String,
    /// Its hash.
    pub hash: String,
}

/// Where the log begins and ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// The number of the newest row that was removed because of its age; 0 if none was.
    pub removed: u64,
    /// The hash of that row, which the oldest remaining row follows.
    pub removed_hash: String,
    /// The number of the newest row; 0 if there was none yet.
    pub last: u64,
    /// The hash of that row.
    pub last_hash: String,
}

/// What the hash of a row covers.
#[derive(Debug, Serialize)]
pub(crate) struct Covered<'a>(
    pub(crate) i64,
    pub(crate) &'a str,
    pub(crate) &'a str,
    pub(crate) Option<&'a str>,
    pub(crate) Option<&'a str>,
    pub(crate) Option<&'a str>,
    pub(crate) Option<&'a str>,
    pub(crate) &'a str,
);

impl<'a> Covered<'a> {
    /// Returns what the hash of a new row covers.
    pub(crate) fn new(at: i64, entry: &'a NewEntry, previous: &'a str) -> Self {
        let NewEntry { who, what, whom, from, why, detail } = entry;
        Self(at, who, what.as_str(), whom.as_deref(), from.as_deref(), why.as_deref(), detail.as_deref(), previous)
    }

    fn of(row: &'a Entry) -> Self {
        let Entry { at, who, what, whom, from, why, detail, previous, .. } = row;
        let (whom, from, why, detail) = (whom.as_deref(), from.as_deref(), why.as_deref(), detail.as_deref());
        Self(at.millis(), who, what, whom, from, why, detail, previous)
    }

    /// Returns the hash.
    pub(crate) fn hash(&self) -> String {
        // Numbers and strings in an array can be written as JSON in every case.
        let text = serde_json::to_vec(self).unwrap_or_default();
        Sha256::digest(&text).iter().fold(String::with_capacity(64), |mut hash, byte| {
            let _ = write!(hash, "{byte:02x}");
            hash
        })
    }
}
