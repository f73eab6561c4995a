//! Opens SQLite: the one place that knows a connection's settings, whichever driver the connection is for.
//!
//! A write-ahead log, synced at each commit, and moved into the file beside the commits.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use sea_orm::{ConnectOptions, DatabaseConnection};

use super::File;
use crate::backend::pool;
use crate::driver_error::DriverError;
use crate::private;

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// To write, or to move the write-ahead log into the file.
    Write,
    Read,
    Migrate,
}

/// How long a migration or a checkpoint waits for another process's transaction. The writer of commits sets its own.
const BUSY: Duration = Duration::from_secs(5);

/// How long a reader waits for a connection that holds the whole file: beside a write-ahead log hardly any does.
const READER_BUSY: Duration = Duration::from_secs(1);

/// How far the write-ahead log may grow, in pages of 4 KiB, before a commit moves it by itself. The checkpointer normally
/// gets there first.
const BACKSTOP_PAGES: u32 = 32_768;

/// How long a restart of the write-ahead log, and with it the next commit, waits for readers of the old one.
const RESTART_BUSY: Duration = Duration::from_millis(50);

/// The page cache of the writer and of a reader, in KiB (negative: SQLite's way to say KiB).
const WRITER_CACHE: i64 = -65_536;
const READER_CACHE: i64 = -8_192;

/// How many statements a connection keeps prepared: more than there are for it.
const PREPARED: usize = 64;
const PREPARED_BY_POOL: usize = 256;

/// How much of the file is read through the page cache of the operating system without a copy.
const MAPPED_BYTES: i64 = 1 << 30;

/// What SQLite puts beside a file.
const COMPANIONS: [&str; 2] = ["-wal", "-shm"];

impl Purpose {
    fn pragmas(self) -> [(&'static str, String); 8] {
        let (cache, query_only) = match self {
            Self::Write => (WRITER_CACHE, false),
            Self::Read => (READER_CACHE, true),
            Self::Migrate => (READER_CACHE, false),
        };
        [
            ("journal_mode", "wal".to_owned()),
            ("synchronous", "full".to_owned()),
            // The schema has none.
            ("foreign_keys", "off".to_owned()),
            ("temp_store", "memory".to_owned()),
            ("mmap_size", MAPPED_BYTES.to_string()),
            ("cache_size", cache.to_string()),
            ("wal_autocheckpoint", BACKSTOP_PAGES.to_string()),
            ("query_only", if query_only { "on" } else { "off" }.to_owned()),
        ]
    }

    fn busy(self) -> Duration {
        match self {
            Self::Write | Self::Migrate => BUSY,
            Self::Read => READER_BUSY,
        }
    }
}

/// Opens a connection that writes, outside of any pool. The file must exist.
pub(crate) fn writer(file: &Path) -> Result<Connection, DriverError> {
    connection(file, Purpose::Write)
}

/// Opens a connection that reads, outside of any pool. The file must exist.
pub(super) fn reader(file: &Path) -> Result<Connection, DriverError> {
    connection(file, Purpose::Read)
}

fn connection(file: &Path, purpose: Purpose) -> Result<Connection, DriverError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(purpose.busy())?;
    for (name, value) in purpose.pragmas() {
        connection.pragma_update(None, name, value)?;
    }
    connection.set_prepared_statement_cache_capacity(PREPARED);
    Ok(connection)
}

/// Opens sea-orm's connection for migrations.
pub(super) async fn migrations(file: &File) -> Result<DatabaseConnection, DriverError> {
    pool(&file.path, Purpose::Migrate, 1).await
}

async fn pool(file: &Path, purpose: Purpose, connections: u32) -> Result<DatabaseConnection, DriverError> {
    // The path is given beside the URL: sea-orm would read it as a host's name.
    let mut connect = pool::options("sqlite:file", connections);
    settings(&mut connect, file, purpose);
    // A connection to a file does not die of age or idleness, and a new one begins with empty caches.
    connect.test_before_acquire(false).idle_timeout(None::<Duration>).max_lifetime(None::<Duration>);
    // A file is waited for only because of its lock.
    pool::open(connect).await?.ok_or_else(|| DriverError::Contended("no answer in time".to_owned()))
}

fn settings(connect: &mut ConnectOptions, file: &Path, purpose: Purpose) {
    let file = file.to_owned();
    connect.map_sqlx_sqlite_opts(move |options| {
        let options = options
            .filename(&file)
            .busy_timeout(purpose.busy())
            .statement_cache_capacity(PREPARED_BY_POOL)
            .thread_name(move |id| match purpose {
                Purpose::Read => format!("sqlite-read-{id}"),
                Purpose::Write | Purpose::Migrate => "sqlite-migrate".to_owned(),
            });
        purpose.pragmas().into_iter().fold(options, |options, (name, value)| options.pragma(name, value))
    });
}

/// Moves the rest of the write-ahead log into the file and has the next commit write it from its beginning, unless a reader of
/// the old one takes too long; returns whether that is done. Transactions that begin meanwhile read the file. See
/// <https://www.sqlite.org/pragma.html#pragma_wal_checkpoint>.
pub(crate) fn restart_wal(writer: &Connection) -> Result<bool, DriverError> {
    writer.busy_timeout(RESTART_BUSY)?;
    let in_the_way = writer.query_row("PRAGMA wal_checkpoint(RESTART)", (), |row| row.get::<_, bool>(0));
    writer.busy_timeout(BUSY)?;
    Ok(!in_the_way?)
}

/// Makes the file and its folder, if that is asked for, and takes other users' permissions from files that exist.
pub(super) fn make_room(file: &File) -> Result<(), String> {
    let File { path, make } = file;
    let shown = path.display();
    if path.is_dir() {
        return Err(format!("{shown} is a folder; name a file in it, as sqlite://{shown}/chat.db?mode=rwc"));
    }
    if *make {
        if let Some(folder) = path.parent() {
            let made = private::make_folder(folder);
            made.map_err(|error| format!("the folder {} cannot be made: {error}", folder.display()))?;
        }
        // SQLite gives the files beside it the same permissions. A file that exists is not opened here: closing it would
        // release all locks that this process has on it.
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
