//! The JSON objects of `/admin/users`, `/admin/threads` and `/admin/audit`.

use chat_actors::admin::UserRecord;
use chat_actors::hub::Whereabouts;
use chat_database::audit::Entry;
use chat_database::ids::{AuditId, Rev, Seq, ThreadId, UserId};
use chat_database::objects::{ContactChannel, Message, Profile, PublicProfile, Totals};
use chat_database::restrictions::Restriction;
use chat_database::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Until when a user is to be suspended, and why.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct NewSuspension {
    /// Until then the user sends nothing; in the future.
    pub(crate) until: Timestamp,
    /// Why; it goes into the audit log.
    #[schema(min_length = 1, max_length = 500)]
    pub(crate) reason: String,
}

/// Why something is done.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Reason {
    /// Why; it goes into the audit log.
    #[schema(min_length = 1, max_length = 500)]
    pub(crate) reason: String,
}

/// What a user may not do.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RestrictionObject {
    /// The user.
    user_id: UserId,
    /// Until then the user sends nothing; null if the user is not suspended. A time that has passed restricts nothing.
    suspended_until: Option<Timestamp>,
    /// Why, as the staff wrote it.
    reason: Option<String>,
    /// Tokens that were issued up to then are not taken; null if the user's sessions were never ended.
    sessions_ended_at: Option<Timestamp>,
}

impl From<Restriction> for RestrictionObject {
    fn from(restriction: Restriction) -> Self {
        let Restriction { user, suspended_until, reason, tokens_from } = restriction;
        Self { user_id: user, suspended_until, reason, sessions_ended_at: tokens_from }
    }
}

/// A thread of a user, without its messages.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UserThread {
    /// The thread.
    id: ThreadId,
    /// The other member.
    other_user_id: UserId,
    /// What the marketplace says of the other member.
    other: Option<PublicProfile>,
    /// The newest message's place.
    last_seq: Seq,
    /// How many messages the user has not read.
    unread: u64,
    /// When the newest message was stored.
    updated_at: Timestamp,
}

/// What the marketplace says of a user, all of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UserProfile {
    /// The name.
    name: String,
    /// The picture.
    avatar_url: Option<String>,
    /// Whether the marketplace has checked who the user is.
    verified: bool,
    /// Whether the user buys or sells.
    role: Option<String>,
    /// The language.
    locale: Option<String>,
    /// The time zone.
    timezone: Option<String>,
    /// The mail address.
    email: Option<String>,
    /// How the core may reach the user.
    contactable: Vec<ContactChannel>,
}

/// A user, as the staff sees one.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UserObject {
    /// The user.
    user_id: UserId,
    /// What the marketplace says of the user; null where it has said nothing.
    profile: Option<UserProfile>,
    /// Whether the user is online, on whichever node; null at the machine, which does not know.
    online: Option<bool>,
    /// How many connections the user has on the node that answers; null at the machine.
    connections: Option<usize>,
    /// The other nodes on which the user is connected.
    nodes: Vec<String>,
    /// When the user was last connected.
    last_seen: Option<Timestamp>,
    /// What the user has not read.
    unread: Totals,
    /// The 50 threads that were active most recently.
    threads: Vec<UserThread>,
    /// What the user may not do; null if there never was anything.
    restriction: Option<RestrictionObject>,
}

impl UserObject {
    /// Makes the object of a user. `whereabouts` is `None` at the machine, which knows no connections.
    pub(crate) fn new(record: UserRecord, whereabouts: Option<Whereabouts>) -> Self {
        let UserRecord { user, profile, last_seen, unread, threads, restriction } = record;
        let (online, connections, nodes) = match whereabouts {
            Some(Whereabouts { online, connections, nodes }) => (Some(online), Some(connections), nodes),
            None => (None, None, Vec::new()),
        };
        let threads = threads.into_iter().map(|thread| UserThread {
            id: thread.id,
            other_user_id: thread.other_user_id,
            other: thread.other,
            last_seq: thread.last_seq,
            unread: thread.unread,
            updated_at: thread.updated_at,
        });
        Self {
            user_id: user,
            profile: profile.map(UserProfile::from),
            online,
            connections,
            nodes: nodes.into_iter().map(|node| node.to_string()).collect(),
            last_seen,
            unread,
            threads: threads.collect(),
            restriction: restriction.map(RestrictionObject::from),
        }
    }
}

impl From<Profile> for UserProfile {
    fn from(profile: Profile) -> Self {
        let Profile { public, locale, timezone, email, contactable, .. } = profile;
        let PublicProfile { name, avatar_url, verified, role } = public;
        let role = role.map(|role| role.as_str().to_owned());
        Self { name, avatar_url, verified, role, locale, timezone, email, contactable }
    }
}

/// A page of a conversation, as the staff reads it. Images have no links: they are for its members.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Conversation {
    /// The thread.
    pub(crate) thread_id: ThreadId,
    /// Its members.
    pub(crate) user_ids: [UserId; 2],
    /// The thread's change counter.
    pub(crate) rev: Rev,
    /// Ascending by `seq`.
    pub(crate) messages: Vec<Message>,
    /// Whether there are older ones.
    pub(crate) has_more: bool,
}

/// A row of the audit log.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditEntry {
    /// Its number: dense, in the order in which rows were written.
    id: AuditId,
    /// When, by the database's clock.
    at: Timestamp,
    /// Who acted: `admin:2`, `service:1`, `operator:root`, `hub:left`, `unknown`.
    who: String,
    /// The act.
    what: String,
    /// To whom, or with what: `user:7`, `thread:77`, `webhook:5`.
    whom: Option<String>,
    /// From where: the client's address.
    from: Option<String>,
    /// The reason that the actor gave.
    why: Option<String>,
    /// What else is to be known: a text that holds JSON, as the hash covers it.
    detail: Option<String>,
    /// The hash of the row before it.
    previous: String,
    /// Its hash: SHA-256 of `[at in Unix milliseconds, who, what, whom, from, why, detail, previous]` as JSON.
    hash: String,
}

impl From<Entry> for AuditEntry {
    fn from(entry: Entry) -> Self {
        let Entry { id, at, who, what, whom, from, why, detail, previous, hash } = entry;
        Self { id, at, who, what, whom, from, why, detail, previous, hash }
    }
}

/// A page of the audit log.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditList {
    /// Newest first.
    pub(crate) entries: Vec<AuditEntry>,
    /// Pass it as `before` for the page after; null on the last one.
    pub(crate) next: Option<AuditId>,
}
