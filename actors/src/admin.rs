//! What an operator does with users and conversations, and the audit log for reading. REST handlers use it, and so do
//! commands at the machine, which need no running hub.
//!
//! Every act is a row of the audit log. A restriction and its row are one commit; every other act is logged before it is
//! done or shown. So the log may name an act that then failed, but it lacks no act that was done.

use std::fmt;

use chat_database::Database;
use chat_database::audit::{Act, Entry, Fault, NewEntry, Verifier};
use chat_database::change::{Change, Outcome};
use chat_database::commit::Writer;
use chat_database::ids::{AuditId, Pair, ThreadId, UserId};
use chat_database::objects::{Profile, Thread, Totals};
use chat_database::queries::messages::{self, History, Page};
use chat_database::queries::{audit, inbox, people, profiles, restrictions, threads, unread};
use chat_database::restrictions::{AdminChange, Restriction};
use chat_database::time::Timestamp;

use crate::blank::is_blank;
use crate::change_writer::ChangeWriter;
use crate::error::Error;
use crate::relay::handle::RelayHandle;
use crate::restrictions::Restrictions;
use crate::storage::handle::StorageHandle;
use crate::updates::{Updated, Updates};

/// The longest reason, in characters.
const LONGEST_REASON: usize = 500;

/// How many of a user's threads are shown.
const THREADS: u32 = 50;

/// How many rows are verified at a time.
const VERIFIED: u32 = 1_000;

/// The operator who acts, and the operator's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct By {
    /// The operator's name in the audit log, such as `admin:2` or `operator:root`.
    pub who: String,
    /// The client's address.
    pub from: Option<String>,
}

impl By {
    /// Makes the log entry for the act `what` on `whom`, for the reason `why`.
    #[must_use]
    pub fn entry(&self, what: Act, whom: Option<String>, why: Option<String>) -> NewEntry {
        NewEntry { whom, from: self.from.clone(), why, ..NewEntry::new(self.who.clone(), what) }
    }
}

/// A user, as an operator sees one.
#[derive(Debug, Clone)]
pub struct UserRecord {
    /// The user.
    pub user: UserId,
    /// What the marketplace says of the user.
    pub profile: Option<Profile>,
    /// When the user was last connected.
    pub last_seen: Option<Timestamp>,
    /// The user's unread totals.
    pub unread: Totals,
    /// The user's most recently active threads; their newest messages are left out.
    pub threads: Vec<Thread>,
    /// What the user may not do, if there ever was anything.
    pub restriction: Option<Restriction>,
}

/// A page of the audit log.
#[derive(Debug, Clone)]
pub struct AuditPage {
    /// The entries, newest first.
    pub entries: Vec<Entry>,
    /// The `before` of the next page; `None` on the last page.
    pub next: Option<AuditId>,
}

/// The result of verifying the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The id of the newest row that was removed because of its age; 0 if none was.
    pub removed: u64,
    /// The id of the newest row.
    pub last: u64,
    /// The hash of that row. An operator who keeps a copy elsewhere can detect later that the log was rewritten.
    pub last_hash: String,
    /// The faults that were found; empty if the chain holds.
    pub faults: Vec<Fault>,
}

/// What tells all nodes of a restriction.
#[derive(Clone)]
struct Nodes {
    restrictions: Restrictions,
    updates: Updates,
    relay: RelayHandle,
}

/// The acts of an operator. Cheap to clone.
#[derive(Clone)]
pub struct Admin {
    database: Database,
    writer: ChangeWriter,
    /// In a hub alone.
    nodes: Option<Nodes>,
}

impl fmt::Debug for Admin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Admin")
    }
}

impl Admin {
    /// Makes one that writes through the storage actor of this hub.
    pub(crate) fn of_hub(
        database: Database,
        storage: StorageHandle,
        restrictions: Restrictions,
        updates: Updates,
        relay: RelayHandle,
    ) -> Self {
        Self { database, writer: ChangeWriter::Hub(storage), nodes: Some(Nodes { restrictions, updates, relay }) }
    }

    /// Makes one that writes to the database by itself, for a command. A running hub obeys the change from its next commit
    /// on, and notices it within a second.
    #[must_use]
    pub fn beside_hub(database: Database, writer: Writer) -> Self {
        Self { database, writer: ChangeWriter::own(writer), nodes: None }
    }

    /// Writes an entry into the audit log, and waits until it stands.
    ///
    /// # Errors
    /// Temporary ones.
    pub async fn note(&self, entry: NewEntry) -> Result<(), Error> {
        self.write(AdminChange::Note(vec![entry])).await
    }

