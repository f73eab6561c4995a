//! One connection's session: identity, limits, routing. It decides where a frame goes; it never waits for another actor.

mod catch_up;
mod frames;
mod replay;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chat_database::Database;
use chat_database::ids::{Pair, ThreadId, UserId};
use chat_database::time::Timestamp;
use futures_util::future::BoxFuture;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::connections::{ConnectionTable, Registration};
use crate::delivery_frontier::DeliveryFrontier;
use crate::error::Error;
use crate::images::links::Links;
use crate::metrics;
use crate::permissions::Permissions;
use crate::presence::handle::PresenceHandle;
use crate::protocol::server::{AuthOk, Limits};
use crate::protocol::{ClientFrame, CloseCode, Cursor, ParseError, ServerFrame, Socket};
use crate::rate_limit::{Limiter, Limiters};
use crate::requester::Permit;
use crate::storage::handle::StorageHandle;
use crate::thread::message::{ThreadMsg, ThreadRegistry};
use crate::thread::typing::Signal;
use replay::Replays;

/// How many malformed frames in a row end the connection.
const MALFORMED: u32 = 3;

/// How many frames in a row may be refused for their rate, without an accepted one between; more are a flood.
const FLOOD: u32 = 200;

/// Of how many threads a session remembers the members.
const KNOWN_THREADS: usize = 1_024;

/// A message to a session.
#[derive(Debug)]
pub(crate) enum SessionMsg {
    /// From the hub, first: say `auth_ok`, serve what was missed from this cursor, go live.
    Begin(Option<Box<str>>),
    /// From the outbox: the client has read what there was of a replay, or the connection has fallen behind.
    ContinueReplay,
    /// From the connection's task: a frame came.
    Frame(Box<Frame>),
    /// From the connection's task: a fresh token was valid.
    Renewed,
    #[cfg(feature = "failpoints")]
    Fail,
}

/// A frame, readable or not, and the permit that it holds until its reply.
pub(crate) type Frame = (Result<ClientFrame, ParseError>, Permit);

/// Serves one connection.
pub(crate) struct Session;

/// What the sessions of a node use.
pub(crate) struct SessionContext {
    pub(crate) database: Database,
    pub(crate) frontier: DeliveryFrontier,
    pub(crate) connections: ConnectionTable,
    pub(crate) limiters: Arc<Limiters>,
    pub(crate) links: Links,
    pub(crate) permissions: Permissions,
    pub(crate) presence: PresenceHandle,
    pub(crate) storage: StorageHandle,
    pub(crate) threads: Arc<ThreadRegistry>,
    /// How many connections may find out at a time what they missed before they were opened: a few for each connection to the
    /// database that reads. When all users come back at once, each waits for its turn here and not in the pool, which gives up;
    /// and what threads, streams and the follower read waits for a few of them, not for all.
    pub(crate) catch_ups: Semaphore,
    /// What a connection may send.
    pub(crate) limits: Limits,
    /// How often the hub pings, as clients are told.
    pub(crate) heartbeat: Duration,
}

pub(crate) struct Arguments {
    pub(crate) context: Arc<SessionContext>,
    pub(crate) registration: Registration,
    pub(crate) socket: Socket,
    pub(crate) notifications: bool,
}

/// The rare parts are boxed: most connections are idle, and there are many.
pub(crate) struct State {
    context: Arc<SessionContext>,
    registration: Registration,
    socket: Socket,
    notifications: bool,
    malformed: u32,
    refused_in_a_row: u32,
    busy: Option<Box<Busy>>,
    replays: Option<Box<Replays>>,
}

/// The state of a session that has served something.
#[derive(Default)]
struct Busy {
    known: HashMap<ThreadId, Pair>,
    /// The threads in which the user was typing on this connection lately, without saying that they stopped.
    typing_in: Vec<(Pair, ThreadId, Instant)>,
}

impl Actor for Session {
    type Msg = SessionMsg;
    type State = State;
    type Arguments = Arguments;

    async fn pre_start(&self, _: ActorRef<SessionMsg>, arguments: Arguments) -> Result<State, ActorProcessingErr> {
        let Arguments { context, registration, socket, notifications } = arguments;
        Ok(State {
            context,
            registration,
            socket,
            notifications,
            malformed: 0,
            refused_in_a_row: 0,
            busy: None,
            replays: None,
        })
    }

