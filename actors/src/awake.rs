//! Actors that sleep when idle: key → the one actor that is awake for it.
//!
//! Nobody holds such an actor's address: every message goes through the table, which wakes the actor if it sleeps. So an
//! actor can fall asleep without losing anything: under the table's lock it leaves only if nothing waits for it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use metrics::Gauge;
use ractor::{ActorId, ActorRef, Message, MessagingErr};

type Wake<K, M> = Box<dyn Fn(K, Waiting) -> Option<ActorRef<M>> + Send + Sync>;

/// How many delivered messages an actor has not taken yet.
#[derive(Debug, Clone, Default)]
pub(crate) struct Waiting(Arc<AtomicUsize>);

impl Waiting {
    /// Notes that a delivered message was taken.
    pub(crate) fn took_one(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The table.
pub(crate) struct Awake<K, M: Message> {
    actors: Mutex<HashMap<K, Awoken<M>>>,
    /// Shows how many are awake.
    gauge: &'static Gauge,
    wake: OnceLock<Wake<K, M>>,
}

struct Awoken<M: Message> {
    actor: ActorRef<M>,
    waiting: Waiting,
}

impl<K: Copy + Eq + Hash, M: Message> Awake<K, M> {
    pub(crate) fn new(gauge: &'static Gauge) -> Self {
        Self { actors: Mutex::default(), gauge, wake: OnceLock::new() }
    }

    /// Says how an actor is woken. Once, before anything is delivered.
    pub(crate) fn on_wake(&self, wake: impl Fn(K, Waiting) -> Option<ActorRef<M>> + Send + Sync + 'static) {
        let first = self.wake.set(Box::new(wake)).is_ok();
        debug_assert!(first, "a table learns once how to wake");
    }

    /// Delivers a message, in the order of calls, to the actor of `key`, waking it if it sleeps. Gives the message back if
    /// the actor cannot be woken: the node is ending.
    pub(crate) fn deliver(&self, key: K, mut message: M) -> Result<(), M> {
        let mut actors = self.lock();
        for _ in 0..2 {
            let entry = match actors.entry(key) {
                Entry::Occupied(awake) => awake.into_mut(),
                Entry::Vacant(asleep) => {
                    let waiting = Waiting::default();
                    let Some(actor) = self.wake.get().and_then(|wake| wake(key, waiting.clone())) else {
                        return Err(message);
                    };
                    self.gauge.increment(1);
                    asleep.insert(Awoken { actor, waiting })
                }
            };
            entry.waiting.0.fetch_add(1, Ordering::Relaxed);
            match entry.actor.send_message(message) {
                Ok(()) => return Ok(()),
                // It has ended, and nobody has noticed yet: wake another.
                Err(MessagingErr::SendErr(back)) => {
                    actors.remove(&key);
                    self.gauge.decrement(1);
                    message = back;
                }
                Err(_) => unreachable!("a typed address takes its own messages"),
            }
        }
        Err(message)
    }

    /// Lets an actor leave, if nothing waits for it. It must end then.
    pub(crate) fn retire(&self, key: K, actor: ActorId) -> bool {
        let mut actors = self.lock();
        let idle = actors
            .get(&key)
            .is_some_and(|entry| entry.actor.get_id() == actor && entry.waiting.0.load(Ordering::Relaxed) == 0);
        if idle {
            actors.remove(&key);
            self.gauge.decrement(1);
        }
        idle
    }

    /// Forgets an actor that has ended by itself.
    pub(crate) fn forget(&self, actor: ActorId) {
        for _gone in self.lock().extract_if(|_, entry| entry.actor.get_id() == actor) {
            self.gauge.decrement(1);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Awoken<M>>> {
        self.actors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
