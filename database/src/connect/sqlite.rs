//! SQLite: a write-ahead log, synced at each commit, and moved into the file off the commit path.

use std::str::FromStr;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sea_orm::{ConnectOptions, DatabaseConnection};

use super::Role;
use crate::Error;
use crate::failure::Failure;

/// How long a writer waits for another process's transaction.
const BUSY: Duration = Duration::from_secs(5);

/// How far the log may grow, in pages of 4 KiB, before the writer moves it itself: the net under
/// [`crate::Database::checkpoint`], which normally gets there first.
const BACKSTOP_PAGES: u32 = 32_768;

/// How far the log grows before it is begun anew, in pages of 4 KiB: while commits carry many writes, and otherwise. See
/// [`crate::Database::checkpoint`].
pub(super) const BUSY_LOG_PAGES: i64 = 8_192;
pub(super) const QUIET_LOG_PAGES: i64 = 24_576;

/// How long commits may be kept waiting for whoever still reads the old log.
const RESTART: Duration = Duration::from_millis(50);

/// The page cache of the writer and of a reader, in KiB (negative: SQLite's way to say KiB).
const WRITER_CACHE: i64 = -65_536;
const READER_CACHE: i64 = -8_192;

/// How many statements a connection keeps prepared: more than there are for it.
const PREPARED: usize = 64;

/// How much of the file is read through the page cache of the operating system without a copy.
const MAPPED_BYTES: i64 = 1 << 30;

/// Makes the folder of the file.
pub(super) fn make_room(url: &str) -> Result<(), Error> {
    if url.contains(":memory:") || url.contains("mode=memory") {
        return Err(Error::Refused("readers cannot share a database in memory: give it a file".to_owned()));
    }
    let options = SqliteConnectOptions::from_str(url)
        .map_err(|_| Error::Refused("the sqlite: URL cannot be understood".to_owned()))?;
    if options.get_filename().as_os_str().is_empty() {
        return Err(Error::Refused("the sqlite: URL names no file".to_owned()));
    }
    let Some(folder) = options.get_filename().parent() else {
        return Ok(());
    };
    std::fs::create_dir_all(folder)
        .map_err(|error| Error::Unavailable(format!("cannot make the folder of the database: {error}")))
}

/// Opens a connection outside of any pool, to write or to move the log. The file is there.
pub(crate) fn open_writer(url: &str) -> Result<Connection, Failure> {
    open_connection(url, WRITER_CACHE)
}

/// Opens a connection outside of any pool, to read. The file is there.
pub(super) fn open_reader(url: &str) -> Result<Connection, Failure> {
    let connection = open_connection(url, READER_CACHE)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

fn open_connection(url: &str, cache: i64) -> Result<Connection, Failure> {
    let options = SqliteConnectOptions::from_str(url).map_err(|error| Failure::Refused(error.to_string()))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(options.get_filename(), flags)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", false)?;
    connection.pragma_update(None, "temp_store", "memory")?;
    connection.pragma_update(None, "mmap_size", MAPPED_BYTES)?;
    connection.pragma_update(None, "cache_size", cache)?;
    connection.pragma_update(None, "wal_autocheckpoint", BACKSTOP_PAGES)?;
    connection.set_prepared_statement_cache_capacity(PREPARED);
    Ok(connection)
}

/// Waits till a pool has opened all connections that it is to have from the beginning.
pub(super) async fn wait_for_all(pool: &DatabaseConnection) {
    let pool = pool.get_sqlite_connection_pool();
    let wanted = pool.options().get_min_connections() as usize;
    let opened = async {
        while pool.num_idle() < wanted {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    // What is not there by then is opened when it is needed.
    if tokio::time::timeout(BUSY, opened).await.is_err() {
        tracing::debug!("not all connections were opened in time");
    }
}

/// Moves the rest of the log and has the next commit begin it anew, unless somebody reads the old one for too long; returns
/// whether it is done. Who begins to read meanwhile reads the file. See
/// <https://www.sqlite.org/pragma.html#pragma_wal_checkpoint>.
pub(crate) fn begin_log_anew(writer: &Connection) -> Result<bool, Failure> {
    writer.busy_timeout(RESTART)?;
    let in_the_way = writer.query_row("PRAGMA wal_checkpoint(RESTART)", (), |row| row.get::<_, bool>(0));
    writer.busy_timeout(BUSY)?;
    Ok(!in_the_way?)
}

pub(super) fn tune(connect: &mut ConnectOptions, role: Role, connections: u32) {
    // A connection to a file does not die of age or idleness, and re-opening one loses its caches.
    if role != Role::Writer {
        // All of them now: whoever opens them decides how urgent they are.
        connect.min_connections(connections);
    }
    connect.test_before_acquire(false).idle_timeout(None::<Duration>).max_lifetime(None::<Duration>);
    connect.map_sqlx_sqlite_opts(move |options| {
        let options = options
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY)
            .foreign_keys(false)
            .statement_cache_capacity(256)
            .pragma("temp_store", "memory")
            .pragma("mmap_size", MAPPED_BYTES.to_string())
            .pragma("cache_size", READER_CACHE.to_string());
        match role {
            Role::Writer => options
                .thread_name(|_| "sqlite-load".to_owned())
                .pragma("wal_autocheckpoint", BACKSTOP_PAGES.to_string()),
            Role::Readers => options.thread_name(|id| format!("sqlite-read-{id}")),
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_must_name_a_file() {
        for url in ["sqlite:", "sqlite://", "sqlite://?mode=rwc", "sqlite::memory:"] {
            let refused = make_room(url).expect_err(url).to_string();
            assert!(refused.contains("file"), "{url}: {refused}");
        }
    }
}
