//! SQLite, read on the thread that asks.
//!
//! The pool has a thread for each connection, and to ask it is to wait for that thread's turn, and for one's own again. A page
//! of history, for which it had to be packed into one row besides, took more than twice as long that way as it does here.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{fmt, mem};

use rusqlite::Connection;
use tokio::time::{sleep, timeout};

use super::{ACQUIRE, sqlite};
use crate::driver_error::DriverError;
use crate::sql::prepared;

/// Connections for whoever asks: those of the beginning, and as many as have ever asked at the same time. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Embedded(Arc<Shared>);

struct Shared {
    file: PathBuf,
    resting: Mutex<Resting>,
    /// Held by each who reads.
    reading: Arc<()>,
}

enum Resting {
    /// Those that nobody reads through.
    Open(Vec<Connection>),
    Closed,
}

impl Embedded {
    /// Opens some connections at once, while there are files to be had; further ones are opened when they are needed.
    pub(super) fn open(file: &Path, connections: usize) -> Result<Self, DriverError> {
        let resting = (0..connections).map(|_| sqlite::open_reader(file)).collect::<Result<_, _>>()?;
        let resting = Mutex::new(Resting::Open(resting));
        Ok(Self(Arc::new(Shared { file: file.to_owned(), resting, reading: Arc::default() })))
    }

    /// Reads one snapshot. The calling thread waits for the disk.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Connection) -> Result<T, DriverError>) -> Result<T, DriverError> {
        self.read_one(|connection| {
            prepared(connection, "BEGIN")?.execute(())?;
            let read = read(connection)?;
            prepared(connection, "COMMIT")?.execute(())?;
            Ok(read)
        })
    }

    /// Reads by one statement, which is a snapshot by itself. The calling thread waits for the disk.
    pub(crate) fn read_one<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, DriverError>,
    ) -> Result<T, DriverError> {
        let _reading = Arc::clone(&self.0.reading);
        let resting = match &mut *self.resting() {
            Resting::Open(connections) => connections.pop(),
            Resting::Closed => return Err(DriverError::Lost("the database is closed".to_owned())),
        };
        let connection = resting.map_or_else(|| sqlite::open_reader(&self.0.file), Ok)?;
        // One that fails here is not used again.
        let read = read(&connection)?;
        if let Resting::Open(connections) = &mut *self.resting() {
            connections.push(connection);
        }
        Ok(read)
    }

    /// Closes the connections, when they have been read through.
    pub(super) async fn close(&self) {
        let resting = mem::replace(&mut *self.resting(), Resting::Closed);
        drop(resting);
        let read = async {
            while Arc::strong_count(&self.0.reading) > 1 {
                sleep(Duration::from_millis(1)).await;
            }
        };
        if timeout(ACQUIRE, read).await.is_err() {
            tracing::debug!("somebody goes on reading the database, and keeps it open");
        }
    }

    fn resting(&self) -> MutexGuard<'_, Resting> {
        self.0.resting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Embedded {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Embedded").finish_non_exhaustive()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use std::pin::pin;
    use std::sync::{Barrier, mpsc};
    use std::thread;

    use futures_util::poll;
    use tempfile::TempDir;
    use tokio::sync::oneshot;

    use super::*;

    fn open() -> (Embedded, Connection, TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("chat.db");
        Connection::open(&file).unwrap();
        let writer = sqlite::open_writer(&file).unwrap();
        writer.execute_batch("CREATE TABLE x (id INTEGER PRIMARY KEY); INSERT INTO x VALUES (1)").unwrap();
        (Embedded::open(&file, 0).unwrap(), writer, folder)
    }

    fn count(snapshot: &Connection) -> Result<i64, DriverError> {
        Ok(snapshot.query_row("SELECT count(*) FROM x", (), |row| row.get(0))?)
    }

    fn resting(embedded: &Embedded) -> usize {
        match &*embedded.resting() {
            Resting::Open(connections) => connections.len(),
            Resting::Closed => 0,
        }
    }

    #[test]
    fn a_snapshot_stays_as_it_is_and_the_next_one_is_newer() {
        let (embedded, writer, _folder) = open();
        let (before, after) = embedded
            .read(|snapshot| {
                let before = count(snapshot)?;
                writer.execute("INSERT INTO x VALUES (2)", ())?;
                Ok((before, count(snapshot)?))
            })
            .unwrap();
        assert_eq!((before, after), (1, 1));
        assert_eq!(embedded.read(count).unwrap(), 2);
    }

    #[test]
    fn there_are_as_many_connections_as_have_asked_at_once() {
        let (embedded, _writer, _folder) = open();
        for _ in 0..3 {
            embedded.read(count).unwrap();
        }
        assert_eq!(resting(&embedded), 1);
        let all = Barrier::new(3);
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| embedded.read(|_| Ok(all.wait())).unwrap());
            }
        });
        assert_eq!(resting(&embedded), 3);
    }

    #[test]
    fn what_is_read_cannot_be_written() {
        let (embedded, _writer, _folder) = open();
        let written = embedded.read(|snapshot| Ok(snapshot.execute("INSERT INTO x VALUES (2)", ())?));
        assert!(matches!(written, Err(DriverError::Unable(_))), "{written:?}");
    }

    #[test]
    fn a_connection_that_failed_is_not_used_again() {
        let (embedded, _writer, _folder) = open();
        let failed = embedded.read(|snapshot| {
            count(snapshot)?;
            Err::<(), _>(DriverError::Lost("as the disk may".to_owned()))
        });
        assert!(failed.is_err());
        assert_eq!(resting(&embedded), 0);
        assert_eq!(embedded.read(count).unwrap(), 1);
    }

    #[tokio::test]
    async fn once_it_is_closed_no_connection_is_left() {
        let (embedded, writer, folder) = open();
        embedded.read(count).unwrap();
        let (begun, has_begun) = oneshot::channel();
        let (go_on, may_go_on) = mpsc::channel();
        let late = thread::spawn({
            let embedded = embedded.clone();
            move || {
                embedded.read(|snapshot| {
                    begun.send(()).unwrap();
                    may_go_on.recv().unwrap();
                    count(snapshot)
                })
            }
        });
        has_begun.await.unwrap();
        let mut closing = pin!(embedded.close());
        assert!(poll!(&mut closing).is_pending(), "somebody still reads");
        assert!(matches!(embedded.read(count), Err(DriverError::Lost(_))));
        go_on.send(()).unwrap();
        assert_eq!(late.join().unwrap().unwrap(), 1);
        closing.await;
        writer.close().unwrap();
        // The last one that is closed takes the log with it.
        assert!(!folder.path().join("chat.db-wal").exists());
    }
}
