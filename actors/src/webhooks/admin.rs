//! What an operator does with webhooks. REST handlers use it, and so do commands at the machine, which need no running hub.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use chat_database::Database;
use chat_database::change::{Change, Outcome};
use chat_database::commit::Writer;
use chat_database::consumers::{BATCH, Consumed, ConsumerChange};
use chat_database::ids::{DeliveryId, MAX_ID, WebhookId};
use chat_database::queries::webhooks;
use chat_database::size::cut_to_page;
use chat_database::time::Timestamp;
use chat_database::webhooks::{Delivery, NewWebhook, Status, Webhook, WebhookEdit};
use uuid::Uuid;

use super::Options;
use super::attempts::{TestEvent, secrets};
use super::body;
use super::handle::WebhookHandle;
use super::sender::{Request, Sender};
use super::signature::RootSecret;
use crate::change_writer::ChangeWriter;
use crate::error::Error;
use crate::events::EventType;
use crate::storage::handle::StorageHandle;

/// How many webhooks there may be.
const MAX_WEBHOOKS: usize = 100;

/// How many characters a description has at the most.
const DESCRIPTION: usize = 255;

/// The longest time for which two secrets sign.
pub const LONGEST_OVERLAP: Duration = Duration::from_secs(72 * 3_600);

/// How far back deliveries are replayed, and how many at a time.
const REPLAY_SPAN: Duration = Duration::from_secs(7 * 24 * 3_600);
const MAX_REPLAYED: usize = 100_000;

/// Which deliveries are replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Only {
    /// Those that have used up their tries.
    Failed,
    /// Those that have arrived, too.
    All,
}

/// What a receiver answered to a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tested {
    /// The status; `None` if there was no answer.
    pub status: Option<u16>,
    /// How many milliseconds it took.
    pub ms: u64,
    /// The beginning of the answer, or why there was none.
    pub body: String,
}

/// A page of deliveries.
#[derive(Debug, Clone)]
pub struct DeliveryPage {
    /// The deliveries, newest first.
    pub deliveries: Vec<Delivery>,
    /// The `before` of the next page; `None` on the last page.
    pub next: Option<DeliveryId>,
}

/// The acts of an operator on webhooks. Cheap to clone.
#[derive(Clone)]
pub struct WebhookAdmin {
    database: Database,
    secret: RootSecret,
    sender: Sender,
    writer: ChangeWriter,
    /// The actor that sends webhooks; in a hub alone.
    handle: Option<WebhookHandle>,
}

impl fmt::Debug for WebhookAdmin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("WebhookAdmin")
    }
}

impl WebhookAdmin {
    /// Makes one that writes through the storage actor of this hub.
    pub(crate) fn of_hub(
        database: Database,
        secret: RootSecret,
        sender: Sender,
        storage: StorageHandle,
        handle: WebhookHandle,
    ) -> Self {
        Self { database, secret, sender, writer: ChangeWriter::Hub(storage), handle: Some(handle) }
    }

    /// Makes one that writes to the database by itself, for a command. A running hub notices the change within a second.
    ///
    /// # Errors
    /// `internal` if no HTTP client can be made.
    pub fn beside_hub(database: Database, options: Options, writer: Writer) -> Result<Self, Error> {
        let sender = Sender::new(options.policy).map_err(no_client)?;
        Ok(Self { database, secret: options.secret, sender, writer: ChangeWriter::own(writer), handle: None })
    }

    /// Makes a webhook; returns it, and its secret, which is shown once.
    ///
    /// # Errors
    /// `bad_request` if the URL, the types or the description are not right; temporary ones.
    pub async fn add(
        &self,
        url: String,
        types: Vec<String>,
        description: String,
        enabled: bool,
    ) -> Result<(Webhook, String), Error> {
        self.check(Some(&url), Some(&types), Some(&description)).await?;
        if webhooks::all(&self.database).await?.len() >= MAX_WEBHOOKS {
            return Err(Error::bad_request(format!("there are {MAX_WEBHOOKS} webhooks already; remove one first")));
        }
        let id = draw();
        let new = NewWebhook { id, url, types, description, enabled, at: Timestamp::now() };
        self.write(ConsumerChange::AddWebhook(Box::new(new))).await?;
        let webhook = self.one(id).await?;
        let secret = self.secret.of(id.get(), webhook.secret_version).shown();
        Ok((webhook, secret))
    }