    async fn handle(
        &self,
        _: ActorRef<SessionMsg>,
        message: SessionMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        // An actor reserves memory for its largest future for as long as it lives. So messages are small, and only what
        // waits for the database becomes a future, which is boxed.
        if let Some(work) = state.take(message) {
            work.await;
        }
        Ok(())
    }
}

impl Drop for State {
    /// Tells the threads in which the user was typing that this has ended, however the session ends.
    fn drop(&mut self) {
        let who = self.registration.user();
        let connection = self.registration.id();
        for (pair, thread_id, _) in self.busy.take().map(|busy| busy.typing_in).unwrap_or_default() {
            let ends = ThreadMsg::Typing { who, connection, thread_id, signal: Signal::Ends };
            // This fails only on a node that is ending, where no client is left to be told.
            let _ = self.context.threads.deliver(pair, ends);
        }
    }
}

impl State {
    /// Does what can be done at once; returns a future for what has to wait for the database.
    fn take(&mut self, message: SessionMsg) -> Option<BoxFuture<'_, ()>> {
        match message {
            SessionMsg::Begin(cursor) => return Some(Box::pin(self.begin(cursor.map(String::from)))),
            SessionMsg::ContinueReplay => return Some(Box::pin(self.continue_replay())),
            SessionMsg::Frame(frame) => match *frame {
                (Ok(frame), permit) => {
                    self.malformed = 0;
                    return match frame {
                        ClientFrame::MessageSend(send) => {
                            let unknown = self.send_to_known(send, permit)?;
                            Some(Box::pin(self.send_to_unknown(unknown)))
                        }
                        frame => Some(Box::pin(self.frame(frame, permit))),
                    };
                }
                (Err(error), permit) => self.refuse(error, permit),
            },
            SessionMsg::Renewed => self.renewed(),
            #[cfg(feature = "failpoints")]
            SessionMsg::Fail => panic!("failpoint: session"),
        }
        None
    }

    fn user(&self) -> UserId {
        self.registration.user()
    }

    /// Pushes a frame to this connection; the outbox closes a connection that is too slow.
    fn send(&self, frame: &ServerFrame) {
        metrics::get().frames_out.increment(1);
        let _ = self.registration.outbox().push_frame(frame);
    }

    fn busy(&mut self) -> &mut Busy {
        self.busy.get_or_insert_default()
    }

    /// Answers a frame that could not be read.
    fn refuse(&mut self, error: ParseError, permit: Permit) {
        self.malformed = if error.malformed { self.malformed + 1 } else { 0 };
        metrics::get().error(error.code).increment(1);
        self.send(&Error::new(error.code, error.message).frame(error.about));
        if self.malformed >= MALFORMED {
            self.registration.outbox().close(CloseCode::NotTheProtocol);
        }
        drop(permit);
    }

    fn renewed(&self) {
        let cursor = self.context.frontier.cursor().of(self.user());
        self.send(&self.auth_ok(cursor, false, false));
    }

    fn auth_ok(&self, cursor: Cursor, resumed: bool, reset: bool) -> ServerFrame {
        ServerFrame::AuthOk(AuthOk {
            user_id: self.user(),
            ts: Timestamp::now().millis(),
            connection_id: self.registration.id().to_string(),
            heartbeat_ms: u64::try_from(self.context.heartbeat.as_millis()).unwrap_or(u64::MAX),
            limits: self.context.limits,
            cursor,
            resumed,
            reset,
        })
    }

    /// Returns the members of a thread, if this session has asked before.
    fn known(&self, thread: ThreadId) -> Option<Pair> {
        self.busy.as_ref()?.known.get(&thread).copied()
    }

    /// Returns the members of a thread, if this user is one of them.
    async fn pair_of(&mut self, thread: ThreadId) -> Result<Pair, Error> {
        if let Some(pair) = self.known(thread) {
            return Ok(pair);
        }
        let pair = self.context.permissions.may_see(self.user(), thread).await?;
        let known = &mut self.busy().known;
        if known.len() >= KNOWN_THREADS {
            known.clear();
        }
        known.insert(thread, pair);
        Ok(pair)
    }

    /// Counts a frame of a kind against its user; a flood of refused ones ends the connection.
    fn may(&mut self, kind: fn(&Limiters) -> &Limiter) -> Result<(), Error> {
        let taken = kind(&self.context.limiters).take(self.user(), Instant::now());
        self.refused_in_a_row = if taken.is_ok() { 0 } else { self.refused_in_a_row + 1 };
        if self.refused_in_a_row > FLOOD {
            self.registration.outbox().close(CloseCode::Flooding);
        }
        taken
    }
}
