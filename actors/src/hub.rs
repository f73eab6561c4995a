//! The hub of one node: what the edge may ask for.

mod admin;
mod cards;
mod events;
#[cfg(feature = "failpoints")]
mod failpoints;
mod images;
mod notifications;
mod presence;
mod profiles;
mod start;
mod system_messages;
mod webhooks;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chat_database::Database;
use chat_database::change::{Change, Delete, Edit, NewMessage, Outcome, Receipt, ReceiptKind, Ticket};
use chat_database::ids::{MediaId, MessageId, Pair, Seq, ThreadId, UserId};
use chat_database::objects::Message;
use chat_database::queries::messages;
use chat_database::time::Timestamp;
use ractor::ActorRef;
use tokio::time::Instant;

pub use self::admin::{Surroundings, Whereabouts};
#[cfg(feature = "failpoints")]
pub use self::failpoints::Victim;
pub use self::notifications::NotificationRequest;
pub use self::presence::Presence;
pub use self::system_messages::SystemMessageRequest;
use crate::admin::Admin;
use crate::audit::AuditLog;
use crate::delivery_frontier::DeliveryFrontier;
use crate::draining::Draining;
use crate::error::Error;
use crate::events::readers::FeedReaders;
use crate::executor::{LowPriorityPool, Panicked};
use crate::images::{Images, Prepared, removal};
use crate::node_beat::handle::NodeBeatHandle;
#[cfg(feature = "failpoints")]
use crate::notifications::message::StreamRegistry;
pub use crate::options::Options;
use crate::permissions::Permissions;
use crate::presence::alive;
use crate::presence::handle::PresenceHandle;
use crate::protocol::ErrorCode;
use crate::protocol::client::MessageSend;
use crate::rate_limit::Limiters;
pub use crate::rate_limit::{Rate, Rates};
use crate::relay::handle::RelayHandle;
pub use crate::requester::Permit;
use crate::requester::{Answer, Requester};
use crate::restrictions::Restrictions;
use crate::session_handle::Sessions;
pub use crate::session_handle::{Opening, SessionHandle};
use crate::storage::handle::StorageHandle;
use crate::supervision::NoMsg;
pub use crate::sync::SyncPage;
#[cfg(feature = "failpoints")]
use crate::thread::message::ThreadRegistry;
use crate::updates::Updates;
use crate::webhooks::WebhookAdmin;
use crate::webhooks::handle::WebhookHandle;
use crate::{sync, validation};

/// A stored message, as REST answers it.
#[derive(Debug, Clone)]
pub struct Stored {
    /// The message in its present state.
    pub message: Message,
    /// Whether it had been stored before.
    pub duplicate: bool,
}

/// The state of a hub that is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ready {
    /// Whether the relay to the other nodes is up; `None` without one. A hub whose relay is down is ready, though other
    /// nodes learn of its commits later. If it were not, an outage of the relay would take all nodes out of service.
    pub relay: Option<bool>,
}

/// The hub of one node. Cheap to clone.
#[derive(Clone)]
pub struct Hub(Arc<Inner>);

/// What the hub's methods use.
struct Inner {
    admin: Admin,
    audit: AuditLog,
    options: Options,
    database: Database,
    feed_readers: FeedReaders,
    frontier: DeliveryFrontier,
    images: Images,
    limiters: Arc<Limiters>,
    node_beat: NodeBeatHandle,
    pages: LowPriorityPool,
    permissions: Permissions,
    presence: PresenceHandle,
    relay: RelayHandle,
    restrictions: Restrictions,
    sessions: Sessions,
    storage: StorageHandle,
    #[cfg(feature = "failpoints")]
    threads: Arc<ThreadRegistry>,
    updates: Updates,
    webhook_admin: WebhookAdmin,
    webhooks: WebhookHandle,
    #[cfg(feature = "failpoints")]
    streams: Arc<StreamRegistry>,
    draining: Draining,
    root: ActorRef<NoMsg>,
}

impl fmt::Debug for Hub {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Hub").field("node", &self.0.options.node).finish_non_exhaustive()
    }
}

