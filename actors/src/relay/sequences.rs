//! The sequence numbers that came from each sender: they show which messages are missing, and which come twice.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use chat_database::nodes::NodeId;

use super::message::Destination;

/// How many senders are remembered; beyond that the one that was silent for longest is forgotten.
const SENDERS: usize = 256;

/// How many earlier processes of a node are remembered: their messages are ignored.
const EARLIER: usize = 8;

/// A destination that this node receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Lane {
    /// Headers of commits.
    Commits,
    /// Who came and left.
    Presence,
    /// Signs of life.
    Heartbeats,
    /// What is for this node alone.
    Own,
}

impl Lane {
    /// All lanes.
    pub(super) const ALL: [Self; 4] = [Self::Commits, Self::Presence, Self::Heartbeats, Self::Own];

    /// Returns the lane of a destination; `None` if the node does not receive it.
    pub(super) fn of(to: &Destination, me: &str) -> Option<Self> {
        match to {
            Destination::AllCommits => Some(Self::Commits),
            Destination::AllPresence => Some(Self::Presence),
            Destination::AllHeartbeats => Some(Self::Heartbeats),
            Destination::Node(name) => (**name == *me).then_some(Self::Own),
        }
    }

    /// Returns its destination, for the node `me`.
    pub(super) fn destination(self, me: &Arc<str>) -> Destination {
        match self {
            Self::Commits => Destination::AllCommits,
            Self::Presence => Destination::AllPresence,
            Self::Heartbeats => Destination::AllHeartbeats,
            Self::Own => Destination::Node(Arc::clone(me)),
        }
    }
}

/// Where a message stands among those of its sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SequenceCheck {
    /// It is the next one.
    Next,
    /// Messages before it are missing; also if it is the first one that comes from a process, but not that process's first.
    AfterGap,
    /// It came before, or a later one did, or a message of a later process of its node.
    Over,
}

/// The sequence numbers that came from each sender.
#[derive(Debug, Default)]
pub(super) struct Sequences {
    senders: HashMap<Arc<str>, Sender>,
    clock: u64,
}

#[derive(Debug)]
struct Sender {
    incarnation: u64,
    earlier: VecDeque<u64>,
    /// The last number of each lane.
    last: [u64; Lane::ALL.len()],
    /// The number of each lane that the last heartbeat named.
    told: [u64; Lane::ALL.len()],
    heard_at: u64,
}

impl Sequences {
    /// Notes a message, and returns where it stands.
    pub(super) fn note(&mut self, from: &NodeId, lane: Lane, sequence: u64) -> SequenceCheck {
        let Some(sender) = self.sender(from) else { return SequenceCheck::Over };
        let last = &mut sender.last[lane as usize];
        if sequence <= *last {
            return SequenceCheck::Over;
        }
        let next = sequence == *last + 1;
        *last = sequence;
        if next { SequenceCheck::Next } else { SequenceCheck::AfterGap }
    }

    /// Notes how many messages a process has sent to each lane, by its heartbeat. Returns the lanes that lack messages
    /// which the heartbeat before had named: these have had the time between two heartbeats to arrive.
    pub(super) fn note_told(&mut self, from: &NodeId, told: &[(Lane, u64)]) -> Vec<Lane> {
        let Some(sender) = self.sender(from) else { return Vec::new() };
        let mut missing = Vec::new();
        for lane in Lane::ALL {
            let (last, before) = (&mut sender.last[lane as usize], sender.told[lane as usize]);
            if *last < before {
                *last = before;
                missing.push(lane);
            }
        }
        for (lane, count) in told {
            sender.told[*lane as usize] = *count;
        }
        missing
    }

    /// Returns the last message of a process's lane.
    #[cfg(test)]
    pub(super) fn last_of(&self, from: &NodeId, lane: Lane) -> u64 {
        self.senders
            .get(from.name())
            .filter(|sender| sender.incarnation == from.incarnation())
            .map_or(0, |sender| sender.last[lane as usize])
    }

