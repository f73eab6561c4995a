//! Whether another hub uses SQLite's file: each hub holds a lock beside it, which the system releases when the process ends.
//!
//! Two hubs on one file are safe, for SQLite lets one write at a time and commits are numbered under its lock; so one can
//! replace the other without a pause. But neither knows who is online, or who types, on the other.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

use super::open::beside;
use crate::private;

/// The name of the file, behind the database's.
const FILE: &str = "-hubs";

/// A hub's lock beside a file. It is held for as long as this lives.
#[derive(Debug)]
pub struct ProcessLock {
    /// Whether another hub held one already.
    pub others: bool,
    _lock: File,
}

/// Takes a lock beside a file.
pub(crate) fn join(database: &Path) -> io::Result<ProcessLock> {
    let path = beside(database, FILE);
    private::tighten(&path);
    let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)?;
    // Only the first one gets it exclusively; then all share it.
    let others = match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => false,
        Err(rustix::io::Errno::WOULDBLOCK) => true,
        Err(error) => return Err(error.into()),
    };
    // Another hub that starts at this moment holds it exclusively for an instant.
    flock(&file, FlockOperation::LockShared)?;
    Ok(ProcessLock { others, _lock: file })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_hub_is_told_of_the_first() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = folder.path().join("chat.db");
        let first = join(&database).expect("a lock");
        let second = join(&database).expect("a lock");
        assert_eq!((first.others, second.others), (false, true));
        drop(first);
        let third = join(&database).expect("a lock");
        assert!(third.others, "the second is still there");
        drop((second, third));
        assert!(!join(&database).expect("a lock").others);
        assert!(!join(&folder.path().join("other.db")).expect("a lock").others);
    }
}