impl Hub {
    /// Runs a task that takes long, such as making a page, on an OS thread of lower priority than those of messages. If the
    /// caller stops waiting, a task that has not begun is skipped, and one that has begun runs to its end.
    ///
    /// # Errors
    /// `internal` if the task panics.
    pub async fn run_low_priority<F>(&self, task: F) -> Result<F::Output, Error>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.0.pages.run(task).await.map_err(|Panicked| Error::internal())
    }

    /// Returns the database, for reading.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.0.database
    }

    /// Returns how the hub behaves.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.0.options
    }

    /// Checks that a user may open another connection. The edge asks before the upgrade, so that a refusal is an HTTP
    /// answer.
    ///
    /// # Errors
    /// `rate_limited` if the user has as many as allowed; `shutting_down` while draining.
    pub fn may_connect(&self, user: UserId) -> Result<(), Error> {
        self.0.sessions.may_open(user)
    }

    /// Opens a session: registers the connection and starts its actor, which says `auth_ok`, replays what was missed and
    /// goes on with what is live, all through the outbox.
    ///
    /// # Errors
    /// `rate_limited` if the user has as many connections as allowed (close with 4504); `shutting_down` while draining.
    pub fn open(&self, opening: Opening) -> Result<SessionHandle, Error> {
        self.0.sessions.open(opening)
    }

    /// Counts a query of a user: a request that reads from the database, and changes nothing.
    ///
    /// # Errors
    /// `rate_limited`.
    pub fn may_ask(&self, user: UserId) -> Result<(), Error> {
        self.0.limiters.queries.take(user, Instant::now())
    }

    /// Stores a message and tells both sides.
    ///
    /// # Errors
    /// Every code that a `message_send` can be refused with.
    pub async fn send(&self, user: UserId, send: MessageSend) -> Result<Stored, Error> {
        self.send_with(user, send, Vec::new()).await
    }

    /// Stores a message with files that came with it, all or nothing, and tells both sides.
    ///
    /// # Errors
    /// As [`Hub::send`], and `unavailable` with the store of images away.
    pub async fn send_with(&self, user: UserId, send: MessageSend, files: Vec<Prepared>) -> Result<Stored, Error> {
        self.0.limiters.sends.take(user, Instant::now())?;
        let pair = self.pair_for(user, &send).await?;
        let draft = validation::message(user, pair, send, &files, &self.0.options.limits)?;
        let mut kept = Vec::new();
        if !files.is_empty() && !self.was_sent(&draft).await? {
            kept = files.iter().map(|file| file.id.clone()).collect();
            self.0.images.keep(&self.0.storage, user, files).await?;
        }
        let answer = self.request(Change::Send(draft)).await;
        let in_vain = match &answer {
            Ok(Answer::Stored { duplicate, .. }) => *duplicate,
            Ok(_) => false,
            // The commit refuses one new conversation too many as `rate_limited`: then nothing was stored for certain.
            Err(error) => !error.code.temporary() || error.code == ErrorCode::RateLimited,
        };
        if in_vain && !kept.is_empty() {
            self.remove_images(kept).await;
        }
        match answer? {
            Answer::Stored { message, duplicate } => Ok(Stored { message: *message, duplicate }),
            _ => Err(Error::internal()),
        }
    }

    /// Removes files that were kept for a message which was not stored; files that a message holds stay.
    async fn remove_images(&self, images: Vec<MediaId>) {
        let over = Timestamp::now().after(self.0.options.images.orphans_stay);
        let removed = removal::remove(&self.0.storage, self.0.images.store(), images, over).await;
        if let Err(error) = removed.and_then(|removed| removed.left.map_or(Ok(()), |(_, error)| Err(error))) {
            tracing::warn!(%error, "files of a refused message are left to the sweep");
        }
    }

    /// Changes a message's text.
    ///
    /// # Errors
    /// `rate_limited`, `not_found`, `not_author`, `edit_window_closed`, and what a text can be refused with.
    pub async fn edit(&self, user: UserId, message: MessageId, content: String) -> Result<Message, Error> {
        self.0.limiters.changes.take(user, Instant::now())?;
        validation::edited_text(&content, &self.0.options.limits)?;
        let pair = self.0.permissions.may_edit(user, message).await?;
        let edit = Edit { message, pair, content, at: Timestamp::now() };
        match self.request(Change::Edit(edit)).await? {
            Answer::Changed(message) => Ok(*message),
            _ => Err(Error::internal()),
        }
    }

    /// Deletes a message.
    ///
    /// # Errors
    /// `rate_limited`, `not_found`, `not_author`.
    pub async fn delete(&self, user: UserId, message: MessageId) -> Result<(), Error> {
        self.0.limiters.changes.take(user, Instant::now())?;
        let pair = self.0.permissions.may_delete(user, message).await?;
        let delete = Delete { message, pair, at: Timestamp::now() };
        self.request(Change::Delete(delete)).await.map(drop)
    }

    /// Moves a user's read watermark; returns where it stands and what is unread above it.
    ///
    /// # Errors
    /// `rate_limited`, `not_found`.
    pub async fn mark_read(&self, user: UserId, thread: ThreadId, up_to: Option<Seq>) -> Result<(Seq, u64), Error> {
        self.0.limiters.receipts.take(user, Instant::now())?;
        let pair = self.0.permissions.may_see(user, thread).await?;
        let receipt = Receipt { pair, user, kind: ReceiptKind::Seen, up_to, at: Timestamp::now() };
        match self.request(Change::Receipt(receipt)).await? {
            Answer::Read { read_seq, unread } => Ok((read_seq, unread)),
            _ => Err(Error::internal()),
        }
    }

    /// Uses up a ticket, durably.
    ///
    /// # Errors
    /// `ticket_used` if it was used before, on whichever node; `unauthorized` if it has expired, so that the hub may have
    /// forgotten its use; `unavailable` with the database down.
    pub async fn use_ticket(&self, ticket: Ticket) -> Result<(), Error> {
        match self.0.storage.call(Change::UseTicket(ticket)).await? {
            Outcome::TicketUsed => Ok(()),
            Outcome::TicketExpired => Err(Error::new(
                ErrorCode::Unauthorized,
                "the ticket has expired; ask POST /chat/ticket for another one",
            )),
            _ => Err(Error::new(ErrorCode::TicketUsed, "the ticket has been used; ask for a new one")),
        }
    }

    /// Reads what has changed for a user since a cursor, in pages.
    ///
    /// # Errors
    /// `unavailable` with the database down.
    pub async fn sync(&self, user: UserId, cursor: &str, limit: usize) -> Result<SyncPage, Error> {
        let Inner { database, frontier, images, .. } = &*self.0;
        Ok(sync::page((database, frontier, images.links()), user, cursor, limit).await?)
    }

    /// Tells whether the hub can do its work.
    ///
    /// # Errors
    /// `unavailable` if the database does not answer or takes no writes; `shutting_down` while draining.
    pub async fn ready(&self) -> Result<Ready, Error> {
        if self.0.draining.has_started() {
            return Err(Error::shutting_down());
        }
        let answers = self.0.database.ping().await;
        answers.map_err(|error| Error::new(ErrorCode::Unavailable, error.to_string()))?;
        match self.0.storage.failing() {
            Some(why) => Err(Error::new(ErrorCode::Unavailable, format!("the database takes no writes: {why}"))),
            None => Ok(Ready { relay: self.0.relay.state() }),
        }
    }

    /// Accepts no new connection any more, and closes the open ones over the time `within`, in paced batches, with 4001 and
    /// a spread of delays. Work that was begun goes on, and so do calls of the edge.
    pub async fn drain(&self, within: Duration) {
        self.0.draining.start();
        self.0.node_beat.beat();
        // Last-seen times are noted now, in case the operator kills the process before it ends by itself.
        let noting = self.0.presence.note_all(alive(self.0.options.heartbeat));
        tokio::join!(noting, self.0.sessions.close_all(within));
    }

    /// Waits until another process has taken this node's name, because this one was taken for dead; this one must end then.
    /// Returns the message for the operator.
    pub async fn ousted(&self) -> String {
        self.0.node_beat.ousted().await;
        let node = self.0.options.node.name();
        format!(
            "another hub runs under the node name {node:?} now, for this one was silent for too long: this one ends; if both \
             are to run, give each a name of its own (CHAT_NODE_NAME)"
        )
    }

    /// Ends everything once all sessions have ended and all accepted writes are stored, or at the deadline. Later requests
    /// fail.
    pub async fn end(&self, deadline: Instant) {
        let left = deadline.saturating_duration_since(Instant::now());
        let stragglers = tokio::time::timeout_at(deadline - left / 2, self.0.sessions.all_gone()).await.is_err();
        // Webhook deliveries under way get a part of the time; those that do not finish are sent again.
        drop(tokio::time::timeout_at(deadline - left * 3 / 4, self.0.webhooks.drain()).await);
        let settled = async {
            // A connection that is still open is cut in a moment.
            self.0.presence.note_all(Timestamp::now()).await;
            self.0.audit.flush(true).await;
            self.0.storage.drained().await;
            // From now on another process may have this one's name.
            self.0.node_beat.release().await;
        };
        let unsettled = tokio::time::timeout_at(deadline, settled).await.is_err();
        if stragglers || unsettled {
            tracing::warn!(stragglers, unsettled, "the deadline has come before everything had ended");
        }
        self.0.root.stop(None);
    }

    /// Returns the members of the thread that a send is for.
    async fn pair_for(&self, user: UserId, send: &MessageSend) -> Result<Pair, Error> {
        match (send.receiver_id, send.thread_id) {
            (Some(receiver), None) => validation::receiver(user, receiver),
            (receiver, Some(thread)) => {
                let pair = self.0.permissions.may_see(user, thread).await?;
                let agrees = receiver.is_none_or(|receiver| pair.other(user) == Some(receiver));
                agrees
                    .then_some(pair)
                    .ok_or_else(|| Error::bad_request("receiver_id is not of that thread_id; leave one of them out"))
            }
            (None, None) => Err(Error::bad_request("say to whom: receiver_id or thread_id")),
        }
    }

    /// Tells whether a message with a draft's key is stored already: then its files need not be kept. The commit decides
    /// whether it is the same message.
    async fn was_sent(&self, draft: &NewMessage) -> Result<bool, Error> {
        let Some(key) = &draft.temp_id else { return Ok(false) };
        Ok(messages::was_sent(&self.0.database, draft.pair, draft.sender, key).await?)
    }

    /// Has storage write a change of a thread and the thread deliver it, and waits for the answer.
    async fn request(&self, change: Change) -> Result<Answer, Error> {
        let (requester, answer) = Requester::call();
        self.0.storage.request(change, requester);
        answer.await.unwrap_or_else(|_| Err(Error::internal()))
    }
}
