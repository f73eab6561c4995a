//! The connections of this node: user → outboxes.
//!
//! A plain table behind a lock. Sending a frame pushes it to outboxes under the read lock, and never waits for a client.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use bytes::Bytes;
use chat_database::ids::UserId;

use crate::delivery_frontier::DeliveryFrontier;
use crate::metrics;
use crate::outbox::{Outbox, Slow, ThreadMark};
use crate::protocol::{CloseCode, Socket};

/// The id of a connection, unique within this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConnectionId(u64);

impl ConnectionId {
    /// Returns an id that no other connection has.
    pub(crate) fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "c{:x}", self.0)
    }
}

/// Which of a user's connections a frame goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Those of `/chat`.
    Chat,
    /// Those that carry the notification stream.
    Notifications,
    /// All of them.
    All,
}

/// The table of connections. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct ConnectionTable(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    users: RwLock<HashMap<UserId, Vec<Connection>>>,
    on_unheard: OnceLock<OnUnheard>,
    /// Names the commit from which a connection that falls behind is replayed.
    frontier: DeliveryFrontier,
}

/// The callback for when the last connection that carried a user's notifications has gone.
struct OnUnheard(Box<dyn Fn(UserId) + Send + Sync>);

impl fmt::Debug for OnUnheard {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("OnUnheard")
    }
}

#[derive(Debug)]
struct Connection {
    id: ConnectionId,
    outbox: Outbox,
    socket: Socket,
    notifications: bool,
}

impl Connection {
    fn is_of(&self, audience: Audience) -> bool {
        match audience {
            Audience::Chat => self.socket == Socket::Chat,
            Audience::Notifications => self.notifications,
            Audience::All => true,
        }
    }
}

/// The user has as many connections as allowed.
#[derive(Debug)]
pub(crate) struct TooMany;

impl ConnectionTable {
    pub(crate) fn new(frontier: DeliveryFrontier) -> Self {
        Self(Arc::new(Shared { users: RwLock::default(), on_unheard: OnceLock::new(), frontier }))
    }

    /// Sets the callback for when the last connection that carried a user's notifications has gone. To be called once.
    pub(crate) fn on_unheard(&self, done: impl Fn(UserId) + Send + Sync + 'static) {
        let first = self.0.on_unheard.set(OnUnheard(Box::new(done))).is_ok();
        debug_assert!(first, "the table learns once what is to be done");
    }

    /// Adds a connection: it is sent every frame of its user until the registration is dropped. Fails if the user has
    /// `most` connections already.
    pub(crate) fn register(
        &self,
        user: UserId,
        socket: Socket,
        notifications: bool,
        outbox: Outbox,
        most: usize,
    ) -> Result<Registration, TooMany> {
        let id = ConnectionId::next();
        let mut users = self.write();
        let connections = users.entry(user).or_insert_with(|| Vec::with_capacity(1));
        if connections.len() >= most {
            return Err(TooMany);
        }
        let notifications = notifications || socket == Socket::Notifications;
        connections.push(Connection { id, outbox: outbox.clone(), socket, notifications });
        drop(users);
        metrics::get().connections.increment(1);
        metrics::get().connections_opened.increment(1);
        Ok(Registration { table: self.clone(), user, id, outbox })
    }

    /// Returns how many connections a user has.
    pub(crate) fn connections(&self, user: UserId) -> usize {
        self.read().get(&user).map_or(0, Vec::len)
    }

    /// Tells whether no user is connected.
    pub(crate) fn is_empty(&self) -> bool {
        self.read().is_empty()
    }

    /// Tells whether a user is connected to this node.
    pub(crate) fn is_connected(&self, user: UserId) -> bool {
        self.read().contains_key(&user)
    }

    /// Tells whether a user has a connection of that audience.
    pub(crate) fn listens(&self, user: UserId, audience: Audience) -> bool {
        self.read().get(&user).is_some_and(|connections| connections.iter().any(|one| one.is_of(audience)))
    }

