//! SQLite: a write-ahead log, synced at each commit, and moved into the file off the commit path.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use sea_orm::{ConnectOptions, DatabaseConnection};

use super::Role;
use crate::driver_error::DriverError;
use crate::private;

/// How long who migrates or moves the log waits for another process's transaction. The writer of commits says for itself.
const BUSY: Duration = Duration::from_secs(5);

/// How long a reader waits for whoever holds the whole file: beside a log, hardly anybody does.
const READER_BUSY: Duration = Duration::from_secs(1);

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

/// What SQLite puts beside a file.
const COMPANIONS: [&str; 2] = ["-wal", "-shm"];

/// Makes the file and its folder, if it is to be made, and sees to it that nobody else reads what is there.
pub(super) fn make_room(path: &Path, make: bool) -> Result<(), String> {
    let shown = path.display();
    if path.is_dir() {
        return Err(format!("{shown} is a folder; name a file in it, as sqlite://{shown}/chat.db?mode=rwc"));
    }
    if make {
        if let Some(folder) = path.parent() {
            let made = private::make_folder(folder);
            made.map_err(|error| format!("the folder {} cannot be made: {error}", folder.display()))?;
        }
        // SQLite gives the files beside it the same permissions. One that is there is not opened here: to close it would take
        // away all locks on it that this process has.
        match private::make_file(path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                return Err(format!("the file {shown} cannot be made: {error}"));
            }
            _ => {}
        }
    } else if !path.exists() {
        return Err(format!(
            "there is no file {shown}; with ?mode=rwc behind it the hub makes it: sqlite://{shown}?mode=rwc"
        ));
    }
    private::tighten(path);
    COMPANIONS.iter().for_each(|companion| private::tighten(&beside(path, companion)));
    Ok(())
}

/// Returns the path of a file beside the database's.
pub(super) fn beside(path: &Path, companion: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(companion);
    name.into()
}

/// Opens a connection outside of any pool, to write or to move the log. The file is there.
pub(crate) fn open_writer(file: &Path) -> Result<Connection, DriverError> {
    open_connection(file, WRITER_CACHE)
}

/// Opens a connection outside of any pool, to read. The file is there.
pub(super) fn open_reader(file: &Path) -> Result<Connection, DriverError> {
    let connection = open_connection(file, READER_CACHE)?;
    connection.busy_timeout(READER_BUSY)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

fn open_connection(file: &Path, cache: i64) -> Result<Connection, DriverError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
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
pub(crate) fn restart_wal(writer: &Connection) -> Result<bool, DriverError> {
    writer.busy_timeout(RESTART)?;
    let in_the_way = writer.query_row("PRAGMA wal_checkpoint(RESTART)", (), |row| row.get::<_, bool>(0));
    writer.busy_timeout(BUSY)?;
    Ok(!in_the_way?)
}

pub(super) fn tune(connect: &mut ConnectOptions, file: &Path, role: Role, connections: u32) {
    // A connection to a file does not die of age or idleness, and re-opening one loses its caches.
    if role != Role::Writer {
        // All of them now: whoever opens them decides how urgent they are.
        connect.min_connections(connections);
    }
    connect.test_before_acquire(false).idle_timeout(None::<Duration>).max_lifetime(None::<Duration>);
    let file = file.to_owned();
    let busy = if role == Role::Writer { BUSY } else { READER_BUSY };
    connect.map_sqlx_sqlite_opts(move |options| {
        let options = options
            .filename(&file)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(busy)
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
