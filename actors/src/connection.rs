//! Connections as their tasks hold them: how a session is opened, fed and ended.

use std::sync::Arc;
use std::time::Duration;

use chat_database::ids::UserId;
use chat_database::time::Timestamp;
use ractor::{ActorRef, ActorRuntime};
use tokio::sync::Semaphore;

use crate::node::Node;
use crate::origin::Permit;
use crate::outbox::{Close, Outbox};
use crate::presence::Visit;
use crate::protocol::{ClientFrame, CloseCode, ErrorCode, Refusal, Socket};
use crate::refused::Refused;
use crate::session;
use crate::timing::Timing;

/// How many connections are sent away at a time, and how long after each other.
const BATCH: usize = 100;
const BATCH_PAUSE: Duration = Duration::from_millis(50);

/// A connection that wants a session. Its user has been authenticated.
#[derive(Debug)]
pub struct Opening {
    /// Who it is.
    pub user: UserId,
    /// Which socket.
    pub socket: Socket,
    /// Whether `/chat` carries the notification stream from the start.
    pub notifications: bool,
    /// How far the client says that it has been served.
    pub cursor: Option<String>,
}

/// A connection's session, as its task holds it. Dropping it ends the session, after what it has been given.
#[derive(Debug)]
pub struct Session {
    actor: ActorRef<session::Message>,
    outbox: Outbox,
    permits: Arc<Semaphore>,
    in_flight: usize,
    connection_id: Box<str>,
    visit: Visit,
}

impl Session {
    pub(crate) fn open(node: &Arc<Node>, opening: Opening) -> Result<Self, Refused> {
        let Opening { user, socket, notifications, cursor } = opening;
        if node.is_draining() {
            return Err(Refused::shutting_down());
        }
        let outbox = Outbox::new(node.options.outbox);
        outbox.hold();
        let most = node.options.connections_per_user;
        let registration = node
            .people
            .register(user, socket, notifications, outbox.clone(), most)
            .map_err(|_| too_many_connections(most))?;
        let connection_id = registration.id().to_string().into_boxed_str();
        let notifications = notifications || socket == Socket::Notifications;
        let arguments = session::Arguments { node: Arc::clone(node), registration, socket, notifications };
        let nursery = node.nursery.get().ok_or_else(Refused::shutting_down)?.clone();
        let (actor, _) = ActorRuntime::spawn_linked_instant(None, session::Session, arguments, nursery)
            .map_err(|_| Refused::shutting_down())?;
        let more = actor.clone();
        outbox.asks(move || {
            // A session that has ended has closed the outbox.
            let _ = more.send_message(session::Message::GoOn);
        });
        // An actor that ends at once has closed the outbox.
        let _ = actor.send_message(session::Message::Begin(cursor.map(String::into_boxed_str)));
        let in_flight = node.options.limits.in_flight;
        let permits = Arc::new(Semaphore::new(in_flight));
        Ok(Self { actor, outbox, permits, in_flight, connection_id, visit: Visit::begin(node, user) })
    }

    /// Returns the connection's name, for logs and support.
    #[must_use]
    pub fn connection_id(&self) -> &str {
        &self.connection_id
    }

    /// Returns the connection's outbox, to drain.
    #[must_use]
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// Waits for a free place; while there is none the task reads nothing, and TCP pushes back on the client.
    pub async fn permit(&self) -> Permit {
        match Arc::clone(&self.permits).acquire_owned().await {
            Ok(permit) => Permit(permit),
            Err(_) => unreachable!("the places are never closed"),
        }
    }

    /// Returns how many frames wait for their answer.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.in_flight - self.permits.available_permits()
    }

    /// Waits until every frame has been answered.
    pub async fn settled(&self) {
        let all = u32::try_from(self.in_flight).unwrap_or(u32::MAX);
        let _ = self.permits.acquire_many(all).await;
    }

    /// Hands a frame to the session, readable or not.
    pub fn handle(&self, frame: Result<ClientFrame, Refusal>, permit: Permit) {
        crate::metrics::get().frames_in.increment(1);
        self.tell(session::Message::Frame(Box::new((frame, permit, Timing::of_some()))));
    }

    /// Answers a repeated `auth` that was found good: `auth_ok` with the present cursor.
    pub fn renewed(&self) {
        self.tell(session::Message::Renewed);
    }

    /// Says when the connection ended, or gave its last sign of life if its line was dead by then: when its user was last
    /// seen. Without a word that is when this is dropped.
    pub fn ended(&mut self, at: Timestamp) {
        self.visit.ended(at);
    }

    /// Makes the session panic, for tests.
    #[cfg(feature = "failpoints")]
    pub fn fail(&self) {
        self.tell(session::Message::Fail);
    }

    fn tell(&self, message: session::Message) {
        // A session that has ended has closed the outbox: the task will see it.
        let _ = self.actor.send_message(message);
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // The outbox ends with its reader: a session that waits for room in it waits no longer. A reason given before counts.
        self.outbox.close(CloseCode::Internal);
        // What was read from the socket is still done; there is nobody left to hear of it.
        if self.actor.drain().is_err() {
            self.actor.stop(None);
        }
    }
}

/// Tells whether a user may open another connection.
pub(crate) fn may_open(node: &Node, user: UserId) -> Result<(), Refused> {
    if node.is_draining() {
        return Err(Refused::shutting_down());
    }
    let most = node.options.connections_per_user;
    if node.people.connections(user) < most { Ok(()) } else { Err(too_many_connections(most)) }
}

/// Closes every connection, in batches, within a time; each is told when to come back, so that they don't come all at once.
pub(crate) async fn send_away(node: &Node, within: Duration) {
    let outboxes = node.people.outboxes();
    let batches = u32::try_from(outboxes.len().div_ceil(BATCH)).unwrap_or(u32::MAX).max(1);
    let pause = BATCH_PAUSE.min(within / batches);
    // Two milliseconds for each: what a node that takes them over bears well.
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
pub(crate) async fn all_gone(node: &Node) {
    while !node.people.is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn too_many_connections(most: usize) -> Refused {
    Refused::new(ErrorCode::RateLimited, format!("you have {most} connections already; close one first"))
}
