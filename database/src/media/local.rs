//! The store in a folder: files are written aside, fsynced, renamed, and their folder fsynced.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use object_store::local::LocalFileSystem;
use tokio::task::spawn_blocking;

use super::object::{Error, Object, Part};
use crate::private;

/// How many bytes are read at a time: nearly every thumbnail, and many a full rendition, is one read.
const CHUNK: u64 = 128 << 10;

/// Opens the folder, and makes it if it is not there, for the hub's own user alone. One that is there stays as it is, for it may
/// belong to another program; what the hub has made in it is closed to others. Files are made as the process's umask says.
pub(super) fn open(folder: &Path) -> Result<(PathBuf, LocalFileSystem), Error> {
    let failed = |why: String| Error::Unavailable(format!("the folder {} cannot be used: {why}", folder.display()));
    private::make_folder(folder).map_err(|error| failed(error.to_string()))?;
    let root = fs::canonicalize(folder).map_err(|error| failed(error.to_string()))?;
    own(&root).map_err(|error| failed(error.to_string()))?.iter().for_each(|folder| private::tighten(folder));
    let store = LocalFileSystem::new_with_prefix(&root).map_err(|error| failed(error.to_string()))?;
    Ok((root, store.with_fsync(true)))
}

/// Returns the folders that images are spread over: those whose names are two hexadecimal digits.
fn own(root: &Path) -> io::Result<Vec<PathBuf>> {
    let is_own = |name: &[u8]| name.len() == 2 && name.iter().all(u8::is_ascii_hexdigit);
    let entries = fs::read_dir(root)?.filter_map(Result::ok);
    Ok(entries.filter(|entry| is_own(entry.file_name().as_encoded_bytes())).map(|entry| entry.path()).collect())
}

/// Reads a file, or a part of it: the first piece in one go, what follows piece by piece as the reader takes it.
pub(super) async fn read(path: PathBuf, part: Option<Part>) -> Result<Option<Object>, Error> {
    let Some(begun) = blocking(move || begin(&path, part)).await? else { return Ok(None) };
    let Begun { file, size, range, first } = begun?;
    let left = range.end - range.start - first.len() as u64;
    let pieces = stream::try_unfold((file, left), |(mut file, left)| async move {
        if left == 0 {
            return Ok(None);
        }
        let (file, chunk) = blocking(move || chunk(&mut file, left).map(|chunk| (file, chunk))).await?;
        let left = left - chunk.len() as u64;
        Ok(Some((chunk, (file, left))))
    });
    let rest = (left > 0).then(|| pieces.boxed());
    Ok(Some(Object { size, range, first, rest }))
}

/// Tells whether a folder is empty.
pub(super) async fn is_empty(folder: PathBuf) -> Result<bool, Error> {
    blocking(move || Ok(fs::read_dir(folder)?.next().is_none())).await
}

/// Removes a folder with everything in it.
pub(super) async fn remove(folder: PathBuf) -> Result<(), Error> {
    blocking(move || match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        // The row goes next: what is gone must be gone for good.
        _ => match folder.parent().map(File::open) {
            Some(Ok(parent)) => parent.sync_all(),
            _ => Ok(()),
        },
    })
    .await
}

struct Begun {
    file: File,
    size: u64,
    range: std::ops::Range<u64>,
    first: Bytes,
}

fn begin(path: &Path, part: Option<Part>) -> io::Result<Option<Result<Begun, Error>>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let size = file.metadata()?.len();
    let range = match part {
        None => 0..size,
        Some(part) => match part.of(size) {
            Some(range) => range,
            None => return Ok(Some(Err(Error::OutOfRange(size)))),
        },
    };
    if range.start > 0 {
        file.seek(SeekFrom::Start(range.start))?;
    }
    let first = chunk(&mut file, range.end - range.start)?;
    Ok(Some(Ok(Begun { file, size, range, first })))
}

fn chunk(file: &mut File, left: u64) -> io::Result<Bytes> {
    let length = left.min(CHUNK);
    let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
    file.read_exact(&mut bytes)?;
    Ok(bytes.into())
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T, Error> {
    match spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| Error::Unavailable(error.to_string())),
        Err(_) => Err(Error::Unavailable("this node is ending".to_owned())),
    }
}
