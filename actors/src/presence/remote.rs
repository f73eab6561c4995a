//! Which users are online on other nodes: a pure table without a clock, and the handle through which others read it.
//!
//! Each entry belongs to the process that has announced it, which has a *slot* here, and is removed with that process. A
//! user takes 17 bytes and the hash table's slack, whatever the number of nodes where the user is online.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use chat_database::ids::UserId;
use chat_database::nodes::NodeId;

/// How many processes the table has room for. The users of any other process count as offline here.
const SLOTS: usize = 64;

/// A digest of a set of users, independent of their order. Nodes compare it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Digest {
    pub(crate) users: u64,
    pub(crate) sum: u64,
}

impl Digest {
    pub(crate) fn add(&mut self, user: UserId) {
        self.users += 1;
        self.sum ^= mixed(user.get());
    }

    pub(crate) fn remove(&mut self, user: UserId) {
        self.users -= 1;
        self.sum ^= mixed(user.get());
    }
}

/// Spreads a number over all bits (SplitMix64's finalizer).
pub(crate) fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// The place of a process in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot(u8);

impl Slot {
    fn bit(self) -> u64 {
        1 << self.0
    }
}

/// The users who are online on other nodes.
#[derive(Debug, Default)]
pub(crate) struct RemoteTable {
    /// One bit for each slot where the user is online.
    users: HashMap<UserId, u64>,
    processes: Vec<Option<Process>>,
    /// The slots of processes that live.
    live: u64,
}

#[derive(Debug)]
struct Process {
    node: NodeId,
    digest: Digest,
}

impl RemoteTable {
    /// Returns the slot of a process.
    pub(crate) fn slot(&self, node: &NodeId) -> Option<Slot> {
        let is_it = |process: &Option<Process>| process.as_ref().is_some_and(|process| process.node == *node);
        let place = self.processes.iter().position(is_it)?;
        u8::try_from(place).ok().map(Slot)
    }

    /// Returns the slot of a process; a new process gets one, if one is left.
    pub(crate) fn open(&mut self, node: &NodeId) -> Option<Slot> {
        if let Some(slot) = self.slot(node) {
            return Some(slot);
        }
        let process = Process { node: node.clone(), digest: Digest::default() };
        let place = match self.processes.iter().position(Option::is_none) {
            Some(place) => {
                self.processes[place] = Some(process);
                place
            }
            None if self.processes.len() < SLOTS => {
                self.processes.push(Some(process));
                self.processes.len() - 1
            }
            None => return None,
        };
        u8::try_from(place).ok().map(Slot)
    }

    /// Sets whether a process lives.
    pub(crate) fn set_live(&mut self, slot: Slot, live: bool) {
        if live {
            self.live |= slot.bit();
        } else {
            self.live &= !slot.bit();
        }
    }

    /// Adds a user to a slot; tells whether the user was offline on all other nodes before.
    pub(crate) fn insert(&mut self, slot: Slot, user: UserId) -> bool {
        let places = self.users.entry(user).or_default();
        let was_offline = *places == 0;
        let is_new = *places & slot.bit() == 0;
        *places |= slot.bit();
        if let Some(process) = self.processes[usize::from(slot.0)].as_mut().filter(|_| is_new) {
            process.digest.add(user);
        }
        was_offline
    }

    /// Removes a user from a slot; tells whether that made the user offline on all other nodes.
    pub(crate) fn remove(&mut self, slot: Slot, user: UserId) -> bool {
        let Some(places) = self.users.get_mut(&user).filter(|places| **places & slot.bit() != 0) else { return false };
        *places &= !slot.bit();
        let is_offline = *places == 0;
        if is_offline {
            self.users.remove(&user);
        }
        if let Some(process) = &mut self.processes[usize::from(slot.0)] {
            process.digest.remove(user);
        }
        is_offline
    }

    /// Returns the users of a process.
    pub(crate) fn users_of(&self, slot: Slot) -> Vec<UserId> {
        self.users.iter().filter(|(_, places)| **places & slot.bit() != 0).map(|(user, _)| *user).collect()
    }

    /// Frees a slot, whose users must have been removed.
    pub(crate) fn close(&mut self, slot: Slot) {
        debug_assert!(self.digest(slot).users == 0, "the users of a slot are taken out first");
        self.processes[usize::from(slot.0)] = None;
        self.set_live(slot, false);
        if self.users.len() < self.users.capacity() / 4 {
            self.users.shrink_to_fit();
        }
    }

    /// Returns the digest of a process's users.
    pub(crate) fn digest(&self, slot: Slot) -> Digest {
        self.processes[usize::from(slot.0)].as_ref().map_or_else(Digest::default, |process| process.digest)
    }

    /// Tells whether a user is online on another node.
    pub(crate) fn is_online(&self, user: UserId) -> bool {
        self.users.contains_key(&user)
    }

    /// Returns the names of the live nodes where a user is online.
    pub(crate) fn nodes_of(&self, user: UserId) -> Vec<Arc<str>> {
        let mut places = self.users.get(&user).map_or(0, |places| places & self.live);
        let mut nodes = Vec::new();
        while places != 0 {
            let place = places.trailing_zeros() as usize;
            places &= places - 1;
            nodes.extend(self.processes[place].as_ref().map(|process| Arc::clone(process.node.name())));
        }
        nodes
    }

    /// Returns how many users are online on other nodes.
    pub(crate) fn len(&self) -> usize {
        self.users.len()
    }
}

/// The users who are online on other nodes, for reading. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct RemotePresence(Arc<RwLock<RemoteTable>>);

impl RemotePresence {
    /// Returns the names of the live nodes where a user is online.
    pub(crate) fn nodes_of(&self, user: UserId) -> Vec<Arc<str>> {
        self.read(|table| table.nodes_of(user))
    }

    /// Tells whether a user is online on another node.
    pub(crate) fn is_online(&self, user: UserId) -> bool {
        self.read(|table| table.is_online(user))
    }

    /// Tells whether any user is online on another node.
    pub(crate) fn has_remote(&self) -> bool {
        self.read(|table| table.len() > 0)
    }

    pub(crate) fn read<T>(&self, read: impl FnOnce(&RemoteTable) -> T) -> T {
        read(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut RemoteTable) -> T) -> T {
        change(&mut self.0.write().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests;
