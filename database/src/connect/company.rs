//! Who else uses SQLite's file: hubs on one machine tell by a lock beside it, which the system takes back when they end.
//!
//! Two are safe, for SQLite lets one write at a time and commits are numbered under its lock, and one takes the other's place
//! that way without a moment in between. What each knows alone, who is online and who types, the other does not.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

use super::sqlite;
use crate::private;

/// The name of the file, behind the database's.
const FILE: &str = "-hubs";

/// A hub's place beside a file, for as long as this lives.
#[derive(Debug)]
pub struct Company {
    /// Whether another hub had one already.
    pub others: bool,
    _lock: File,
}

/// Takes a place beside a file.
pub(super) fn join(database: &Path) -> io::Result<Company> {
    let path = sqlite::beside(database, FILE);
    private::tighten(&path);
    let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)?;
    // Whoever is alone may have it to themselves; all others share it.
    let others = match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => false,
        Err(rustix::io::Errno::WOULDBLOCK) => true,
        Err(error) => return Err(error.into()),
    };
    // Who looks at this very moment has it to themselves for an instant.
    flock(&file, FlockOperation::LockShared)?;
    Ok(Company { others, _lock: file })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_comes_second_hears_of_the_first() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = folder.path().join("chat.db");
        let first = join(&database).expect("a place");
        let second = join(&database).expect("a place");
        assert_eq!((first.others, second.others), (false, true));
        drop(first);
        let third = join(&database).expect("a place");
        assert!(third.others, "the second is still there");
        drop((second, third));
        assert!(!join(&database).expect("a place").others);
        assert!(!join(&folder.path().join("other.db")).expect("a place").others);
    }
}
