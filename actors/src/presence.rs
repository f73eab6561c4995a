//! The presence actor: it tells users which users around them are online, and has last-seen times written down. The users
//! *around* a user are those who share a recent thread with the user.
//!
//! A user is online from the first connection, on whichever node, until a while after the last has gone, so that a reload is
//! no departure. A user was last seen when that connection went, or, if its line was dead by then, at its last sign of life.
//! That is written down when the user counts as gone, when the node ends, and now and then while the user is online.
//!
//! ```text
//!   table          the users of this node             remote         the users of the others, and where they are
//!   nodes          what follows from what happens here and what the other nodes say: a pure state machine
//!   peer           how far another node's users are known     announcements   who waits to be announced
//!   wire           what the nodes tell each other
//!   worker         a task beside the actor: what needs the database
//! ```
//!
//! The actor never waits, so that signs of life go out whatever the database does.

pub(crate) mod announcements;
pub(crate) mod handle;
mod nodes;
mod peer;
pub(crate) mod remote;
mod table;
pub(crate) mod wire;
mod worker;

use std::sync::Arc;
use std::time::Duration;

use chat_database::Database;
use chat_database::ids::{Pair, ThreadId, UserId};
use chat_database::nodes::NodeId;
use chat_database::time::Timestamp;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::time::Instant;

use crate::connections::ConnectionTable;
use crate::delivery_frontier::DeliveryFrontier;
use crate::draining::Draining;
use crate::membership::Witness;
use crate::metrics;
use crate::relay::handle::RelayHandle;
use crate::relay::message::Received;
use crate::storage::handle::StorageHandle;
use crate::thread::message::{ThreadMsg, ThreadRegistry};
use crate::webhooks::presence::{PresenceChange, PresenceTeller};
use announcements::Announcement;
use handle::{PresenceHandle, PresenceMsg};
use nodes::{AT_ONCE, Nodes, Output, Settings, Tables};
use wire::{Body, Typing};
use worker::{Worker, WorkerContext};

/// How often the actor looks for departures.
const TICK: Duration = Duration::from_millis(500);

/// How often the actor sends changes to the other nodes.
const TICK_WITH_OTHERS: Duration = Duration::from_millis(50);

/// How often the rows of the nodes are read, and how often if one of them is silent.
const ROWS: Duration = Duration::from_secs(2);
const ROWS_SOON: Duration = Duration::from_secs(1);

/// After how many heartbeats the last-seen time of an online user is written again: a crash loses no more of it.
const NOTED_EVERY: u32 = 5;

/// How many of these times are written at once, at most: a commit of so many rows holds messages up by a fraction of a
/// millisecond.
const NOTED_AT_ONCE: usize = 64;

/// How many heartbeats a connection may be silent before it counts as dead: two that were not answered and the one before,
/// each a tenth longer than usual.
const SILENCE: f64 = 3.3;

/// Tells users and other nodes who comes online and who goes.
pub(crate) struct PresenceActor;

/// What the presence actor uses.
pub(crate) struct PresenceContext {
    pub(crate) database: Database,
    pub(crate) connections: ConnectionTable,
    pub(crate) storage: StorageHandle,
    pub(crate) threads: Arc<ThreadRegistry>,
    pub(crate) relay: RelayHandle,
    pub(crate) frontier: DeliveryFrontier,
    pub(crate) handle: PresenceHandle,
    pub(crate) draining: Draining,
    pub(crate) webhooks: PresenceTeller,
    /// The id of this process.
    pub(crate) me: NodeId,
    /// How long after the last connection a user counts as gone.
    pub(crate) offline_after: Duration,
    /// How often connections are pinged.
    pub(crate) heartbeat: Duration,
}

pub(crate) struct State {
    context: Arc<PresenceContext>,
    nodes: Nodes,
    worker: Worker,
    /// When departures are looked for next.
    next_look: Instant,
    /// When the rows of the nodes are to be read next; `None` while they are being read.
    next_rows: Option<Instant>,
    /// Whether a [`PresenceMsg::Due`] is on its way.
    is_due: bool,
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
        let alone = context.relay.is_alone();
        let settings = Settings {
            me: context.me.clone(),
            version: env!("CARGO_PKG_VERSION"),
            offline_after: context.offline_after,
            alone,
        };
        // The count differs for each start of this actor.
        let count = Timestamp::now().millis().unsigned_abs();
        let now = Instant::now();
        let nodes = context.handle.change_both(|local, remote| {
            *remote = remote::RemoteTable::default();
            Nodes::new(settings, count, local, now)
        });
        let worker = Worker::start(WorkerContext {
            database: context.database.clone(),
            connections: context.connections.clone(),
            storage: context.storage.clone(),
            handle: context.handle.clone(),
            alone,
        });
        myself.send_interval(if alone { TICK } else { TICK_WITH_OTHERS }, || PresenceMsg::Tick);
        context.handle.set_actor(myself);
        Ok(State { context, nodes, worker, next_look: now, next_rows: (!alone).then_some(now), is_due: false })
    }

    async fn handle(
        &self,
        myself: ActorRef<PresenceMsg>,
        message: PresenceMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        let (now, alone) = (Instant::now(), state.context.relay.is_alone());
        match message {
            PresenceMsg::Came(user) => state.with_tables(|nodes, tables| nodes.came(user, tables, now)),
            PresenceMsg::Tick => state.tick(now),
            PresenceMsg::Due => state.is_due = false,
            PresenceMsg::Heard(received) => state.heard(&received, now),
            PresenceMsg::Rows(rows) => state.rows(rows.as_deref(), now),
            PresenceMsg::Announced(announcement, elsewhere) => {
                let is_news = state.with_tables(|nodes, tables| nodes.resolved(&announcement, elsewhere, tables, now));
                if is_news {
                    state.context.webhooks.tell(changed(&announcement));
                }
            }
            PresenceMsg::Unannounced(announcement) => state.nodes.unresolved(&announcement, now),
            PresenceMsg::NoteAll(alive, done) => {
                let all = state.context.handle.change(|table| table.all(alive));
                state.worker.note_all(all, done);
            }
        }
        if alone {
            state.with_tables(|nodes, tables| nodes.announce(tables, now));
            if state.nodes.has_waiting() && !std::mem::replace(&mut state.is_due, true) {
                myself.send_after(TICK_WITH_OTHERS, || PresenceMsg::Due);
            }
        }
        state.act();
        Ok(())
    }
}

