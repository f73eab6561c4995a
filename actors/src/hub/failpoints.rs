//! Failpoints: what tests may do to a hub, and read of it. Only the feature `failpoints` compiles them.

use chat_database::ids::{Pair, UserId};

use super::Hub;
use crate::notifications::message::StreamMsg;
use crate::thread::message::ThreadMsg;

/// Where an actor can be made to panic, for tests.
#[derive(Debug, Clone, Copy)]
pub enum Victim {
    /// The thread of two users.
    Thread(Pair),
    /// A user's notification stream.
    Stream(UserId),
    /// The storage actor.
    Storage,
}

impl Hub {
    /// Makes an actor panic.
    pub fn fail(&self, victim: Victim) {
        match victim {
            Victim::Thread(pair) => drop(self.0.threads.deliver(pair, ThreadMsg::Fail)),
            Victim::Stream(user) => drop(self.0.streams.deliver(user, StreamMsg::Fail)),
            Victim::Storage => self.0.storage.fail(),
        }
    }

    /// Returns how many threads run.
    #[must_use]
    pub fn threads_awake(&self) -> usize {
        self.0.threads.running()
    }
}
