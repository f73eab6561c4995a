//! Images: taken in, made safe, kept, and swept when no message holds them.
//!
//! ```text
//!  admission    which users may upload now
//!  worker_pool  the OS threads that files are worked on: pipeline
//!  pipeline     from the bytes that a user sent to two renditions that are safe to show
//!  links        where images are, as each reader sees it
//!  removal      takes images from the store and from the table
//!  sweeper      has images removed that no message holds
//! ```
//!
//! An image's row is committed before its renditions are put into the store, and no client is told its id before they are
//! there. So whatever a crash leaves behind has a row, and no message ever holds an image that is not there.

mod admission;
pub mod links;
mod options;
pub mod pipeline;
pub(crate) mod removal;
pub(crate) mod sweeper;
mod worker_pool;

use std::time::Duration;

use chat_database::change::{Change, Outcome, Upload};
use chat_database::ids::{MediaId, UserId};
use chat_database::media::{self, Rendition, Store};
use chat_database::objects::Image;
use chat_database::time::Timestamp;
use chat_database::{Database, queries};
use uuid::Uuid;

use crate::error::Error;
use crate::metrics;
use crate::protocol::ErrorCode;
use crate::storage::handle::StorageHandle;
use admission::Admission;
pub use admission::Uploading;
pub use links::Links;
pub use options::Options;
use pipeline::{Bounds, MIME, Rendered};
pub(crate) use worker_pool::{Failure, WorkerPool};

/// A file that was made into an image, and is not kept yet.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// The SHA-256 of the bytes that came: tells an honest repetition from another file.
    pub(crate) digest: [u8; 32],
    pub(crate) id: MediaId,
    rendered: Rendered,
}

impl Prepared {
    /// Gives an id to the renditions of a file.
    pub(crate) fn new(digest: [u8; 32], rendered: Rendered) -> Self {
        Self { digest, id: MediaId(Uuid::new_v4().simple().to_string()), rendered }
    }

    /// Makes the change that adds its row: the image expires after `stays`, unless it is sent before.
    pub(crate) fn upload(&self, owner: UserId, at: Timestamp, stays: Duration) -> Upload {
        let object_key = Store::key(&self.id);
        Upload { owner, image: self.image(), object_key, at, expires_at: at.after(stays) }
    }

    /// Puts its renditions into the store.
    pub(crate) async fn put(self, store: &Store) -> Result<(), media::Error> {
        let Self { id, rendered, .. } = self;
        let key = Store::key(&id);
        for (rendition, bytes) in [(Rendition::Full, rendered.full), (Rendition::Thumb, rendered.thumb)] {
            store.put(&key, rendition, MIME, bytes.into()).await?;
        }
        Ok(())
    }

    fn image(&self) -> Image {
        let id = self.id.clone();
        Image {
            url: format!("/media/{id}/{}", Rendition::Full),
            thumb_url: format!("/media/{id}/{}", Rendition::Thumb),
            id,
            width: self.rendered.width,
            height: self.rendered.height,
            bytes: self.rendered.full.len() as u64,
            mime: MIME.to_owned(),
            blurhash: self.rendered.blurhash.clone(),
        }
    }
}

/// Makes images of uploaded files, and stores them.
#[derive(Debug)]
pub(crate) struct Images {
    options: Options,
    store: Store,
    admission: Admission,
    worker_pool: WorkerPool,
    links: Links,
    /// Held from the count of a user's unsent images until the new rows are added.
    counting: tokio::sync::Mutex<()>,
}

impl Images {
    /// Starts the OS threads that files are worked on.
    pub(crate) fn open(options: Options, store: Store) -> std::io::Result<Self> {
        let (admission, links) = (Admission::new(&options), Links::new(&options.links));
        Ok(Self {
            worker_pool: WorkerPool::open(options.workers, options.memory, options.held)?,
            options,
            store,
            admission,
            links,
            counting: Default::default(),
        })
    }

