//! What the process asks of the system: files for its own user alone, and as many of them as it may have.

use rustix::fs::Mode;
use rustix::process::{Resource, getrlimit, setrlimit, umask};

/// How many files are kept from connections: for the database, images, forms, logs.
const KEPT: usize = 128;

/// Makes all files from now on for the hub's own user alone, whatever it was started with: what people write is in them.
pub fn keep_files_private() {
    umask(Mode::RWXG | Mode::RWXO);
}

/// Lets the process have as many files open as the system ever lets it; returns how many, `None`: any number.
pub fn raise_files() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    let raised = rustix::process::Rlimit { current: limit.maximum, maximum: limit.maximum };
    if limit.current != limit.maximum
        && let Err(error) = setrlimit(Resource::Nofile, raised)
    {
        tracing::warn!(%error, "the number of files that may be open could not be raised");
        return limit.current;
    }
    limit.maximum
}

/// Returns for how many of so many connections there are files, with some left for everything else: a connection that is turned
/// away is better than a message that cannot be stored.
#[must_use]
pub fn room_for(connections: usize) -> usize {
    let files =
        getrlimit(Resource::Nofile).current.map_or(usize::MAX, |files| usize::try_from(files).unwrap_or(usize::MAX));
    room_among(files, connections)
}

fn room_among(files: usize, connections: usize) -> usize {
    connections.min(files - KEPT.min(files / 2)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_files_for_everything_else() {
        assert_eq!(room_among(usize::MAX, 16_000), 16_000);
        assert_eq!(room_among(1_024, 16_000), 896);
        assert_eq!(room_among(1_024, 100), 100);
        assert_eq!(room_among(100, 16_000), 50);
        assert_eq!(room_among(0, 16_000), 1);
    }

    #[test]
    fn the_soft_limit_becomes_the_hard_one() {
        raise_files();
        let limit = getrlimit(Resource::Nofile);
        assert_eq!(limit.current, limit.maximum);
    }
}
