//! Leave to begin a conversation.
//!
//! Whether two people have a thread is known for certain in the commit alone, and a message to one that is there must not
//! wait for a question to the database. So a message to a thread that is not known to be there takes a token with it, and
//! gives it back unless the commit has made the thread for it. Without a token the message goes as well: the commit refuses
//! it only if the thread is new.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use chat_database::ids::UserId;
use tokio::time::Instant;

use super::Limiter;

/// A user's token for a new conversation, on its way with the messages that may begin it.
#[derive(Debug)]
pub(crate) struct Leave {
    limiter: Arc<Limiter<2>>,
    user: UserId,
    used: AtomicBool,
}

impl Leave {
    /// The conversation was begun: the token does not come back.
    pub(crate) fn used(&self) {
        self.used.store(true, Ordering::Relaxed);
    }
}

impl Drop for Leave {
    fn drop(&mut self) {
        if !*self.used.get_mut() {
            self.limiter.give_back(self.user);
        }
    }
}

/// What one thread knows of whether it is there, and who of the two has a token out for it.
#[derive(Debug, Default)]
pub(crate) struct Leaves {
    there: bool,
    out: Vec<(UserId, Weak<Leave>)>,
}

impl Leaves {
    /// Notes that the thread is there.
    pub(crate) fn is_there(&mut self) {
        self.there = true;
        self.out = Vec::new();
    }

    /// Returns whether a message of a user may make the thread, and the token that it takes along. Messages that follow the
    /// first one before it is stored share its token: they would make the same thread.
    pub(crate) fn ask(&mut self, limiter: &Arc<Limiter<2>>, user: UserId) -> (bool, Option<Arc<Leave>>) {
        if self.there || limiter.is_off() {
            return (true, None);
        }
        self.out.retain(|(_, leave)| leave.strong_count() > 0);
        let shared = self.out.iter().find(|(of, _)| *of == user).and_then(|(_, leave)| leave.upgrade());
        if shared.is_some() {
            return (true, shared);
        }
        if limiter.take(user, Instant::now()).is_err() {
            return (false, None);
        }
        let leave = Arc::new(Leave { limiter: Arc::clone(limiter), user, used: AtomicBool::new(false) });
        self.out.push((user, Arc::downgrade(&leave)));
        (true, Some(leave))
    }
}
