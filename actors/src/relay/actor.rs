//! The relay's actor: keeps the task running that moves messages.

use std::sync::Arc;

use chat_database::identity;
use chat_database::nodes::NodeId;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio_util::task::AbortOnDropHandle;

use super::envelope::Codec;
use super::handle::{Outbound, RelayHandle};
#[cfg(feature = "failpoints")]
use super::lossy;
use super::nats;
use super::options::{Carrier, Options};
use super::pumps::Pumps;
use super::receiver::{Neighbours, Receiver};
use super::transport::Sender;

/// Keeps the task running that moves messages between nodes.
pub(crate) struct Relay;

/// What the relay uses.
pub(crate) struct RelayContext {
    carrier: Carrier,
    pumps: Arc<Pumps>,
}

impl RelayContext {
    /// Prepares the relay of a node; `None` if nothing carries messages between nodes.
    ///
    /// # Errors
    /// The database's, if its identity cannot be read.
    pub(crate) async fn new(
        options: &Options,
        database: &chat_database::Database,
        me: NodeId,
        neighbours: Neighbours,
    ) -> Result<Option<Self>, chat_database::Error> {
        let Some(key) = options.key.clone().filter(|_| !matches!(options.carrier, Carrier::Nothing)) else {
            return Ok(None);
        };
        let codec = Codec { database: identity::read(database).await?, key };
        let outbound = Arc::new(Outbound::new(neighbours.frontier.clone()));
        let receiver = Receiver::new(me.clone(), codec.clone(), neighbours);
        let sender = Sender { me, codec, outbound };
        Ok(Some(Self { carrier: options.carrier.clone(), pumps: Arc::new(Pumps { sender, receiver }) }))
    }

    /// Returns the handle of the relay.
    pub(crate) fn handle(&self) -> RelayHandle {
        RelayHandle::over(Arc::clone(&self.pumps.sender.outbound))
    }

    async fn run(&self) {
        match &self.carrier {
            Carrier::Nothing => std::future::pending().await,
            Carrier::Nats(options) => nats::run(options, &self.pumps).await,
            #[cfg(feature = "failpoints")]
            Carrier::Lossy(bus) => lossy::run(bus, &self.pumps).await,
        }
    }
}

/// A message to the actor.
#[derive(Debug)]
pub(crate) enum RelayMsg {
    /// The task has ended, which it does only in a panic.
    Ended,
}

impl Actor for Relay {
    type Msg = RelayMsg;
    type State = AbortOnDropHandle<()>;
    type Arguments = Arc<RelayContext>;

    async fn pre_start(
        &self,
        myself: ActorRef<RelayMsg>,
        context: Arc<RelayContext>,
    ) -> Result<AbortOnDropHandle<()>, ActorProcessingErr> {
        Ok(AbortOnDropHandle::new(tokio::spawn(async move {
            let _ended = Ended { actor: myself, context: Arc::clone(&context) };
            context.run().await;
        })))
    }

    async fn handle(
        &self,
        _: ActorRef<RelayMsg>,
        message: RelayMsg,
        _: &mut AbortOnDropHandle<()>,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            RelayMsg::Ended => Err("the relay's task has ended".into()),
        }
    }
}

/// Tells the actor when its task ends.
struct Ended {
    actor: ActorRef<RelayMsg>,
    context: Arc<RelayContext>,
}

impl Drop for Ended {
    fn drop(&mut self) {
        self.context.pumps.link().set(false);
        // An actor that has ended already does not need the message.
        let _ = self.actor.send_message(RelayMsg::Ended);
    }
}
