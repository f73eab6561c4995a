//! The thread that moves SQLite's log into the file, beside the commits.
//!
//! It gives way to the threads that messages pass through. And it brings the file to the disk: SQLite itself does that only
//! where nobody has committed meanwhile, and leaves the rest for whoever begins the log anew, with commits waiting.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::{ACQUIRE, give_way, sqlite};
use crate::Error;
use crate::driver_error::DriverError;

/// What was moved.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moved {
    /// How many pages the log has.
    pub(super) pages: i64,
    /// How long it took.
    pub(super) took: Duration,
}

/// What the mover is asked for, and where it answers.
#[derive(Debug)]
enum Ask {
    Move(oneshot::Sender<Result<Moved, DriverError>>),
    Close(oneshot::Sender<()>),
}

/// The way to the mover. It ends when it is closed, or nobody has the way to it.
#[derive(Debug, Clone)]
pub(super) struct Mover {
    asks: Sender<Ask>,
}

impl Mover {
    /// Starts the thread, and opens its connection. The file is there.
    pub(super) async fn start(file: PathBuf) -> Result<Self, Error> {
        let (asks, asked) = mpsc::channel();
        let (done, opened) = oneshot::channel();
        let run = move || {
            give_way();
            let (log, opened) = match Log::open(&file) {
                Ok(log) => (Some(log), Ok(())),
                Err(failure) => (None, Err(failure)),
            };
            // Whoever does not wait for it will ask nothing either.
            let _ = done.send(opened);
            if let Some(log) = log {
                log.serve(&asked);
            }
        };
        let started = thread::Builder::new().name("sqlite-move".to_owned()).spawn(run);
        started.map_err(|error| Error::Unavailable(format!("cannot start a thread: {error}")))?;
        let opened = tokio::time::timeout(2 * ACQUIRE, opened).await;
        opened.map_err(|_| Error::Unavailable("no answer in time".to_owned()))?.map_err(|_| gone())??;
        Ok(Self { asks })
    }

    /// Moves the log into the file, as far as nobody is in the way.
    pub(super) async fn move_log(&self) -> Result<Moved, Error> {
        let (ask, answer) = oneshot::channel();
        self.asks.send(Ask::Move(ask)).map_err(|_| gone())?;
        Ok(answer.await.map_err(|_| gone())??)
    }

    /// Closes the connection, and ends.
    pub(super) async fn close(&self) {
        let (ask, closed) = oneshot::channel();
        if self.asks.send(Ask::Close(ask)).is_ok() {
            // Closed, or gone.
            let _ = closed.await;
        }
    }
}

fn gone() -> Error {
    Error::Unavailable("the thread that moves SQLite's log has ended".to_owned())
}

/// What the mover has.
struct Log {
    connection: Connection,
    /// The file, if it can be brought to the disk from here.
    file: Option<&'static File>,
    /// Why it could not be brought to the disk, once.
    kept: Option<String>,
}

impl Log {
    fn open(file: &Path) -> Result<Self, DriverError> {
        let connection = sqlite::open_writer(file)?;
        // Elsewhere to sync a file may mean more than SQLite asks for.
        let path = connection.path().filter(|_| cfg!(target_os = "linux"));
        let file = path.map(keep_open).transpose().unwrap_or_else(|error| {
            tracing::warn!(%error, "the database's file is brought to the disk with commits waiting");
            None
        });
        Ok(Self { connection, file, kept: None })
    }

    fn serve(mut self, asked: &Receiver<Ask>) {
        for ask in asked {
            // Nobody may wait for it any more.
            match ask {
                Ask::Move(answer) => drop(answer.send(self.move_into_file())),
                Ask::Close(closed) => {
                    drop(self);
                    let _ = closed.send(());
                    return;
                }
            }
        }
    }

    fn move_into_file(&mut self) -> Result<Moved, DriverError> {
        let since = Instant::now();
        if let Some(why) = &self.kept {
            return Err(DriverError::Unable(why.clone()));
        }
        let pages = self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", (), |row| row.get(1))?;
        if let Some(error) = self.file.and_then(|file| file.sync_data().err()) {
            // The system forgets what it could not write, and says so once: to try again would find all well. What the log
            // has is still on the disk (https://wiki.postgresql.org/wiki/Fsync_Errors).
            let why = format!("the disk refused it ({error}); look after the disk, and start the hub anew");
            return Err(DriverError::Unable(self.kept.insert(why).clone()));
        }
        Ok(Moved { pages, took: since.elapsed() })
    }
}

/// Opens a file, and never closes it: with it would go all locks on it that this process has, SQLite's own
/// (<https://www.sqlite.org/howtocorrupt.html>, 2.2). That is one descriptor for each mover that was ever started.
fn keep_open(path: &str) -> io::Result<&'static File> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    Ok(Box::leak(Box::new(file)))
}
