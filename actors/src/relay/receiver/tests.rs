//! A relay that lies is not believed: whatever is wrong with a message, it is ignored for that reason, and what is true goes
//! on being heard.

use std::collections::HashMap;

use bytes::BytesMut;
use chat_database::history::{CommitRef, Head, Nonce};
use chat_database::ids::CommitNo;
use chat_database::time::Timestamp;

use super::super::envelope::{Key, MAX_BYTES};
use super::*;

const EPOCH: &str = "0123456789abcdef";
const DATABASE: [u8; 16] = [7; 16];

pub(in crate::relay) fn codec() -> Codec {
    Codec { database: DATABASE, key: Key::derive(b"the secret of all nodes") }
}

pub(in crate::relay) fn node(name: &str, incarnation: u64) -> NodeId {
    NodeId::of(name.into(), incarnation)
}

/// Makes the frontier of a node that knows one history, and has delivered nothing.
pub(in crate::relay) fn frontier() -> DeliveryFrontier {
    let commit_ref = CommitRef { epoch: EPOCH.into(), commit: CommitNo(0), nonce: Nonce(0) };
    DeliveryFrontier::new(Head {
        commit_ref,
        newest: Timestamp::from_millis(0),
        known: None,
        restrictions: CommitNo(0),
    })
}

pub(in crate::relay) fn receiver(me: NodeId, codec: Codec) -> Receiver {
    let neighbours = Neighbours {
        frontier: frontier(),
        follower: FollowerHandle::default(),
        presence: PresenceHandle::default(),
        on_update: Box::new(|_| {}),
    };
    Receiver::new(me, codec, neighbours)
}

/// A node that says the truth, and whose messages others change.
struct Speaker {
    codec: Codec,
    from: NodeId,
    sequences: HashMap<Lane, u64>,
}

impl Speaker {
    fn new(from: NodeId) -> Self {
        Self { codec: codec(), from, sequences: HashMap::new() }
    }

    /// Returns the next message of a lane, before it is signed.
    fn next(&mut self, lane: Lane) -> Envelope {
        let sequence = self.sequences.entry(lane).or_default();
        *sequence += 1;
        let kind = match lane {
            Lane::Commits => Kind::Header,
            Lane::Presence => Kind::Presence,
            Lane::Heartbeats => Kind::Heartbeat,
            Lane::Own => Kind::Content,
        };
        let body = if kind == Kind::Heartbeat { told::encode(&[], b"alive") } else { "something".into() };
        Envelope { kind, from: self.from.clone(), sequence: *sequence, epoch: EPOCH.into(), body }
    }

    fn says(&mut self, lane: Lane) -> Bytes {
        let envelope = self.next(lane);
        self.sealed(lane, &envelope)
    }

    fn sealed(&self, lane: Lane, envelope: &Envelope) -> Bytes {
        self.codec.seal(&lane.destination(&"me".into()), envelope).expect("small enough")
    }
}

fn reason(receiver: &Receiver, lane: Lane, bytes: &Bytes) -> Reason {
    receiver.verified(lane, bytes).expect_err("a lie").reason
}

#[test]
fn of_ten_thousand_lies_none_is_believed_and_each_is_told_by_its_reason() {
    let long = std::env::var("CHAT_TEST_LONG").is_ok_and(|value| !matches!(value.as_str(), "" | "0"));
    let lies = if long { 1_000_000 } else { 10_000 };
    let huge = Bytes::from(vec![1; 2 * MAX_BYTES]);
    let receiver = receiver(node("me", 1), codec());
    let mut one = Speaker::new(node("one", 5));
    let mut dice = fastrand::Rng::with_seed(13);
    let mut counted: HashMap<Reason, usize> = HashMap::new();
    let mut earlier: Vec<(Lane, Bytes)> = Vec::new();
    for n in 0..lies {
        let lane = Lane::ALL[dice.usize(0..4)];
        let truth = one.says(lane);
        let (received, _) = receiver.verified(lane, &truth).unwrap_or_else(|refused| panic!("{n}: {refused:?}"));
        assert!(!received.gap, "{n}: nothing is missing");
        earlier.push((lane, truth.clone()));

        let mut bytes = BytesMut::from(&truth[..]);
        let (lane, lie, possible): (Lane, Bytes, &[Reason]) = match dice.usize(0..12) {
            0 => {
                let at = dice.usize(0..bytes.len());
                bytes[at] ^= 1 << dice.u8(0..8);
                (lane, bytes.freeze(), &[Reason::Format, Reason::Version, Reason::Database, Reason::Signature])
            }
            1 => (lane, truth.slice(..dice.usize(0..truth.len())), &[Reason::Format, Reason::Signature]),
            2 => {
                let (lane, replayed) = earlier[dice.usize(0..earlier.len())].clone();
                (lane, replayed, &[Reason::Replayed])
            }
            3 => {
                // Sent before, and overtaken by another one.
                let (late, overtaking) = (one.says(lane), one.says(lane));
                assert!(receiver.verified(lane, &overtaking).is_ok_and(|(received, _)| received.gap));
                (lane, late, &[Reason::Replayed])
            }
            4 => {
                let lane = if dice.bool() { Lane::Commits } else { Lane::Own };
                let mut envelope = one.next(lane);
                envelope.epoch = "another history".into();
                one.sequences.entry(lane).and_modify(|last| *last -= 1);
                (lane, one.sealed(lane, &envelope), &[Reason::Epoch])
            }
            5 => {
                let other = Codec { database: [8; 16], ..codec() };
                let envelope = Envelope { sequence: u64::MAX, ..one.next(lane) };
                one.sequences.entry(lane).and_modify(|last| *last -= 1);
                (lane, other.seal(&lane.destination(&"me".into()), &envelope).expect("small"), &[Reason::Database])
            }
            6 => {
                bytes[4] = dice.u8(2..);
                (lane, bytes.freeze(), &[Reason::Version])
            }
            7 => {
                let stranger = Codec { key: Key::derive(b"another secret"), ..codec() };
                let envelope = Envelope { sequence: u64::MAX, ..one.next(lane) };
                one.sequences.entry(lane).and_modify(|last| *last -= 1);
                (lane, stranger.seal(&lane.destination(&"me".into()), &envelope).expect("small"), &[Reason::Signature])
            }
            8 => (lane, huge.clone(), &[Reason::Size]),
            9 => {
                let mut me = Speaker::new(node("me", 1));
                (lane, me.says(lane), &[Reason::Own])
            }
            10 => {
                let length = dice.usize(0..400);
                let noise: Vec<u8> = std::iter::repeat_with(|| dice.u8(..)).take(length).collect();
                (lane, noise.into(), &[Reason::Format])
            }
            // To another destination than it was sent to.
            _ => (Lane::ALL[(lane as usize + 1) % 4], truth, &[Reason::Signature]),
        };
        let why = reason(&receiver, lane, &lie);
        assert!(possible.contains(&why), "{n}: {why:?}, not {possible:?}");
        *counted.entry(why).or_default() += 1;
    }
    assert_eq!(counted.values().sum::<usize>(), lies);
    assert_eq!(counted.len(), 8, "each reason of a lie: {counted:?}");
}

