//! What is promised, held against the truth.

use std::time::Duration;

use chat_database::ids::UserId;

use super::{AFTER, CALM, Node, STEP, USERS, World, user};

impl World {
    /// In calm times all nodes know who is there.
    pub(crate) fn is_right(&self) {
        for node in self.nodes.iter().filter(|node| node.runs()) {
            for id in 1..=USERS {
                let (user, there) = (user(id), self.is_there(user(id)));
                let online = node.local.is_online(user) || node.remote.is_online(user);
                assert_eq!(online, there, "{} is wrong of user {id}", node.id);
                if self.faults.cuts || self.faults.stops {
                    // Nodes that do not hear each other do not know whom they would have to tell.
                    continue;
                }
                for (watcher, believes) in &node.believes {
                    let told = believes.get(&user).copied().unwrap_or_default();
                    assert!(told == there || *watcher == user, "user {watcher} on {} believes {told} of {id}", node.id);
                }
            }
            let dead = self.nodes.iter().filter(|other| !other.alive);
            for dead in dead {
                assert_eq!(node.remote.slot(&dead.id), None, "entries of {} live on {}", dead.id, node.id);
            }
        }
    }

    pub(super) fn tells(&mut self, place: usize, of: UserId, online: bool, recipients: &[UserId]) {
        let ended = self.ended.get(&of).copied().unwrap_or(self.start);
        let settled = self.faults.excuse_nothing() || self.now >= self.last_fault + CALM;
        let mut is_told = false;
        self.tell_story(format!("node-{place} tells {recipients:?} of user {of}: online {online}"));
        for recipient in recipients {
            if let Some(believes) = self.nodes[place].believes.get_mut(recipient) {
                is_told |= believes.insert(of, online) != Some(online);
            }
        }
        if is_told && !online && settled {
            let name = &self.nodes[place].id;
            // A user may come in the moment in which the database is asked.
            let just_back = self.back.get(&of).is_some_and(|back| self.now < *back + STEP * 8);
            let gone_for = if self.is_connected(of) { Duration::ZERO } else { self.now - ended };
            assert!(
                just_back || gone_for >= AFTER,
                "told on {name} that user {of} had gone, who is away for {gone_for:?}"
            );
        }
    }

    /// No node that runs is taken for dead.
    pub(super) fn holds(&self) {
        let settled = |node: &&Node| node.runs() && self.now >= node.runs_since + Duration::from_secs(8);
        for node in self.nodes.iter().filter(|node| node.runs()) {
            for other in self.nodes.iter().filter(settled) {
                assert!(!node.machine.membership().is_dead(&other.id), "{} takes {} for dead", node.id, other.id);
            }
        }
    }
}
