//! What goes into the audit log by itself: refused tokens and tickets, and what the marketplace's own tokens read. What an operator
//! does is written before it is done: see [`crate::admin`].
//!
//! Nothing here waits, and no message's path comes by. Entries are kept in memory for a second, and written as one less urgent
//! change. A stranger can be refused as often as they like, so a minute has a few rows of refusals and one that counts the others.

pub(crate) mod actor;
mod minute;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chat_database::audit::{Act, NewEntry};
use chat_database::change::Change;
use chat_database::restrictions::AdminChange;
use tokio::time::Instant;

use crate::storage::handle::StorageHandle;
use minute::Minute;

/// How often a hub removes rows of the audit log that are too old.
pub const SWEEP: Duration = Duration::from_secs(3_600);

/// The way into the audit log. Cheap to clone.
#[derive(Clone)]
pub struct AuditLog(Arc<Shared>);

struct Shared {
    /// This node, as rows name it.
    node: String,
    storage: StorageHandle,
    minute: Mutex<Minute>,
}

impl std::fmt::Debug for AuditLog {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("AuditLog")
    }
}

impl AuditLog {
    pub(crate) fn new(node: &str, storage: StorageHandle) -> Self {
        let minute = Mutex::new(Minute::new(Instant::now()));
        Self(Arc::new(Shared { node: format!("hub:{node}"), storage, minute }))
    }

    /// Notes that a token or ticket was refused, for a reason that names no secret.
    pub fn refused(&self, what: Act, from: Option<String>, why: &str) {
        self.minute().refused(NewEntry { from, why: Some(why.to_owned()), ..NewEntry::new("unknown", what) });
    }

    /// Notes that one of the marketplace's own tokens has read something: so many objects. A minute has one row for each reader.
    pub fn read(&self, what: Act, who: String, from: Option<String>, objects: u64) {
        self.minute().read(what, who, from, objects);
    }

    /// Notes something that this node does itself.
    pub fn note(&self, what: Act, detail: Option<String>) {
        self.minute().note(NewEntry { detail, ..self.entry(what) });
    }

    /// Makes an entry of what this node does itself.
    pub(crate) fn entry(&self, what: Act) -> NewEntry {
        NewEntry::new(self.0.node.clone(), what)
    }

    /// Writes what waits; `all`: also what a minute is counted for that is not over.
    pub(crate) async fn flush(&self, all: bool) {
        let entries = self.minute().take(&self.0.node, Instant::now(), all);
        if entries.is_empty() {
            return;
        }
        let change = AdminChange::Note(entries.clone());
        if let Err(error) = self.0.storage.call_later(Change::Administer(Box::new(change))).await {
            tracing::debug!(%error, "entries of the audit log wait until the database takes writes");
            self.minute().give_back(entries);
        }
    }

    fn minute(&self) -> MutexGuard<'_, Minute> {
        self.0.minute.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