    /// Sends an encoded frame that must not be left out: a connection without room for it is closed.
    pub(crate) fn send(&self, user: UserId, audience: Audience, frame: &Bytes) {
        self.each(user, audience, None, || frame.clone(), Outbox::push);
    }

    /// Sends a frame that is worth nothing later: a connection without room for it does not get it.
    pub(crate) fn send_ephemeral(&self, user: UserId, audience: Audience, frame: &Bytes) {
        self.each(user, audience, None, || frame.clone(), Outbox::push_ephemeral);
    }

    /// Sends an event that the database holds to a user's connections, except for one. A connection without room for it
    /// reads it from the database later. The frame is encoded once, and only if there is a connection. `mark` is set for a
    /// message.
    pub(crate) fn send_durable(
        &self,
        user: UserId,
        audience: Audience,
        except: Option<ConnectionId>,
        mark: Option<ThreadMark>,
        encode: impl FnOnce() -> Bytes,
    ) {
        let released = || self.0.frontier.released();
        self.each(user, audience, except, encode, |outbox, frame| outbox.push_durable(frame, mark, released));
    }

    fn each(
        &self,
        user: UserId,
        audience: Audience,
        except: Option<ConnectionId>,
        encode: impl FnOnce() -> Bytes,
        push: impl Fn(&Outbox, Bytes) -> Result<(), Slow>,
    ) {
        let mut pushed = 0;
        if let Some(connections) = self.read().get(&user) {
            let mut recipients =
                connections.iter().filter(|one| one.is_of(audience) && Some(one.id) != except).peekable();
            let frame = recipients.peek().map(|_| encode());
            for (connection, frame) in recipients.zip(std::iter::repeat(frame).flatten()) {
                pushed += u64::from(push(&connection.outbox, frame).is_ok());
            }
        }
        metrics::get().frames_out.increment(pushed);
    }

    /// Lets a connection of `/chat` carry the notification stream.
    pub(crate) fn subscribe(&self, user: UserId, id: ConnectionId) {
        if let Some(connections) = self.write().get_mut(&user) {
            connections.iter_mut().filter(|one| one.id == id).for_each(|one| one.notifications = true);
        }
    }

    /// Returns all outboxes.
    pub(crate) fn outboxes(&self) -> Vec<Outbox> {
        self.read().values().flatten().map(|connection| connection.outbox.clone()).collect()
    }

    /// Closes every connection of a user.
    pub(crate) fn close(&self, user: UserId, code: CloseCode) {
        self.read().get(&user).into_iter().flatten().for_each(|connection| connection.outbox.close(code));
    }

    fn remove(&self, user: UserId, id: ConnectionId) {
        let mut users = self.write();
        let Some(connections) = users.get_mut(&user) else { return };
        let listens = |connections: &[Connection]| connections.iter().any(|one| one.is_of(Audience::Notifications));
        let was_heard = listens(connections);
        connections.retain(|connection| connection.id != id);
        let is_heard = listens(connections);
        if connections.is_empty() {
            users.remove(&user);
        }
        drop(users);
        metrics::get().connections.decrement(1);
        if was_heard
            && !is_heard
            && let Some(OnUnheard(done)) = self.0.on_unheard.get()
        {
            done(user);
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<UserId, Vec<Connection>>> {
        self.0.users.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<UserId, Vec<Connection>>> {
        self.0.users.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's entry in the table. When it is dropped, however the session ended, the entry is removed and the
/// connection is closed: with [`CloseCode::Internal`], unless another reason was given before.
#[derive(Debug)]
pub(crate) struct Registration {
    table: ConnectionTable,
    user: UserId,
    id: ConnectionId,
    outbox: Outbox,
}

impl Registration {
    /// Returns the connection's id.
    pub(crate) fn id(&self) -> ConnectionId {
        self.id
    }

    /// Returns the connection's outbox.
    pub(crate) fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// Returns the user whose connection it is.
    pub(crate) fn user(&self) -> UserId {
        self.user
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.table.remove(self.user, self.id);
        self.outbox.close(CloseCode::Internal);
    }
}
