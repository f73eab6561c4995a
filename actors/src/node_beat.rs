//! Beats: they show the other nodes, in the database, that this one lives. See [`chat_database::nodes`].
//!
//! A beat is not part of a commit, and has a connection of its own: a node whose commits are held up lives, too.

pub(crate) mod handle;

use std::sync::Arc;

use chat_database::Database;
use chat_database::nodes::{BEAT, NodeId, Registration, RowOwner};
use ractor::{Actor, ActorProcessingErr, ActorRef};

use crate::draining::Draining;
use handle::{NodeBeatHandle, NodeBeatMsg};

/// Writes beats into the row of this node's name.
pub(crate) struct NodeBeat;

/// What the actor uses.
pub(crate) struct NodeBeatContext {
    pub(crate) database: Database,
    pub(crate) node: NodeId,
    pub(crate) key_check: Option<i64>,
    pub(crate) draining: Draining,
    pub(crate) handle: NodeBeatHandle,
}

pub(crate) struct State {
    context: Arc<NodeBeatContext>,
    /// `None` where nodes do not register, and once the name was given back or lost.
    registration: Option<Registration>,
}

impl Actor for NodeBeat {
    type Msg = NodeBeatMsg;
    type State = State;
    type Arguments = Arc<NodeBeatContext>;

    async fn pre_start(
        &self,
        myself: ActorRef<NodeBeatMsg>,
        context: Arc<NodeBeatContext>,
    ) -> Result<State, ActorProcessingErr> {
        let registration = Registration::of(&context.database, &context.node, context.key_check);
        if registration.is_some() {
            myself.send_message(NodeBeatMsg::Beat)?;
            myself.send_interval(BEAT, || NodeBeatMsg::Beat);
        }
        context.handle.set_actor(myself);
        Ok(State { context, registration })
    }

    async fn handle(
        &self,
        _: ActorRef<NodeBeatMsg>,
        message: NodeBeatMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            NodeBeatMsg::Beat => state.beat().await,
            NodeBeatMsg::Release(done) => {
                state.release().await;
                // The hub may have given up waiting.
                let _ = done.send(());
            }
        }
        Ok(())
    }
}

impl State {
    async fn beat(&mut self) {
        let Some(registration) = &mut self.registration else { return };
        match registration.beat(self.context.draining.has_started()).await {
            Ok(RowOwner::Ours | RowOwner::Unclear { .. }) => {}
            Ok(RowOwner::Taken { .. }) => {
                self.registration = None;
                self.context.handle.set_ousted();
            }
            // The next beat tries again; readiness says that the database is away.
            Err(error) => tracing::debug!(%error, "cannot beat"),
        }
    }

    async fn release(&mut self) {
        if let Some(mut registration) = self.registration.take()
            && let Err(error) = registration.release().await
        {
            tracing::debug!(%error, "the node's name is free once it is seen that this node beats no more");
        }
    }
}
