//! Files that only the hub's own user may read: they hold what users have written.
//!
//! The hub does not rely on its umask, and takes the rights of others from its files each time it opens them. Folders that
//! the hub has not made stay as they are.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// What the group and all others may do.
const OTHERS: u32 = 0o077;

/// Makes a folder with those above it, as far as they are not there: 0700.
///
/// # Errors
/// As [`DirBuilder::create`].
pub fn make_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Makes an empty file that was not there: 0600.
///
/// # Errors
/// As [`OpenOptions::open`]; [`ErrorKind::AlreadyExists`] if there is one.
pub fn make_file(file: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)
}

/// Takes all rights of the group and of others from a file or a folder of the hub's own, if it is there.
pub fn tighten(path: &Path) {
    let tightened = fs::metadata(path).and_then(|found| {
        let mode = found.permissions().mode() & 0o777;
        if mode & OTHERS == 0 {
            return Ok(());
        }
        fs::set_permissions(path, Permissions::from_mode(mode & !OTHERS))?;
        let (was, is) = (format!("{mode:o}"), format!("{:o}", mode & !OTHERS));
        tracing::info!(path = %path.display(), was, is, "others could reach what people write: now the hub's user alone can");
        Ok(())
    });
    match tightened {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            tracing::warn!(path = %path.display(), %error, "others may reach what people write: see to its permissions");
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("it is there").permissions().mode() & 0o777
    }

    #[test]
    fn what_is_made_or_was_too_wide_is_the_users_own() {
        let outer = tempfile::tempdir().expect("a folder");
        fs::set_permissions(outer.path(), Permissions::from_mode(0o755)).expect("its own");
        let (folder, file) = (outer.path().join("data/media"), outer.path().join("data/chat.db"));
        make_folder(&folder).expect("made");
        make_folder(&folder).expect("it is there");
        make_file(&file).expect("made");
        assert_eq!(make_file(&file).expect_err("it is there").kind(), ErrorKind::AlreadyExists);
        assert_eq!((mode(&folder), mode(&outer.path().join("data")), mode(&file)), (0o700, 0o700, 0o600));
        assert_eq!(mode(outer.path()), 0o755, "the hub has not made it");

        fs::set_permissions(&file, Permissions::from_mode(0o644)).expect("its own");
        fs::set_permissions(&folder, Permissions::from_mode(0o2775)).expect("its own");
        tighten(&file);
        tighten(&folder);
        tighten(&outer.path().join("nothing"));
        assert_eq!((mode(&file), mode(&folder)), (0o600, 0o700));
    }
}
