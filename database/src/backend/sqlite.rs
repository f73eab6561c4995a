//! SQLite: one file, written by one connection at a time, read by any number.
//!
//! ```text
//!  location        the file's path
//!  open            opens each connection, whichever driver it is for
//!  dialect, error  its SQL, its errors
//!  inline_reader   reads on the calling thread
//!  read_pool       reads on low-priority workers
//!  writer          writes, on the OS thread that runs the commit
//!  statement, rows cached prepared statements, and the rows that they stand at
//!  seq_range       finds messages by their place; nearest: those next to one
//!  checkpointer    moves the write-ahead log into the file beside the commits
//!  process_lock    which other hubs use the file
//!  copy            copies the file beside the commits, and puts a copy in place
//!  plans           (test) no statement walks a table
//! ```

mod checkpointer;
mod copy;
mod dialect;
mod error;
mod inline_reader;
mod location;
mod nearest;
mod open;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop")]
mod plans;
mod process_lock;
mod read_pool;
mod rows;
mod seq_range;
pub(crate) mod statement;
mod statements;
mod writer;

use sea_orm::DatabaseConnection;

use super::pool;
use crate::Error;
pub use checkpointer::Checkpoint;
pub(crate) use checkpointer::Checkpointer;
pub(crate) use copy::{ImageRow, copy, is_free, put_back};
pub(crate) use dialect::SqliteDialect;
pub(crate) use error::{cannot_use, classify};
pub(crate) use inline_reader::InlineReader;
pub use location::File;
pub(crate) use nearest::nearest;
pub use process_lock::ProcessLock;
pub(crate) use process_lock::join;
pub(crate) use read_pool::{ReadPool, Snapshot};
pub(crate) use rows::rows;
pub(crate) use writer::{Transaction, WriterConnection};

/// The connections of one node to SQLite's file, but for the one that commits: that one is opened by the writer.
#[derive(Debug, Clone)]
pub(crate) struct Connections {
    /// sea-orm's, for migrations.
    pub(super) migrations: DatabaseConnection,
    pub(super) inline_reader: InlineReader,
    /// Reads on workers, through the same connections.
    pub(super) read_pool: ReadPool,
    pub(super) checkpointer: Checkpointer,
}

impl Connections {
    /// Makes the file if it is to be made, and opens it.
    pub(super) async fn open(file: &File, readers: u32) -> Result<Self, Error> {
        open::make_room(file).map_err(Error::Refused)?;
        let refused = |failure| cannot_use(file, failure);
        // They come first, for they set the file's journal mode.
        let migrations = open::migrations(file).await.map_err(refused)?;
        // Pages are read inline, on as many workers as the pool has.
        let inline_reader = InlineReader::open(&file.path, 2 * readers as usize).map_err(refused)?;
        Ok(Self {
            migrations,
            read_pool: ReadPool::start(inline_reader.clone(), readers as usize)?,
            inline_reader,
            checkpointer: Checkpointer::start(file.path.clone()).await?,
        })
    }

    /// Closes all connections; the last one moves the write-ahead log into the file.
    pub(super) async fn close(&self) {
        pool::close(&self.migrations).await;
        self.inline_reader.close().await;
        self.checkpointer.close().await;
    }
}

/// Returns what SQLite finds damaged in a file, without comparing tables and indexes.
pub(crate) fn quick_check(file: &File) -> Result<Vec<String>, Error> {
    copy::problems(&file.path, copy::Check::Quick).map_err(|failure| cannot_use(file, failure))
}