    pub(crate) fn links(&self) -> &Links {
        &self.links
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// Admits a request that uploads.
    pub(crate) fn admit(&self, user: UserId) -> Result<Uploading, Error> {
        self.admission.admit(user)
    }

    /// Counts a file before it is read; `before` is the number of files before it in the same request.
    pub(crate) fn expect_file(&self, uploading: &Uploading, before: usize) -> Result<(), Error> {
        self.admission.file(uploading.user(), before)
    }

    /// Makes a file, given in consecutive pieces, into an image, which is not stored yet.
    pub(crate) async fn prepare(&self, pieces: Vec<Vec<u8>>) -> Result<Prepared, Error> {
        metrics::get().upload_bytes.increment(pieces.iter().map(|piece| piece.len() as u64).sum());
        let worked = self.worker_pool.render(pieces, self.options.bounds).await.ok_or_else(Error::shutting_down)?;
        let rendered = worked.rendered.map_err(|failure| self.refusal(&failure))?;
        metrics::get().images_made.increment(1);
        Ok(Prepared::new(worked.digest, rendered))
    }

    /// Checks that a user may upload `images` more images, of `bytes` bytes in all, to be sent later.
    pub(crate) async fn have_room(
        &self,
        database: &Database,
        owner: UserId,
        images: usize,
        bytes: u64,
    ) -> Result<(), Error> {
        let Options { unsent: most, unsent_bytes: most_bytes, .. } = self.options;
        let held = queries::media::unsent(database, owner, Timestamp::now()).await?;
        if held.images + images as u64 <= most && held.bytes + bytes <= most_bytes {
            return Ok(());
        }
        let text = format!(
            "{} images of yours, of {} bytes, wait to be sent, and no more than {most}, of {most_bytes}, may; send some, or let \
             their time pass",
            held.images, held.bytes
        );
        Err(Error::new(ErrorCode::RateLimited, text).after(60_000))
    }

    /// Stores images that are to be sent later, if their owner may have that many.
    pub(crate) async fn keep_for_later(
        &self,
        database: &Database,
        storage: &StorageHandle,
        owner: UserId,
        prepared: Vec<Prepared>,
    ) -> Result<Vec<Image>, Error> {
        let counting = self.counting.lock().await;
        let bytes = prepared.iter().map(|file| file.rendered.full.len() as u64).sum();
        self.have_room(database, owner, prepared.len(), bytes).await?;
        let images = self.add_rows(storage, owner, &prepared).await?;
        drop(counting);
        self.put(prepared).await?;
        Ok(images)
    }

    /// Stores images: a row for each, in one commit, and then their renditions.
    pub(crate) async fn keep(
        &self,
        storage: &StorageHandle,
        owner: UserId,
        prepared: Vec<Prepared>,
    ) -> Result<(), Error> {
        self.add_rows(storage, owner, &prepared).await?;
        self.put(prepared).await
    }

    /// Adds the rows of images, in one commit. Returns the images as their owner sees them.
    async fn add_rows(
        &self,
        storage: &StorageHandle,
        owner: UserId,
        prepared: &[Prepared],
    ) -> Result<Vec<Image>, Error> {
        let at = Timestamp::now();
        let uploads: Vec<Upload> =
            prepared.iter().map(|file| file.upload(owner, at, self.options.orphans_stay)).collect();
        let images = uploads.iter().map(|upload| upload.image.clone()).collect();
        match storage.call(Change::Upload(uploads)).await? {
            Outcome::Uploaded => Ok(images),
            Outcome::Suspended(until) => Err(Error::suspended(until)),
            _ => Err(Error::internal()),
        }
    }

    async fn put(&self, prepared: Vec<Prepared>) -> Result<(), Error> {
        for file in prepared {
            file.put(&self.store).await.map_err(|error| removal::unavailable(&error))?;
        }
        Ok(())
    }

    /// Makes the error for a file that was refused.
    fn refusal(&self, failure: &Failure) -> Error {
        let Bounds { pixels, side, .. } = self.options.bounds;
        match failure {
            Failure::TooMuchMemory(wanted, whole) => {
                let text = format!("the image takes {wanted} bytes of memory to work on; there are {whole}");
                Error::new(ErrorCode::ImageTooLarge, text)
            }
            Failure::Pipeline(pipeline::Error::Unsupported) => {
                Error::new(ErrorCode::UnsupportedMedia, "the file is none of JPEG, PNG, WebP and GIF")
            }
            Failure::Pipeline(pipeline::Error::TooManyBytes(most)) => {
                Error::new(ErrorCode::ImageTooLarge, format!("the file has more than {most} bytes"))
            }
            Failure::Pipeline(pipeline::Error::TooManyPixels(found)) => {
                let found = found.map_or("too many".to_owned(), |(width, height)| format!("{width} × {height}"));
                let text = format!("the image has {found} pixels; {pixels} are taken, and {side} on a side");
                Error::new(ErrorCode::ImageTooLarge, text)
            }
            Failure::Pipeline(pipeline::Error::Broken(why)) => {
                tracing::debug!(%why, "a file was no image");
                Error::new(ErrorCode::ImageInvalid, "the image is damaged or incomplete")
            }
        }
    }
}
