//! Consumers of events: the readers of the commit log other than the nodes, and what is written for them.
//!
//! A consumer is a name and a position. The log is kept until the slowest enabled one has read it. The consumer that the hub
//! itself works for (webhooks) has a lease, so that one process does so at a time; a reader of the event feed is noted when
//! it reads.

use std::time::Duration;

use crate::events::EventPosition;
use crate::ids::{DeliveryId, WebhookId};
use crate::time::Timestamp;
use crate::webhooks::{DeliveryResult, NewDelivery, NewWebhook, WebhookEdit};

/// The consumer whose events go to webhooks.
pub const WEBHOOKS: &str = "webhooks";

/// How long a lease is good. The node that has it prolongs it several times within that.
pub const LEASE: Duration = Duration::from_secs(10);

/// How many rows one change writes at the most.
pub const BATCH: usize = 500;

/// Something to write for consumers and webhooks.
#[derive(Debug, Clone)]
pub enum ConsumerChange {
    /// A reader of the feed has everything up to a position.
    Follow {
        /// Its name.
        name: String,
        /// The position.
        position: EventPosition,
    },
    /// A process takes a consumer's lease, or prolongs it. Not done if another one has it.
    Lease {
        /// The consumer.
        name: &'static str,
        /// The process, as it stands in the commit log.
        holder: String,
    },
    /// A process gives a consumer's lease back.
    Release {
        /// The consumer.
        name: &'static str,
        /// The process.
        holder: String,
    },
    /// A consumer moves on, and deliveries are made. Not done if the process has lost the lease, or the consumer has moved.
    Advance(Advance),
    /// A webhook is made.
    AddWebhook(Box<NewWebhook>),
    /// A webhook is changed. Not done if there is none.
    EditWebhook(WebhookId, Box<WebhookEdit>),
    /// A webhook is removed. Not done if there is none.
    RemoveWebhook(WebhookId),
    /// A webhook gets another secret; until then the one before signs, too. Not done if there is none.
    RotateSecret(WebhookId, Timestamp),
    /// Results of deliveries.
    Results(Vec<DeliveryResult>),
    /// Deliveries are to be tried again, as if they had never been.
    Requeue(WebhookId, Vec<DeliveryId>, Timestamp),
    /// Since when a webhook has failed, if it does, and when it had its last success.
    Health(WebhookId, Option<Timestamp>, Option<Timestamp>),
    /// A webhook is disabled for a reason, and others are told. Not done if it was disabled before.
    Disable(WebhookId, String, Vec<NewDelivery>),
}

/// A step of a consumer.
#[derive(Debug, Clone)]
pub struct Advance {
    /// The consumer.
    pub name: &'static str,
    /// The process that has the lease.
    pub holder: String,
    /// The position from which it moves.
    pub from: EventPosition,
    /// The position to which it moves.
    pub to: EventPosition,
    /// What is to be delivered, in order.
    pub deliveries: Vec<NewDelivery>,
}

/// The outcome of a [`ConsumerChange`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Consumed {
    /// Whether it was done.
    pub done: bool,
    /// The id of the first of its new deliveries; the others follow one by one.
    pub first: DeliveryId,
}

/// The state of a consumer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consumer {
    /// The position of the last event that it has.
    pub position: EventPosition,
    /// Whether the log is kept for it.
    pub enabled: bool,
    /// The process that has its lease, or had it.
    pub holder: String,
    /// Whether the lease is good, by the database's clock.
    pub is_leased: bool,
}
