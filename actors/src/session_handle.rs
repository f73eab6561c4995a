//! Sessions, for the connections' tasks: opens, feeds and ends them.

use std::sync::Arc;
use std::time::Duration;

use chat_database::ids::UserId;
use chat_database::time::Timestamp;
use ractor::actor::actor_cell::ActorCell;
use ractor::{ActorRef, ActorRuntime};
use tokio::sync::Semaphore;

use crate::connections::{ConnectionId, ConnectionTable};
use crate::draining::Draining;
use crate::error::Error;
use crate::metrics;
use crate::outbox::{Capacity, Close, Outbox};
use crate::presence::handle::{PresenceGuard, PresenceHandle};
use crate::protocol::{ClientFrame, CloseCode, ErrorCode, ParseError, Socket};
use crate::requester::Permit;
use crate::restrictions::Restrictions;
use crate::session::{Arguments, Session, SessionContext, SessionMsg};

/// How many connections are closed at a time while the node drains, and how long after each other.
const BATCH: usize = 100;
const BATCH_PAUSE: Duration = Duration::from_millis(50);

/// A connection that asks for a session. Its user has been authenticated.
#[derive(Debug)]
pub struct Opening {
    /// The user.
    pub user: UserId,
    /// When the user's token was issued, if it says so.
    pub issued_at: Option<Timestamp>,
    /// The socket.
    pub socket: Socket,
    /// Whether `/chat` carries the notification stream from the start.
    pub notifications: bool,
    /// How far the client says that it has been served.
    pub cursor: Option<String>,
}

/// The sessions of a node: opens them, and closes their connections when the node drains.
pub(crate) struct Sessions {
    pub(crate) context: Arc<SessionContext>,
    /// The actor that supervises them.
    pub(crate) supervisor: ActorCell,
    pub(crate) connections: ConnectionTable,
    pub(crate) presence: PresenceHandle,
    pub(crate) restrictions: Restrictions,
    pub(crate) draining: Draining,
    /// How many connections a user may have.
    pub(crate) per_user: usize,
    /// How much each connection's outbox holds.
    pub(crate) outbox: Capacity,
    /// How many frames of a connection may wait for their reply.
    pub(crate) in_flight: usize,
}

impl Sessions {
    /// Checks that a user may open another connection.
    pub(crate) fn may_open(&self, user: UserId) -> Result<(), Error> {
        if self.draining.has_started() {
            return Err(Error::shutting_down());
        }
        if self.connections.connections(user) < self.per_user { Ok(()) } else { Err(self.too_many_connections()) }
    }

    /// Registers a connection and starts its session.
    pub(crate) fn open(&self, opening: Opening) -> Result<SessionHandle, Error> {
        let Opening { user, issued_at, socket, notifications, cursor } = opening;
        if self.draining.has_started() {
            return Err(Error::shutting_down());
        }
        let outbox = Outbox::new(self.outbox);
        outbox.hold();
        let registration = self
            .connections
            .register(user, socket, notifications, outbox.clone(), self.per_user)
            .map_err(|_| self.too_many_connections())?;
        // After the registration: sessions may have been ended since the token was checked.
        self.restrictions.check_token(user, issued_at)?;
        let connection_id = registration.id();
        let notifications = notifications || socket == Socket::Notifications;
        let arguments = Arguments { context: Arc::clone(&self.context), registration, socket, notifications };
        let (actor, _) = ActorRuntime::spawn_linked_instant(None, Session, arguments, self.supervisor.clone())
            .map_err(|_| Error::shutting_down())?;
        let session = actor.clone();
        outbox.on_drained(move || {
            // A session that has ended has closed the outbox.
            let _ = session.send_message(SessionMsg::ContinueReplay);
        });
        // An actor that ends at once has closed the outbox.
        let _ = actor.send_message(SessionMsg::Begin(cursor.map(String::into_boxed_str)));
        let in_flight = self.in_flight;
        let permits = Arc::new(Semaphore::new(in_flight));
        let presence = self.presence.connect(user);
        Ok(SessionHandle { actor, outbox, permits, in_flight, connection_id, presence })
    }