    /// Returns all webhooks.
    ///
    /// # Errors
    /// `unavailable`.
    pub async fn all(&self) -> Result<Vec<Webhook>, Error> {
        Ok(webhooks::all(&self.database).await?)
    }

    /// Changes a webhook, and returns it.
    ///
    /// # Errors
    /// `bad_request`, `not_found`; temporary ones.
    pub async fn edit(&self, id: WebhookId, edit: WebhookEdit) -> Result<Webhook, Error> {
        self.check(edit.url.as_deref(), edit.types.as_deref(), edit.description.as_deref()).await?;
        self.write_of(ConsumerChange::EditWebhook(id, Box::new(edit))).await?;
        self.one(id).await
    }

    /// Removes a webhook.
    ///
    /// # Errors
    /// `not_found`; temporary ones.
    pub async fn remove(&self, id: WebhookId) -> Result<(), Error> {
        self.write_of(ConsumerChange::RemoveWebhook(id)).await.map(drop)
    }

    /// Gives a webhook another secret, and returns it. The former secret signs, too, for the time `overlap`.
    ///
    /// # Errors
    /// `bad_request`, `not_found`; temporary ones.
    pub async fn rotate_secret(&self, id: WebhookId, overlap: Duration) -> Result<String, Error> {
        if overlap > LONGEST_OVERLAP {
            return Err(Error::bad_request("overlap_hours is from 0 to 72"));
        }
        self.write_of(ConsumerChange::RotateSecret(id, Timestamp::now().after(overlap))).await?;
        Ok(self.secret.of(id.get(), self.one(id).await?.secret_version).shown())
    }

    /// Sends an event `webhook.test` at once, and returns what the receiver answers.
    ///
    /// # Errors
    /// `not_found`, `unavailable`.
    pub async fn test(&self, id: WebhookId) -> Result<Tested, Error> {
        let webhook = self.one(id).await?;
        let now = Timestamp::now();
        let request = Request {
            id: format!("evt_test_{}", Uuid::new_v4().simple()),
            secrets: secrets(&self.secret, &webhook, now),
            body: body::write("webhook.test", now, TestEvent { webhook_id: id.get() }),
            url: webhook.url,
        };
        let attempt = self.sender.send(&request).await;
        Ok(Tested { status: attempt.code, ms: attempt.ms, body: attempt.reply })
    }

    /// Sends a receiver a request without an event; returns the status of the answer, whatever it is.
    ///
    /// # Errors
    /// Why there was no answer: its address is refused, nothing listens there, TLS fails.
    pub async fn reach(&self, webhook: &Webhook) -> Result<u16, String> {
        self.sender.reach(&webhook.url).await
    }

    /// Returns deliveries to a webhook, newest first.
    ///
    /// # Errors
    /// `not_found`, `unavailable`.
    pub async fn deliveries(
        &self,
        id: WebhookId,
        status: Option<Status>,
        before: Option<DeliveryId>,
        limit: u32,
    ) -> Result<DeliveryPage, Error> {
        self.one(id).await?;
        let mut deliveries = webhooks::deliveries(&self.database, id, status, before, limit + 1).await?;
        let many = deliveries.len() > usize::try_from(limit).unwrap_or(usize::MAX);
        deliveries.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        let has_more = cut_to_page(&mut deliveries) || many;
        let next = deliveries.last().filter(|_| has_more).map(|last| last.id);
        Ok(DeliveryPage { deliveries, next })
    }

    /// Has a delivery tried again now, as if it had never been tried.
    ///
    /// # Errors
    /// `not_found`; temporary ones.
    pub async fn retry(&self, id: WebhookId, delivery: DeliveryId) -> Result<(), Error> {
        self.one(id).await?;
        let found = webhooks::delivery_of(&self.database, id, delivery).await?;
        let found = found.ok_or_else(|| Error::not_found("delivery"))?;
        self.write_of(ConsumerChange::Requeue(id, vec![found.id], Timestamp::now())).await.map(drop)
    }

