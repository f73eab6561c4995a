//! Files of the uploads folder: found by the URLs in messages, and made into images as uploads are.

use std::path::{Path, PathBuf};

use futures_util::{StreamExt as _, stream};
use percent_encoding::percent_decode_str;
use tokio::task::spawn_blocking;

use super::error::Error;
use super::options::Options;
use super::report::Reason;
use crate::images::pipeline::{self, Bounds};
use crate::images::{Failure, Prepared, WorkerPool};

/// The longest URL that can name a file (`PATH_MAX`): each end of it is looked for.
const MAX_URL_BYTES: usize = 4_096;

/// The uploads folder, and what makes images of its files.
pub(super) struct Pictures {
    folder: Option<PathBuf>,
    bounds: Bounds,
    workers: usize,
    worker_pool: WorkerPool,
}

/// The result for a file: the index of its message, its path, and the image (none in a dry run) or why it was left out.
type Made = (usize, PathBuf, Result<Option<Prepared>, Reason>);

impl Pictures {
    /// Opens the folder.
    pub(super) fn open(options: &Options) -> Result<Self, Error> {
        let found = options.uploads.as_ref().map(|folder| {
            let folder = folder.canonicalize().ok().filter(|found| found.is_dir());
            folder.ok_or_else(|| Error::Uploads("--uploads: it is no folder that can be read".to_owned()))
        });
        let worker_pool = WorkerPool::open(options.workers, options.memory, options.held)
            .map_err(|error| Error::Uploads(format!("no OS thread can be started: {error}")))?;
        Ok(Self { folder: found.transpose()?, bounds: options.bounds, workers: options.workers.max(1), worker_pool })
    }

    /// Finds the file of a URL: by its path below the folder, or by an end of that path, which may include the folder.
    pub(super) fn find(&self, url: &str) -> Result<PathBuf, Reason> {
        let folder = self.folder.as_deref().ok_or(Reason::NoUploads)?;
        if url.len() > MAX_URL_BYTES {
            return Err(Reason::NoFile);
        }
        let path = url.split_once("://").map_or(url, |(_, rest)| rest.split_once('/').map_or("", |(_, path)| path));
        let plain = path.split(['?', '#']).next().unwrap_or_default();
        let decoded = percent_decode_str(plain).decode_utf8_lossy();
        [path, plain, decoded.as_ref()].into_iter().find_map(|path| below(folder, path)).unwrap_or(Err(Reason::NoFile))
    }

    /// Makes images of files, several at a time, in order; with `is_dry`, it only checks that they could be made.
    pub(super) async fn make(&self, files: Vec<(usize, PathBuf)>, is_dry: bool) -> Result<Vec<Made>, Error> {
        let one = |(at, file): (usize, PathBuf)| async move {
            let made = self.one(&file, is_dry).await;
            (at, file, made)
        };
        Ok(stream::iter(files).map(one).buffered(self.workers).collect().await)
    }

    async fn one(&self, file: &Path, is_dry: bool) -> Result<Option<Prepared>, Reason> {
        let (file, most) = (file.to_owned(), self.bounds.bytes as u64);
        let bytes = spawn_blocking(move || read(&file, most)).await.map_err(|_| Reason::NoFile)??;
        if is_dry {
            return pipeline::strip(&bytes, &self.bounds).map(|_| None).map_err(|error| refused(&error));
        }
        let worked = self.worker_pool.render(vec![bytes], self.bounds).await.ok_or(Reason::BrokenImage)?;
        match worked.rendered {
            Ok(rendered) => Ok(Some(Prepared::new(worked.digest, rendered))),
            Err(Failure::TooMuchMemory(..)) => Err(Reason::LargeImage),
            Err(Failure::Pipeline(error)) => Err(refused(&error)),
        }
    }
}

/// Finds a file below a folder; `None` if there is none, an error if it lies outside the folder.
fn below(folder: &Path, path: &str) -> Option<Result<PathBuf, Reason>> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if parts.iter().any(|part| *part == ".." || part.contains(['\\', '\0'])) {
        return Some(Err(Reason::OutsideUploads));
    }
    let ends = (0..parts.len()).map(|from| folder.join(parts[from..].join("/")));
    let file = ends.into_iter().find(|file| file.is_file())?;
    // A symbolic link may lead elsewhere.
    let real = file.canonicalize().ok().filter(|real| real.starts_with(folder));
    Some(real.ok_or(Reason::OutsideUploads))
}

/// Reads a file that is not too large.
fn read(file: &Path, most: u64) -> Result<Vec<u8>, Reason> {
    let length = std::fs::metadata(file).map_err(|_| Reason::NoFile)?.len();
    if length > most {
        return Err(Reason::LargeImage);
    }
    std::fs::read(file).map_err(|_| Reason::NoFile)
}

fn refused(error: &pipeline::Error) -> Reason {
    match error {
        pipeline::Error::Unsupported => Reason::NoImage,
        pipeline::Error::TooManyBytes(_) | pipeline::Error::TooManyPixels(_) => Reason::LargeImage,
        pipeline::Error::Broken(_) => Reason::BrokenImage,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_no_file_can_have_takes_no_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let options = Options {
            uploads: Some(folder.path().to_owned()),
            bounds: Bounds::default(),
            workers: 1,
            memory: 1 << 20,
            held: || 0,
            stays: std::time::Duration::ZERO,
        };
        let pictures = Pictures::open(&options).expect("opened");
        let begun = std::time::Instant::now();
        assert_eq!(pictures.find(&"a/".repeat(500_000)), Err(Reason::NoFile));
        assert!(begun.elapsed() < std::time::Duration::from_secs(1), "{:?}", begun.elapsed());
        std::fs::write(folder.path().join("a b.jpg"), "x").expect("written");
        let found = pictures.find("https://shop.example/uploads/a%20b.jpg?w=3").expect("it is there");
        assert_eq!(found, folder.path().canonicalize().expect("it is there").join("a b.jpg"));
    }

    #[test]
    fn a_file_is_found_by_the_end_of_its_address_and_never_outside_of_the_folder() {
        let outer = tempfile::tempdir().expect("a folder");
        let folder = outer.path().join("uploads");
        std::fs::create_dir_all(folder.join("chat")).expect("folders");
        for file in ["uploads/chat/a.jpg", "uploads/b c.png", "secret.jpg"] {
            std::fs::write(outer.path().join(file), "x").expect("written");
        }
        std::os::unix::fs::symlink(outer.path().join("secret.jpg"), folder.join("link.jpg")).expect("a link");
        let folder = folder.canonicalize().expect("it is there");
        for (path, found) in [
            ("/uploads/chat/a.jpg", Some(Ok("chat/a.jpg"))),
            ("chat/a.jpg", Some(Ok("chat/a.jpg"))),
            ("/chat/./a.jpg", Some(Ok("chat/a.jpg"))),
            ("b c.png", Some(Ok("b c.png"))),
            ("c.jpg", None),
            ("", None),
            ("/uploads/../secret.jpg", Some(Err(Reason::OutsideUploads))),
            ("link.jpg", Some(Err(Reason::OutsideUploads))),
        ] {
            let wanted = found.map(|found| found.map(|file| folder.join(file)));
            assert_eq!(below(&folder, path), wanted, "{path}");
        }
    }
}
