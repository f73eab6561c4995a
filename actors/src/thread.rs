//! One conversation, while it runs: delivers what commits have done to it, replies to the requester, and keeps who types.
//!
//! Its order was given out by the commit (`seq`, `rev`), under the database's lock, so that several nodes may run the same
//! thread; storage and the follower hand it its commits in their order. A thread remembers up to which commit it has delivered on
//! this node; when a commit shows that another node wrote in between, it reads and delivers that first.

mod delivery;
pub mod fanout;
pub(crate) mod message;
pub(crate) mod typing;
mod typing_told;

use std::sync::Arc;
use std::time::Duration;

use chat_database::Database;
use chat_database::ids::{CommitNo, Pair};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::time::Instant;

use crate::connections::ConnectionTable;
use crate::delivery_frontier::DeliveryFrontier;
use crate::images::links::Links;
use crate::presence::remote::RemotePresence;
use crate::rate_limit::Limiter;
use crate::registry::PendingCount;
use crate::relay::handle::RelayHandle;
use message::{ThreadMsg, ThreadRegistry};
use typing::Typing;

/// Delivers what happens in one conversation.
pub(crate) struct Thread;

/// What the threads of a node use.
pub(crate) struct ThreadContext {
    pub(crate) database: Database,
    pub(crate) frontier: DeliveryFrontier,
    pub(crate) connections: ConnectionTable,
    pub(crate) links: Links,
    pub(crate) new_threads: Arc<Limiter<2>>,
    pub(crate) threads: Arc<ThreadRegistry>,
    pub(crate) relay: RelayHandle,
    /// Who is connected to other nodes.
    pub(crate) remote: RemotePresence,
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
        Ok(State { context, pair, pending, delivered: None, typing: Typing::default(), last_active: Instant::now() })
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
            ThreadMsg::TypingElsewhere { who, node, thread_id, on } => {
                state.types_elsewhere(&myself, who, node, thread_id, on);
            }
            ThreadMsg::Heard(heard, guard) => Box::pin(state.deliver_heard(heard, guard)).await?,
            ThreadMsg::Follow(up_to, guard, _read) => Box::pin(state.follow(up_to, guard)).await?,
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
    /// Stops if nothing has happened for long enough and no member types.
    fn idle(&mut self, myself: &ActorRef<ThreadMsg>) {
        let patience = self.context.idle;
        let quiet = self.last_active.elapsed();
        if quiet >= patience && self.typing.is_empty() && self.context.threads.retire(self.pair, myself.get_id()) {
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
