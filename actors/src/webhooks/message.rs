//! The messages of the actor that sends webhooks, and the work that it starts.

use std::sync::Arc;

use chat_database::ids::{CommitNo, DeliveryId, WebhookId};
use chat_database::queries::events::FeedPosition;
use chat_database::webhooks::{Delivery, DeliveryResult, Webhook};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::endpoint::{Job, Read};
use super::queue::Taken;
use super::sender::Attempt;
use crate::error::Error;
use crate::events::Wanted;

/// A message to the actor.
pub(crate) enum WebhookMsg {
    /// A tick of the actor's timer.
    Tick,
    /// A webhook was changed on this node.
    Changed,
    /// Send nothing more, and reply when what is under way has ended.
    Drain(oneshot::Sender<()>),
    /// Whether the lease was taken; if so, the consumer's position and all webhooks.
    TookOver(Result<Option<(FeedPosition, Vec<Webhook>)>, Error>),
    /// The answer to something that was asked for in a term.
    Answer(u64, Answer),
}

/// The result of a read, a write or an attempt.
pub(crate) enum Answer {
    Renewed(Instant, Result<bool, Error>),
    Refreshed(Result<Vec<Webhook>, Error>),
    Stepped(Result<Step, Error>),
    Loaded(WebhookId, Result<(Vec<Delivery>, bool), Error>),
    Read(WebhookId, Result<Vec<(DeliveryId, Read)>, Error>),
    Noted(Vec<DeliveryResult>, Result<(), Error>),
    Attempted(WebhookId, Taken, Result<Option<Attempt>, Error>),
    Disabled(Result<Vec<(WebhookId, Job)>, Error>),
}

/// A read, a write or an attempt to start.
pub(super) enum Asked {
    Renew(Instant),
    Refresh,
    Step(FeedPosition, FeedPosition, Vec<Receiver>),
    Load(WebhookId, u64),
    Read(WebhookId, Vec<Arc<Delivery>>),
    Note(Vec<DeliveryResult>),
    Attempt(Arc<Webhook>, Taken, Job),
}

/// Which events a webhook is to be sent: of which types, and of commits after which one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Receiver {
    pub(super) id: WebhookId,
    pub(super) wanted: Wanted,
    pub(super) since: CommitNo,
}

/// A step of the consumer.
#[derive(Debug)]
pub(crate) enum Step {
    /// Events were read up to `read`; `noted` is the position in the database.
    On { read: FeedPosition, noted: FeedPosition, jobs: Vec<(WebhookId, Job)>, has_more: bool },
    /// Another process has the lease.
    Lost,
}