    /// Closes every connection, in batches, within a time; each client is told when to come back, so that they don't come all
    /// at once.
    pub(crate) async fn close_all(&self, within: Duration) {
        let outboxes = self.connections.outboxes();
        let batches = u32::try_from(outboxes.len().div_ceil(BATCH)).unwrap_or(u32::MAX).max(1);
        let pause = BATCH_PAUSE.min(within / batches);
        // Two milliseconds for each connection: the nodes that take them over bear that well.
        let spread = (outboxes.len() * 2).clamp(1_000, 30_000);
        for (number, batch) in outboxes.chunks(BATCH).enumerate() {
            if number > 0 {
                tokio::time::sleep(pause).await;
            }
            for (place, outbox) in batch.iter().enumerate() {
                let delay = spread * (number * BATCH + place) / outboxes.len();
                outbox.close_with(Close { code: CloseCode::ShuttingDown, reason: delay.to_string() });
            }
        }
    }

    /// Waits until every connection has gone.
    pub(crate) async fn all_gone(&self) {
        while !self.connections.is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn too_many_connections(&self) -> Error {
        let text = format!("you have {} connections already; close one first", self.per_user);
        Error::new(ErrorCode::RateLimited, text)
    }
}

/// A connection's session, as the connection's task holds it. Dropping it ends the session, after the frames that it was
/// given.
#[derive(Debug)]
pub struct SessionHandle {
    actor: ActorRef<SessionMsg>,
    outbox: Outbox,
    permits: Arc<Semaphore>,
    in_flight: usize,
    connection_id: ConnectionId,
    presence: PresenceGuard,
}

impl SessionHandle {
    /// Returns the connection's id, for logs and support.
    #[must_use]
    pub fn connection_id(&self) -> ConnectionId {
        self.connection_id
    }

    /// Returns the connection's outbox, to drain.
    #[must_use]
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// Waits for a free permit; while there is none the task reads nothing, and TCP pushes back on the client.
    pub async fn permit(&self) -> Permit {
        match Arc::clone(&self.permits).acquire_owned().await {
            Ok(permit) => Permit(permit),
            Err(_) => unreachable!("the semaphore is never closed"),
        }
    }

    /// Returns how many frames wait for their reply.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.in_flight - self.permits.available_permits()
    }

    /// Waits until every frame has had its reply.
    pub async fn settled(&self) {
        let all = u32::try_from(self.in_flight).unwrap_or(u32::MAX);
        let _ = self.permits.acquire_many(all).await;
    }

    /// Hands a frame to the session, readable or not.
    pub fn handle(&self, frame: Result<ClientFrame, ParseError>, permit: Permit) {
        metrics::get().frames_in.increment(1);
        self.send(SessionMsg::Frame(Box::new((frame, permit))));
    }

    /// Answers a repeated `auth` that was valid: `auth_ok` with the present cursor.
    pub fn renewed(&self) {
        self.send(SessionMsg::Renewed);
    }

    /// Sets when the connection ended or, if its line was dead by then, gave its last sign of life: the user's last-seen
    /// time. Without this call it is the time when this is dropped.
    pub fn ended(&mut self, at: Timestamp) {
        self.presence.ended(at);
    }

    /// Makes the session panic, for tests.
    #[cfg(feature = "failpoints")]
    pub fn fail(&self) {
        self.send(SessionMsg::Fail);
    }

    fn send(&self, message: SessionMsg) {
        // A session that has ended has closed the outbox: the task will see it.
        let _ = self.actor.send_message(message);
    }
}

impl Drop for SessionHandle {
    fn drop(&mut self) {
        // The outbox ends with its reader. A reason that was given before counts.
        self.outbox.close(CloseCode::Internal);
        // Frames that were read from the socket are still served, though no client is left to be answered.
        if self.actor.drain().is_err() {
            self.actor.stop(None);
        }
    }
}
