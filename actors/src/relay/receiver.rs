//! Receives messages of other nodes: verifies them, notes what is missing, and hands them on by their kind.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use chat_database::nodes::NodeId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::envelope::{Codec, Envelope, Ignored, Reason};
use super::ignored::IgnoredLog;
use super::message::{Destination, Kind, Received};
use super::sequences::{Lane, SequenceCheck, Sequences};
use super::told;
use crate::delivery_frontier::DeliveryFrontier;
use crate::follower::handle::FollowerHandle;
use crate::metrics;
use crate::presence::handle::PresenceHandle;

/// How many bytes may wait for the actors that they are handed to.
const ROOM: usize = 16 * 1_024 * 1_024;

/// How many of these bytes a message takes besides its body.
const OVERHEAD: usize = 512;

/// How often the follower is woken because something is missing, at most.
const WAKE_EVERY: Duration = Duration::from_millis(50);

/// Receives messages of other nodes.
pub(super) struct Receiver {
    me: NodeId,
    codec: Codec,
    destinations: [Destination; Lane::ALL.len()],
    frontier: DeliveryFrontier,
    follower: FollowerHandle,
    presence: PresenceHandle,
    on_update: OnUpdate,
    sequences: Mutex<Sequences>,
    ignored: IgnoredLog,
    room: Arc<Semaphore>,
    woken_at: Mutex<Option<Instant>>,
}

/// The parts of the node that the receiver hands messages to, or reads from.
pub(crate) struct Neighbours {
    pub(crate) frontier: DeliveryFrontier,
    pub(crate) follower: FollowerHandle,
    pub(crate) presence: PresenceHandle,
    /// The function that gets the body of each update.
    pub(crate) on_update: OnUpdate,
}

/// A function that takes the body of an update.
pub(crate) type OnUpdate = Box<dyn Fn(&Bytes) + Send + Sync>;

impl Receiver {
    pub(super) fn new(me: NodeId, codec: Codec, neighbours: Neighbours) -> Self {
        let Neighbours { frontier, follower, presence, on_update } = neighbours;
        Self {
            destinations: Lane::ALL.map(|lane| lane.destination(me.name())),
            me,
            codec,
            frontier,
            follower,
            presence,
            on_update,
            sequences: Mutex::default(),
            ignored: IgnoredLog::default(),
            room: Arc::new(Semaphore::new(ROOM)),
            woken_at: Mutex::default(),
        }
    }

    /// Takes in one message that came to a lane, valid or not.
    pub(super) fn hear(&self, lane: Lane, bytes: &Bytes) {
        match self.verified(lane, bytes) {
            Ok((received, doubt)) => {
                metrics::get().relay.heard.increment(1);
                if doubt {
                    self.wake_follower();
                }
                self.hand_on(received);
            }
            Err(ignored) => self.ignored.note(&ignored),
        }
    }

    /// Has the follower read the database, for messages come again after a while in which none did.
    pub(super) fn link_is_back(&self) {
        self.follower.wake();
    }

    /// Verifies a message; returns it, and whether messages about commits were found missing.
    fn verified(&self, lane: Lane, bytes: &Bytes) -> Result<(Received, bool), Ignored> {
        let Envelope { kind, from, sequence, epoch, body } = self.codec.open(self.destination(lane), bytes)?;
        let ignored = |reason| Ignored { reason, node: Some(Arc::clone(from.name())) };
        if from == self.me {
            return Err(ignored(Reason::Own));
        }
        if matches!(kind, Kind::Header | Kind::Content) && !self.frontier.knows_name(&epoch) {
            // The sequence number is not noted: the next message then counts as coming after a gap.
            self.wake_follower();
            return Err(ignored(Reason::Epoch));
        }
        let room = self.take_room(&body).ok_or_else(|| ignored(Reason::Overloaded))?;
        let (told, body) = match kind {
            Kind::Heartbeat => told::decode(self.me.name(), &body).map_err(ignored)?,
            _ => (Vec::new(), body),
        };
        let mut sequences = self.sequences.lock().unwrap_or_else(PoisonError::into_inner);
        let check = sequences.note(&from, lane, sequence);
        let missing = match (check, kind) {
            (SequenceCheck::Over, _) => return Err(ignored(Reason::Replayed)),
            (_, Kind::Heartbeat) => sequences.note_told(&from, &told),
            _ => Vec::new(),
        };
        drop(sequences);
        let gap = check == SequenceCheck::AfterGap;
        metrics::get().relay.gaps.increment(u64::from(gap) + missing.len() as u64);
        let doubt = missing.iter().any(|lane| matches!(lane, Lane::Commits | Lane::Own));
        Ok((Received::new(from, kind, body, gap || !missing.is_empty()).within(room), doubt))
    }

    fn hand_on(&self, received: Received) {
        match received.kind {
            Kind::Header | Kind::Content => self.follower.heard(received),
            Kind::Presence
            | Kind::Announcement
            | Kind::Typing
            | Kind::SnapshotRequest
            | Kind::Snapshot
            | Kind::Heartbeat => self.presence.heard(received),
            Kind::Update => (self.on_update)(&received.body),
        }
    }

    fn destination(&self, lane: Lane) -> &Destination {
        &self.destinations[lane as usize]
    }

    fn take_room(&self, body: &Bytes) -> Option<OwnedSemaphorePermit> {
        let bytes = u32::try_from(body.len() + OVERHEAD).ok()?;
        Arc::clone(&self.room).try_acquire_many_owned(bytes).ok()
    }

    /// Has the follower read the database, at most once in [`WAKE_EVERY`].
    fn wake_follower(&self) {
        let mut woken_at = self.woken_at.lock().unwrap_or_else(PoisonError::into_inner);
        if woken_at.is_none_or(|at| at.elapsed() >= WAKE_EVERY) {
            *woken_at = Some(Instant::now());
            self.follower.wake();
        }
    }
}

#[cfg(test)]
impl Receiver {
    /// Returns the last message that was believed of a node's lane.
    pub(super) fn last_of(&self, from: &NodeId, lane: Lane) -> u64 {
        self.sequences.lock().unwrap_or_else(PoisonError::into_inner).last_of(from, lane)
    }
}

#[cfg(test)]
pub(super) mod tests;
