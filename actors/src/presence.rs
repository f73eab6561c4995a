//! Who is online: a pure table, and the actor that tells those who may know.
//!
//! Somebody is online from their first connection until a while after their last has gone, so that a reload is no departure.
//! They were last seen when that connection went, or, if its line was dead by then, at its last sign of life. That is
//! written when they count as gone, when the node ends, and now and then while they are online.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use chat_database::change::Change;
use chat_database::ids::UserId;
use chat_database::queries::people;
use chat_database::time::Timestamp;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use crate::metrics;
use crate::node::Node;
use crate::people::Audience;
use crate::protocol::ServerFrame;
use crate::protocol::server::PresenceOf;

/// How many of each other's most recently active threads presence is told over.
pub(crate) const REACH: u32 = 500;

/// How often departures are looked for.
const TICK: Duration = Duration::from_millis(500);

/// How many departures are told before the table is asked again: of a crowd that has gone, many come back meanwhile.
const AT_ONCE: usize = 64;

/// After how many heartbeats it is written down again that somebody who is online was there: what a crash can lose of it.
const NOTED_EVERY: u32 = 5;

/// Of how many that is written at a time, at most: a commit of so many rows holds messages up by a fraction of a millisecond.
const NOTED_AT_ONCE: usize = 64;

/// How many are written in one commit where nothing is held up by it.
const ROWS: usize = 1_000;

/// How long the telling of who came and went waits for storage.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long after storage failed it is tried again.
const PAUSE: Duration = Duration::from_secs(5);

/// Of how many heartbeats the silence may be of a connection that does not count as dead yet: two that were not answered and
/// the one before, each a tenth longer than usual.
const SILENCE: f64 = 3.3;

/// Who is online. Without a clock of its own.
#[derive(Debug, Default)]
pub(crate) struct Table(HashMap<UserId, Presence>);

#[derive(Debug, Clone, Copy)]
struct Presence {
    connections: usize,
    /// When the last connection was found to have gone.
    left: Option<Instant>,
    /// The latest of: when they came, and when each of the connections went that have gone since.
    seen: Timestamp,
    /// When `seen`, or a later time, was last handed over to be written.
    noted: Instant,
}

impl Table {
    /// Counts a connection; tells whether its user was offline.
    pub(crate) fn came(&mut self, user: UserId, now: Instant, at: Timestamp) -> bool {
        let mut news = false;
        let presence = self.0.entry(user).or_insert_with(|| {
            news = true;
            Presence { connections: 0, left: None, seen: at, noted: now }
        });
        presence.connections += 1;
        presence.left = None;
        news
    }

    /// Counts a connection off, which went, or gave its last sign of life, at a time.
    pub(crate) fn left(&mut self, user: UserId, now: Instant, seen: Timestamp) {
        let Some(presence) = self.0.get_mut(&user) else { return };
        presence.connections = presence.connections.saturating_sub(1);
        presence.seen = presence.seen.max(seen);
        if presence.connections == 0 {
            presence.left = Some(now);
        }
    }

    /// Takes some of those out who have been gone for long enough, at most as many as said, with when they went.
    pub(crate) fn gone(&mut self, now: Instant, after: Duration, most: usize) -> Vec<(UserId, Timestamp)> {
        let gone = |_: &UserId, presence: &mut Presence| presence.left.is_some_and(|left| now >= left + after);
        self.0.extract_if(gone).map(|(user, presence)| (user, presence.seen)).take(most).collect()
    }

    /// Returns some of those of whom nothing was noted for a while, at most as many as said, with when they were there for
    /// certain: who is connected was so at `alive`, unless they came later.
    pub(crate) fn due(
        &mut self,
        now: Instant,
        every: Duration,
        alive: Timestamp,
        most: usize,
    ) -> Vec<(UserId, Timestamp)> {
        let due = self.0.iter_mut().filter(|(_, presence)| now >= presence.noted + every).take(most);
        let noted = due.map(|(user, presence)| {
            presence.noted = now;
            (*user, presence.seen_by(alive))
        });
        noted.collect()
    }

    /// Returns everybody, with when they were there for certain: who is connected was so at `alive`, unless they came later.
    pub(crate) fn all(&self, alive: Timestamp) -> Vec<(UserId, Timestamp)> {
        self.0.iter().map(|(user, presence)| (*user, presence.seen_by(alive))).collect()
    }

    /// Tells whether somebody is online.
    pub(crate) fn is_online(&self, user: UserId) -> bool {
        self.0.contains_key(&user)
    }
}

impl Presence {
    /// Returns when they were there, if those who are connected were alive at a time.
    fn seen_by(&self, alive: Timestamp) -> Timestamp {
        if self.connections > 0 { self.seen.max(alive) } else { self.seen }
    }
}

/// A connection, as presence counts it: from now until this is dropped.
pub(crate) struct Visit {
    node: Arc<Node>,
    user: UserId,
    ended: Option<Timestamp>,
}

impl Visit {
    pub(crate) fn begin(node: &Arc<Node>, user: UserId) -> Self {
        node.presence.came(user);
        Self { node: Arc::clone(node), user, ended: None }
    }

    /// Says when the connection ended, or gave its last sign of life; without a word it ends with this.
    pub(crate) fn ended(&mut self, at: Timestamp) {
        self.ended = Some(at);
    }
}

impl fmt::Debug for Visit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Visit").field(&self.user).finish()
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.node.presence.left(self.user, self.ended.unwrap_or_else(Timestamp::now));
    }
}

