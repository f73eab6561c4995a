//! Reads SQLite on the calling thread.
//!
//! A pool with a thread for each connection costs each query two switches of threads. A page of history takes less than
//! half as long on the thread that needs it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{fmt, mem};

use rusqlite::Connection;
use tokio::time::{sleep, timeout};

use super::open;
use super::statement::prepared;
use crate::backend::ACQUIRE;
use crate::driver_error::DriverError;

/// Idle connections: those of the beginning, and as many as were ever in use at the same time. Cheap to clone.
#[derive(Clone)]
pub(crate) struct InlineReader(Arc<Shared>);

struct Shared {
    file: PathBuf,
    idle: Mutex<Idle>,
    /// Cloned by each read that is under way.
    reading: Arc<()>,
}

/// A connection that is read through; [`InlineReader::close`] waits for it.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) connection: Connection,
    _reading: Arc<()>,
}

enum Idle {
    Open(Vec<Connection>),
    Closed,
}

impl InlineReader {
    /// Opens some connections at once, while the process still has file descriptors; further ones are opened when they are
    /// needed.
    pub(super) fn open(file: &Path, connections: usize) -> Result<Self, DriverError> {
        let idle = (0..connections).map(|_| open::reader(file)).collect::<Result<_, _>>()?;
        let idle = Mutex::new(Idle::Open(idle));
        Ok(Self(Arc::new(Shared { file: file.to_owned(), idle, reading: Arc::default() })))
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
        let connection = self.take()?;
        // A connection whose read fails is dropped.
        let read = read(&connection.connection)?;
        self.give_back(connection);
        Ok(read)
    }

    /// Takes an idle connection, or opens one.
    pub(super) fn take(&self) -> Result<Taken, DriverError> {
        let reading = Arc::clone(&self.0.reading);
        let idle = match &mut *self.idle() {
            Idle::Open(connections) => connections.pop(),
            Idle::Closed => return Err(DriverError::Lost("the database is closed".to_owned())),
        };
        let connection = idle.map_or_else(|| open::reader(&self.0.file), Ok)?;
        Ok(Taken { connection, _reading: reading })
    }

    /// Gives a connection back, in which no transaction is open.
    pub(super) fn give_back(&self, taken: Taken) {
        if let Idle::Open(connections) = &mut *self.idle() {
            connections.push(taken.connection);
        }
    }

    /// Closes the connections, once their reads have ended.
    pub(super) async fn close(&self) {
        let idle = mem::replace(&mut *self.idle(), Idle::Closed);
        drop(idle);
        let read = async {
            while Arc::strong_count(&self.0.reading) > 1 {
                sleep(Duration::from_millis(1)).await;
            }
        };
        if timeout(ACQUIRE, read).await.is_err() {
            tracing::debug!("a read goes on, and keeps the database open");
        }
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.0.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for InlineReader {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("InlineReader").finish_non_exhaustive()
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

    fn opened() -> (InlineReader, Connection, TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("chat.db");
        Connection::open(&file).unwrap();
        let writer = open::writer(&file).unwrap();
        writer.execute_batch("CREATE TABLE x (id INTEGER PRIMARY KEY); INSERT INTO x VALUES (1)").unwrap();
        (InlineReader::open(&file, 0).unwrap(), writer, folder)
    }

    fn count(snapshot: &Connection) -> Result<i64, DriverError> {
        Ok(snapshot.query_row("SELECT count(*) FROM x", (), |row| row.get(0))?)
    }

    fn idle(reader: &InlineReader) -> usize {
        match &*reader.idle() {
            Idle::Open(connections) => connections.len(),
            Idle::Closed => 0,
        }
    }

    #[test]
    fn a_snapshot_stays_as_it_is_and_the_next_one_is_newer() {
        let (reader, writer, _folder) = opened();
        let (before, after) = reader
            .read(|snapshot| {
                let before = count(snapshot)?;
                writer.execute("INSERT INTO x VALUES (2)", ())?;
                Ok((before, count(snapshot)?))
            })
            .unwrap();
        assert_eq!((before, after), (1, 1));
        assert_eq!(reader.read(count).unwrap(), 2);
    }

    #[test]
    fn there_are_as_many_connections_as_have_asked_at_once() {
        let (reader, _writer, _folder) = opened();
        for _ in 0..3 {
            reader.read(count).unwrap();
        }
        assert_eq!(idle(&reader), 1);
        let all = Barrier::new(3);
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| reader.read(|_| Ok(all.wait())).unwrap());
            }
        });
        assert_eq!(idle(&reader), 3);
    }

    #[test]
    fn what_is_read_cannot_be_written() {
        let (reader, _writer, _folder) = opened();
        let written = reader.read(|snapshot| Ok(snapshot.execute("INSERT INTO x VALUES (2)", ())?));
        assert!(matches!(written, Err(DriverError::Unable(_))), "{written:?}");
    }

    #[test]
    fn a_connection_that_failed_is_not_used_again() {
        let (reader, _writer, _folder) = opened();
        let failed = reader.read(|snapshot| {
            count(snapshot)?;
            Err::<(), _>(DriverError::Lost("as the disk may".to_owned()))
        });
        assert!(failed.is_err());
        assert_eq!(idle(&reader), 0);
        assert_eq!(reader.read(count).unwrap(), 1);
    }

    #[tokio::test]
    async fn once_it_is_closed_no_connection_is_left() {
        let (reader, writer, folder) = opened();
        reader.read(count).unwrap();
        let (begun, has_begun) = oneshot::channel();
        let (go_on, may_go_on) = mpsc::channel();
        let late = thread::spawn({
            let reader = reader.clone();
            move || {
                reader.read(|snapshot| {
                    begun.send(()).unwrap();
                    may_go_on.recv().unwrap();
                    count(snapshot)
                })
            }
        });
        has_begun.await.unwrap();
        let mut closing = pin!(reader.close());
        assert!(poll!(&mut closing).is_pending(), "the late worker still reads");
        assert!(matches!(reader.read(count), Err(DriverError::Lost(_))));
        go_on.send(()).unwrap();
        assert_eq!(late.join().unwrap().unwrap(), 1);
        closing.await;
        writer.close().unwrap();
        // The last one that is closed takes the log with it.
        assert!(!folder.path().join("chat.db-wal").exists());
    }
}
