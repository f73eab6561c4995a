//! The hub's side: what its database has already, and what writes to it.

use std::collections::HashSet;

use chat_database::change::{Change, Import, Outcome, ReservedIds};
use chat_database::commit::Writer;
use chat_database::ids::{Pair, UserId};
use chat_database::import::{IdOf, Present};
use chat_database::media::Store;
use chat_database::time::Timestamp;
use chat_database::{Database, Error as DatabaseError};

use super::error::Error;
use super::report::Report;

/// The highest old id that a row keeps: above it hardly any ids would be left for new rows.
pub(super) const HIGHEST_KEPT: i64 = 1 << 52;

/// The destination of an import.
#[derive(Debug)]
pub struct Target {
    /// The hub's database; `None` if there is none yet, in a dry run.
    pub database: Option<Database>,
    /// What writes to it; `None` in a dry run.
    pub output: Option<Output>,
}

/// The writer of the hub's database, and its store of images.
#[derive(Debug)]
pub struct Output {
    /// The writer of the hub's database.
    pub writer: Writer,
    /// The store of the hub's images.
    pub store: Store,
}

/// The hub's side during one run.
pub(super) struct HubSide {
    database: Option<Database>,
    pub(super) output: Option<Output>,
    pub(super) present: Present,
    pub(super) reserved: ReservedIds,
    pub(super) report: Report,
    /// Pairs of users that a dry run has met.
    pub(super) met: HashSet<Pair>,
    /// When the run began.
    pub(super) now: Timestamp,
    has_written: bool,
}

impl HubSide {
    /// Reads what the hub's database has already.
    pub(super) async fn open(target: Target) -> Result<Self, Error> {
        let Target { database, output } = target;
        let is_dry = output.is_none();
        let present = match &database {
            Some(database) => match Present::read(database).await {
                // A dry run meets a database that has no schema yet.
                Err(DatabaseError::Refused(_)) if is_dry => Present::default(),
                present => present?,
            },
            None => Present::default(),
        };
        Ok(Self {
            database,
            output,
            present,
            reserved: ReservedIds::default(),
            report: Report::new(is_dry),
            met: HashSet::new(),
            now: Timestamp::now(),
            has_written: false,
        })
    }

    /// Returns those of the old ids that rows may keep, because the hub has not given them out.
    pub(super) async fn free(&self, of: IdOf, ids: &[i64]) -> Result<HashSet<i64>, Error> {
        let mut kept: HashSet<i64> = ids.iter().copied().filter(|id| is_kept(*id)).collect();
        if let Some(database) = &self.database {
            for taken in self.present.taken(database, of, ids).await? {
                kept.remove(&taken);
            }
        }
        Ok(kept)
    }

    /// Returns the keys of those notifications that were imported before.
    pub(super) async fn brought(&self, named: &[(UserId, String)]) -> Result<HashSet<String>, Error> {
        match &self.database {
            Some(database) => Ok(self.present.brought(database, named).await?),
            None => Ok(HashSet::new()),
        }
    }

    /// Writes changes as one commit, the first of which also reserves the ids that must not be given out. Returns the
    /// outcome of each change.
    pub(super) async fn commit(&mut self, mut changes: Vec<Change>) -> Result<Vec<Outcome>, Error> {
        let Some(output) = &mut self.output else { return Ok(Vec::new()) };
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        let first = !std::mem::replace(&mut self.has_written, true);
        if first {
            changes.insert(0, Change::Import(Box::new(Import::Reserve(self.reserved))));
        }
        let committed = match output.writer.commit(&changes).await {
            Err(DatabaseError::Refused(why)) => return Err(Error::NotTaken(why)),
            committed => committed?,
        };
        // Without checkpoints the write-ahead log would grow without an end.
        if let Some(database) = &self.database
            && let Some(done) = database.checkpoint().await?
            && done.wal_is_long
        {
            output.writer.restart_wal()?;
        }
        Ok(committed.outcomes.into_iter().skip(usize::from(first)).collect())
    }

    /// Ends the run: consumers of events are not told of what was imported.
    pub(super) async fn close(&mut self) -> Result<(), Error> {
        if let Some(output) = self.output.as_mut().filter(|_| self.has_written) {
            output.writer.forget_log().await?;
        }
        Ok(())
    }
}

/// Returns the highest id that may be kept; 0 if there is none.
pub(super) fn highest_kept(ids: impl Iterator<Item = i64>) -> u64 {
    ids.filter(|id| is_kept(*id)).max().unwrap_or_default().unsigned_abs()
}

/// Tells whether an id may be kept if it is free.
fn is_kept(id: i64) -> bool {
    (1..=HIGHEST_KEPT).contains(&id)
}