impl State {
    fn with_tables<T>(&mut self, change: impl FnOnce(&mut Nodes, &mut Tables<'_>) -> T) -> T {
        let nodes = &mut self.nodes;
        self.context.handle.change_both(|local, remote| change(nodes, &mut Tables { local, remote }))
    }

    fn tick(&mut self, now: Instant) {
        let draining = self.context.draining.has_started();
        let released = self.context.frontier.released().0;
        if now >= self.next_look && self.worker.has_room() {
            self.next_look = now + TICK;
            self.look(draining, now);
        }
        self.with_tables(|nodes, tables| nodes.tick(draining, released, tables, now));
        self.read_rows(now);
        self.context.handle.membership().show(self.nodes.membership(), now);
        if self.nodes.is_settled() {
            self.context.handle.set_settled();
        }
        let others = self.nodes.membership().live().count();
        metrics::set(&metrics::get().nodes, 1 + others);
        metrics::set(&metrics::get().presence_remote, self.context.handle.remote().read(remote::RemoteTable::len));
    }

    /// Looks for users who have left, and has their last-seen times written. That is done before the users around them are
    /// told, so that a client which asks then gets the same answer. The times of some online users are written, too, so
    /// that a crash loses little of them.
    fn look(&mut self, draining: bool, now: Instant) {
        let departed = self.with_tables(|nodes, tables| nodes.departures(draining, tables, now));
        if departed.len() == AT_ONCE {
            self.next_look = now;
        }
        for _ in &departed {
            metrics::get().users_online.decrement(1);
        }
        let (every, alive) = (self.context.heartbeat * NOTED_EVERY, alive(self.context.heartbeat));
        let some = self.context.handle.change(|table| table.due(now, every, alive, NOTED_AT_ONCE));
        self.worker.note(departed.into_iter().chain(some).collect());
    }

    fn heard(&mut self, received: &Received, now: Instant) {
        let Some(body) = Body::decode(&received.body) else {
            return tracing::debug!(from = %received.from, kind = ?received.kind, "cannot be read: of another version?");
        };
        if let Body::Typing(typing) = body {
            return self.context.types(&received.from, typing);
        }
        let from = &received.from;
        self.with_tables(|nodes, tables| nodes.heard(from, body, tables, now));
    }

    /// Reads the rows of the nodes, in a task of its own.
    fn read_rows(&mut self, now: Instant) {
        if self.next_rows.is_none_or(|next| now < next) {
            return;
        }
        self.next_rows = None;
        let (database, handle) = (self.context.database.clone(), self.context.handle.clone());
        tokio::spawn(async move {
            let rows = chat_database::nodes::all(&database).await.ok();
            let witness = |node: chat_database::nodes::Node| Witness { node: node.id, age: node.beat };
            handle.send(PresenceMsg::Rows(rows.map(|rows| rows.into_iter().map(witness).collect())));
        });
    }

    fn rows(&mut self, rows: Option<&[Witness]>, now: Instant) {
        self.with_tables(|nodes, tables| nodes.witness(rows, tables, now));
        let pause = if self.nodes.membership().suspects(now) { ROWS_SOON } else { ROWS };
        self.next_rows = Some(now + pause);
    }

    /// Carries out the outputs of the state machine.
    fn act(&mut self) {
        for output in self.nodes.outputs() {
            match output {
                Output::Send(to, body) => {
                    if !self.context.relay.is_alone() {
                        self.context.relay.publish(to, body.kind(), body.encode());
                    }
                }
                Output::Announce(announcement) => self.worker.tell(announcement),
                Output::Deliver { user, online, seen, recipients } => {
                    self.worker.deliver(user, online, seen, &recipients);
                }
            }
        }
    }
}

/// Returns what webhooks are told of an announcement.
fn changed(announcement: &Announcement) -> PresenceChange {
    let Announcement { user, online, seen, .. } = *announcement;
    PresenceChange { user, online, last_seen: seen.filter(|_| !online), at: Timestamp::now() }
}

/// Returns a time at which every user who is connected now was certainly alive.
pub(crate) fn alive(heartbeat: Duration) -> Timestamp {
    Timestamp::now().before(heartbeat.mul_f64(SILENCE))
}

impl PresenceContext {
    /// Has a thread tell its member here that the other one types on another node, or has stopped.
    fn types(&self, node: &NodeId, typing: Typing) {
        let user = |id| UserId::new(id).ok();
        let (Some(who), Some(to), Ok(thread_id)) = (user(typing.from), user(typing.to), ThreadId::new(typing.thread))
        else {
            return;
        };
        if let Some(pair) = Pair::new(who, to).filter(|_| self.connections.is_connected(to)) {
            let node = Arc::clone(node.name());
            let _ = self.threads.deliver(pair, ThreadMsg::TypingElsewhere { who, node, thread_id, on: typing.on });
        }
    }
}
