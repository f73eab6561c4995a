//! The supervision tree, and every policy in it.
//!
//! ```text
//!  Root                       ends only with its node
//!  ├─ Storage                 permanent: started again, on its thread; what it held is answered with temporary errors
//!  ├─ Presences               permanent: started again; the table outlives it
//!  ├─ Follower                permanent: started again; it looks at what is there
//!  ├─ Sweeper                 permanent: started again; it sweeps what is over
//!  └─ Nursery                 ends only with its node
//!     ├─ Session …            temporary: its connection is closed with 4004, and resumes
//!     ├─ Thread …             temporary: forgotten; the next message wakes it from the database
//!     └─ Stream …             temporary: forgotten; the next news wakes it
//! ```
//!
//! Whatever an actor held is dropped with it, and answers for itself: an [`Origin`](crate::origin::Origin) with a
//! temporary error, a [`Told`](crate::horizon::Told) by making its commit a gap, a
//! [`Registration`](crate::people::Registration) by closing its connection.

use std::sync::Arc;

use ractor::actor::actor_cell::ActorCell;
use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, ActorRuntime, SpawnErr, SupervisionEvent};
use tokio::runtime::Handle;

use crate::follower::Follower;
use crate::images::sweeper::Sweeper;
use crate::metrics;
use crate::node::Node;
use crate::notifications::{self, Stream};
use crate::presence::Presences;
use crate::thread::{self, Thread};

/// The root supervisor takes no messages: it is there to supervise.
#[derive(Debug)]
pub(crate) enum Nothing {}

/// The root supervisor.
pub(crate) struct Root;

pub(crate) struct Permanent {
    node: Arc<Node>,
    storage: ActorId,
    presences: ActorId,
    follower: ActorId,
    sweeper: ActorId,
}

impl Actor for Root {
    type Msg = Nothing;
    type State = Permanent;
    type Arguments = Arc<Node>;

    async fn pre_start(&self, myself: ActorRef<Nothing>, node: Arc<Node>) -> Result<Permanent, ActorProcessingErr> {
        let root = myself.get_cell();
        let (nursery, _) = ActorRuntime::spawn_linked(None, Nursery, Arc::clone(&node), root.clone()).await?;
        node.nursery.set(nursery.get_cell()).map_err(|_| "a node is started once")?;
        wake_from(&node, &nursery.get_cell());
        Ok(Permanent {
            storage: node.storage.start(Arc::clone(&node), root.clone()).await?,
            presences: spawn(Presences, &node, &root).await?,
            follower: spawn(Follower, &node, &root).await?,
            sweeper: spawn(Sweeper, &node, &root).await?,
            node,
        })
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<Nothing>,
        event: SupervisionEvent,
        state: &mut Permanent,
    ) -> Result<(), ActorProcessingErr> {
        let Some(ended) = ended(&event) else { return Ok(()) };
        if state.node.is_draining() {
            return Ok(());
        }
        let root = myself.get_cell();
        if ended == state.storage {
            state.storage = state.node.storage.start(Arc::clone(&state.node), root).await?;
        } else if ended == state.presences {
            state.presences = spawn(Presences, &state.node, &root).await?;
        } else if ended == state.follower {
            state.follower = spawn(Follower, &state.node, &root).await?;
        } else if ended == state.sweeper {
            state.sweeper = spawn(Sweeper, &state.node, &root).await?;
        }
        Ok(())
    }
}

/// The supervisor of everything that comes and goes.
pub(crate) struct Nursery;

impl Actor for Nursery {
    type Msg = Nothing;
    type State = Arc<Node>;
    type Arguments = Arc<Node>;

    async fn pre_start(&self, _: ActorRef<Nothing>, node: Arc<Node>) -> Result<Arc<Node>, ActorProcessingErr> {
        Ok(node)
    }

    async fn handle_supervisor_evt(
        &self,
        _: ActorRef<Nothing>,
        event: SupervisionEvent,
        node: &mut Arc<Node>,
    ) -> Result<(), ActorProcessingErr> {
        // Who goes to sleep has left the tables before; only who fails is still in them.
        if matches!(event, SupervisionEvent::ActorFailed(..))
            && let Some(failed) = ended(&event)
        {
            node.threads.forget(failed);
            node.streams.forget(failed);
        }
        Ok(())
    }
}

/// Returns who has ended; a failure is counted, and logged once, here.
fn ended(event: &SupervisionEvent) -> Option<ActorId> {
    match event {
        SupervisionEvent::ActorFailed(who, error) => {
            metrics::get().panics.increment(1);
            tracing::error!(actor = %who.get_id(), %error, "actor failed");
            Some(who.get_id())
        }
        SupervisionEvent::ActorTerminated(who, ..) => Some(who.get_id()),
        SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => None,
    }
}

async fn spawn<A: Actor<Arguments = Arc<Node>>>(
    actor: A,
    node: &Arc<Node>,
    root: &ActorCell,
) -> Result<ActorId, SpawnErr> {
    let (actor, _) = ActorRuntime::spawn_linked(None, actor, Arc::clone(node), root.clone()).await?;
    Ok(actor.get_id())
}

/// Lets threads and streams be woken into the nursery, whoever wakes them: storage does so from a thread of its own.
fn wake_from(node: &Arc<Node>, nursery: &ActorCell) {
    let runtime = Handle::current();
    let (weak, home) = (Arc::downgrade(node), nursery.clone());
    node.threads.on_wake(move |pair, waiting| {
        let _there = runtime.enter();
        let arguments = thread::Arguments { node: weak.upgrade()?, pair, waiting };
        let (actor, _) = ActorRuntime::spawn_linked_instant(None, Thread, arguments, home.clone()).ok()?;
        Some(actor)
    });
    let runtime = Handle::current();
    let (weak, home) = (Arc::downgrade(node), nursery.clone());
    node.streams.on_wake(move |user, waiting| {
        let _there = runtime.enter();
        let arguments = notifications::Arguments { node: weak.upgrade()?, user, waiting };
        let (actor, _) = ActorRuntime::spawn_linked_instant(None, Stream, arguments, home.clone()).ok()?;
        Some(actor)
    });
}
