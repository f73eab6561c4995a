//! Applies what another node says of its users: one change after the other, or a snapshot.

use std::collections::HashSet;

use chat_database::ids::UserId;
use chat_database::nodes::NodeId;
use chat_database::time::Timestamp;
use tokio::time::Instant;

use super::{DRAINED, Nodes, SETTLED, Tables};
use crate::presence::announcements::{Reach, Reason};
use crate::presence::peer::Peer;
use crate::presence::wire::Transition;

impl Nodes {
    /// Applies changes to the users of another node.
    pub(super) fn apply(&mut self, node: &NodeId, changes: &[Transition], tables: &mut Tables<'_>, now: Instant) {
        let Some(peer) = self.peers.get_mut(node) else { return };
        let mut gone = Vec::new();
        for change in changes {
            match *change {
                Transition::Came { user, announces } => {
                    let Ok(user) = UserId::new(user) else { continue };
                    self.absences.forget(user);
                    peer.remember(user, now);
                    if !tables.remote.insert(peer.slot, user) || tables.local.is_online(user) {
                        continue;
                    }
                    self.announcements.heard(user, true, now);
                    if !announces {
                        // The other node took the user for online elsewhere, and tells of nothing; here the user was
                        // offline.
                        let reason = Reason::came(Reach::Here);
                        self.announcements.want(user, reason, now);
                    }
                }
                Transition::Left { user, seen, announces } => {
                    let Ok(user) = UserId::new(user) else { continue };
                    tables.remote.remove(peer.slot, user);
                    let seen = Timestamp::from_millis(seen);
                    self.absences.note(user, node, seen, announces, now);
                    peer.remember(user, now);
                    if tables.is_online(user) {
                        if announces && tables.local.is_online(user) {
                            // The users around were told that the user had gone.
                            let reason = Reason::came(Reach::Everywhere);
                            self.announcements.want(user, reason, now);
                        }
                        continue;
                    }
                    self.announcements.heard(user, false, now);
                    gone.push(user);
                }
            }
        }
        for user in gone {
            // A later change of these may have brought the user back.
            if !tables.is_online(user) {
                self.announce_if_responsible(user, now);
            }
        }
    }

    /// Replaces the users of another node by those of a snapshot, and applies the changes that came after it.
    pub(super) fn replace(
        &mut self,
        node: &NodeId,
        (users, above): (Vec<UserId>, Vec<Transition>),
        tables: &mut Tables<'_>,
        now: Instant,
    ) {
        let Some(peer) = self.peers.get_mut(node) else { return };
        let tells = std::mem::replace(&mut peer.tells, true) || now > self.started + SETTLED;
        let (slot, mut has_new) = (peer.slot, !above.is_empty());
        let mut missing: HashSet<UserId> = tables.remote.users_of(slot).into_iter().collect();
        for user in users {
            if missing.remove(&user) {
                continue;
            }
            has_new = true;
            self.absences.forget(user);
            if tables.remote.insert(slot, user) && !tables.local.is_online(user) && tells {
                let reason = Reason::came(Reach::Here);
                self.announcements.want(user, reason, now);
            }
        }
        if has_new && tells {
            self.announcements.tell_again(now);
        }
        for user in missing {
            if !tables.remote.remove(slot, user) || tables.local.is_online(user) {
                continue;
            }
            if !self.announce_if_responsible(user, now) && tells {
                self.announcements.want(user, Reason::left(None, Reach::Here), now);
            }
        }
        self.apply(node, &above, tables, now);
        let knows_all = now > self.started + DRAINED;
        self.announcements.put_right(|user| tables.is_online(user), knows_all, now);
        tracing::debug!(%node, known = self.peers.get(node).is_some_and(Peer::is_known), at = ?now, "took in a snapshot");
    }

    /// Announces the absence of a user who is offline everywhere, if this node has to; tells whether it did.
    pub(super) fn announce_if_responsible(&mut self, user: UserId, now: Instant) -> bool {
        let mine = self.absences.take_unannounced(user, &self.settings.me);
        if let Some(seen) = mine {
            self.tell_absence(user, Some(seen), now);
        }
        mine.is_some()
    }

    /// Announces the absence of a user who is offline everywhere, and says so to the other nodes. A node to which the user
    /// comes at this moment then announces the return.
    pub(super) fn tell_absence(&mut self, user: UserId, seen: Option<Timestamp>, now: Instant) {
        self.changes.push(Transition::left(user, seen.unwrap_or_default(), true));
        self.announcements.want(user, Reason::left(seen, Reach::Everywhere), now);
    }
}
