//! Moves SQLite's write-ahead log into the file, on a worker beside the commits.
//!
//! The worker also syncs the file: SQLite itself does so only if no commit ran meanwhile, and otherwise leaves it to the restart
//! of the log, which commits wait for.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::open;
use crate::Error;
use crate::backend::{ACQUIRE, worker};
use crate::driver_error::DriverError;

/// How long the log may be, in pages of 4 KiB, before the writer should restart it. A short log costs commits less: its pages
/// stay in memory, and its file does not grow.
const LONG_WAL_PAGES: i64 = 8_192;

/// What a checkpoint has done.
#[derive(Debug, Clone, Copy)]
pub struct Checkpoint {
    /// The log is long: the writer should [restart](crate::commit::Writer::restart_wal) it.
    pub wal_is_long: bool,
    /// How many of the log's pages are in the file now. While a snapshot is read, the pages behind it stay in the log alone.
    pub moved: i64,
    /// How long it took.
    pub took: Duration,
}

#[derive(Debug)]
enum Job {
    Checkpoint(oneshot::Sender<Result<Checkpoint, DriverError>>),
    Close(oneshot::Sender<()>),
}

/// The handle of the worker, which ends when it is closed, or when all clones of this are gone.
#[derive(Debug, Clone)]
pub(crate) struct Checkpointer {
    jobs: Sender<Job>,
}

impl Checkpointer {
    /// Starts the worker, and opens its connection. The file must exist.
    pub(super) async fn start(file: PathBuf) -> Result<Self, Error> {
        let (jobs, queue) = mpsc::channel();
        let (done, opened) = oneshot::channel();
        // A name has at most 15 characters on Linux.
        worker::start("sqlite-wal", move || match passive_checkpoints(&file) {
            Ok(checkpoint) => {
                // The receiver is gone if the caller has given up; then the queue is, too.
                let _ = done.send(Ok(()));
                serve(&queue, checkpoint);
            }
            Err(failure) => drop(done.send(Err(failure))),
        })?;
        let opened = timeout(2 * ACQUIRE, opened).await;
        opened.map_err(|_| Error::Unavailable("no answer in time".to_owned()))?.map_err(|_| gone())??;
        Ok(Self { jobs })
    }

    /// Moves the log into the file, as far as readers and commits allow it, and syncs the file. `None`: the worker has ended,
    /// for the database is closed.
    pub(crate) async fn checkpoint(&self) -> Result<Option<Checkpoint>, Error> {
        let (job, answer) = oneshot::channel();
        // Where the worker has ended the answer's sender is dropped.
        let _ = self.jobs.send(Job::Checkpoint(job));
        Ok(answer.await.ok().transpose()?)
    }

    /// Closes the connection, and ends the worker.
    pub(super) async fn close(&self) {
        let (job, closed) = oneshot::channel();
        if self.jobs.send(Job::Close(job)).is_ok() {
            // It fails only if the worker has ended.
            let _ = closed.await;
        }
    }
}

fn gone() -> Error {
    Error::Unavailable("the worker that moves SQLite's write-ahead log has ended".to_owned())
}

/// Runs checkpoints one after another. One that panics fails alone.
fn serve(queue: &Receiver<Job>, mut checkpoint: impl FnMut() -> Result<Checkpoint, DriverError>) {
    for job in queue {
        match job {
            Job::Checkpoint(answer) => {
                let result = catch_unwind(AssertUnwindSafe(&mut checkpoint));
                let panicked = |_| Err(DriverError::Unable("the checkpoint panicked".to_owned()));
                // The receiver is gone if the caller has given up.
                let _ = answer.send(result.unwrap_or_else(panicked));
            }
            Job::Close(closed) => {
                drop(checkpoint);
                let _ = closed.send(());
                return;
            }
        }
    }
}

/// Opens a connection, and returns what runs a checkpoint on it.
fn passive_checkpoints(file: &Path) -> Result<impl FnMut() -> Result<Checkpoint, DriverError> + use<>, DriverError> {
    let connection = open::writer(file)?;
    // On other systems syncing a file may do more than SQLite asks for.
    let file = connection.path().filter(|_| cfg!(target_os = "linux")).map(|path| descriptor(Path::new(path)));
    let file = file.transpose().unwrap_or_else(|error| {
        tracing::warn!(%error, "the database's file is synced while commits wait");
        None
    });
    let mut not_synced: Option<String> = None;
    Ok(move || {
        if let Some(why) = &not_synced {
            return Err(DriverError::Unable(why.clone()));
        }
        let since = Instant::now();
        let (pages, moved): (i64, i64) =
            connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", (), |row| Ok((row.get(1)?, row.get(2)?)))?;
        if let Some(error) = file.and_then(|file| file.sync_data().err()) {
            // The system reports a failed write once, and forgets it: another try would seem to succeed. The log is still on
            // the disk (https://wiki.postgresql.org/wiki/Fsync_Errors).
            let why = format!("the disk refused it ({error}); look after the disk, and start the hub anew");
            return Err(DriverError::Unable(not_synced.insert(why).clone()));
        }
        Ok(Checkpoint { wal_is_long: pages > LONG_WAL_PAGES, moved, took: since.elapsed() })
    })
}

/// Returns this process's descriptor of a file, for syncing. Closing it would release all locks that the process has on the
/// file, SQLite's own among them (<https://www.sqlite.org/howtocorrupt.html>, 2.2). So it is never closed, and there is one
/// for each file.
fn descriptor(path: &Path) -> io::Result<&'static File> {
    static OPEN: Mutex<BTreeMap<(u64, u64), &File>> = Mutex::new(BTreeMap::new());
    let found = fs::metadata(path)?;
    match OPEN.lock().unwrap_or_else(PoisonError::into_inner).entry((found.dev(), found.ino())) {
        Entry::Occupied(open) => Ok(open.get()),
        Entry::Vacant(new) => {
            let file = OpenOptions::new().read(true).write(true).open(path)?;
            Ok(new.insert(Box::leak(Box::new(file))))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[tokio::test]
    async fn a_checkpoint_that_panics_does_not_stop_the_next() {
        let (jobs, queue) = mpsc::channel();
        let mut turns = 0..2;
        let worker = thread::spawn(move || {
            serve(&queue, || match turns.next() {
                Some(0) => panic!("as a checkpoint may"),
                _ => Ok(Checkpoint { wal_is_long: true, moved: 1, took: Duration::ZERO }),
            });
        });
        let checkpointer = Checkpointer { jobs };
        assert!(matches!(checkpointer.checkpoint().await, Err(Error::Unavailable(_))));
        assert!(
            checkpointer.checkpoint().await.is_ok_and(|done| done.is_some_and(|checkpoint| checkpoint.wal_is_long))
        );
        checkpointer.close().await;
        assert!(worker.join().is_ok());
        assert!(
            checkpointer.checkpoint().await.is_ok_and(|done| done.is_none()),
            "a hub that ends has no error to log"
        );
    }
}
