//! What a notification stream receives, and the totals that wait for it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chat_database::ids::{CommitNo, ThreadId, UserId};
use chat_database::objects::Totals;

use super::events::NotificationEvent;
use crate::delivery_frontier::DeliveryGuard;
use crate::follower::handle::ReadGuard;
use crate::registry::ActorRegistry;

/// The notification streams that are running, by user.
pub(crate) type StreamRegistry = ActorRegistry<UserId, StreamMsg>;

/// A message to a user's notification stream.
#[derive(Debug)]
pub(crate) enum StreamMsg {
    /// From storage, or from the follower: a commit changed something for the user.
    Update(Box<UserUpdate>, DeliveryGuard),
    /// From the follower: commits of other nodes changed something for the user, which is to be read.
    Follow { since: CommitNo, threads: Vec<ThreadId>, guard: DeliveryGuard, read: ReadGuard },
    /// Through the registry: the user has no connection any more that carries the stream.
    Unheard,
    /// From itself: the pace allows to send what waits.
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

/// The newest totals that streams have not sent yet, each with the commit that they are as of. While a user's totals wait
/// here, newer ones need no further message to the stream.
#[derive(Debug, Default)]
pub(crate) struct PendingTotals(Mutex<HashMap<UserId, (CommitNo, Totals)>>);

impl PendingTotals {
    /// Enters a user's totals as of a commit, unless those of a later commit are there. Tells whether the user's stream
    /// must be told, because none waited before.
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

    /// Takes out a user's totals.
    pub(super) fn take(&self, user: UserId) -> Option<(CommitNo, Totals)> {
        self.lock().remove(&user)
    }

    /// Takes out all totals, for they are of a former history.
    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<UserId, (CommitNo, Totals)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
