//! The thread that moves SQLite's log into the file, beside the commits.
//!
//! It gives way to the threads that messages pass through. And it brings the file to the disk: SQLite itself does that only
//! where nobody has committed meanwhile, and leaves the rest for whoever begins the log anew, with commits waiting.

use std::fs::{File, OpenOptions};
use std::io;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::{give_way, sqlite};
use crate::Error;
use crate::failure::Failure;

/// What the mover is asked for, and where it answers.
#[derive(Debug)]
enum Ask {
    Move(oneshot::Sender<Result<i64, Failure>>),
    Close(oneshot::Sender<()>),
}

/// The way to the mover. It ends when it is closed, or nobody has the way to it.
#[derive(Debug, Clone)]
pub(super) struct Mover {
    asks: Sender<Ask>,
}

impl Mover {
    /// Starts the thread, and opens its connection. The file is there.
    pub(super) async fn start(url: String) -> Result<Self, Error> {
        let (asks, asked) = mpsc::channel();
        let (done, opened) = oneshot::channel();
        let run = move || {
            give_way();
            let (log, opened) = match Log::open(&url) {
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
        opened.await.map_err(|_| gone())??;
        Ok(Self { asks })
    }

    /// Moves the log into the file, as far as nobody is in the way, and returns how many pages the log has.
    pub(super) async fn move_log(&self) -> Result<i64, Error> {
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
}

impl Log {
    fn open(url: &str) -> Result<Self, Failure> {
        let connection = sqlite::open_writer(url)?;
        let file = connection.path().map(keep_open).transpose();
        let file = file.unwrap_or_else(|error| {
            tracing::warn!(%error, "the database's file is brought to the disk with commits waiting");
            None
        });
        Ok(Self { connection, file })
    }

    fn serve(self, asked: &Receiver<Ask>) {
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

    fn move_into_file(&self) -> Result<i64, Failure> {
        let pages = self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", (), |row| row.get(1))?;
        if let Some(file) = self.file {
            // SQLite counts on nothing that this does: where it must be sure, it does it again, and hears of the error.
            file.sync_data().map_err(|error| Failure::Unable(error.to_string()))?;
        }
        Ok(pages)
    }
}

/// Opens a file, and never closes it: with it would go all locks on it that this process has, SQLite's own
/// (<https://www.sqlite.org/howtocorrupt.html>, 2.2).
fn keep_open(path: &str) -> io::Result<&'static File> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    Ok(Box::leak(Box::new(file)))
}
