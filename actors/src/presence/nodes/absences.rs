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
const MAX_DELEGATED: usize = 50_000;

/// The recent departures.
#[derive(Debug, Default)]
pub(super) struct Absences {
    left: HashMap<UserId, Absence>,
    /// Users of dead nodes whom another node announces, and since when.
    delegated: VecDeque<(Instant, UserId, NodeId)>,
}

#[derive(Debug)]
struct Absence {
    /// When the user was seen last, by which node.
    last: (Timestamp, NodeId),
    /// Whether a node has said that it announces the absence.
    announced: bool,
    noted: Instant,
}

impl Absences {
    /// Notes that a user has left a node; `announces`: whether that node announces it.
    pub(super) fn note(&mut self, user: UserId, node: &NodeId, seen: Timestamp, announces: bool, now: Instant) {
        let last = (seen, node.clone());
        let fresh = || Absence { last: last.clone(), announced: announces, noted: now };
        let absence = self.left.entry(user).or_insert_with(fresh);
        absence.announced |= announces;
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
    pub(super) fn announcer(&self, user: UserId) -> Option<&NodeId> {
        self.left.get(&user).filter(|absence| !absence.announced).map(|absence| &absence.last.1)
    }

    /// Returns the users whom a node that has died had to announce.
    pub(super) fn unannounced_by(&self, node: &NodeId) -> Vec<UserId> {
        let is_its = |absence: &Absence| !absence.announced && absence.last.1 == *node;
        self.left.iter().filter(|(_, absence)| is_its(absence)).map(|(user, _)| *user).collect()
    }

    /// Returns when a user was last seen whose absence `node` has to announce, and notes that it does; `None` if it has
    /// not.
    pub(super) fn take_unannounced(&mut self, user: UserId, node: &NodeId) -> Option<Timestamp> {
        let absence = self.left.get_mut(&user).filter(|absence| !absence.announced && absence.last.1 == *node)?;
        absence.announced = true;
        Some(absence.last.0)
    }

    /// Notes that another node announces a user of a dead node.
    pub(super) fn delegate(&mut self, user: UserId, to: &NodeId, now: Instant) {
        if self.delegated.len() < MAX_DELEGATED {
            self.delegated.push_back((now, user, to.clone()));
        }
    }

    /// Returns the users of other dead nodes whom a node had to announce that has now died itself.
    pub(super) fn delegated_to(&self, node: &NodeId) -> Vec<UserId> {
        self.delegated.iter().filter(|(_, _, to)| to == node).map(|(_, user, _)| *user).collect()
    }

    pub(super) fn sweep(&mut self, now: Instant) {
        self.left.retain(|_, absence| now < absence.noted + REMEMBERED);
        while self.delegated.front().is_some_and(|(at, ..)| now >= *at + REMEMBERED) {
            self.delegated.pop_front();
        }
    }
}

/// Chooses one of several nodes for a user: the same on every node, and evenly over the users.
pub(super) fn chosen(user: UserId, nodes: &[NodeId]) -> Option<&NodeId> {
    let weight = |node: &NodeId| node.name().bytes().fold(user.get(), |sum, byte| mixed(sum ^ u64::from(byte)));
    nodes.iter().max_by_key(|node| (weight(node), *node))
}
