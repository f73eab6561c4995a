//! Entries that the hub adds to the audit log by itself: refused tokens and tickets, and what the marketplace's own tokens
//! read. The acts of an operator are logged before they are done: see [`crate::admin`].
//!
//! No call here waits, and none is on a message's path. Entries stay in memory for up to a second and are then written as
//! one less urgent change. A stranger can cause any number of refusals, so only the first few of a minute get a row each,
//! and one more row counts the others.

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

/// The handle that adds entries to the audit log. Cheap to clone.
#[derive(Clone)]
pub struct AuditLog(Arc<Shared>);

struct Shared {
    /// The name of this node in rows: `hub:<node>`.
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

    /// Notes that a token or ticket was refused. The reason `why` must not contain a secret.
    pub fn refused(&self, what: Act, from: Option<String>, why: &str) {
        self.minute().refused(NewEntry { from, why: Some(why.to_owned()), ..NewEntry::new("unknown", what) });
    }

    /// Notes that one of the marketplace's own tokens has read `objects` objects. Each reader has one row per minute.
    pub fn read(&self, what: Act, who: String, from: Option<String>, objects: u64) {
        self.minute().read(what, who, from, objects);
    }

    /// Notes an act of this node itself.
    pub fn note(&self, what: Act, detail: Option<String>) {
        self.minute().note(NewEntry { detail, ..self.entry(what) });
    }

    /// Makes an entry for an act of this node itself.
    pub(crate) fn entry(&self, what: Act) -> NewEntry {
        NewEntry::new(self.0.node.clone(), what)
    }

    /// Writes the waiting entries; with `all`, also the counters of the minute that is not over yet.
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
