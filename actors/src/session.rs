//! One connection's session: identity, limits, routing. It decides where a frame goes; it never waits for another actor.

mod frames;
mod replay;

use std::collections::HashMap;
use std::sync::Arc;

use chat_database::ids::{Pair, ThreadId, UserId};
use chat_database::queries::threads;
use chat_database::time::Timestamp;
use futures_util::future::BoxFuture;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::time::Instant;

use crate::limits::{Limiter, Limiters};
use crate::node::Node;
use crate::origin::Permit;
use crate::people::Registration;
use crate::protocol::server::AuthOk;
use crate::protocol::{ClientFrame, CloseCode, Cursor, Refusal, ServerFrame, Socket};
use crate::refused::Refused;
use crate::thread::{self, Signal};
use crate::timing::Timing;
use replay::Replays;

/// This many frames in a row that are no frames end the connection.
const MALFORMED: u32 = 3;

/// This many frames refused for their rate, without one accepted between, are a flood.
const FLOOD: u32 = 200;

/// How many threads a session remembers the members of.
const KNOWN_THREADS: usize = 1_024;

/// What a session is told.
#[derive(Debug)]
pub(crate) enum Message {
    /// By the hub, first: say `auth_ok`, serve what was missed from this cursor, go live.
    Begin(Option<Box<str>>),
    /// By the outbox: the client has read what there was of a replay, or too much to be kept has happened meanwhile.
    GoOn,
    /// By the connection's task: a frame came.
    Frame(Box<Frame>),
    /// By the connection's task: a fresh token was found good.
    Renewed,
    #[cfg(feature = "failpoints")]
    Fail,
}

/// A frame, readable or not, its place among those that wait for their answer, and its time.
pub(crate) type Frame = (Result<ClientFrame, Refusal>, Permit, Timing);

/// The actor.
pub(crate) struct Session;

pub(crate) struct Arguments {
    pub(crate) node: Arc<Node>,
    pub(crate) registration: Registration,
    pub(crate) socket: Socket,
    pub(crate) notifications: bool,
}

/// The rare parts are boxed: most connections are idle, and there are many.
pub(crate) struct State {
    node: Arc<Node>,
    registration: Registration,
    socket: Socket,
    notifications: bool,
    malformed: u32,
    refused_in_a_row: u32,
    busy: Option<Box<Busy>>,
    replays: Option<Box<Replays>>,
}

/// What a session needs once it does something.
#[derive(Default)]
struct Busy {
    known: HashMap<ThreadId, Pair>,
    /// Where the user has written on this connection, not long ago, without saying that they stopped.
    typing_in: Vec<(Pair, ThreadId, Instant)>,
}

impl Actor for Session {
    type Msg = Message;
    type State = State;
    type Arguments = Arguments;

    async fn pre_start(&self, _: ActorRef<Message>, arguments: Arguments) -> Result<State, ActorProcessingErr> {
        let Arguments { node, registration, socket, notifications } = arguments;
        Ok(State {
            node,
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
        _: ActorRef<Message>,
        message: Message,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        // An actor keeps room for the largest of its futures for as long as it lives: so messages are small, and only what
        // waits for the database becomes a future, in a box of its own.
        if let Some(work) = state.take(message) {
            work.await;
        }
        Ok(())
    }
}

impl Drop for State {
    /// However the session ends, those who watched its user write are told.
    fn drop(&mut self) {
        let who = self.registration.user();
        let connection = self.registration.id();
        for (pair, thread_id, _) in self.busy.take().map(|busy| busy.typing_in).unwrap_or_default() {
            let leaves = thread::Message::Typing { who, connection, thread_id, signal: Signal::Leaves };
            // On a node that is ending nobody is there to tell.
            let _ = self.node.threads.deliver(pair, leaves);
        }
    }
}

impl State {
    /// Does what can be done at once; gives back what has to wait for the database.
    fn take(&mut self, message: Message) -> Option<BoxFuture<'_, ()>> {
        match message {
            Message::Begin(cursor) => return Some(Box::pin(self.begin(cursor.map(String::from)))),
            Message::GoOn => return Some(Box::pin(self.go_on())),
            Message::Frame(frame) => match *frame {
                (Ok(frame), permit, timing) => {
                    self.malformed = 0;
                    return match frame {
                        ClientFrame::MessageSend(send) => {
                            let unknown = self.send_to_known(send, permit, timing)?;
                            Some(Box::pin(self.send(unknown)))
                        }
                        frame => Some(Box::pin(self.frame(frame, permit))),
                    };
                }
                (Err(refusal), permit, _) => self.refuse(refusal, permit),
            },
            Message::Renewed => self.renewed(),
            #[cfg(feature = "failpoints")]
            Message::Fail => panic!("failpoint: session"),
        }
        None
    }

    fn user(&self) -> UserId {
        self.registration.user()
    }

    /// Pushes a frame to this connection; one that is too slow is being closed by it.
    fn tell(&self, frame: &ServerFrame) {
        crate::metrics::get().frames_out.increment(1);
        let _ = self.registration.outbox().tell(frame);
    }

    fn busy(&mut self) -> &mut Busy {
        self.busy.get_or_insert_default()
    }

    /// Answers what could not be read.
    fn refuse(&mut self, refusal: Refusal, permit: Permit) {
        self.malformed = if refusal.malformed { self.malformed + 1 } else { 0 };
        crate::metrics::get().error(refusal.code).increment(1);
        self.tell(&Refused::new(refusal.code, refusal.message).frame(refusal.about));
        if self.malformed >= MALFORMED {
            self.registration.outbox().close(CloseCode::NotTheProtocol);
        }
        drop(permit);
    }

    fn renewed(&self) {
        let cursor = self.node.horizon.cursor().of(self.user());
        self.tell(&self.auth_ok(cursor, false, false));
    }

    fn auth_ok(&self, cursor: Cursor, resumed: bool, reset: bool) -> ServerFrame {
        ServerFrame::AuthOk(AuthOk {
            user_id: self.user(),
            ts: Timestamp::now().millis(),
            connection_id: self.registration.id().to_string(),
            heartbeat_ms: u64::try_from(self.node.options.heartbeat.as_millis()).unwrap_or(u64::MAX),
            limits: self.node.options.limits,
            cursor,
            resumed,
            reset,
        })
    }

    /// Returns whose thread it is, if this session has asked before.
    fn known(&self, thread: ThreadId) -> Option<Pair> {
        self.busy.as_ref()?.known.get(&thread).copied()
    }

    /// Returns whose thread it is, if it is this user's.
    async fn pair_of(&mut self, thread: ThreadId) -> Result<Pair, Refused> {
        if let Some(pair) = self.known(thread) {
            return Ok(pair);
        }
        let pair = threads::members(&self.node.database, thread).await?;
        let user = self.user();
        let pair = pair.filter(|pair| pair.contains(user)).ok_or_else(|| Refused::not_found("thread"))?;
        let known = &mut self.busy().known;
        if known.len() >= KNOWN_THREADS {
            known.clear();
        }
        known.insert(thread, pair);
        Ok(pair)
    }

    /// Counts a frame of a kind against its user; a flood of refused ones ends the connection.
    fn may(&mut self, kind: fn(&Limiters) -> &Limiter) -> Result<(), Refused> {
        let taken = kind(&self.node.limiters).take(self.user(), Instant::now());
        self.refused_in_a_row = if taken.is_ok() { 0 } else { self.refused_in_a_row + 1 };
        if self.refused_in_a_row > FLOOD {
            self.registration.outbox().close(CloseCode::Flooding);
        }
        taken
    }
}
