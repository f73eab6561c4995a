//! One conversation, while it is awake: orders what is asked, has it stored, then tells.
//!
//! The order of a thread is the order of this actor's mailbox; places (`seq`, `rev`) are given out by the commit, under the
//! database's lock, so that several nodes may hold the same thread awake. A thread remembers how far it has told on this
//! node; when a commit tells that another node wrote in between, it reads and tells that first.

pub mod decision;
mod telling;
mod typing;

use std::sync::Arc;

use chat_database::change::{Change, Outcome, ThreadBefore};
use chat_database::ids::{CommitNo, Pair, ThreadId, UserId};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::time::Instant;

use crate::awake::Waiting;
use crate::horizon::Told;
use crate::limits::Leaves;
use crate::node::Node;
use crate::origin::Origin;
use crate::people::ConnectionId;
use crate::refused::Refused;
use crate::storage::{Reply, Write};
use typing::Typing;
pub(crate) use typing::{LASTS as TYPING_LASTS, Signal};

/// What a thread is told.
#[derive(Debug)]
pub(crate) enum Message {
    /// By the table: somebody asks for something to be stored.
    Ask(Change, Origin),
    /// By the table: somebody begins or stops to write on a connection, or leaves.
    Typing { who: UserId, connection: ConnectionId, thread_id: ThreadId, signal: Signal },
    /// By the table: commits of others, up to this one, touched the thread.
    Follow(CommitNo, Told),
    /// By storage: what became of what was asked.
    Settled(Settled, Told),
    /// By itself: somebody may have stopped writing without saying so.
    TypingDue,
    /// By itself: time to sleep, perhaps.
    Idle,
    #[cfg(feature = "failpoints")]
    Fail,
}

/// What became of what a thread has asked for, in one commit.
#[derive(Debug)]
pub(crate) struct Settled {
    pub(crate) no: CommitNo,
    /// Where the thread stood before; `None` if the commit did not touch it.
    pub(crate) before: Option<ThreadBefore>,
    pub(crate) parts: Vec<(InFlight, Origin, Outcome)>,
}

/// A thread's mark on what it has asked for: while one is out, the thread stays awake.
#[derive(Debug, Clone, Default)]
pub(crate) struct InFlight(Arc<()>);

impl InFlight {
    /// Tells whether nothing is out.
    fn is_over(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}

/// Returns whose thread a change is about.
pub(crate) fn pair_of(change: &Change) -> Option<Pair> {
    match change {
        Change::Send(send) => Some(send.pair),
        Change::Edit(edit) => Some(edit.pair),
        Change::Delete(delete) => Some(delete.pair),
        Change::Receipt(receipt) => Some(receipt.pair),
        _ => None,
    }
}

/// The actor.
pub(crate) struct Thread;

/// Every commit up to here that touched a thread has been told on this node.
#[derive(Debug, Clone, Copy)]
struct UpTo {
    /// In which history; see [`Horizon::histories`](crate::horizon::Horizon::histories).
    history: u64,
    up_to: CommitNo,
}

pub(crate) struct Arguments {
    pub(crate) node: Arc<Node>,
    pub(crate) pair: Pair,
    pub(crate) waiting: Waiting,
}

pub(crate) struct State {
    node: Arc<Node>,
    pair: Pair,
    waiting: Waiting,
    told: Option<UpTo>,
    in_flight: InFlight,
    /// Who may make it, as long as it is not known to be there.
    leaves: Leaves,
    typing: Typing,
    last_active: Instant,
}

impl Actor for Thread {
    type Msg = Message;
    type State = State;
    type Arguments = Arguments;

