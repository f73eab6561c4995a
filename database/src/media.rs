//! The media store: where the renditions of images are. The only place that knows `object_store`.
//!
//! ```text
//!  <root or prefix>/ab/abcd…/full     ab: the first two of the image's id, so that no folder holds everything
//!                            thumb
//! ```
//!
//! Keys are the server's own. What is in the store has a row in `media`: the row is written before the first rendition and
//! forgotten after the last one, so a crash at any instant leaves nothing that the sweep does not find.

mod local;
mod location;
mod object;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{StreamExt, TryStreamExt};
use object_store::aws::AmazonS3;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::signer::Signer;
use object_store::{Attribute, Attributes, GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutOptions, PutPayload};

use crate::ids::MediaId;
pub use location::Location;
pub use object::{Error, Object, Part};

/// One of the two sizes in which an image is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rendition {
    /// For viewing.
    Full,
    /// For lists.
    Thumb,
}

impl Rendition {
    /// Both renditions.
    pub const ALL: [Self; 2] = [Self::Full, Self::Thumb];

    /// Returns the name in URLs and keys.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Thumb => "thumb",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rendition| rendition.as_str() == text)
    }
}

impl fmt::Display for Rendition {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// The store. Cheap to clone.
#[derive(Clone)]
pub struct Store(Arc<Kind>);

enum Kind {
    Local { root: PathBuf, store: object_store::local::LocalFileSystem },
    S3 { store: AmazonS3, prefix: Path },
    Memory(InMemory),
}

impl fmt::Debug for Store {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match *self.0 {
            Kind::Local { .. } => "Store(local)",
            Kind::S3 { .. } => "Store(s3)",
            Kind::Memory(_) => "Store(memory)",
        })
    }
}

impl Store {
    /// Opens the store at a place; makes the folder of a local one.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the folder cannot be made, or the settings of S3 (`AWS_*`) do not fit together.
    pub fn open(place: &Location) -> Result<Self, Error> {
        let kind = match place {
            Location::Folder(folder) => {
                let (root, store) = local::open(folder)?;
                Kind::Local { root, store }
            }
            Location::S3 { bucket, prefix } => {
                location::check_endpoint().map_err(Error::Unavailable)?;
                let store = location::s3(bucket).map_err(|error| Error::Unavailable(error.to_string()))?;
                Kind::S3 { store, prefix: Path::from(prefix.as_str()) }
            }
        };
        Ok(Self(Arc::new(kind)))
    }

    /// Makes a store in memory, for tests.
    #[must_use]
    pub fn in_memory() -> Self {
        Self(Arc::new(Kind::Memory(InMemory::new())))
    }

    /// Returns the key of an image's renditions.
    #[must_use]
    pub fn key(id: &MediaId) -> String {
        let spread: String = id.0.chars().take(2).collect();
        format!("{spread}/{}", id.0)
    }

    /// Puts a rendition into the store; it is durable when this returns.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; part of it, or all, may be there.
    pub async fn put(&self, key: &str, rendition: Rendition, mime: &str, bytes: Bytes) -> Result<(), Error> {
        let (path, payload) = (self.path(key, rendition), PutPayload::from_bytes(bytes));
        let done = match &*self.0 {
            Kind::Local { store, .. } => store.put(&path, payload).await,
            Kind::Memory(store) => store.put(&path, payload).await,
            Kind::S3 { store, .. } => store.put_opts(&path, payload, attributes(key, rendition, mime)).await,
        };
        done.map(drop).map_err(unavailable)
    }

    /// Reads a rendition, or a part of it; `None` if it is not there.
    ///
    /// # Errors
    /// [`Error::OutOfRange`], [`Error::Unavailable`].
    pub async fn get(&self, key: &str, rendition: Rendition, part: Option<Part>) -> Result<Option<Object>, Error> {
        let path = self.path(key, rendition);
        match &*self.0 {
            Kind::Local { root, .. } => local::read(root.join(path.as_ref()), part).await,
            Kind::S3 { store, .. } => stream(store, &path, part).await,
            Kind::Memory(store) => stream(store, &path, part).await,
        }
    }

    /// Returns a URL under which every client can read a rendition for a while, if the store has such URLs.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if there are no credentials to be had.
    pub async fn link(&self, key: &str, rendition: Rendition, good_for: Duration) -> Result<Option<String>, Error> {
        let Kind::S3 { store, .. } = &*self.0 else { return Ok(None) };
        let signed = store.signed_url(http::Method::GET, &self.path(key, rendition), good_for).await;
        signed.map(|url| Some(url.into())).map_err(unavailable)
    }

    /// Removes all renditions under a key, and what a crash may have left of one. May be repeated.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; some of them may be gone.
    pub async fn remove(&self, key: &str) -> Result<(), Error> {
        for rendition in Rendition::ALL {
            let path = self.path(key, rendition);
            let removed = match &*self.0 {
                Kind::Local { root, .. } => return local::remove(root.join(key)).await,
                Kind::S3 { store, .. } => store.delete(&path).await,
                Kind::Memory(store) => store.delete(&path).await,
            };
            match removed {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(unavailable(error)),
            }
        }
        Ok(())
    }

