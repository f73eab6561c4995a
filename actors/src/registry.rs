//! Actors that stop when idle: key → the one actor that runs for it.
//!
//! No other code holds such an actor's address: every message goes through the registry, which activates the actor if none
//! runs. So an actor can stop without losing a message: it is removed under the registry's lock, and only if no message
//! waits for it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use metrics::Gauge;
use ractor::{ActorId, ActorRef, Message, MessagingErr};

type Activate<K, M> = Box<dyn Fn(K, PendingCount) -> Option<ActorRef<M>> + Send + Sync>;

/// How many delivered messages an actor has not taken yet.
#[derive(Debug, Clone, Default)]
pub(crate) struct PendingCount(Arc<AtomicUsize>);

impl PendingCount {
    /// Notes that the actor has taken a delivered message.
    pub(crate) fn took_one(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The running actors, by key.
pub(crate) struct ActorRegistry<K, M: Message> {
    actors: Mutex<HashMap<K, Active<M>>>,
    /// The metric of how many are running.
    gauge: &'static Gauge,
    activate: OnceLock<Activate<K, M>>,
}

struct Active<M: Message> {
    actor: ActorRef<M>,
    pending: PendingCount,
}

impl<K: Copy + Eq + Hash, M: Message> ActorRegistry<K, M> {
    pub(crate) fn new(gauge: &'static Gauge) -> Self {
        Self { actors: Mutex::default(), gauge, activate: OnceLock::new() }
    }

    /// Sets how an actor is started. To be called once, before anything is delivered.
    pub(crate) fn on_activate(
        &self,
        activate: impl Fn(K, PendingCount) -> Option<ActorRef<M>> + Send + Sync + 'static,
    ) {
        let first = self.activate.set(Box::new(activate)).is_ok();
        debug_assert!(first, "a registry learns once how to activate");
    }

    /// Delivers a message, in the order of calls, to the actor of `key`, activating it if none runs. Returns the message if
    /// the actor cannot be activated, because the node is ending.
    pub(crate) fn deliver(&self, key: K, mut message: M) -> Result<(), M> {
        let mut actors = self.lock();
        for _ in 0..2 {
            let entry = match actors.entry(key) {
                Entry::Occupied(active) => active.into_mut(),
                Entry::Vacant(vacant) => {
                    let pending = PendingCount::default();
                    let Some(actor) = self.activate.get().and_then(|activate| activate(key, pending.clone())) else {
                        return Err(message);
                    };
                    self.gauge.increment(1);
                    vacant.insert(Active { actor, pending })
                }
            };
            entry.pending.0.fetch_add(1, Ordering::Relaxed);
            match entry.actor.send_message(message) {
                Ok(()) => return Ok(()),
                // The actor has ended, but its supervisor does not know yet: activate another.
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

    /// Delivers a message to the actor of `key`, if one runs.
    pub(crate) fn deliver_if_active(&self, key: K, message: M) {
        let actors = self.lock();
        let Some(entry) = actors.get(&key) else { return };
        entry.pending.0.fetch_add(1, Ordering::Relaxed);
        // An actor that has just ended does not need the message.
        let _ = entry.actor.send_message(message);
    }

    /// Removes an actor, if no message waits for it; the actor must stop then.
    pub(crate) fn retire(&self, key: K, actor: ActorId) -> bool {
        let mut actors = self.lock();
        let idle = actors
            .get(&key)
            .is_some_and(|entry| entry.actor.get_id() == actor && entry.pending.0.load(Ordering::Relaxed) == 0);
        if idle {
            actors.remove(&key);
            self.gauge.decrement(1);
        }
        idle
    }

    /// Removes an actor that has failed.
    pub(crate) fn remove_failed(&self, actor: ActorId) {
        for _failed in self.lock().extract_if(|_, entry| entry.actor.get_id() == actor) {
            self.gauge.decrement(1);
        }
    }

    /// Returns how many actors run.
    #[cfg(feature = "failpoints")]
    pub(crate) fn running(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Active<M>>> {
        self.actors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