/// The table for reading, and the actor's address.
#[derive(Default)]
pub(crate) struct Handle {
    table: RwLock<Table>,
    actor: RwLock<Option<ActorRef<Message>>>,
}

impl Handle {
    fn came(&self, user: UserId) {
        if self.write(|table| table.came(user, Instant::now(), Timestamp::now())) {
            metrics::get().users_online.increment(1);
            self.tell(Message::Came(user));
        }
    }

    fn left(&self, user: UserId, seen: Timestamp) {
        self.write(|table| table.left(user, Instant::now(), seen));
    }

    /// Tells whether somebody is online on this node.
    pub(crate) fn is_online(&self, user: UserId) -> bool {
        self.table.read().unwrap_or_else(PoisonError::into_inner).is_online(user)
    }

    /// Has it written of everybody when they were there last, and waits for it; who is connected was there at `alive`.
    pub(crate) async fn note_everybody(&self, alive: Timestamp) {
        let (done, noted) = oneshot::channel();
        self.tell(Message::NoteEverybody(alive, done));
        // An actor that is not there, or ends meanwhile, drops the other side.
        let _ = noted.await;
    }

    pub(crate) fn is(&self, actor: Option<ActorRef<Message>>) {
        *self.actor.write().unwrap_or_else(PoisonError::into_inner) = actor;
    }

    fn tell(&self, message: Message) {
        if let Some(actor) = &*self.actor.read().unwrap_or_else(PoisonError::into_inner) {
            let _ = actor.send_message(message);
        }
    }

    fn write<T>(&self, change: impl FnOnce(&mut Table) -> T) -> T {
        change(&mut self.table.write().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What the actor is told.
#[derive(Debug)]
pub(crate) enum Message {
    /// Somebody is there who was not.
    Came(UserId),
    /// Time to look who has gone.
    Tick,
    /// The node ends: time to write down of everybody that they were there; who is connected, at this time.
    NoteEverybody(Timestamp, oneshot::Sender<()>),
}

/// The actor.
pub(crate) struct Presences;

pub(crate) struct State {
    node: Arc<Node>,
    /// When people were there last, as far as it is still to be written.
    unwritten: HashMap<UserId, Timestamp>,
    /// When storage may be tried again, if it failed.
    try_at: Option<Instant>,
}

impl Actor for Presences {
    type Msg = Message;
    type State = State;
    type Arguments = Arc<Node>;

    async fn pre_start(&self, myself: ActorRef<Message>, node: Arc<Node>) -> Result<State, ActorProcessingErr> {
        myself.send_interval(TICK, || Message::Tick);
        node.presence.is(Some(myself));
        Ok(State { node, unwritten: HashMap::new(), try_at: None })
    }

    async fn handle(
        &self,
        _: ActorRef<Message>,
        message: Message,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Came(user) => announce(&state.node, user, None).await,
            Message::Tick => {
                state.tell_departures().await;
                state.note_some().await;
            }
            Message::NoteEverybody(alive, done) => {
                state.note_everybody(alive).await;
                let _ = done.send(());
            }
        }
        Ok(())
    }
}

impl State {
    /// Tells who has gone, a few at a time: whoever comes back before their turn has not gone.
    async fn tell_departures(&mut self) {
        let after = self.node.options.offline_after;
        // Of a node that ends nobody is told: they are all being sent away.
        while !self.node.is_draining() {
            let gone = self.node.presence.write(|table| table.gone(Instant::now(), after, AT_ONCE));
            if gone.is_empty() {
                return;
            }
            // First it is written: whoever hears of it, and asks, is answered the same.
            self.note(&gone).await;
            for (user, at) in gone {
                metrics::get().users_online.decrement(1);
                announce(&self.node, user, Some(at)).await;
            }
        }
    }

    /// Writes down of some who are online that they were there, so that a crash does not lose more of it than a while.
    async fn note_some(&mut self) {
        let now = Instant::now();
        let (every, alive) = (self.node.options.heartbeat * NOTED_EVERY, alive(&self.node));
        let some = self.node.presence.write(|table| table.due(now, every, alive, NOTED_AT_ONCE));
        if !some.is_empty() || !self.unwritten.is_empty() {
            self.note(&some).await;
        }
    }

    async fn note_everybody(&mut self, alive: Timestamp) {
        let all = self.node.presence.write(|table| table.all(alive));
        self.try_at = None;
        self.note(&all).await;
    }

    /// Writes down when people were there last. What cannot be written now is kept for later.
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
            let written = timeout(PATIENCE, self.node.storage.call(Change::LastSeen(rows.to_vec()))).await;
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

/// Returns when everybody who is connected now was alive for certain.
pub(crate) fn alive(node: &Node) -> Timestamp {
    Timestamp::now().before(node.options.heartbeat.mul_f64(SILENCE))
}

/// Tells the people around a user, as far as they are connected, that the user came or left.
async fn announce(node: &Arc<Node>, user: UserId, left: Option<Timestamp>) {
    let connected = match connected_around(node, user).await {
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
        node.people.tell(other, Audience::Chat, &frame);
    }
}

/// Returns who is connected here and shares a recent thread with a user, recent for both.
async fn connected_around(node: &Node, user: UserId) -> Result<Vec<UserId>, chat_database::Error> {
    let mut around = people::counterparts(&node.database, user, REACH).await?;
    around.retain(|other| node.people.is_connected(other.user));
    people::mutual_recent_contacts(&node.database, &around, REACH).await
}

#[cfg(test)]
mod tests;
