//! Who may upload now: so many at a time on this node, so many at a time and so many files a minute for each user.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use chat_database::ids::UserId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::Options;
use crate::limits::{Limiter, Rate};
use crate::metrics;
use crate::protocol::ErrorCode;
use crate::refused::Refused;

/// Who uploads, and how fast.
#[derive(Debug)]
pub(super) struct Admission {
    places: Arc<Semaphore>,
    each: usize,
    uploading: Arc<Mutex<HashMap<UserId, usize>>>,
    files: Limiter,
}

/// A request that uploads. Its place is free again when this is dropped.
#[derive(Debug)]
pub struct Uploading {
    user: UserId,
    uploading: Arc<Mutex<HashMap<UserId, usize>>>,
    _place: OwnedSemaphorePermit,
}

impl Admission {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            places: Arc::new(Semaphore::new(options.uploads)),
            each: options.uploads_per_user,
            uploading: Arc::default(),
            files: Limiter::new(
                "images",
                [options.files_per_minute.map(|files| Rate::per_second(files / 60.0, options.burst))],
            ),
        }
    }

    /// Lets a request in, or says why not.
    pub(super) fn admit(&self, user: UserId) -> Result<Uploading, Refused> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| {
            Refused::new(ErrorCode::Overloaded, "as many uploads as this node takes are under way; try again")
        })?;
        let mut uploading = self.uploading.lock().unwrap_or_else(PoisonError::into_inner);
        let count = uploading.entry(user).or_default();
        if *count >= self.each {
            let text = format!("{count} of your uploads are under way; wait for one of them");
            return Err(Refused::new(ErrorCode::RateLimited, text));
        }
        *count += 1;
        drop(uploading);
        metrics::get().uploads.increment(1);
        Ok(Uploading { user, uploading: Arc::clone(&self.uploading), _place: place })
    }

    /// Counts a file; `before` came with the same request. Only the first may be refused: a request that was cut in its
    /// middle would have cost what it needs to succeed the next time, and one of several files would never get in.
    pub(super) fn file(&self, user: UserId, before: usize) -> Result<(), Refused> {
        if before == 0 {
            return self.files.take(user, Instant::now());
        }
        self.files.owe(user, Instant::now());
        Ok(())
    }
}

impl Uploading {
    /// Returns who uploads.
    #[must_use]
    pub fn user(&self) -> UserId {
        self.user
    }
}

impl Drop for Uploading {
    fn drop(&mut self) {
        metrics::get().uploads.decrement(1);
        let mut uploading = self.uploading.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = uploading.get_mut(&self.user) {
            *count -= 1;
            if *count == 0 {
                uploading.remove(&self.user);
            }
        }
    }
}
