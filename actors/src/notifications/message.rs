//! What a notification stream receives, and the totals that wait for it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chat_database::ids::{CommitNo, ThreadId, UserId};
use chat_database::objects::Totals;

use super::events::NotificationEvent;
use crate::delivery_frontier::DeliveryGuard;
use crate::registry::ActorRegistry;

/// The notification streams that are running, by user.
pub(crate) type StreamRegistry = ActorRegistry<UserId, StreamMsg>;

/// A message to a user's notification stream.
#[derive(Debug)]
pub(crate) enum StreamMsg {
    /// From storage, or from the follower: a commit changed something for the user.
    Update(Box<UserUpdate>, DeliveryGuard),
    /// From the follower: commits of other nodes changed something for the user; what is to be read.
    Follow { since: CommitNo, threads: Vec<ThreadId>, guard: DeliveryGuard },
    /// Through the registry: the user has no connection any more that carries the stream.
    Unheard,
    /// From itself: what waits may go.
    Due,
    /// From itself: time to stop, if nothing has happened for long.
    Idle,
    #[cfg(feature = "failpoints")]
    Fail,
}

/// What a commit changed for a user, besides the totals in [`PendingTotals`].
#[derive(Debug, Clone, Default)]
pub(crate) struct UserUpdate {
    /// Threads whose notification appeared, changed or was read.
    pub(crate) threads: Vec<ThreadId>,
    /// What happened to the marketplace's notifications, in order.
    pub(crate) events: Vec<NotificationEvent>,
}

/// The newest totals that a stream has not sent yet, and the commit after which they are so: in between, one message to the
/// stream is enough.
#[derive(Debug, Default)]
pub(crate) struct PendingTotals(Mutex<HashMap<UserId, (CommitNo, Totals)>>);

impl PendingTotals {
    /// Enters a user's totals after a commit, unless those of a later one are there; tells whether the user's stream must be
    /// told that there are some.
    pub(crate) fn post(&self, user: UserId, commit: CommitNo, totals: Totals) -> bool {
        match self.lock().entry(user) {
            Entry::Vacant(vacant) => {
                vacant.insert((commit, totals));
                true
            }
            Entry::Occupied(mut present) => {
                if present.get().0 <= commit {
                    present.insert((commit, totals));
                }
                false
            }
        }
    }

    /// Takes a user's totals out.
    pub(super) fn take(&self, user: UserId) -> Option<(CommitNo, Totals)> {
        self.lock().remove(&user)
    }

    /// Takes all totals out: they are of a history that is no more.
    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<UserId, (CommitNo, Totals)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
