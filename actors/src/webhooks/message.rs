//! What the actor that sends webhooks receives, and what it begins.

use std::sync::Arc;

use chat_database::ids::{CommitNo, DeliveryId, WebhookId};
use chat_database::queries::events::Standing;
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
    /// Time to look around.
    Tick,
    /// A webhook was changed on this node.
    Changed,
    /// Send nothing more, and say when what is under way has ended.
    Drain(oneshot::Sender<()>),
    /// Whether the lease was taken, and what there is to do then.
    TookOver(Result<Option<(Standing, Vec<Webhook>)>, Error>),
    /// Something that was asked for in a term has come.
    Answer(u64, Answer),
}

/// What the actor has asked for.
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

/// Something to begin.
pub(super) enum Asked {
    Renew(Instant),
    Refresh,
    Step(Standing, Standing, Vec<Receiver>),
    Load(WebhookId, u64),
    Read(WebhookId, Vec<Arc<Delivery>>),
    Note(Vec<DeliveryResult>),
    Attempt(Arc<Webhook>, Taken, Job),
}

/// What a webhook is to be sent: its id, which types, and of commits behind which one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Receiver {
    pub(super) id: WebhookId,
    pub(super) wanted: Wanted,
    pub(super) since: CommitNo,
}

/// A step of the consumer.
#[derive(Debug)]
pub(crate) enum Step {
    /// Everything up to there is noted; `noted`: the place that is written down.
    On { read: Standing, noted: Standing, jobs: Vec<(WebhookId, Job)>, has_more: bool },
    /// Another process has the lease.
    Lost,
}
