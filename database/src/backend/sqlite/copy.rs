//! Copies SQLite's file beside the commits, and puts a copy in place.
//!
//! A copy is made by SQLite's online backup (<https://www.sqlite.org/backup.html>), a few pages at a time, within one
//! transaction that reads. So it is the database of one moment, whatever is written meanwhile; without that transaction the
//! backup would begin again after each commit. `VACUUM INTO` would read the same moment, but make each table and index
//! anew, which takes longer; and for as long as a moment is read, the write-ahead log cannot be restarted (ADR 28).

use std::fs;
use std::io;
use std::path::Path;

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use super::{File, cannot_use, open, process_lock, rows};
use crate::Error;
use crate::driver_error::DriverError;
use crate::private;
use crate::rows::{BinaryText, row};

/// How many pages are copied at a time. They are on the disk before the next ones are read, so that a commit's sync never
/// waits for many of them.
const STEP_PAGES: i32 = 1_024;

/// The suffix of a file's name while it is being put in place.
const RESTORED: &str = "-restored";

/// The suffixes of the files of a database.
const PARTS: [&str; 2] = ["", "-wal"];

/// What a copy holds.
#[derive(Debug)]
pub(crate) struct Copied {
    pub(crate) commit_ref: CommitRefRow,
    pub(crate) images: Vec<ImageRow>,
}

row! {
    /// The newest commit.
    #[derive(Debug)]
    pub(crate) struct CommitRefRow {
        pub(crate) epoch: BinaryText,
        pub(crate) commit_no: i64,
        pub(crate) nonce: Option<i64>,
    }
}

row! {
    /// An image.
    #[derive(Debug)]
    pub(crate) struct ImageRow {
        pub(crate) object_key: BinaryText,
        pub(crate) mime: String,
    }
}

/// Copies the database, as of one moment during the call, to a new file.
pub(crate) fn copy(database: &File, to: &Path) -> Result<Copied, Error> {
    if !database.path.exists() {
        return Err(Error::Refused(format!("there is no file {database}: nothing to back up")));
    }
    let unwritable = |error: io::Error| Error::Refused(format!("{} cannot be written: {error}", to.display()));
    let file = private::make_file(to).map_err(unwritable)?;
    let copied = copy_pages(&database.path, to, &file).map_err(|failure| cannot_use(database, failure))?;
    file.sync_all().map_err(unwritable)?;
    Ok(copied)
}

fn copy_pages(database: &Path, to: &Path, file: &fs::File) -> Result<Copied, DriverError> {
    const COMMIT_REF: &str = "SELECT s.epoch, s.commit_no, h.nonce FROM hub_state s \
         LEFT JOIN hub_commits h ON h.commit_no = s.commit_no WHERE s.id = 1";
    const IMAGES: &str = "SELECT object_key, mime FROM media";
    let from = open::reader(database)?;
    from.execute_batch("BEGIN")?;
    // The first query fixes the moment that the transaction reads.
    let commit_ref = rows::<CommitRefRow>(&from, COMMIT_REF, [])?.pop();
    let commit_ref = commit_ref.ok_or_else(|| DriverError::Refused("hub_state is empty".to_owned()))?;
    let mut target = Connection::open(to)?;
    // SQLite need not sync: half a copy is worth nothing, and `file` is synced here.
    target.pragma_update(None, "synchronous", "off")?;
    let backup = Backup::new(&from, &mut target)?;
    loop {
        match backup.step(STEP_PAGES)? {
            StepResult::Done => break,
            StepResult::More => file.sync_data().map_err(|error| DriverError::Unable(error.to_string()))?,
            _ => return Err(DriverError::Contended("another program has locked the copy".to_owned())),
        }
    }
    drop(backup);
    let images = rows::<ImageRow>(&from, IMAGES, [])?;
    target.close().map_err(|(_, error)| error)?;
    Ok(Copied { commit_ref, images })
}

/// Checks that a copy can be put in the place of a database: nothing is there, and no hub runs on it.
pub(crate) fn is_free(database: &File) -> Result<(), Error> {
    let there = |part: &str| fs::metadata(open::beside(&database.path, part)).is_ok_and(|found| found.len() > 0);
    // A hub goes on using a file that was removed under it.
    let locked = folder(database).is_dir().then(|| process_lock::join(&database.path)).transpose();
    let locked = locked.map_err(|error| Error::Refused(format!("{database} cannot be looked at: {error}")))?;
    if locked.is_some_and(|lock| lock.others) {
        return Err(Error::Refused(format!("a hub runs on {database}: end it first")));
    }
    match PARTS.into_iter().find(|part| there(part)) {
        None => Ok(()),
        Some(part) => Err(Error::Refused(format!(
            "there is something in {database}{part}: what is there is not overwritten. Move it away, with the files beside it \
             (-wal, -shm), or name another place"
        ))),
    }
}

