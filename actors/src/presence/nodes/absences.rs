//! Users who have left a node lately, and which node announces that if several let go of a user at about the same time.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use chat_database::ids::UserId;
use chat_database::nodes::NodeId;
use chat_database::time::Timestamp;
use tokio::time::Instant;

use crate::presence::remote::mixed;

/// How long a departure is remembered: for longer than a node needs to find out that it has missed something.
const REMEMBERED: Duration = Duration::from_secs(30);

/// How many users of dead nodes are remembered whom another node announces.
const ENTRUSTED: usize = 50_000;

/// The recent departures.
#[derive(Debug, Default)]
pub(super) struct Absences {
    left: HashMap<UserId, Absence>,
    /// Users of dead nodes whom another node announces, and since when.
    entrusted: VecDeque<(Instant, UserId, NodeId)>,
}

#[derive(Debug)]
struct Absence {
    /// When the user was seen last, by which node.
    last: (Timestamp, NodeId),
    /// Whether a node has said that it announces the absence.
    told: bool,
    noted: Instant,
}

impl Absences {
    /// Notes that a user has left a node; `told`: whether that node announces it.
    pub(super) fn note(&mut self, user: UserId, node: &NodeId, seen: Timestamp, told: bool, now: Instant) {
        let last = (seen, node.clone());
        let fresh = || Absence { last: last.clone(), told, noted: now };
        let absence = self.left.entry(user).or_insert_with(fresh);
        absence.told |= told;
        absence.noted = now;
        if last > absence.last {
            absence.last = last;
        }
    }

    /// Notes that a user is online again.
    pub(super) fn forget(&mut self, user: UserId) {
        self.left.remove(&user);
    }

    /// Returns the node that has to announce the absence of a user who is offline everywhere, if none has done so.
    pub(super) fn debtor(&self, user: UserId) -> Option<&NodeId> {
        self.left.get(&user).filter(|absence| !absence.told).map(|absence| &absence.last.1)
    }

    /// Returns the users whom a node that has died had to announce.
    pub(super) fn debts_of(&self, node: &NodeId) -> Vec<UserId> {
        let owed = |absence: &Absence| !absence.told && absence.last.1 == *node;
        self.left.iter().filter(|(_, absence)| owed(absence)).map(|(user, _)| *user).collect()
    }

    /// Returns when a user was last seen whose absence `node` has to announce, and notes that it does; `None` if it has
    /// not.
    pub(super) fn owed_by(&mut self, user: UserId, node: &NodeId) -> Option<Timestamp> {
        let absence = self.left.get_mut(&user).filter(|absence| !absence.told && absence.last.1 == *node)?;
        absence.told = true;
        Some(absence.last.0)
    }

    /// Notes that another node announces a user of a dead node.
    pub(super) fn entrust(&mut self, user: UserId, to: &NodeId, now: Instant) {
        if self.entrusted.len() < ENTRUSTED {
            self.entrusted.push_back((now, user, to.clone()));
        }
    }

    /// Returns the users of other dead nodes whom a node had to announce that has now died itself.
    pub(super) fn entrusted_to(&self, node: &NodeId) -> Vec<UserId> {
        self.entrusted.iter().filter(|(_, _, to)| to == node).map(|(_, user, _)| *user).collect()
    }

    pub(super) fn sweep(&mut self, now: Instant) {
        self.left.retain(|_, absence| now < absence.noted + REMEMBERED);
        while self.entrusted.front().is_some_and(|(at, ..)| now >= *at + REMEMBERED) {
            self.entrusted.pop_front();
        }
    }
}

/// Chooses one of several nodes for a user: the same on every node, and evenly over the users.
pub(super) fn chosen(user: UserId, nodes: &[NodeId]) -> Option<&NodeId> {
    let weight = |node: &NodeId| node.name().bytes().fold(user.get(), |sum, byte| mixed(sum ^ u64::from(byte)));
    nodes.iter().max_by_key(|node| (weight(node), *node))
}
