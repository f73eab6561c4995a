//! The pair of users of each old thread. Two users have one thread: what the old service stored as two threads is merged.

use std::collections::{BTreeMap, HashMap, HashSet};

use chat_database::ids::{Pair, ThreadId, UserId};
use chat_database::import::IdOf;
use chat_database::import::old::{OldMessage, OldThread};

use super::error::Error;
use super::report::Reason;
use super::target::HubSide;

/// The old threads.
pub(super) struct Threads {
    pairs: HashMap<i64, Result<Pair, Reason>>,
    /// The id that a pair's thread keeps.
    kept: HashMap<Pair, ThreadId>,
}

impl Threads {
    /// Finds the pair of each old thread; `used` are the threads that have messages.
    pub(super) async fn of(hub: &mut HubSide, old: Vec<OldThread>, used: &HashSet<i64>) -> Result<Self, Error> {
        let mut pairs = HashMap::with_capacity(old.len());
        let mut ids: BTreeMap<Pair, Vec<i64>> = BTreeMap::new();
        for OldThread { id, user1, user2 } in old {
            let pair = pair(user1, user2);
            pairs.insert(id, pair);
            match pair {
                Err(reason) => hub.report.left_out(reason, id),
                Ok(_) if !used.contains(&id) => hub.report.left_out(Reason::NoMessages, id),
                Ok(pair) => ids.entry(pair).or_default().push(id),
            }
        }
        let all: Vec<i64> = ids.values().flatten().copied().collect();
        let free = hub.free(IdOf::Thread, &all).await?;
        let mut kept = HashMap::with_capacity(ids.len());
        for (pair, ids) in ids {
            for other in ids.iter().skip(1) {
                hub.report.merged(*other);
            }
            let first = ids.iter().find(|id| free.contains(id));
            kept.extend(first.and_then(|id| Some((pair, ThreadId::new(id.unsigned_abs()).ok()?))));
        }
        Ok(Self { pairs, kept })
    }

    /// Returns the pair in whose thread a message is.
    pub(super) fn pair_of(&self, message: &OldMessage) -> Result<Pair, Reason> {
        match message.thread.and_then(|thread| self.pairs.get(&thread)) {
            Some(found) => found.map_err(|_| Reason::ThreadOfNoPair),
            // Messages of some installations name the receiver.
            None if message.receiver.is_some() => {
                pair(message.sender, message.receiver).map_err(|_| Reason::ThreadOfNoPair)
            }
            None => Err(Reason::NoThread),
        }
    }

    /// Returns the id that a pair's thread keeps if it is made.
    pub(super) fn kept(&self, pair: Pair) -> Option<ThreadId> {
        self.kept.get(&pair).copied()
    }
}

fn pair(one: Option<i64>, other: Option<i64>) -> Result<Pair, Reason> {
    let (one, other) = (user(one).ok_or(Reason::NotTwoUsers)?, user(other).ok_or(Reason::NotTwoUsers)?);
    Pair::new(one, other).ok_or(Reason::WithOneself)
}

/// Returns the user of an id.
pub(super) fn user(id: Option<i64>) -> Option<UserId> {
    UserId::new(u64::try_from(id?).ok()?).ok()
}
