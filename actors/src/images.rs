//! Images: taken in, made safe, kept, and swept when no message holds them.
//!
//! ```text
//!  admission  who may upload now
//!  workshop   the threads that files are worked on: pipeline
//!  pipeline   from the bytes that somebody sent to two renditions that are safe to show
//!  links      where images are, as each reader sees it
//!  sweeper    what nobody sent, and what was deleted, goes
//! ```
//!
//! An image's row is committed before its renditions are put into the store, and nobody is told its id before they are
//! there. So whatever a crash leaves behind has a row, and no message ever holds an image that is not there.

mod admission;
pub mod links;
pub mod pipeline;
pub(crate) mod sweeper;
mod workshop;

use std::time::Duration;

use chat_database::change::{Change, Outcome, Upload};
use chat_database::ids::{MediaId, UserId};
use chat_database::media::{self, Rendition, Store};
use chat_database::objects::Image;
use chat_database::time::Timestamp;
use chat_database::{Database, queries};
use uuid::Uuid;

use crate::metrics;
use crate::protocol::ErrorCode;
use crate::refused::Refused;
use crate::storage;
use admission::Admission;
pub use admission::Uploading;
pub use links::Links;
use pipeline::{Bounds, Fault, MIME, Rendered};
pub(crate) use sweeper::take_away;
use workshop::{Failure, Workshop};

/// How images are dealt with.
#[derive(Debug, Clone)]
pub struct Options {
    /// How large a file may be.
    pub bounds: Bounds,
    /// How many requests may upload at a time on this node.
    pub uploads: usize,
    /// How many requests each user may upload with at a time.
    pub uploads_per_user: usize,
    /// How many files each user may upload per minute; `None`: as many as they can.
    pub files_per_minute: Option<f64>,
    /// How many files a user may upload at once before the rate counts.
    pub burst: u32,
    /// How long a request may take to come in, in all.
    pub deadline: Duration,
    /// How many images are worked on at a time.
    pub workers: usize,
    /// How many bytes of memory they may take together while they are worked on. One that needs more is refused.
    pub memory: u64,
    /// Tells how many bytes of memory the thread that asks holds; always the same where that is not known.
    pub held: fn() -> u64,
    /// How many images each user may have that no message holds.
    pub unsent: u64,
    /// How many bytes those may have together.
    pub unsent_bytes: u64,
    /// How long an image stays that nobody sends.
    pub orphans_stay: Duration,
    /// How often it is swept.
    pub sweep_every: Duration,
    /// How links are made.
    pub links: links::Options,
}

impl Options {
    /// The usual limits, with links signed by a secret.
    #[must_use]
    pub fn new(secret: [u8; 32]) -> Self {
        Self {
            bounds: Bounds::default(),
            uploads: 16,
            uploads_per_user: 4,
            files_per_minute: Some(60.0),
            burst: 100,
            deadline: Duration::from_secs(120),
            workers: 1,
            memory: 768_000_000,
            held: || 0,
            unsent: 200,
            unsent_bytes: 200_000_000,
            orphans_stay: Duration::from_secs(24 * 3_600),
            sweep_every: Duration::from_secs(60),
            links: links::Options { prefix: String::new(), secret, good_for: Duration::from_secs(24 * 3_600) },
        }
    }
}

/// A file that was made into an image, and is not kept yet.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// The SHA-256 of the bytes that came: tells an honest repetition from another file.
    pub(crate) digest: [u8; 32],
    pub(crate) id: MediaId,
    rendered: Rendered,
}

