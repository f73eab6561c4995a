//! What the actor that sends webhooks uses.

use chat_database::Database;
use chat_database::nodes::NodeId;

use super::handle::WebhookHandle;
use super::sender::Sender;
use super::signature::RootSecret;
use crate::delivery_frontier::DeliveryFrontier;
use crate::storage::handle::StorageHandle;

/// What the actor uses.
pub(crate) struct WebhookContext {
    pub(crate) database: Database,
    pub(crate) storage: StorageHandle,
    pub(crate) frontier: DeliveryFrontier,
    /// The id of this process in the commit log.
    pub(crate) node: NodeId,
    pub(crate) secret: RootSecret,
    pub(crate) sender: Sender,
    pub(crate) handle: WebhookHandle,
}