    /// Suspends a user, who can send nothing until then. Returns the user's restriction as it is now.
    ///
    /// # Errors
    /// `bad_request`; temporary ones.
    pub async fn suspend(&self, by: &By, user: UserId, until: Timestamp, reason: &str) -> Result<Restriction, Error> {
        check_reason(reason)?;
        if until <= Timestamp::now() {
            return Err(Error::bad_request("until must be in the future"));
        }
        let mut entry = by.entry(Act::UserSuspend, Some(named(user)), Some(reason.to_owned()));
        entry.detail = Some(format!(r#"{{"until":"{until}"}}"#));
        self.restrict(user, AdminChange::Suspend(user, Some((until, reason.to_owned())), entry)).await
    }

    /// Lifts a suspension. Returns the user's restriction as it is now.
    ///
    /// # Errors
    /// `bad_request`; temporary ones.
    pub async fn restore(&self, by: &By, user: UserId, reason: &str) -> Result<Restriction, Error> {
        check_reason(reason)?;
        let entry = by.entry(Act::UserRestore, Some(named(user)), Some(reason.to_owned()));
        self.restrict(user, AdminChange::Suspend(user, None, entry)).await
    }

    /// Ends a user's sessions: closes every connection, and makes all tokens invalid that were issued up to now. Returns
    /// the user's restriction as it is now.
    ///
    /// # Errors
    /// `bad_request`; temporary ones.
    pub async fn end_sessions(&self, by: &By, user: UserId, reason: &str) -> Result<Restriction, Error> {
        check_reason(reason)?;
        let entry = by.entry(Act::UserEndSessions, Some(named(user)), Some(reason.to_owned()));
        self.restrict(user, AdminChange::EndSessions(user, entry)).await
    }

    /// Returns what the hub knows of a user. It answers for any id, because only the core knows which users exist.
    ///
    /// # Errors
    /// Temporary ones.
    pub async fn user(&self, by: &By, user: UserId) -> Result<UserRecord, Error> {
        self.note(by.entry(Act::UserShow, Some(named(user)), None)).await?;
        let db = &self.database;
        let mut threads = inbox::page(db, user, None, false, THREADS).await?.threads;
        threads.iter_mut().for_each(|thread| thread.last_message = None);
        Ok(UserRecord {
            user,
            profile: profiles::of(db, &[user]).await?.pop(),
            last_seen: people::last_seen(db, &[user]).await?.first().map(|(_, at)| *at),
            unread: unread::totals(db, user).await?,
            threads,
            restriction: restrictions::of(db, user).await?,
        })
    }

    /// Returns a page of a conversation, and its members. The reason goes into the audit log before anything is read.
    ///
    /// # Errors
    /// `bad_request`, `not_found`; temporary ones.
    pub async fn thread(
        &self,
        by: &By,
        thread: ThreadId,
        reason: &str,
        page: Page,
        limit: u32,
    ) -> Result<(Pair, History), Error> {
        check_reason(reason)?;
        self.note(by.entry(Act::ThreadShow, Some(format!("thread:{thread}")), Some(reason.to_owned()))).await?;
        let missing = || Error::not_found("thread");
        let pair = threads::members(&self.database, thread).await?.ok_or_else(missing)?;
        let [reader, _] = pair.members();
        let history = messages::page(&self.database, reader, thread, page, limit).await?.ok_or_else(missing)?;
        Ok((pair, history))
    }

    /// Returns a page of the audit log.
    ///
    /// # Errors
    /// Temporary ones.
    pub async fn audit(&self, by: &By, before: Option<AuditId>, limit: u32) -> Result<AuditPage, Error> {
        self.note(by.entry(Act::AuditRead, None, None)).await?;
        let mut entries = audit::page(&self.database, before, limit + 1).await?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let has_more = entries.len() > limit;
        entries.truncate(limit);
        let next = entries.last().filter(|_| has_more).map(|last| last.id);
        Ok(AuditPage { entries, next })
    }

    /// Verifies the audit log from its oldest row to its newest one.
    ///
    /// # Errors
    /// `unavailable`.
    pub async fn verify(&self) -> Result<Verdict, Error> {
        loop {
            let chain = audit::chain(&self.database).await?;
            let mut verifier = Verifier::new(&chain);
            let mut at = chain.removed;
            loop {
                let rows = audit::after(&self.database, at, VERIFIED).await?;
                // Rows after `chain.last` were written after the chain was read.
                let rows = rows.iter().take_while(|row| row.id.get() <= chain.last);
                let before = at;
                for row in rows {
                    verifier.look_at(row);
                    at = row.id.get();
                }
                if at == before {
                    break;
                }
            }
            let mut faults = verifier.end(&chain);
            // The newest row is read before the chain's end: a commit between the two reads moves the end, so it causes no
            // fault.
            let newest = audit::page(&self.database, None, 1).await?.pop().map_or(0, |row| row.id.get());
            let now = audit::chain(&self.database).await?;
            // The faults may come from a removal of old rows meanwhile: then the log is verified again.
            if faults.is_empty() || now.removed == chain.removed {
                faults.extend((newest > now.last).then_some(Fault::BehindTheEnd(now.last + 1, newest)));
                return Ok(Verdict { removed: chain.removed, last: chain.last, last_hash: chain.last_hash, faults });
            }
        }
    }

    /// Writes a restriction, and announces it to all nodes.
    async fn restrict(&self, user: UserId, change: AdminChange) -> Result<Restriction, Error> {
        self.write(change).await?;
        if let Some(Nodes { restrictions, updates, relay }) = &self.nodes {
            if let Err(error) = restrictions.read().await {
                tracing::debug!(%error, "restrictions of users are read when the follower polls again");
            }
            updates.announce(relay, Updated::Restrictions);
        }
        restrictions::of(&self.database, user).await?.ok_or_else(Error::internal)
    }

    async fn write(&self, change: AdminChange) -> Result<(), Error> {
        match self.writer.write(Change::Administer(Box::new(change))).await? {
            Outcome::Administered(_) => Ok(()),
            _ => Err(Error::internal()),
        }
    }
}

fn named(user: UserId) -> String {
    format!("user:{user}")
}

fn check_reason(reason: &str) -> Result<(), Error> {
    let fits = !is_blank(reason) && reason.chars().count() <= LONGEST_REASON && !reason.contains('\0');
    let text =
        || Error::bad_request(format!("say why: reason has 1 to {LONGEST_REASON} characters that show something"));
    if fits { Ok(()) } else { Err(text()) }
}