/// Puts a copy in the place of a database, once it is found to be whole.
pub(crate) fn put_back(from: &Path, database: &File) -> Result<(), Error> {
    is_free(database)?;
    let restored = open::beside(&database.path, RESTORED);
    let put = || {
        private::make_folder(folder(database))?;
        // Removes what an earlier try has left.
        PARTS.iter().chain(&["-shm"]).for_each(|part| drop(fs::remove_file(open::beside(&restored, part))));
        let mut file = private::make_file(&restored)?;
        io::copy(&mut fs::File::open(from)?, &mut file)?;
        file.sync_all()
    };
    let failed = |error: io::Error| Error::Refused(format!("{database} cannot be written: {error}"));
    put().map_err(failed)?;
    let problems = problems(&restored, Check::Whole).map_err(|failure| cannot_use(database, failure))?;
    if let Some(problem) = problems.first() {
        return Err(Error::Refused(format!("the copy is damaged, and was not put in place: {problem}")));
    }
    fs::rename(&restored, &database.path).map_err(failed)?;
    fs::File::open(folder(database)).and_then(|folder| folder.sync_all()).map_err(failed)
}

fn folder(database: &File) -> &Path {
    database.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// How closely a file is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    /// Everything, apart from comparing indexes and tables.
    Quick,
    Whole,
}

/// Returns what is damaged in a file; nothing, if it is sound.
pub(crate) fn problems(file: &Path, check: Check) -> Result<Vec<String>, DriverError> {
    let text = match check {
        Check::Quick => "PRAGMA quick_check",
        Check::Whole => "PRAGMA integrity_check",
    };
    let connection = open::reader(file)?;
    let mut found = rows::<String>(&connection, text, [])?;
    found.retain(|line| line != "ok");
    connection.close().map_err(|(_, error)| error)?;
    Ok(found)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use super::*;

    fn made(folder: &Path) -> (File, Connection) {
        let database = File { path: folder.join("chat.db"), make: true };
        open::make_room(&database).unwrap();
        let writer = open::writer(&database.path).unwrap();
        let tables = "CREATE TABLE hub_state (id INTEGER PRIMARY KEY, epoch TEXT, commit_no INTEGER); \
             CREATE TABLE hub_commits (commit_no INTEGER PRIMARY KEY, nonce INTEGER); \
             CREATE TABLE media (object_key TEXT, mime TEXT); \
             CREATE TABLE x (id INTEGER PRIMARY KEY, text TEXT); CREATE INDEX x_text ON x (text); \
             INSERT INTO hub_state VALUES (1, 'e', 7); INSERT INTO hub_commits VALUES (7, 70); \
             INSERT INTO media VALUES ('ab/abc', 'image/webp'); \
             WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) \
             INSERT INTO x SELECT i, hex(randomblob(400)) FROM n";
        writer.execute_batch(tables).unwrap();
        (database, writer)
    }

    #[test]
    fn a_copy_says_which_commit_it_holds_and_is_put_where_nothing_is() {
        let folder = tempfile::tempdir().unwrap();
        let (database, _writer) = made(folder.path());
        let to = folder.path().join("copy.db");
        let Copied { commit_ref, images } = copy(&database, &to).unwrap();
        assert_eq!((commit_ref.commit_no, commit_ref.nonce, commit_ref.epoch.into_text().as_str()), (7, Some(70), "e"));
        assert_eq!(images.len(), 1);
        assert!(copy(&database, &to).is_err(), "what is there is not overwritten");
        let other = File { path: folder.path().join("data/other.db"), make: true };
        put_back(&to, &other).unwrap();
        assert!(problems(&other.path, Check::Whole).unwrap().is_empty());
        let refused = put_back(&to, &other).unwrap_err().to_string();
        assert!(refused.contains("not overwritten"), "{refused}");
        fs::remove_file(&other.path).unwrap();
        let _hub = process_lock::join(&other.path).unwrap();
        let refused = put_back(&to, &other).unwrap_err().to_string();
        assert!(refused.contains("a hub runs"), "{refused}");
    }

    #[test]
    fn a_copy_that_is_damaged_is_not_put_in_place() {
        use std::io::{Seek as _, SeekFrom, Write as _};
        let folder = tempfile::tempdir().unwrap();
        let (database, _writer) = made(folder.path());
        let to = folder.path().join("copy.db");
        copy(&database, &to).unwrap();
        let mut file = fs::OpenOptions::new().write(true).open(&to).unwrap();
        file.seek(SeekFrom::Start(40 * 4_096)).unwrap();
        file.write_all(&[0xa5; 8 * 4_096]).unwrap();
        let other = File { path: folder.path().join("other.db"), make: true };
        let refused = put_back(&to, &other).unwrap_err();
        assert!(matches!(refused, Error::Refused(_)), "{refused}");
        assert!(!other.path.exists());
    }
}
