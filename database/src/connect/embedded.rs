//! SQLite, read on the thread that asks.
//!
//! The pool has a thread for each connection, and to ask it is to wait for that thread's turn, and for one's own again. A page
//! of history, for which it had to be packed into one row besides, took more than twice as long that way as it does here.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

use super::sqlite;
use crate::failure::Failure;
use crate::sql::prepared;

/// Connections for whoever asks: as many as have ever asked at the same time. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Embedded {
    url: Arc<str>,
    resting: Arc<Mutex<Resting>>,
}

#[derive(Debug)]
enum Resting {
    /// Those that nobody reads through.
    Open(Vec<Connection>),
    Closed,
}

impl Embedded {
    /// Connections are opened when they are needed.
    pub(super) fn new(url: &str) -> Self {
        Self { url: url.into(), resting: Arc::new(Mutex::new(Resting::Open(Vec::new()))) }
    }

    /// Reads one snapshot. The calling thread waits for the disk.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Connection) -> Result<T, Failure>) -> Result<T, Failure> {
        let resting = match &mut *self.resting() {
            Resting::Open(connections) => connections.pop(),
            Resting::Closed => return Err(Failure::Lost("the database is closed".to_owned())),
        };
        let connection = resting.map_or_else(|| sqlite::open_reader(&self.url), Ok)?;
        // A connection that fails in between is not used again.
        prepared(&connection, "BEGIN")?.execute(())?;
        let read = read(&connection)?;
        prepared(&connection, "COMMIT")?.execute(())?;
        if let Resting::Open(connections) = &mut *self.resting() {
            connections.push(connection);
        }
        Ok(read)
    }

    /// Closes the connections, now or when they have been read through.
    pub(super) fn close(&self) {
        drop(mem::replace(&mut *self.resting(), Resting::Closed));
    }

    fn resting(&self) -> MutexGuard<'_, Resting> {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use std::sync::Barrier;
    use std::thread;

    use tempfile::TempDir;

    use super::*;

    fn open() -> (Embedded, Connection, TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/chat.db", folder.path().display());
        Connection::open(folder.path().join("chat.db")).unwrap();
        let writer = sqlite::open_writer(&url).unwrap();
        writer.execute_batch("CREATE TABLE x (id INTEGER PRIMARY KEY); INSERT INTO x VALUES (1)").unwrap();
        (Embedded::new(&url), writer, folder)
    }

    fn count(snapshot: &Connection) -> Result<i64, Failure> {
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
        assert!(matches!(written, Err(Failure::Unable(_))), "{written:?}");
    }

    #[test]
    fn a_connection_that_failed_is_not_used_again() {
        let (embedded, _writer, _folder) = open();
        let failed = embedded.read(|snapshot| {
            count(snapshot)?;
            Err::<(), _>(Failure::Lost("as the disk may".to_owned()))
        });
        assert!(failed.is_err());
        assert_eq!(resting(&embedded), 0);
        assert_eq!(embedded.read(count).unwrap(), 1);
    }

    #[test]
    fn once_it_is_closed_no_connection_is_left() {
        let (embedded, writer, folder) = open();
        embedded
            .read(|snapshot| {
                embedded.close();
                count(snapshot)
            })
            .unwrap();
        assert!(matches!(embedded.read(count), Err(Failure::Lost(_))));
        writer.close().unwrap();
        // The last one that is closed takes the log with it.
        assert!(!folder.path().join("chat.db-wal").exists());
    }
}