    /// Tells whether nothing at all is in the store.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn is_empty(&self) -> Result<bool, Error> {
        let first = match &*self.0 {
            Kind::Local { root, .. } => return local::is_empty(root.clone()).await,
            Kind::S3 { store, prefix } => store.list(Some(prefix)).try_next().await,
            Kind::Memory(store) => store.list(None).try_next().await,
        };
        first.map(|found| found.is_none()).map_err(unavailable)
    }

    fn path(&self, key: &str, rendition: Rendition) -> Path {
        let prefix = match &*self.0 {
            Kind::S3 { prefix, .. } => prefix.clone(),
            Kind::Local { .. } | Kind::Memory(_) => Path::default(),
        };
        key.split('/').fold(prefix, Path::join).join(rendition.as_str())
    }
}

/// Returns the attributes that a rendition has for those who read it through a link.
fn attributes(key: &str, rendition: Rendition, mime: &str) -> PutOptions {
    let last = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let disposition = format!("inline; filename=\"{}-{rendition}.{}\"", last(key), last(mime));
    let mut attributes = Attributes::new();
    attributes.insert(Attribute::ContentType, mime.to_owned().into());
    attributes.insert(Attribute::ContentDisposition, disposition.into());
    attributes.insert(Attribute::CacheControl, "private, max-age=31536000, immutable".into());
    attributes.into()
}

async fn stream(store: &impl ObjectStore, path: &Path, part: Option<Part>) -> Result<Option<Object>, Error> {
    let mut options = GetOptions::default();
    if let Some(part) = part {
        // Servers answer differently if the part is beyond the end.
        let size = match store.head(path).await {
            Ok(meta) => meta.size,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(unavailable(error)),
        };
        options.range = Some(GetRange::Bounded(part.of(size).ok_or(Error::OutOfRange(size))?));
    }
    match store.get_opts(path, options).await {
        Ok(found) => Ok(Some(Object {
            size: found.meta.size,
            range: found.range.clone(),
            first: Bytes::new(),
            rest: Some(found.into_stream().map_err(unavailable).boxed()),
        })),
        Err(object_store::Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(unavailable(error)),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn unavailable(error: object_store::Error) -> Error {
    Error::Unavailable(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(id: &str) -> String {
        Store::key(&MediaId(id.to_owned()))
    }

    async fn read(store: &Store, key: &str, part: Option<Part>) -> Result<Option<(u64, Vec<u8>)>, Error> {
        let Some(object) = store.get(key, Rendition::Full, part).await? else { return Ok(None) };
        let length = object.range.end - object.range.start;
        let mut bytes = object.first.to_vec();
        if let Some(rest) = object.rest {
            bytes.extend(rest.try_collect::<Vec<Bytes>>().await?.concat());
        }
        assert_eq!(bytes.len() as u64, length, "as many as announced");
        Ok(Some((object.size, bytes)))
    }

    fn stores(folder: &std::path::Path) -> [Store; 2] {
        [Store::open(&Location::Folder(folder.join("media"))).expect("a store"), Store::in_memory()]
    }

    #[tokio::test]
    async fn what_was_put_is_read_back_whole_and_in_parts() {
        let folder = tempfile::tempdir().expect("a folder");
        for store in stores(folder.path()) {
            let key = image("0a1b");
            let large: Vec<u8> = (0..700_000_u32).map(|at| (at % 251) as u8).collect();
            store.put(&key, Rendition::Full, "image/webp", large.clone().into()).await.expect("put");
            assert_eq!(read(&store, &key, None).await.expect("read"), Some((700_000, large.clone())), "{store:?}");
            for (part, range) in [
                (Part::Between(0, 10), 0..10),
                (Part::Between(699_990, 900_000), 699_990..700_000),
                (Part::From(650_001), 650_001..700_000),
                (Part::Last(7), 699_993..700_000),
                (Part::Last(900_000), 0..700_000),
            ] {
                let read = read(&store, &key, Some(part)).await.expect("read").expect("there");
                assert!(read == (700_000, large[range.clone()].to_vec()), "{store:?} {part:?}");
            }
            for part in [Part::From(700_000), Part::Last(0), Part::Between(5, 5)] {
                let error = read(&store, &key, Some(part)).await.expect_err("nothing of it is there");
                assert!(matches!(error, Error::OutOfRange(700_000)), "{error}");
            }
            assert!(store.get(&key, Rendition::Thumb, None).await.expect("read").is_none());
        }
    }

    #[tokio::test]
    async fn what_was_removed_is_gone_with_all_that_a_crash_left() {
        let folder = tempfile::tempdir().expect("a folder");
        for store in stores(folder.path()) {
            assert!(store.is_empty().await.expect("looked at"));
            let (gone, stays) = (image("aaaa"), image("aabb"));
            for key in [&gone, &stays] {
                for rendition in Rendition::ALL {
                    store.put(key, rendition, "image/webp", Bytes::from_static(b"x")).await.expect("put");
                }
            }
            if folder.path().join("media").join(&gone).exists() {
                std::fs::write(folder.path().join("media").join(&gone).join("full#1"), b"half").expect("written");
            }
            for _ in 0..2 {
                store.remove(&gone).await.expect("removed");
                assert!(read(&store, &gone, None).await.expect("read").is_none());
            }
            assert!(read(&store, &stays, None).await.expect("read").is_some());
            assert!(!store.is_empty().await.expect("looked at"));
        }
        assert!(!folder.path().join("media/aa/aaaa").exists());
    }
}
