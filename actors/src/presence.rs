//! Which users are online: the actor that tells the users around them, and writes down when they were last seen.
//!
//! A user is online from the first connection until a while after the last has gone, so that a reload is no departure. A user
//! was last seen when that connection went, or, if its line was dead by then, at its last sign of life. The actor writes that
//! down when the user counts as gone, when the node ends, and now and then while the user is online.

pub(crate) mod handle;
mod table;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chat_database::Database;
use chat_database::change::Change;
use chat_database::ids::UserId;
use chat_database::queries::people;
use chat_database::time::Timestamp;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::time::{Instant, timeout};

use crate::connections::{Audience, ConnectionTable};
use crate::draining::Draining;
use crate::metrics;
use crate::protocol::ServerFrame;
use crate::protocol::server::PresenceOf;
use crate::storage::handle::StorageHandle;
use handle::{PresenceHandle, PresenceMsg};

/// Over how many of each other's most recently active threads presence is told.
const REACH: u32 = 500;

/// How often the actor looks for departures.
const TICK: Duration = Duration::from_millis(500);

/// How many departures are told before the table is asked again: of a crowd that has gone, many come back meanwhile.
const AT_ONCE: usize = 64;

/// After how many heartbeats the actor writes down again that a user was online: what a crash can lose of it.
const NOTED_EVERY: u32 = 5;

/// Of how many users it writes that at a time, at most: a commit of so many rows holds messages up by a fraction of a
/// millisecond.
const NOTED_AT_ONCE: usize = 64;

/// How many rows it writes in one commit where no message is held up by it.
const ROWS: usize = 1_000;

/// How long the actor waits for storage before it goes on telling who came and went.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long after storage failed it is tried again.
const PAUSE: Duration = Duration::from_secs(5);

/// How many heartbeats a connection may be silent before it counts as dead: two that were not answered and the one before,
/// each a tenth longer than usual.
const SILENCE: f64 = 3.3;

/// The actor.
pub(crate) struct PresenceActor;

/// What the presence actor uses.
pub(crate) struct PresenceContext {
    pub(crate) database: Database,
    pub(crate) connections: ConnectionTable,
    pub(crate) storage: StorageHandle,
    pub(crate) handle: PresenceHandle,
    pub(crate) draining: Draining,
    /// How long after the last connection a user counts as gone.
    pub(crate) offline_after: Duration,
    /// How often connections are pinged.
    pub(crate) heartbeat: Duration,
}

pub(crate) struct State {
    context: Arc<PresenceContext>,
    /// When users were last seen, as far as it is still to be written.
    unwritten: HashMap<UserId, Timestamp>,
    /// When storage may be tried again, if it failed.
    try_at: Option<Instant>,
}

impl Actor for PresenceActor {
    type Msg = PresenceMsg;
    type State = State;
    type Arguments = Arc<PresenceContext>;

    async fn pre_start(
        &self,
        myself: ActorRef<PresenceMsg>,
        context: Arc<PresenceContext>,
    ) -> Result<State, ActorProcessingErr> {
        myself.send_interval(TICK, || PresenceMsg::Tick);
        context.handle.set_actor(myself);
        Ok(State { context, unwritten: HashMap::new(), try_at: None })
    }

    async fn handle(
        &self,
        _: ActorRef<PresenceMsg>,
        message: PresenceMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            PresenceMsg::Came(user) => state.context.announce(user, None).await,
            PresenceMsg::Tick => {
                state.tell_departures().await;
                state.note_some().await;
            }
            PresenceMsg::Heard(received) => tracing::trace!(from = %received.from, kind = ?received.kind, "heard"),
            PresenceMsg::NoteAll(alive, done) => {
                state.note_all(alive).await;
                let _ = done.send(());
            }
        }
        Ok(())
    }
}

impl State {
    /// Tells who has gone, a few at a time: a user who comes back before their turn has not gone.
    async fn tell_departures(&mut self) {
        let after = self.context.offline_after;
        // The users of a node that ends are all being sent away: no departure is told.
        while !self.context.draining.has_started() {
            let gone = self.context.handle.change(|table| table.gone(Instant::now(), after, AT_ONCE));
            if gone.is_empty() {
                return;
            }
            // First it is written: a client that hears of it, and asks, gets the same answer.
            self.note(&gone).await;
            for (user, at) in gone {
                metrics::get().users_online.decrement(1);
                self.context.announce(user, Some(at)).await;
            }
        }
    }

    /// Writes down of some users who are online that they were there, so that a crash does not lose more of it than a while.
    async fn note_some(&mut self) {
        let now = Instant::now();
        let (every, alive) = (self.context.heartbeat * NOTED_EVERY, alive(self.context.heartbeat));
        let some = self.context.handle.change(|table| table.due(now, every, alive, NOTED_AT_ONCE));
        if !some.is_empty() || !self.unwritten.is_empty() {
            self.note(&some).await;
        }
    }

    async fn note_all(&mut self, alive: Timestamp) {
        let all = self.context.handle.change(|table| table.all(alive));
        self.try_at = None;
        self.note(&all).await;
    }

    /// Writes down when users were last seen. What cannot be written now is kept for later.
    async fn note(&mut self, seen: &[(UserId, Timestamp)]) {
        for (user, at) in seen {
            let latest = self.unwritten.entry(*user).or_insert(*at);
            *latest = (*latest).max(*at);
        }
        if self.try_at.is_some_and(|at| Instant::now() < at) {
            return;
        }
        let rows: Vec<_> = self.unwritten.iter().map(|(user, at)| (*user, *at)).collect();
        self.try_at = None;
        for rows in rows.chunks(ROWS) {
            let written = timeout(PATIENCE, self.context.storage.call(Change::LastSeen(rows.to_vec()))).await;
            let Ok(Ok(_)) = written else {
                self.try_at = Some(Instant::now() + PAUSE);
                return;
            };
            for (user, _) in rows {
                self.unwritten.remove(user);
            }
        }
    }
}

/// Returns when every user who is connected now was alive for certain.
pub(crate) fn alive(heartbeat: Duration) -> Timestamp {
    Timestamp::now().before(heartbeat.mul_f64(SILENCE))
}

impl PresenceContext {
    /// Tells the users around one, as far as they are connected, that the user came or left.
    async fn announce(&self, user: UserId, left: Option<Timestamp>) {
        let connected = match self.connected_around(user).await {
            Ok(connected) => connected,
            Err(error) => return tracing::debug!(%error, "presence is not announced"),
        };
        if connected.is_empty() {
            return;
        }
        let frame = match left {
            None => ServerFrame::UserOnline(PresenceOf { user_id: user, last_seen: None }),
            Some(_) => ServerFrame::UserOffline(PresenceOf { user_id: user, last_seen: left }),
        };
        let frame = frame.encode();
        for other in connected {
            self.connections.send(other, Audience::Chat, &frame);
        }
    }

    /// Returns the users who are connected here and share a recent thread with a user, recent for both.
    async fn connected_around(&self, user: UserId) -> Result<Vec<UserId>, chat_database::Error> {
        let mut around = people::counterparts(&self.database, user, REACH).await?;
        around.retain(|other| self.connections.is_connected(other.user));
        people::mutual_recent_contacts(&self.database, &around, REACH).await
    }
}
