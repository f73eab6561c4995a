//! Removes images, from the store and from the table.

use chat_database::change::{Change, Outcome};
use chat_database::ids::MediaId;
use chat_database::media::{self, Store};
use chat_database::time::Timestamp;

use crate::error::Error;
use crate::metrics;
use crate::protocol::ErrorCode;
use crate::storage::handle::StorageHandle;

/// The result of removing images.
pub(crate) struct Removed {
    /// How many are gone, from the store and from the table.
    pub(crate) gone: usize,
    /// How many the store failed to remove, and why. They keep their rows.
    pub(crate) left: Option<(u32, Error)>,
}

/// Removes those of the images that no message holds and that expire by `by`.
pub(crate) async fn remove(
    storage: &StorageHandle,
    store: &Store,
    images: Vec<MediaId>,
    by: Timestamp,
) -> Result<Removed, Error> {
    let Outcome::GivenUp(given_up) = storage.call(Change::GiveUp(images, by)).await? else {
        return Err(Error::internal());
    };
    let mut gone: Vec<MediaId> = Vec::with_capacity(given_up.len());
    let mut left = None;
    for (id, key) in given_up {
        match store.remove(&key).await {
            Ok(()) => gone.push(id),
            Err(error) => {
                let so_far = left.map_or(0, |(count, _)| count);
                left = Some((so_far + 1, unavailable(&error)));
            }
        }
    }
    let count = gone.len();
    if count > 0 {
        storage.call(Change::Forget(gone)).await?;
        metrics::get().images_swept.increment(u64::try_from(count).unwrap_or_default());
    }
    Ok(Removed { gone: count, left })
}

/// Logs a failure of the store, and makes the error for the user. The store's own text goes to the log alone, because it
/// may name paths of the system.
pub(crate) fn unavailable(error: &media::Error) -> Error {
    tracing::warn!(%error, "the media store failed");
    Error::new(ErrorCode::Unavailable, "the store of images is away; try again shortly")
}
