//! One conversation, while it runs: orders the requests, has them stored, then delivers.
//!
//! The order of a thread is the order of this actor's mailbox; places (`seq`, `rev`) are given out by the commit, under the
//! database's lock, so that several nodes may run the same thread. A thread remembers up to which commit it has delivered on
//! this node; when a commit shows that another node wrote in between, it reads and delivers that first.

mod delivery;
pub mod fanout;
pub(crate) mod message;
pub(crate) mod typing;

use std::sync::Arc;
use std::time::Duration;

use chat_database::Database;
use chat_database::change::Change;
use chat_database::ids::{CommitNo, Pair, ThreadId, UserId};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::time::Instant;

use crate::connections::{ConnectionId, ConnectionTable};
use crate::delivery_frontier::DeliveryFrontier;
use crate::images::links::Links;
use crate::rate_limit::Limiter;
use crate::rate_limit::new_threads::NewThreadTokens;
use crate::registry::PendingCount;
use crate::requester::Requester;
use crate::storage::handle::StorageHandle;
use crate::storage::message::{WriteReply, WriteRequest};
use message::{ThreadMsg, ThreadRegistry};
use typing::{Signal, Typing};

/// The actor.
pub(crate) struct Thread;

/// What the threads of a node use.
pub(crate) struct ThreadContext {
    pub(crate) database: Database,
    pub(crate) frontier: DeliveryFrontier,
    pub(crate) connections: ConnectionTable,
    pub(crate) links: Links,
    pub(crate) new_threads: Arc<Limiter<2>>,
    pub(crate) storage: StorageHandle,
    pub(crate) threads: Arc<ThreadRegistry>,
    /// How long a thread runs without anything to do.
    pub(crate) idle: Duration,
}

/// Every commit up to this one that touched the thread has been delivered on this node.
#[derive(Debug, Clone, Copy)]
struct DeliveredUpTo {
    /// In which history; see [`DeliveryFrontier::histories`].
    history: u64,
    commit: CommitNo,
}

pub(crate) struct Arguments {
    pub(crate) context: Arc<ThreadContext>,
    pub(crate) pair: Pair,
    pub(crate) pending: PendingCount,
}

pub(crate) struct State {
    context: Arc<ThreadContext>,
    pair: Pair,
    pending: PendingCount,
    delivered: Option<DeliveredUpTo>,
    /// Which member's message may make the thread, as long as it is not known to exist.
    new_thread_tokens: NewThreadTokens,
    typing: Typing,
    last_active: Instant,
}

impl Actor for Thread {
    type Msg = ThreadMsg;
    type State = State;
    type Arguments = Arguments;

    async fn pre_start(&self, myself: ActorRef<ThreadMsg>, arguments: Arguments) -> Result<State, ActorProcessingErr> {
        let Arguments { context, pair, pending } = arguments;
        myself.send_after(context.idle, || ThreadMsg::Idle);
        Ok(State {
            context,
            pair,
            pending,
            delivered: None,
            new_thread_tokens: NewThreadTokens::default(),
            typing: Typing::default(),
            last_active: Instant::now(),
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<ThreadMsg>,
        message: ThreadMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            ThreadMsg::Typing { who, connection, thread_id, signal } => {
                state.types(&myself, (who, connection), thread_id, signal);
            }
            ThreadMsg::Follow(up_to, guard) => Box::pin(state.follow(up_to, guard)).await?,
            ThreadMsg::Committed(outcomes, guard) => state.deliver_outcomes(outcomes, guard).await?,
            ThreadMsg::TypingDue => state.typing_due(),
            ThreadMsg::Idle => state.idle(&myself),
            #[cfg(feature = "failpoints")]
            ThreadMsg::Fail => panic!("failpoint: thread"),
        }
        Ok(())
    }
}

impl State {
    fn types(
        &mut self,
        myself: &ActorRef<ThreadMsg>,
        (who, connection): (UserId, ConnectionId),
        thread_id: ThreadId,
        signal: Signal,
    ) {
        self.active();
        let Some(other) = self.pair.other(who) else { return };
        match signal {
            Signal::Starts => {
                self.deliver_typing(other, who, thread_id, true);
                self.typing.begin(who, connection, thread_id, Instant::now());
                myself.send_after(typing::LASTS, || ThreadMsg::TypingDue);
            }
            Signal::Stops => {
                self.typing.end(connection);
                // Forwarded though it was known already, unless another of the user's connections goes on.
                let stopped = self.typing.of(who).is_none().then_some(thread_id);
                self.deliver_stopped(who, stopped);
            }
            Signal::Disconnects => {
                let stopped = self.typing.end(connection);
                self.deliver_stopped(who, stopped);
            }
        }
    }

    /// Tells the other member that a user has stopped writing, if the user has.
    fn deliver_stopped(&self, who: UserId, stopped: Option<ThreadId>) {
        if let (Some(thread_id), Some(other)) = (stopped, self.pair.other(who)) {
            self.deliver_typing(other, who, thread_id, false);
        }
    }

    fn typing_due(&mut self) {
        for (who, thread_id) in self.typing.due(Instant::now()) {
            self.deliver_stopped(who, Some(thread_id));
        }
    }

    /// Stops if nothing has happened for long enough and no request is out.
    fn idle(&mut self, myself: &ActorRef<ThreadMsg>) {
        let patience = self.context.idle;
        let quiet = self.last_active.elapsed();
        let over = self.typing.is_empty();
        if quiet >= patience && over && self.context.threads.retire(self.pair, myself.get_id()) {
            return myself.stop(None);
        }
        let rest = patience.saturating_sub(quiet).max(patience / 8);
        myself.send_after(rest, || ThreadMsg::Idle);
    }

    /// Notes that a message of the registry was taken.
    fn active(&mut self) {
        self.pending.took_one();
        self.last_active = Instant::now();
    }
}
