//! The process and the operating system: file permissions, the limit on open files, the number of cores.

use rustix::fs::Mode;
use rustix::process::{Resource, getrlimit, setrlimit, umask};

/// The number of files that connections may not use: for the database, images, forms, logs.
const KEPT: usize = 128;

/// The nice value that is added for a command that works beside a hub.
const NICE: i32 = 10;

/// Sets the umask so that only the hub's own user can read the files that it creates: they hold what people write.
pub fn keep_files_private() {
    umask(Mode::RWXG | Mode::RWXO);
}

/// Lowers the priority of this process, so that a hub on this machine goes first. To be called before any OS thread starts:
/// threads inherit the priority.
pub fn lower_priority() {
    if let Err(error) = rustix::process::nice(NICE) {
        tracing::debug!(%error, "this process has the priority of all others");
    }
}

/// Raises the limit on open files to the hard limit, and returns it; `None`: there is no limit.
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

/// Returns how many connections the limit on open files allows, with some files left for everything else: refusing a connection
/// is better than failing to store a message.
#[must_use]
pub fn room_for(connections: usize) -> usize {
    let files =
        getrlimit(Resource::Nofile).current.map_or(usize::MAX, |files| usize::try_from(files).unwrap_or(usize::MAX));
    room_among(files, connections)
}

fn room_among(files: usize, connections: usize) -> usize {
    connections.min(files - KEPT.min(files / 2)).max(1)
}

/// Returns half of the cores, at least one.
#[must_use]
pub fn half_of_the_cores() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).max(1))
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