impl Prepared {
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

/// Takes files in.
#[derive(Debug)]
pub(crate) struct Images {
    options: Options,
    store: Store,
    admission: Admission,
    workshop: Workshop,
    links: Links,
    /// Held from where a user's unsent images are counted until there are more.
    counting: tokio::sync::Mutex<()>,
}

impl Images {
    /// Starts the threads that files are worked on.
    pub(crate) fn open(options: Options, store: Store) -> std::io::Result<Self> {
        let (admission, links) = (Admission::new(&options), Links::new(&options.links));
        Ok(Self {
            workshop: Workshop::open(options.workers, options.memory, options.held)?,
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

    /// Lets a request in that uploads.
    pub(crate) fn admit(&self, user: UserId) -> Result<Uploading, Refused> {
        self.admission.admit(user)
    }

    /// Counts a file before it is read; `before` came with the same request.
    pub(crate) fn expect_file(&self, uploading: &Uploading, before: usize) -> Result<(), Refused> {
        self.admission.file(uploading.user(), before)
    }

    /// Makes a file, as its pieces follow each other, into an image. Nothing is kept of it yet.
    pub(crate) async fn prepare(&self, pieces: Vec<Vec<u8>>) -> Result<Prepared, Refused> {
        metrics::get().upload_bytes.increment(pieces.iter().map(|piece| piece.len() as u64).sum());
        let worked = self.workshop.render(pieces, self.options.bounds).await.ok_or_else(Refused::shutting_down)?;
        let rendered = worked.rendered.map_err(|failure| self.refusal(&failure))?;
        metrics::get().images_made.increment(1);
        Ok(Prepared { digest: worked.digest, id: MediaId(Uuid::new_v4().simple().to_string()), rendered })
    }

    /// Tells whether a user may upload that many images more, of that many bytes, to be sent later.
    pub(crate) async fn have_room(
        &self,
        database: &Database,
        owner: UserId,
        images: usize,
        bytes: u64,
    ) -> Result<(), Refused> {
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
        Err(Refused::new(ErrorCode::RateLimited, text).after(60_000))
    }

    /// Keeps images that are to be sent later, as far as their owner may have such.
    pub(crate) async fn keep_for_later(
        &self,
        database: &Database,
        storage: &storage::Handle,
        owner: UserId,
        prepared: Vec<Prepared>,
    ) -> Result<Vec<Image>, Refused> {
        let counting = self.counting.lock().await;
        let bytes = prepared.iter().map(|file| file.rendered.full.len() as u64).sum();
        self.have_room(database, owner, prepared.len(), bytes).await?;
        let images = self.add_rows(storage, owner, &prepared).await?;
        drop(counting);
        self.put(prepared).await?;
        Ok(images)
    }

    /// Keeps images: a row for each, in one commit, and then their renditions.
    pub(crate) async fn keep(
        &self,
        storage: &storage::Handle,
        owner: UserId,
        prepared: Vec<Prepared>,
    ) -> Result<(), Refused> {
        self.add_rows(storage, owner, &prepared).await?;
        self.put(prepared).await
    }

    /// Returns what the images' owner may know.
    async fn add_rows(
        &self,
        storage: &storage::Handle,
        owner: UserId,
        prepared: &[Prepared],
    ) -> Result<Vec<Image>, Refused> {
        let at = Timestamp::now();
        let expires_at = at.after(self.options.orphans_stay);
        let images: Vec<Image> = prepared.iter().map(Prepared::image).collect();
        let upload =
            |image: &Image| Upload { owner, image: image.clone(), object_key: Store::key(&image.id), at, expires_at };
        let uploads = images.iter().map(upload).collect();
        let Outcome::Uploaded = storage.call(Change::Upload(uploads)).await? else {
            return Err(Refused::internal());
        };
        Ok(images)
    }

    async fn put(&self, prepared: Vec<Prepared>) -> Result<(), Refused> {
        for Prepared { id, rendered, .. } in prepared {
            let key = Store::key(&id);
            for (rendition, bytes) in [(Rendition::Full, rendered.full), (Rendition::Thumb, rendered.thumb)] {
                let put = self.store.put(&key, rendition, MIME, bytes.into()).await;
                put.map_err(|error| unavailable(&error))?;
            }
        }
        Ok(())
    }

    /// Says why a file was not taken.
    fn refusal(&self, failure: &Failure) -> Refused {
        let Bounds { pixels, side, .. } = self.options.bounds;
        match failure {
            Failure::TooMuchMemory(wanted, whole) => {
                let text = format!("the image takes {wanted} bytes of memory to work on; there are {whole}");
                Refused::new(ErrorCode::ImageTooLarge, text)
            }
            Failure::Fault(Fault::Unsupported) => {
                Refused::new(ErrorCode::UnsupportedMedia, "the file is none of JPEG, PNG, WebP and GIF")
            }
            Failure::Fault(Fault::TooManyBytes(most)) => {
                Refused::new(ErrorCode::ImageTooLarge, format!("the file has more than {most} bytes"))
            }
            Failure::Fault(Fault::TooManyPixels(found)) => {
                let found = found.map_or("too many".to_owned(), |(width, height)| format!("{width} × {height}"));
                let text = format!("the image has {found} pixels; {pixels} are taken, and {side} on a side");
                Refused::new(ErrorCode::ImageTooLarge, text)
            }
            Failure::Fault(Fault::Broken(why)) => {
                tracing::debug!(%why, "a file was no image");
                Refused::new(ErrorCode::ImageInvalid, "the image is damaged or incomplete")
            }
        }
    }
}

/// Says that the store does not work. What it said goes to the log: it may name places that are nobody's business.
pub(crate) fn unavailable(error: &media::Error) -> Refused {
    tracing::warn!(%error, "the media store failed");
    Refused::new(ErrorCode::Unavailable, "the store of images is away; try again shortly")
}