    async fn pre_start(&self, myself: ActorRef<Message>, arguments: Arguments) -> Result<State, ActorProcessingErr> {
        let Arguments { node, pair, waiting } = arguments;
        myself.send_after(node.options.thread_idle, || Message::Idle);
        Ok(State {
            node,
            pair,
            waiting,
            told: None,
            in_flight: InFlight::default(),
            leaves: Leaves::default(),
            typing: Typing::default(),
            last_active: Instant::now(),
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        message: Message,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Ask(change, origin) => state.ask(&myself, change, origin),
            Message::Typing { who, connection, thread_id, signal } => {
                state.types(&myself, (who, connection), thread_id, signal);
            }
            Message::Follow(up_to, told) => Box::pin(state.follow(up_to, told)).await?,
            Message::Settled(settled, told) => state.settle(settled, told).await?,
            Message::TypingDue => state.typing_due(),
            Message::Idle => state.idle(&myself),
            #[cfg(feature = "failpoints")]
            Message::Fail => panic!("failpoint: thread"),
        }
        Ok(())
    }
}

impl State {
    /// Hands a change to storage. What comes back is [`Message::Settled`], or the origin hears why not.
    fn ask(&mut self, myself: &ActorRef<Message>, mut change: Change, mut origin: Origin) {
        self.active();
        if let Change::Send(send) = &mut change {
            let stopped = match origin.connection_id() {
                Some(connection) => self.typing.end(connection),
                None => self.typing.end_last(send.sender),
            };
            self.tell_stopped(send.sender, stopped);
            let (may_open, leave) = self.leaves.ask(&self.node.limiters.new_threads, send.sender);
            send.may_open = may_open;
            origin.takes(leave);
        }
        let reply = Reply::Thread(myself.clone(), self.in_flight.clone(), origin);
        self.node.storage.write(Write { change, reply });
    }

    fn types(
        &mut self,
        myself: &ActorRef<Message>,
        (who, connection): (UserId, ConnectionId),
        thread_id: ThreadId,
        signal: Signal,
    ) {
        self.active();
        let Some(other) = self.pair.other(who) else { return };
        match signal {
            Signal::Begins => {
                self.tell_typing(other, who, thread_id, true);
                self.typing.begin(who, connection, thread_id, Instant::now());
                myself.send_after(typing::LASTS, || Message::TypingDue);
            }
            Signal::Stops => {
                self.typing.end(connection);
                // Forwarded though it was known already, unless another of their connections goes on.
                let stopped = self.typing.of(who).is_none().then_some(thread_id);
                self.tell_stopped(who, stopped);
            }
            Signal::Leaves => {
                let stopped = self.typing.end(connection);
                self.tell_stopped(who, stopped);
            }
        }
    }

    /// Says that somebody has stopped, if they have.
    fn tell_stopped(&self, who: UserId, stopped: Option<ThreadId>) {
        if let (Some(thread_id), Some(other)) = (stopped, self.pair.other(who)) {
            self.tell_typing(other, who, thread_id, false);
        }
    }

    fn typing_due(&mut self) {
        for (who, thread_id) in self.typing.due(Instant::now()) {
            self.tell_stopped(who, Some(thread_id));
        }
    }

    /// Goes to sleep if nothing has happened for long enough and nothing waits.
    fn idle(&mut self, myself: &ActorRef<Message>) {
        let patience = self.node.options.thread_idle;
        let quiet = self.last_active.elapsed();
        let over = self.in_flight.is_over() && self.typing.is_empty();
        if quiet >= patience && over && self.node.threads.retire(self.pair, myself.get_id()) {
            return myself.stop(None);
        }
        let rest = patience.saturating_sub(quiet).max(patience / 8);
        myself.send_after(rest, || Message::Idle);
    }

    /// Notes that a message of the table was taken.
    fn active(&mut self) {
        self.waiting.took_one();
        self.last_active = Instant::now();
    }
}

/// Sends a request to a thread, waking it if it sleeps; a node that is ending answers for it.
pub(crate) fn ask(node: &Node, pair: Pair, change: Change, origin: Origin) {
    if let Err(Message::Ask(_, origin)) = node.threads.deliver(pair, Message::Ask(change, origin)) {
        origin.refuse(Refused::shutting_down());
    }
}
