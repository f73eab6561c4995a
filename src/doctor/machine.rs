//! Checks of the disks, and of the limit of open files.

use std::path::{Path, PathBuf};

use chat_database::connect;
use chat_database::media;
use rustix::process::{Resource, getrlimit};

use super::finding::{Finding, broken, ok, warning};
use crate::cli::ServeArgs;
use crate::process;

/// A disk with fewer free bytes counts as full.
const FULL: u64 = 64 << 20;

/// A disk with fewer free bytes, or a smaller part of it free than `1 / LOW_SHARE`, is warned of.
const LOW: u64 = 1 << 30;
const LOW_SHARE: u64 = 20;

/// A disk that can take fewer new files is warned of.
const LOW_FILES: u64 = 1_000;

/// With a lower limit of open files hardly anything works.
const FEW_FILES: u64 = 256;

/// The free space of a disk.
#[derive(Debug, Clone, Copy)]
struct Room {
    /// Bytes.
    free: u64,
    total: u64,
    /// Files that can still be made; `None`: the file system does not count them.
    files: Option<u64>,
}

pub(super) fn examine(args: &ServeArgs) -> Vec<Finding> {
    let mut places = Vec::new();
    if let Ok(connect::Location::Sqlite(file)) = args.database_url.expose().parse() {
        places.push(("the database", file.path));
    }
    if let Ok(media::Location::Folder(folder)) = args.images.media_url.expose().parse() {
        places.push(("images", folder));
    }
    let mut found: Vec<Finding> = places.into_iter().map(|(what, path)| disk(what, &path)).collect();
    found.push(descriptors(args.limits.max_connections.saturating_add(args.limits.max_http_connections)));
    found
}

fn disk(what: &str, path: &Path) -> Finding {
    let folder = existing(path);
    match rustix::fs::statvfs(&folder) {
        Ok(disk) => {
            let files = (disk.f_files > 0).then_some(disk.f_favail);
            let [free, total] = [disk.f_bavail, disk.f_blocks].map(|blocks| blocks.saturating_mul(disk.f_frsize));
            judged(what, &folder, Room { free, total, files })
        }
        Err(error) => warning("disk", format!("what is free for {what} in {} is not known: {error}", folder.display())),
    }
}

/// Returns the path, or its nearest ancestor, that is a folder; `.` if there is none.
fn existing(path: &Path) -> PathBuf {
    let above = path.ancestors().filter(|folder| !folder.as_os_str().is_empty());
    above.map(Path::to_owned).find(|folder| folder.is_dir()).unwrap_or_else(|| PathBuf::from("."))
}

fn judged(what: &str, folder: &Path, Room { free, total, files }: Room) -> Finding {
    const SUBJECT: &str = "disk";
    let text = format!("{} MiB of {} are free for {what} in {}", free >> 20, total >> 20, folder.display());
    if total > 0 && free < FULL {
        broken(SUBJECT, format!("{text}: make room, or the hub stores nothing"))
    } else if total > 0 && (free < LOW || free < total / LOW_SHARE) {
        warning(SUBJECT, format!("{text}: make room soon"))
    } else if files.is_some_and(|files| files < LOW_FILES) {
        warning(SUBJECT, format!("{text}, but hardly any file can be made there: delete files that no program needs"))
    } else {
        ok(SUBJECT, text)
    }
}

fn descriptors(connections: usize) -> Finding {
    const SUBJECT: &str = "open files";
    let hard = getrlimit(Resource::Nofile).maximum;
    let Some(files) = hard else { return ok(SUBJECT, "any number may be open") };
    process::raise_files();
    let room = process::room_for(connections);
    let text = format!("{files} may be open, which is enough for {room} connections");
    if files < FEW_FILES {
        broken(SUBJECT, format!("{text}: raise the hard limit (LimitNOFILE=65536, ulimit -Hn)"))
    } else if room < connections {
        let advice = "raise the hard limit (LimitNOFILE=, ulimit -Hn), or lower CHAT_MAX_CONNECTIONS and CHAT_MAX_HTTP_CONNECTIONS";
        warning(SUBJECT, format!("{text} of {connections}: {advice}"))
    } else {
        ok(SUBJECT, text)
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;

    #[test]
    fn a_disk_is_judged_by_what_is_free_of_it() {
        const GIB: u64 = 1 << 30;
        for (free, total, files, state) in [
            (100 * GIB, 200 * GIB, Some(1_000_000), State::Ok),
            (100 * GIB, 200 * GIB, None, State::Ok),
            (GIB / 2, 4 * GIB, None, State::Warning),
            (4 * GIB, 100 * GIB, None, State::Warning),
            (100 * GIB, 200 * GIB, Some(3), State::Warning),
            (1 << 20, 200 * GIB, None, State::Broken),
            (0, 200 * GIB, None, State::Broken),
            // Some file systems do not say what they have.
            (0, 0, None, State::Ok),
        ] {
            let finding = judged("images", Path::new("/x"), Room { free, total, files });
            assert_eq!(finding.state, state, "{finding}");
        }
    }

    #[test]
    fn the_disk_of_a_folder_that_is_not_there_is_that_of_the_nearest_one_above() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(existing(&folder.path().join("data/media/x")), folder.path());
        assert_eq!(existing(Path::new("nowhere/chat.db")), Path::new("."));
    }
}
