//! The supervision tree, and every policy in it.
//!
//! ```text
//!  Root                       ends only with its node
//!  ├─ Storage                 permanent: started again, on its OS thread; the writes it held get temporary errors
//!  ├─ PresenceActor           permanent: started again; the table outlives it
//!  ├─ Follower                permanent: started again; it looks at the database
//!  ├─ Sweeper                 permanent: started again; it sweeps what is over
//!  ├─ NodeBeat                permanent: started again; it beats as soon as it is there
//!  ├─ Auditor                 permanent: started again; what waits for the audit log outlives it
//!  ├─ WebhookActor            permanent: started again; it takes its lease again, and reads what waits from the database
//!  ├─ Relay                   permanent, if there is one: started again; it connects anew
//!  └─ SessionSupervisor       ends only with its node
//!     ├─ Session …            temporary: its connection is closed with 4004, and resumes
//!     ├─ Thread …             temporary: removed from the registry; the next message activates it from the database
//!     └─ NotificationStream … temporary: removed from the registry; the next update activates it
//! ```
//!
//! What an actor held is dropped with it, and its `Drop` reports the failure: a [`Requester`](crate::requester::Requester)
//! replies with a temporary error, a [`DeliveryGuard`](crate::delivery_frontier::DeliveryGuard) makes its commit a gap, a
//! [`Registration`](crate::connections::Registration) closes its connection.

use std::sync::Arc;

use chat_database::ids::{Pair, UserId};
use ractor::actor::actor_cell::ActorCell;
use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, ActorRuntime, SpawnErr, SupervisionEvent};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::audit::actor::{Auditor, AuditorContext};
use crate::draining::Draining;
use crate::follower::{Follower, FollowerContext};
use crate::images::sweeper::{Sweeper, SweeperContext};
use crate::metrics;
use crate::node_beat::{NodeBeat, NodeBeatContext};
use crate::notifications::message::StreamMsg;
use crate::notifications::{self, NotificationStream, StreamContext};
use crate::presence::{PresenceActor, PresenceContext};
use crate::registry::PendingCount;
use crate::relay::actor::{Relay, RelayContext};
use crate::storage::{Storage, StorageContext};
use crate::thread::message::ThreadMsg;
use crate::thread::{self, Thread, ThreadContext};
use crate::webhooks::WebhookActor;
use crate::webhooks::context::WebhookContext;

/// The message of a supervisor, which takes none.
#[derive(Debug)]
pub(crate) enum NoMsg {}

/// What the actors of a node use, each its own part.
pub(crate) struct Contexts {
    pub(crate) thread: Arc<ThreadContext>,
    pub(crate) stream: Arc<StreamContext>,
    pub(crate) storage: Arc<StorageContext>,
    pub(crate) presence: Arc<PresenceContext>,
    pub(crate) follower: Arc<FollowerContext>,
    pub(crate) sweeper: Arc<SweeperContext>,
    pub(crate) node_beat: Arc<NodeBeatContext>,
    pub(crate) auditor: Arc<AuditorContext>,
    pub(crate) webhooks: Arc<WebhookContext>,
    pub(crate) relay: Option<Arc<RelayContext>>,
    pub(crate) draining: Draining,
}

/// The supervisors of a running node.
pub(crate) struct Supervisors {
    pub(crate) root: ActorRef<NoMsg>,
    /// The supervisor of sessions, threads and streams.
    pub(crate) sessions: ActorCell,
}

/// Starts the actors of a node.
pub(crate) async fn start(contexts: Contexts) -> Result<Supervisors, ActorProcessingErr> {
    let (started, sessions) = oneshot::channel();
    let (root, _) = ActorRuntime::spawn(None, Root, (Arc::new(contexts), started)).await?;
    Ok(Supervisors { root, sessions: sessions.await? })
}

/// The root supervisor.
struct Root;

struct Permanent {
    contexts: Arc<Contexts>,
    storage: ActorId,
    presence: ActorId,
    follower: ActorId,
    sweeper: ActorId,
    node_beat: ActorId,
    auditor: ActorId,
    webhooks: ActorId,
    relay: Option<ActorId>,
}

impl Actor for Root {
    type Msg = NoMsg;
    type State = Permanent;
    type Arguments = (Arc<Contexts>, oneshot::Sender<ActorCell>);

