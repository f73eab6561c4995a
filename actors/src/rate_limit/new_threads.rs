//! The rate limit of new conversations.
//!
//! Only the commit knows for certain whether two users have a thread, and a message to one that exists must not wait for a
//! question to the database. So a message to a thread that is not known to exist takes a token with it, which comes back
//! unless the commit has made the thread for this message. Without a token the message goes as well: the commit refuses it
//! only if the thread is new.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use chat_database::ids::UserId;
use tokio::time::Instant;

use super::Limiter;

/// A user's token for a new conversation, on its way with the messages that may begin it.
#[derive(Debug)]
pub(crate) struct NewThreadToken {
    limiter: Arc<Limiter<2>>,
    user: UserId,
    used: AtomicBool,
}

impl NewThreadToken {
    /// Notes that the conversation was begun: the token does not come back.
    pub(crate) fn used(&self) {
        self.used.store(true, Ordering::Relaxed);
    }
}

impl Drop for NewThreadToken {
    fn drop(&mut self) {
        if !*self.used.get_mut() {
            self.limiter.give_back(self.user);
        }
    }
}

/// What one thread knows of whether it exists, and which member has a token out for it.
#[derive(Debug, Default)]
pub(crate) struct NewThreadTokens {
    exists: bool,
    out: Vec<(UserId, Weak<NewThreadToken>)>,
}

impl NewThreadTokens {
    /// Notes that the thread exists.
    pub(crate) fn thread_exists(&mut self) {
        self.exists = true;
        self.out = Vec::new();
    }

    /// Returns whether a message of a user may make the thread, and the token that it takes along. Messages that follow the
    /// first one before it is stored share its token: they would make the same thread.
    pub(crate) fn take(&mut self, limiter: &Arc<Limiter<2>>, user: UserId) -> (bool, Option<Arc<NewThreadToken>>) {
        if self.exists || limiter.is_off() {
            return (true, None);
        }
        self.out.retain(|(_, token)| token.strong_count() > 0);
        let shared = self.out.iter().find(|(of, _)| *of == user).and_then(|(_, token)| token.upgrade());
        if shared.is_some() {
            return (true, shared);
        }
        if limiter.take(user, Instant::now()).is_err() {
            return (false, None);
        }
        let token = Arc::new(NewThreadToken { limiter: Arc::clone(limiter), user, used: AtomicBool::new(false) });
        self.out.push((user, Arc::downgrade(&token)));
        (true, Some(token))
    }
}