    /// Has the deliveries of a span of time tried again, oldest first; returns how many.
    ///
    /// # Errors
    /// `bad_request`, `not_found`; temporary ones, after which some of them are tried again.
    pub async fn replay(
        &self,
        id: WebhookId,
        since: Timestamp,
        until: Option<Timestamp>,
        only: Only,
    ) -> Result<usize, Error> {
        let now = Timestamp::now();
        if since < now.before(REPLAY_SPAN) {
            return Err(Error::bad_request("since is more than 7 days ago; deliveries are replayed from 7 days"));
        }
        let until = until.unwrap_or_else(|| now.after(REPLAY_SPAN));
        if until <= since {
            return Err(Error::bad_request("until must be after since"));
        }
        self.one(id).await?;
        let mut found = self.ids_of(id, Status::Failed, (since, until)).await?;
        if only == Only::All {
            found.extend(self.ids_of(id, Status::Ok, (since, until)).await?);
        }
        if found.len() > MAX_REPLAYED {
            return Err(Error::bad_request("that is more than 100000 deliveries; choose a shorter time"));
        }
        let ids: Vec<DeliveryId> = found.into_iter().collect();
        for batch in ids.chunks(BATCH) {
            self.write_of(ConsumerChange::Requeue(id, batch.to_vec(), now)).await?;
        }
        Ok(ids.len())
    }

    /// Returns the ids of the deliveries of a span of time, at most one page more than are replayed.
    async fn ids_of(
        &self,
        id: WebhookId,
        status: Status,
        time: (Timestamp, Timestamp),
    ) -> Result<BTreeSet<DeliveryId>, Error> {
        const PAGE: u32 = 2_000;

        let mut ids = BTreeSet::new();
        loop {
            let after = ids.last().map_or(0, |last: &DeliveryId| last.get());
            let page = webhooks::oldest_first(&self.database, (id, status), after, time, PAGE).await?;
            let is_last = page.len() < PAGE as usize;
            ids.extend(page.into_iter().map(|delivery| delivery.id));
            if is_last || ids.len() > MAX_REPLAYED {
                return Ok(ids);
            }
        }
    }

    async fn one(&self, id: WebhookId) -> Result<Webhook, Error> {
        webhooks::one(&self.database, id).await?.ok_or_else(|| Error::not_found("webhook"))
    }

    /// Checks the settings of a webhook.
    ///
    /// # Errors
    /// `bad_request`, which quotes no URL: it may hold a login.
    pub async fn check(
        &self,
        url: Option<&str>,
        types: Option<&[String]>,
        description: Option<&str>,
    ) -> Result<(), Error> {
        if let Some(types) = types {
            check_types(types)?;
        }
        if description.is_some_and(|text| text.chars().count() > DESCRIPTION || text.contains('\0')) {
            return Err(Error::bad_request(format!("description has at most {DESCRIPTION} characters, and no NUL")));
        }
        if let Some(url) = url {
            self.sender.judge(url).await.map_err(|refused| Error::bad_request(refused.to_string()))?;
        }
        Ok(())
    }

    /// Writes a change of a webhook, which must exist.
    async fn write_of(&self, change: ConsumerChange) -> Result<Consumed, Error> {
        let consumed = self.write(change).await?;
        if consumed.done { Ok(consumed) } else { Err(Error::not_found("webhook")) }
    }

    async fn write(&self, change: ConsumerChange) -> Result<Consumed, Error> {
        let outcome = self.writer.write_later(Change::Consume(Box::new(change))).await?;
        if let Some(handle) = &self.handle {
            handle.changed();
        }
        match outcome {
            Outcome::Consumed(consumed) => Ok(consumed),
            _ => Err(Error::internal()),
        }
    }
}

/// Makes the error for an HTTP client that could not be made.
pub(crate) fn no_client(error: reqwest::Error) -> Error {
    tracing::error!(%error, "webhooks cannot be sent: there is no HTTP client");
    Error::internal()
}

/// Draws a random id, which a JavaScript `number` can hold.
fn draw() -> WebhookId {
    let (high, _) = Uuid::new_v4().as_u64_pair();
    WebhookId::new((high & MAX_ID).max(1)).unwrap_or_else(|_| unreachable!("it is in range"))
}

fn check_types(types: &[String]) -> Result<(), Error> {
    if types.is_empty() || types.len() > EventType::ALL.len() + 1 {
        return Err(Error::bad_request("types names the types of events that are wanted, or is [\"*\"]"));
    }
    let unknown = types.iter().filter(|name| *name != "*").find_map(|name| name.parse::<EventType>().err());
    unknown.map_or(Ok(()), |unknown| Err(Error::bad_request(format!("types: {unknown}"))))
}