    async fn pre_start(
        &self,
        myself: ActorRef<NoMsg>,
        (contexts, started): (Arc<Contexts>, oneshot::Sender<ActorCell>),
    ) -> Result<Permanent, ActorProcessingErr> {
        let root = myself.get_cell();
        let (sessions, _) =
            ActorRuntime::spawn_linked(None, SessionSupervisor, Arc::clone(&contexts), root.clone()).await?;
        // A caller that has gone does not need the supervisor.
        let _ = started.send(sessions.get_cell());
        Ok(Permanent {
            storage: start_storage(&contexts, &root).await?,
            presence: spawn(PresenceActor, &contexts.presence, &root).await?,
            follower: spawn(Follower, &contexts.follower, &root).await?,
            sweeper: spawn(Sweeper, &contexts.sweeper, &root).await?,
            node_beat: spawn(NodeBeat, &contexts.node_beat, &root).await?,
            auditor: spawn(Auditor, &contexts.auditor, &root).await?,
            webhooks: spawn(WebhookActor, &contexts.webhooks, &root).await?,
            relay: start_relay(&contexts, &root).await?,
            contexts,
        })
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<NoMsg>,
        event: SupervisionEvent,
        state: &mut Permanent,
    ) -> Result<(), ActorProcessingErr> {
        let Some(ended) = ended(&event) else { return Ok(()) };
        let (root, contexts) = (myself.get_cell(), &state.contexts);
        if contexts.draining.has_started() {
            return Ok(());
        }
        if ended == state.storage {
            state.storage = start_storage(contexts, &root).await?;
        } else if ended == state.presence {
            state.presence = spawn(PresenceActor, &contexts.presence, &root).await?;
        } else if ended == state.follower {
            state.follower = spawn(Follower, &contexts.follower, &root).await?;
        } else if ended == state.sweeper {
            state.sweeper = spawn(Sweeper, &contexts.sweeper, &root).await?;
        } else if ended == state.node_beat {
            state.node_beat = spawn(NodeBeat, &contexts.node_beat, &root).await?;
        } else if ended == state.auditor {
            state.auditor = spawn(Auditor, &contexts.auditor, &root).await?;
        } else if ended == state.webhooks {
            state.webhooks = spawn(WebhookActor, &contexts.webhooks, &root).await?;
        } else if Some(ended) == state.relay {
            state.relay = start_relay(contexts, &root).await?;
        }
        Ok(())
    }
}

/// The supervisor of sessions, threads and streams.
struct SessionSupervisor;

impl Actor for SessionSupervisor {
    type Msg = NoMsg;
    type State = Arc<Contexts>;
    type Arguments = Arc<Contexts>;

    async fn pre_start(
        &self,
        myself: ActorRef<NoMsg>,
        contexts: Arc<Contexts>,
    ) -> Result<Arc<Contexts>, ActorProcessingErr> {
        activate_under(&contexts, &myself.get_cell());
        Ok(contexts)
    }

    async fn handle_supervisor_evt(
        &self,
        _: ActorRef<NoMsg>,
        event: SupervisionEvent,
        contexts: &mut Arc<Contexts>,
    ) -> Result<(), ActorProcessingErr> {
        // An actor that stops by itself has left its registry before; only one that fails is still in it.
        if matches!(event, SupervisionEvent::ActorFailed(..))
            && let Some(failed) = ended(&event)
        {
            contexts.thread.threads.remove_failed(failed);
            contexts.stream.streams.remove_failed(failed);
        }
        Ok(())
    }
}

/// Returns which actor has ended; a failure is counted, and logged once, here.
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

/// Starts storage, on its own OS thread.
async fn start_storage(contexts: &Contexts, root: &ActorCell) -> Result<ActorId, ActorProcessingErr> {
    let (context, root) = (Arc::clone(&contexts.storage), root.clone());
    let starting = async { ActorRuntime::spawn_linked(None, Storage, context, root).await };
    let (actor, _) = contexts.storage.handle.spawn(starting).await??;
    Ok(actor.get_id())
}

/// Starts the relay, if something carries messages between nodes.
async fn start_relay(contexts: &Contexts, root: &ActorCell) -> Result<Option<ActorId>, SpawnErr> {
    match &contexts.relay {
        Some(context) => spawn(Relay, context, root).await.map(Some),
        None => Ok(None),
    }
}

async fn spawn<A, C>(actor: A, context: &Arc<C>, root: &ActorCell) -> Result<ActorId, SpawnErr>
where
    A: Actor<Arguments = Arc<C>>,
{
    let (actor, _) = ActorRuntime::spawn_linked(None, actor, Arc::clone(context), root.clone()).await?;
    Ok(actor.get_id())
}

/// Lets the registries activate threads and streams under their supervisor, on the runtime of the hub whichever OS thread
/// delivers the message: storage has one of its own.
fn activate_under(contexts: &Contexts, supervisor: &ActorCell) {
    // The registries are part of the contexts, and must not keep them alive.
    let (runtime, parent, weak) = (Handle::current(), supervisor.clone(), Arc::downgrade(&contexts.thread));
    contexts.thread.threads.on_activate(move |pair: Pair, pending: PendingCount| -> Option<ActorRef<ThreadMsg>> {
        let _runtime = runtime.enter();
        let arguments = thread::Arguments { context: weak.upgrade()?, pair, pending };
        let (actor, _) = ActorRuntime::spawn_linked_instant(None, Thread, arguments, parent.clone()).ok()?;
        Some(actor)
    });
    let (runtime, parent, weak) = (Handle::current(), supervisor.clone(), Arc::downgrade(&contexts.stream));
    contexts.stream.streams.on_activate(move |user: UserId, pending: PendingCount| -> Option<ActorRef<StreamMsg>> {
        let _runtime = runtime.enter();
        let arguments = notifications::Arguments { context: weak.upgrade()?, user, pending };
        let (actor, _) =
            ActorRuntime::spawn_linked_instant(None, NotificationStream, arguments, parent.clone()).ok()?;
        Some(actor)
    });
}
