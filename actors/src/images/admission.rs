//! Limits uploads: how many at a time on this node and of each user, and how many files a minute of each user.
//!
//! A permit is for a client that sends. An upload that has sent less than [`MIN_BYTES_PER_SECOND`] for [`GRACE`] keeps its
//! permit only until another upload needs one; the slowest upload loses it first, or the user's own slowest if the user has
//! as many as allowed. So a slow line gets through while there is room, and an idle upload keeps others waiting for seconds
//! only.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chat_database::ids::UserId;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::options::Options;
use crate::error::Error;
use crate::metrics;
use crate::protocol::ErrorCode;
use crate::rate_limit::{Limiter, Rate};

/// What an upload sends at least, in bytes a second, to be sure of its permit: less than the slowest of mobile networks
/// carries (GPRS: 4 to 10 KB a second).
const MIN_BYTES_PER_SECOND: u32 = 4 << 10;

/// For how long it may send less. Having been faster before does not make it longer.
const GRACE: Duration = Duration::from_secs(3);

/// The uploads under way, and how fast they are.
#[derive(Debug)]
pub(super) struct Admission {
    permits: Arc<Permits>,
    files: Limiter,
}

#[derive(Debug)]
struct Permits {
    most: usize,
    each: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    last: u64,
    taken: HashMap<u64, UploadPermit>,
}

#[derive(Debug)]
struct UploadPermit {
    user: UserId,
    /// From when on another upload may take the permit; `None` while the hub processes what was received.
    slow_from: Option<Instant>,
    lost: Arc<Notify>,
}

/// A request that uploads. Its permit is free again when this is dropped.
#[derive(Debug)]
pub struct Uploading {
    number: u64,
    user: UserId,
    permits: Arc<Permits>,
    lost: Arc<Notify>,
    /// How much longer it may send nothing and be sure of its permit.
    left: Mutex<Duration>,
}

impl Admission {
    pub(super) fn new(options: &Options) -> Self {
        let (most, each) = (options.uploads, options.uploads_per_user);
        Self {
            permits: Arc::new(Permits { most, each, state: Mutex::default() }),
            files: Limiter::new(
                "images",
                [options.files_per_minute.map(|files| Rate::per_second(files / 60.0, options.burst))],
            ),
        }
    }

    /// Gives a request a permit, or returns why not.
    pub(super) fn admit(&self, user: UserId) -> Result<Uploading, Error> {
        let (now, mut state) = (Instant::now(), self.permits.lock());
        if state.count(user) >= self.permits.each && !state.give_up_slowest(now, Some(user)) {
            let text = format!("{} of your uploads are under way; wait for one of them", self.permits.each);
            return Err(Error::new(ErrorCode::RateLimited, text));
        }
        if state.taken.len() >= self.permits.most && !state.give_up_slowest(now, None) {
            let text = "as many uploads as this node takes are under way; try again";
            return Err(Error::new(ErrorCode::Overloaded, text));
        }
        state.last += 1;
        let (number, lost) = (state.last, Arc::new(Notify::new()));
        state.taken.insert(number, UploadPermit { user, slow_from: None, lost: Arc::clone(&lost) });
        metrics::get().uploads.increment(1);
        Ok(Uploading { number, user, permits: Arc::clone(&self.permits), lost, left: Mutex::new(GRACE) })
    }

    /// Counts a file; `before` is the number of files before it in the same request. Only the first file may be refused.
    /// Otherwise a refusal in the middle would have used up what the next attempt needs, and a request with several files
    /// would never succeed.
    pub(super) fn file(&self, user: UserId, before: usize) -> Result<(), Error> {
        if before == 0 {
            return self.files.take(user, Instant::now());
        }
        self.files.owe(user, Instant::now());
        Ok(())
    }
}

impl Permits {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn count(&self, user: UserId) -> usize {
        self.taken.values().filter(|permit| permit.user == user).count()
    }

    /// Takes the permit from the upload that has been slow for longest, of one user or of all; `false` if none is slow.
    fn give_up_slowest(&mut self, now: Instant, of: Option<UserId>) -> bool {
        let asked = self.taken.iter().filter(|(_, permit)| of.is_none_or(|user| permit.user == user));
        let slow = asked.filter_map(|(number, permit)| Some((permit.slow_from.filter(|from| *from <= now)?, *number)));
        let Some((_, number)) = slow.min() else { return false };
        self.leave(number);
        true
    }

    /// Frees a permit, unless it is free.
    fn leave(&mut self, number: u64) {
        if let Some(permit) = self.taken.remove(&number) {
            permit.lost.notify_one();
            metrics::get().uploads.decrement(1);
        }
    }
}

impl Uploading {
    /// Returns the user who uploads.
    #[must_use]
    pub fn user(&self) -> UserId {
        self.user
    }