#[test]
fn a_process_that_was_followed_by_another_is_not_believed_any_more() {
    let receiver = receiver(node("me", 1), codec());
    let (mut before, mut after) = (Speaker::new(node("one", 5)), Speaker::new(node("one", 6)));
    assert!(receiver.verified(Lane::Commits, &before.says(Lane::Commits)).is_ok());
    assert!(receiver.verified(Lane::Commits, &after.says(Lane::Commits)).is_ok());
    assert_eq!(reason(&receiver, Lane::Commits, &before.says(Lane::Commits)), Reason::Replayed);
}

#[test]
fn a_message_of_an_unknown_history_leaves_a_gap_unless_it_is_not_about_commits() {
    let receiver = receiver(node("me", 1), codec());
    let mut one = Speaker::new(node("one", 5));
    for (lane, believed) in
        [(Lane::Commits, false), (Lane::Own, false), (Lane::Presence, true), (Lane::Heartbeats, true)]
    {
        let mut envelope = one.next(lane);
        envelope.epoch = "not known yet".into();
        assert_eq!(receiver.verified(lane, &one.sealed(lane, &envelope)).is_ok(), believed, "{lane:?}");
        let (next, _) = receiver.verified(lane, &one.says(lane)).expect("the truth");
        assert_eq!(next.gap, !believed, "{lane:?}");
    }
}

#[test]
fn the_loss_of_the_last_messages_shows_at_the_second_heartbeat() {
    let receiver = receiver(node("me", 1), codec());
    let mut one = Speaker::new(node("one", 5));
    receiver.verified(Lane::Commits, &one.says(Lane::Commits)).expect("the truth");
    let mut beat = || {
        let envelope = one.next(Lane::Heartbeats);
        let body = told::encode(&[(Destination::AllCommits, 3), (Destination::Node("me".into()), 0)], b"alive");
        receiver.verified(Lane::Heartbeats, &one.sealed(Lane::Heartbeats, &Envelope { body, ..envelope }))
    };
    let (first, doubt) = beat().expect("the truth");
    assert_eq!((first.gap, doubt, &first.body[..]), (false, false, &b"alive"[..]));
    let (second, doubt) = beat().expect("the truth");
    assert!(second.gap && doubt);
    let (third, doubt) = beat().expect("the truth");
    assert!(!third.gap && !doubt);
}

#[test]
fn what_waits_for_the_actors_is_bounded() {
    let receiver = receiver(node("me", 1), codec());
    let mut one = Speaker::new(node("one", 5));
    let mut held = Vec::new();
    let refused = loop {
        let mut envelope = one.next(Lane::Presence);
        envelope.body = vec![0; 500_000].into();
        match receiver.verified(Lane::Presence, &one.sealed(Lane::Presence, &envelope)) {
            Ok((received, _)) => held.push(received),
            Err(refused) => break refused,
        }
        assert!(held.len() < 100, "without bound");
    };
    assert_eq!(refused.reason, Reason::Overloaded);
    held.clear();
    let (next, _) = receiver.verified(Lane::Presence, &one.says(Lane::Presence)).expect("there is room again");
    assert!(next.gap);
}
