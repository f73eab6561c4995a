//! Backups of SQLite: copies a database that is in use, and puts a copy in place. A server has tools of its own for both.

use std::path::Path;

use tokio::sync::oneshot;

use crate::Error;
use crate::backend::sqlite::{self, ImageRow};
use crate::backend::worker;
use crate::connect::{File, Location};
use crate::history::{CommitRef, Nonce};
use crate::ids::CommitNo;
use crate::queries::media::ImageLocation;

/// What a copy holds.
#[derive(Debug)]
pub struct Copied {
    /// The newest commit that is in it. All before it are, too.
    pub commit_ref: CommitRef,
    /// The images that its rows name. The store may have removed one since, with its message.
    pub images: Vec<ImageLocation>,
}

/// Copies a database to a new file, on a worker of low priority, beside the commits of a hub.
///
/// # Errors
/// [`Error::Refused`] if it is a server, if there is no database, or if the file cannot be written;
/// [`Error::Unavailable`] if another program holds the database.
pub async fn copy(database: &Location, to: &Path) -> Result<Copied, Error> {
    let (file, to) = (file_of(database)?, to.to_owned());
    let copied = on_worker(move || sqlite::copy(&file, &to)).await?;
    let commit_ref = CommitRef {
        epoch: copied.commit_ref.epoch.into_text().into(),
        commit: CommitNo::from_column(copied.commit_ref.commit_no),
        nonce: copied.commit_ref.nonce.map(Nonce::from_column).unwrap_or_default(),
    };
    let image = |row: ImageRow| ImageLocation { object_key: row.object_key.into_text(), mime: row.mime };
    Ok(Copied { commit_ref, images: copied.images.into_iter().map(image).collect() })
}

/// Checks that a copy can be put in the place of a database.
///
/// # Errors
/// [`Error::Refused`] if there is a database, a hub runs on it, or it is a server.
pub fn is_free(database: &Location) -> Result<(), Error> {
    sqlite::is_free(&file_of(database)?)
}

/// Puts a copy in the place of a database that does not exist, once SQLite has found nothing wrong with the copy.
///
/// # Errors
/// [`Error::Refused`] if the place [is not free](is_free), the copy is damaged, or the file cannot be written.
pub async fn put_back(from: &Path, database: &Location) -> Result<(), Error> {
    let (file, from) = (file_of(database)?, from.to_owned());
    on_worker(move || sqlite::put_back(&from, &file)).await
}

/// Returns what SQLite finds damaged in a file, without comparing tables and indexes; nothing if it is sound, or the
/// database is a server.
///
/// # Errors
/// [`Error::Refused`] if the file cannot be read as a database at all; [`Error::Unavailable`].
pub async fn damages(database: &Location) -> Result<Vec<String>, Error> {
    let Ok(file) = file_of(database) else { return Ok(Vec::new()) };
    on_worker(move || sqlite::quick_check(&file)).await
}

fn file_of(database: &Location) -> Result<File, Error> {
    database.sqlite().cloned().ok_or_else(|| {
        Error::Refused(format!(
            "{database} is a server, which has tools of its own: mariadb-dump --single-transaction, mysqldump --single-transaction or \
             pg_dump. After such a dump was read back, softadastra-chat restore --epoch gives the database a new epoch"
        ))
    })
}

/// Runs a function on a worker of low priority.
async fn on_worker<T: Send + 'static>(work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Error> {
    let (done, answer) = oneshot::channel();
    // The receiver is gone if the caller has given up.
    worker::start("sqlite-copy", move || drop(done.send(work())))?;
    answer.await.map_err(|_| Error::Unavailable("the worker panicked".to_owned()))?
}