    /// Waits for the client's next data; `None` if the client was so slow that another upload took the permit.
    pub async fn wait<T>(&self, coming: impl Future<Output = T>) -> Option<T> {
        self.set_slow_from(Some(Instant::now() + *self.left()));
        let came = tokio::select! {
            biased;
            () = self.lost.notified() => None,
            came = coming => Some(came),
        };
        let slow_from = self.set_slow_from(None);
        *self.left() = slow_from.map_or(Duration::ZERO, |from| from.saturating_duration_since(Instant::now()));
        came
    }

    /// Counts received bytes: they extend the time that the upload may send nothing.
    pub fn came(&self, bytes: usize) {
        let bought =
            Duration::from_secs(1).saturating_mul(u32::try_from(bytes).unwrap_or(u32::MAX)) / MIN_BYTES_PER_SECOND;
        let mut left = self.left();
        *left = left.saturating_add(bought).min(GRACE);
    }

    fn left(&self) -> MutexGuard<'_, Duration> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets from when on the permit may be taken; returns the value until now.
    fn set_slow_from(&self, from: Option<Instant>) -> Option<Instant> {
        let mut state = self.permits.lock();
        state.taken.get_mut(&self.number).and_then(|permit| std::mem::replace(&mut permit.slow_from, from))
    }
}

impl Drop for Uploading {
    fn drop(&mut self) {
        self.permits.lock().leave(self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use chat_testkit::waiting::passes;

    use super::*;

    fn admission() -> Admission {
        Admission::new(&Options { uploads: 4, uploads_per_user: 2, ..Options::new([0; 32]) })
    }

    fn user(id: u64) -> UserId {
        UserId::new(id).expect("an id")
    }

    /// Uploads from now on as fast as it is told, a tenth of a second at a time, until its permit is another's.
    fn sends(uploading: Uploading, bytes_a_second: usize) -> tokio::task::JoinHandle<()> {
        tokio::spawn(async move {
            let came = || passes(Duration::from_millis(100));
            while uploading.wait(came()).await.is_some() {
                uploading.came(bytes_a_second / 10);
            }
        })
    }

    #[tokio::test(start_paused = true)]
    async fn uploads_that_trickle_keep_others_waiting_for_seconds() {
        let admission = admission();
        let trickling: Vec<_> = [1, 1, 2, 2].map(|id| admission.admit(user(id)).expect("a permit")).into();
        let trickling: Vec<_> = trickling.into_iter().map(|uploading| sends(uploading, 100)).collect();
        passes(GRACE / 2).await;
        assert_eq!(admission.admit(user(3)).expect_err("they have just begun").code, ErrorCode::Overloaded);
        passes(GRACE).await;
        let mut held = Vec::new();
        for id in [3, 3, 4, 4] {
            held.push(admission.admit(user(id)).expect("a permit"));
        }
        for lost in trickling {
            lost.await.expect("it hears so");
        }
        assert_eq!(admission.admit(user(5)).expect_err("these are not slow").code, ErrorCode::Overloaded);
        drop(held);
        admission.admit(user(5)).expect("all are free again");
    }

    #[tokio::test(start_paused = true)]
    async fn an_upload_that_sends_keeps_its_place_and_a_slow_one_while_there_is_room() {
        let admission = admission();
        let steady = [1, 1, 2].map(|id| sends(admission.admit(user(id)).expect("a permit"), 5_000));
        let slow = sends(admission.admit(user(2)).expect("a permit"), 1_000);
        passes(Duration::from_secs(60)).await;
        assert!(!slow.is_finished(), "it is in the way of no other");
        let fifth = admission.admit(user(3)).expect("the slow one's");
        slow.await.expect("it hears so");
        assert_eq!(admission.admit(user(4)).expect_err("there is no slow one").code, ErrorCode::Overloaded);
        assert!(steady.iter().all(|upload| !upload.is_finished()));
        // The hub's own work is not the client's slowness.
        passes(Duration::from_secs(60)).await;
        assert_eq!(admission.admit(user(4)).expect_err("it is worked on").code, ErrorCode::Overloaded);
        assert_eq!(fifth.wait(ready(7)).await, Some(7));
    }

    #[tokio::test(start_paused = true)]
    async fn of_a_user_who_has_as_many_as_they_may_the_own_slow_one_goes() {
        let admission = admission();
        let (mine, other) = (admission.admit(user(1)).expect("a permit"), admission.admit(user(2)).expect("a permit"));
        let other = tokio::spawn(async move { other.wait(pending::<()>()).await });
        let mine = tokio::spawn(async move { mine.wait(pending::<()>()).await });
        let second = admission.admit(user(1)).expect("a permit");
        assert_eq!(admission.admit(user(1)).expect_err("two are").code, ErrorCode::RateLimited);
        passes(GRACE * 2).await;
        let third = admission.admit(user(1)).expect("the first, which is dead, makes room");
        assert_eq!(mine.await.expect("it hears so"), None);
        assert!(!other.is_finished());
        drop((second, third));
    }
}
