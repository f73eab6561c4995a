//! The tokens that a commit takes for the conversations that it begins.

use std::fmt::Debug;
use std::sync::Arc;

use crate::ids::UserId;

/// How many conversations a user may begin.
///
/// Only the commit knows whether two users have a thread, so the commit asks, and only for a message that makes one.
pub trait NewThreadLimit: Debug + Send + Sync {
    /// Takes a token of a user's; returns whether there was one.
    fn take(&self, user: UserId) -> bool;

    /// Gets back a token whose conversation was not begun.
    fn give_back(&self, user: UserId);
}

/// The tokens that a commit has taken. They go back when this is dropped, unless the commit stands.
#[derive(Debug)]
pub(super) struct NewThreadTokens {
    limit: Option<Arc<dyn NewThreadLimit>>,
    taken: Vec<UserId>,
}

impl NewThreadTokens {
    /// Begins without a token. If there is no limit, each user may begin as many conversations as they like.
    pub(super) fn of(limit: Option<Arc<dyn NewThreadLimit>>) -> Self {
        Self { limit, taken: Vec::new() }
    }

    /// Takes a token for a conversation that a user begins; returns whether there was one.
    pub(super) fn take(&mut self, user: UserId) -> bool {
        let Some(limit) = &self.limit else { return true };
        let allowed = limit.take(user);
        if allowed {
            self.taken.push(user);
        }
        allowed
    }

    /// Uses the tokens up, for the commit stands.
    pub(super) fn used(mut self) {
        self.taken.clear();
    }
}

impl Drop for NewThreadTokens {
    fn drop(&mut self) {
        for user in self.taken.drain(..) {
            if let Some(limit) = &self.limit {
                limit.give_back(user);
            }
        }
    }
}