    /// Returns what is known of a process; `None` if a later process of that node has sent something.
    fn sender(&mut self, from: &NodeId) -> Option<&mut Sender> {
        self.clock += 1;
        if !self.senders.contains_key(from.name()) {
            self.make_room();
        }
        let sender = self.senders.entry(Arc::clone(from.name())).or_insert_with(|| Sender::new(from.incarnation()));
        if sender.earlier.contains(&from.incarnation()) {
            return None;
        }
        if sender.incarnation != from.incarnation() {
            let mut earlier = std::mem::take(&mut sender.earlier);
            earlier.push_back(sender.incarnation);
            if earlier.len() > EARLIER {
                earlier.pop_front();
            }
            *sender = Sender { earlier, ..Sender::new(from.incarnation()) };
        }
        sender.heard_at = self.clock;
        Some(sender)
    }

    fn make_room(&mut self) {
        if self.senders.len() >= SENDERS
            && let Some(name) = self.senders.iter().min_by_key(|(_, sender)| sender.heard_at).map(|(name, _)| name)
        {
            let name = Arc::clone(name);
            self.senders.remove(&name);
        }
    }
}

impl Sender {
    fn new(incarnation: u64) -> Self {
        Self { incarnation, earlier: VecDeque::new(), last: [0; 4], told: [0; 4], heard_at: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, incarnation: u64) -> NodeId {
        NodeId::of(name.into(), incarnation)
    }

    #[test]
    fn a_hole_is_seen_once_and_by_lane() {
        let (mut heard, one) = (Sequences::default(), node("one", 1));
        assert_eq!(heard.note(&one, Lane::Commits, 1), SequenceCheck::Next);
        assert_eq!(heard.note(&one, Lane::Presence, 1), SequenceCheck::Next);
        assert_eq!(heard.note(&one, Lane::Commits, 3), SequenceCheck::AfterGap);
        assert_eq!(heard.note(&one, Lane::Commits, 4), SequenceCheck::Next);
        assert_eq!(heard.note(&one, Lane::Presence, 2), SequenceCheck::Next);
    }

    #[test]
    fn what_comes_again_or_late_is_over() {
        let (mut heard, one) = (Sequences::default(), node("one", 1));
        heard.note(&one, Lane::Own, 5);
        for sequence in [5, 4, 1, 0] {
            assert_eq!(heard.note(&one, Lane::Own, sequence), SequenceCheck::Over, "{sequence}");
        }
        assert_eq!(heard.note(&one, Lane::Own, 6), SequenceCheck::Next);
    }

    #[test]
    fn who_is_heard_in_the_middle_lacks_the_beginning() {
        let mut heard = Sequences::default();
        assert_eq!(heard.note(&node("one", 1), Lane::Commits, 40), SequenceCheck::AfterGap);
    }

    #[test]
    fn a_process_that_was_followed_by_another_is_over_for_good() {
        let mut heard = Sequences::default();
        heard.note(&node("one", 1), Lane::Commits, 9);
        assert_eq!(heard.note(&node("one", 2), Lane::Commits, 1), SequenceCheck::Next);
        assert_eq!(heard.note(&node("one", 1), Lane::Commits, 10), SequenceCheck::Over);
        assert!(heard.note_told(&node("one", 1), &[(Lane::Commits, 50)]).is_empty());
        assert_eq!(heard.note(&node("one", 2), Lane::Commits, 2), SequenceCheck::Next);
    }

    #[test]
    fn the_last_messages_are_missed_at_the_second_heartbeat_that_speaks_of_them() {
        let (mut heard, one) = (Sequences::default(), node("one", 1));
        heard.note(&one, Lane::Commits, 1);
        assert_eq!(heard.note_told(&one, &[(Lane::Commits, 3), (Lane::Presence, 1)]), []);
        heard.note(&one, Lane::Presence, 1);
        assert_eq!(heard.note_told(&one, &[(Lane::Commits, 4), (Lane::Presence, 1)]), [Lane::Commits]);
        assert_eq!(heard.note(&one, Lane::Commits, 4), SequenceCheck::Next);
        assert_eq!(heard.note_told(&one, &[(Lane::Commits, 4), (Lane::Presence, 1)]), []);
    }

    #[test]
    fn senders_are_bounded() {
        let mut heard = Sequences::default();
        for n in 0..=SENDERS {
            heard.note(&node(&n.to_string(), 1), Lane::Commits, 7);
        }
        assert_eq!(heard.senders.len(), SENDERS);
        assert_eq!(heard.note(&node("0", 1), Lane::Commits, 7), SequenceCheck::AfterGap, "forgotten");
        assert_eq!(heard.note(&node(&SENDERS.to_string(), 1), Lane::Commits, 7), SequenceCheck::Over, "remembered");
    }
}
