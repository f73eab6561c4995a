//! `manifest.json` of a backup: what it holds, up to which commit, and a checksum for each file.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Component, Path};

use anyhow::{Context as _, bail, ensure};
use chat_database::history::CommitRef;
use chat_database::private;
use chat_database::time::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::cli::secret::shown;

const FILE: &str = "manifest.json";

/// The file's name until all of it is on the disk.
const UNFINISHED: &str = "manifest.json.new";

/// The version of the manifest.
const FORMAT: u32 = 1;

/// How much of a file is read at a time.
const CHUNK: usize = 1 << 20;

/// What a backup holds.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Manifest {
    format: u32,
    /// The hub's version.
    version: String,
    begun_at: Timestamp,
    /// The newest commit in it: everything that was acknowledged up to it is there.
    pub(super) commit: u64,
    epoch: String,
    /// How many renditions were no longer in the store when they were to be copied.
    pub(super) gone: u64,
    /// The files, by their paths in the backup's folder.
    pub(super) files: BTreeMap<String, Entry>,
}

/// A file of a backup.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) bytes: u64,
    sha256: String,
    /// The media type; images alone have one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) mime: Option<String>,
}

impl Entry {
    pub(super) fn of(bytes: &[u8], mime: Option<&str>) -> Self {
        let sha256 = hex(&Sha256::digest(bytes));
        Self { bytes: bytes.len() as u64, sha256, mime: mime.map(str::to_owned) }
    }
}

/// Reads a file, and describes it.
pub(super) fn entry_of(path: &Path, mime: Option<&str>) -> anyhow::Result<Entry> {
    let read = || -> io::Result<Entry> {
        let (mut file, mut hash, mut chunk, mut bytes) = (File::open(path)?, Sha256::new(), vec![0; CHUNK], 0);
        loop {
            match file.read(&mut chunk)? {
                0 => break,
                length => {
                    hash.update(&chunk[..length]);
                    bytes += length as u64;
                }
            }
        }
        Ok(Entry { bytes, sha256: hex(&hash.finalize()), mime: mime.map(str::to_owned) })
    };
    read().with_context(|| format!("{} cannot be read", shown(path)))
}

impl Manifest {
    pub(super) fn begun(commit_ref: &CommitRef) -> Self {
        Self {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            begun_at: Timestamp::now(),
            commit: commit_ref.commit.0,
            epoch: commit_ref.epoch.to_string(),
            gone: 0,
            files: BTreeMap::new(),
        }
    }

    /// Writes the manifest: from then on the folder is a backup.
    pub(super) fn write(&self, folder: &Path) -> io::Result<()> {
        let mut file = private::make_file(&folder.join(UNFINISHED))?;
        serde_json::to_writer_pretty(&mut file, self)?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        std::fs::rename(folder.join(UNFINISHED), folder.join(FILE))?;
        File::open(folder)?.sync_all()
    }

    pub(super) fn read(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join(FILE);
        let text = match std::fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                bail!("{} is no backup, or one that did not end: there is no {FILE} in it", shown(folder))
            }
            text => text.with_context(|| format!("{} cannot be read", shown(&path)))?,
        };
        let manifest: Self =
            serde_json::from_str(&text).with_context(|| format!("{} is no manifest of a backup", shown(&path)))?;
        ensure!(
            manifest.format == FORMAT,
            "{} is of a later version of the hub ({}): restore it with that one",
            shown(&path),
            manifest.version
        );
        Ok(manifest)
    }

    /// Compares every file with its checksum.
    pub(super) fn verify(&self, folder: &Path) -> anyhow::Result<()> {
        for (path, entry) in &self.files {
            let inside = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
            ensure!(inside, "the manifest names {path:?}, which is not in the backup's folder");
            let found = entry_of(&folder.join(path), entry.mime.as_deref())?;
            ensure!(
                found == *entry,
                "{path} has changed since the backup was made: it has another checksum. Take another copy of the backup"
            );
        }
        Ok(())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_is_sha_256_of_all_bytes_whether_they_are_in_memory_or_on_the_disk() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("abc");
        std::fs::write(&path, "abc").expect("written");
        let entry = entry_of(&path, None).expect("read");
        assert_eq!(entry.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(entry, Entry::of(b"abc", None));
    }
}
