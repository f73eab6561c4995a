//! The hub of one node: what the edge may ask for.

mod images;
mod notifications;

use std::fmt;
use std::io;
use std::marker;
use std::sync::Arc;
use std::time::Duration;

use chat_database::Database;
use chat_database::change::{Change, Delete, Edit, NewMessage, Outcome, Receipt, ReceiptKind, Ticket};
use chat_database::history;
use chat_database::ids::{CommitNo, MediaId, MessageId, Pair, Seq, ThreadId, UserId};
use chat_database::media::Store;
use chat_database::objects::Message;
use chat_database::queries::{messages, people, threads};
use chat_database::time::Timestamp;
use ractor::{ActorRef, ActorRuntime};
use tokio::sync::oneshot;
use tokio::time::Instant;

pub use self::notifications::Notice;
pub use crate::connection::{Opening, Session};
use crate::cores;
use crate::home::{Broken, Homes};
use crate::horizon::Horizon;
use crate::images::{Images, Prepared};
pub use crate::limits::{Rate, Rates};
use crate::node::Node;
pub use crate::origin::Permit;
use crate::origin::{Answer, Origin};
use crate::outbox::Capacity;
use crate::protocol::client::MessageSend;
use crate::protocol::server::{Limits, ServerFrame};
use crate::protocol::{Cursor, ErrorCode};
use crate::refused::Refused;
use crate::supervision::{Nothing, Root};
use crate::{authorship, catch_up, compose, connection, presence, storage, thread};

/// How a hub behaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// This node's name, unique among the nodes of one database.
    pub node: String,
    /// What a connection may send.
    pub limits: Limits,
    /// How many messages a user may send at once before the rate counts.
    pub burst: u32,
    /// How fast a user may do everything else.
    pub rates: Rates,
    /// How many connections a user may have.
    pub connections_per_user: usize,
    /// How long after its creation a message may be edited.
    pub edit_window: Duration,
    /// How much each connection's outbox holds.
    pub outbox: Capacity,
    /// How many writes may wait for storage.
    pub writes: usize,
    /// How often the database is asked for what other nodes have committed.
    pub poll: Duration,
    /// How long a thread stays awake without anything to do.
    pub thread_idle: Duration,
    /// How long after the last connection a user counts as gone.
    pub offline_after: Duration,
    /// How often the hub pings, as clients are told.
    pub heartbeat: Duration,
    /// Whether a machine of two cores gives one to the hub's thread and one to storage's: see [`crate::cores`].
    pub hold_cores: bool,
    /// How images are dealt with.
    pub images: crate::images::Options,
}

/// A stored message, as REST answers it.
#[derive(Debug, Clone)]
pub struct Stored {
    /// The message in its present state.
    pub message: Message,
    /// Whether it had been stored before.
    pub duplicate: bool,
}

/// A page of what has changed.
#[derive(Debug)]
pub struct SyncPage {
    /// What changed, as frames without cursors.
    pub events: Vec<ServerFrame>,
    /// Where to go on.
    pub cursor: Cursor,
    /// Whether there is more.
    pub has_more: bool,
    /// Whether the cursor could not be served: reload, and go on from `cursor`.
    pub reset: bool,
}

/// Whether somebody is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Presence {
    /// Who.
    pub user_id: UserId,
    /// Whether they are connected.
    pub online: bool,
    /// When they were last connected.
    pub last_seen: Option<Timestamp>,
}

/// The hub of one node. Cheap to clone.
#[derive(Clone)]
pub struct Hub {
    node: Arc<Node>,
    root: ActorRef<Nothing>,
    pages: Arc<Homes>,
}

impl fmt::Debug for Hub {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Hub").field("node", &self.node.options.node).finish_non_exhaustive()
    }
}

impl Hub {
    /// Starts the actors over a migrated database and a store of images.
    ///
    /// # Errors
    /// A [`Refused`] if the database does not answer.
    pub async fn start(database: Database, store: Store, options: Options) -> Result<Self, Refused> {
        let horizon = Horizon::new(history::head_beside(&database, CommitNo(0)).await?);
        let no_thread = |error: io::Error| {
            tracing::error!(%error, "a thread for images, for storage or for pages did not start");
            Refused::internal()
        };
        let images = Images::open(options.images.clone(), store).map_err(no_thread)?;
        let thread = if options.hold_cores { cores::of_the_hub().await } else { None };
        let storage = storage::Handle::open(options.writes, thread).map_err(no_thread)?;
        let pages = Arc::new(Homes::open_giving_way("pages", database.page_workers()).map_err(no_thread)?);
        let node = Node::new(options, database, horizon, images, storage);
        let (root, _) = ActorRuntime::spawn(None, Root, Arc::clone(&node)).await.map_err(|error| {
            tracing::error!(%error, "the actors did not start");
            Refused::internal()
        })?;
        Ok(Self { node, root, pages })
    }

    /// Makes a page, or what else takes long, on a thread that gives way to those that messages pass through. With SQLite there
    /// are as many as connections in the pool that reads, for it is read there. What nobody waits for any more is not begun;
    /// what is begun is done to its end.
    ///
    /// # Errors
    /// `internal` if it panics.
    pub async fn aside<F>(&self, work: F) -> Result<F::Output, Refused>
    where
        F: Future<Output: marker::Send> + marker::Send + 'static,
    {
        self.pages.run(work).await.map_err(|Broken| Refused::internal())
    }

    /// Returns the database, for reading.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.node.database
    }

    /// Returns how the hub behaves.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.node.options
    }

    /// Tells whether a user may open another connection: asked before the upgrade, so that a refusal is an HTTP answer.
    ///
    /// # Errors
    /// `rate_limited` if the user has as many as allowed; `shutting_down` while draining.
    pub fn may_connect(&self, user: UserId) -> Result<(), Refused> {
        connection::may_open(&self.node, user)
    }

    /// Opens a session: registers the connection and starts its actor, which says `auth_ok`, replays what was missed and
    /// goes on with what is live, all through the outbox.
    ///
    /// # Errors
    /// `rate_limited` if the user has as many connections as allowed (close with 4504); `shutting_down` while draining.
    pub fn open(&self, opening: Opening) -> Result<Session, Refused> {
        Session::open(&self.node, opening)
    }

    /// Counts a question of a user's: whatever reads from the database, and changes nothing.
    ///
    /// # Errors
    /// `rate_limited`.
    pub fn may_ask(&self, user: UserId) -> Result<(), Refused> {
        self.node.limiters.queries.take(user, Instant::now())
    }

    /// Stores a message and tells both sides.
    ///
    /// # Errors
    /// Every code that a `message_send` can be refused with.
    pub async fn send(&self, user: UserId, send: MessageSend) -> Result<Stored, Refused> {
        self.send_with(user, send, Vec::new()).await
    }

    /// Stores a message with files that came with it, all or nothing, and tells both sides.
    ///
    /// # Errors
    /// As [`Hub::send`], and `unavailable` with the store of images away.
    pub async fn send_with(&self, user: UserId, send: MessageSend, files: Vec<Prepared>) -> Result<Stored, Refused> {
        self.node.limiters.sends.take(user, Instant::now())?;
        let pair = self.pair_for(user, &send).await?;
        let draft = compose::message(user, pair, send, &files, &self.node.options.limits)?;
        let mut kept = Vec::new();
        if !files.is_empty() && !self.was_sent(&draft).await? {
            kept = files.iter().map(|file| file.id.clone()).collect();
            self.node.images.keep(&self.node.storage, user, files).await?;
        }
        let answer = self.ask(pair, Change::Send(draft)).await;
        let in_vain = match &answer {
            Ok(Answer::Stored { duplicate, .. }) => *duplicate,
            Ok(_) => false,
            // A conversation too many is refused in the commit: for certain, nothing was stored.
            Err(refused) => !refused.code.temporary() || refused.code == ErrorCode::RateLimited,
        };
        if in_vain && !kept.is_empty() {
            self.take_away(kept).await;
        }
        match answer? {
            Answer::Stored { message, duplicate } => Ok(Stored { message: *message, duplicate }),
            _ => Err(Refused::internal()),
        }
    }

    /// Takes files away that were kept for a message that is not to be; those that a message holds stay.
    async fn take_away(&self, images: Vec<MediaId>) {
        let over = Timestamp::now().after(self.node.options.images.orphans_stay);
        let taken = crate::images::take_away(&self.node, images, over).await;
        if let Err(error) = taken.and_then(|taken| taken.left.map_or(Ok(()), |(_, refused)| Err(refused))) {
            tracing::warn!(%error, "files of a refused message are left to the sweep");
        }
    }

    /// Changes a message's text.
    ///
    /// # Errors
    /// `rate_limited`, `not_found`, `not_author`, `edit_window_closed`, and what a text can be refused with.
    pub async fn edit(&self, user: UserId, message: MessageId, content: String) -> Result<Message, Refused> {
        self.node.limiters.changes.take(user, Instant::now())?;
        compose::edited_text(&content, &self.node.options.limits)?;
        let pair = authorship::may_edit(&self.node, user, message).await?;
        let edit = Edit { message, pair, content, at: Timestamp::now() };
        match self.ask(pair, Change::Edit(edit)).await? {
            Answer::Changed(message) => Ok(*message),
            _ => Err(Refused::internal()),
        }
    }

    /// Deletes a message.
    ///
    /// # Errors
    /// `rate_limited`, `not_found`, `not_author`.
    pub async fn delete(&self, user: UserId, message: MessageId) -> Result<(), Refused> {
        self.node.limiters.changes.take(user, Instant::now())?;
        let pair = authorship::may_delete(&self.node, user, message).await?;
        let delete = Delete { message, pair, at: Timestamp::now() };
        self.ask(pair, Change::Delete(delete)).await.map(drop)
    }

    /// Moves a user's read watermark; returns where it stands and what is unread above it.
    ///
    /// # Errors
    /// `rate_limited`, `not_found`.
    pub async fn mark_read(&self, user: UserId, thread: ThreadId, up_to: Option<Seq>) -> Result<(Seq, u64), Refused> {
        self.node.limiters.receipts.take(user, Instant::now())?;
        let pair = self.pair_of(user, thread).await?;
        let receipt = Receipt { pair, user, kind: ReceiptKind::Seen, up_to, at: Timestamp::now() };
        match self.ask(pair, Change::Receipt(receipt)).await? {
            Answer::Read { read_seq, unread } => Ok((read_seq, unread)),
            _ => Err(Refused::internal()),
        }
    }

    /// Uses up a ticket, durably.
    ///
    /// # Errors
    /// `ticket_used` if it was used before, on whichever node; `unauthorized` if that is not remembered any more; `unavailable` with the database down.
    pub async fn use_ticket(&self, ticket: Ticket) -> Result<(), Refused> {
        match self.node.storage.call(Change::UseTicket(ticket)).await? {
            Outcome::TicketUsed => Ok(()),
            Outcome::TicketExpired => Err(Refused::new(
                ErrorCode::Unauthorized,
                "the ticket has expired; ask POST /chat/ticket for another one",
            )),
            _ => Err(Refused::new(ErrorCode::TicketUsed, "the ticket has been used; ask for a new one")),
        }
    }

    /// Tells whether a user is connected (or left less than the debounce ago). Says nothing of who may know.
    #[must_use]
    pub fn is_online(&self, user: UserId) -> bool {
        self.node.presence.is_online(user)
    }

    /// Tells who of `asked` is there; strangers to `asker` are left out.
    ///
    /// # Errors
    /// `unavailable` with the database down.
    pub async fn presence(&self, asker: UserId, asked: Vec<UserId>) -> Result<Vec<Presence>, Refused> {
        let mut known = people::acquainted(&self.node.database, asker, &asked).await?;
        known.sort_unstable();
        known.dedup();
        let seen = people::last_seen(&self.node.database, &known).await?;
        let last_seen = |user| seen.iter().find(|(of, _)| *of == user).map(|(_, at)| *at);
        let presence = |user_id| Presence { user_id, online: self.is_online(user_id), last_seen: last_seen(user_id) };
        Ok(known.into_iter().map(presence).collect())
    }

    /// Reads what has changed for a user since a cursor, in pages.
    ///
    /// # Errors
    /// `unavailable` with the database down.
    pub async fn sync(&self, user: UserId, cursor: &str, limit: usize) -> Result<SyncPage, Refused> {
        Ok(catch_up::page(&self.node, user, cursor, limit).await?)
    }

    /// Tells whether the hub can do its work.
    ///
    /// # Errors
    /// What is missing: the database, room in it, the relay, or `shutting_down`.
    pub async fn ready(&self) -> Result<(), Refused> {
        if self.node.is_draining() {
            return Err(Refused::shutting_down());
        }
        if !self.node.relay.is_up() {
            return Err(Refused::new(ErrorCode::Unavailable, "the relay to the other nodes is down"));
        }
        let answers = self.node.database.ping().await;
        answers.map_err(|error| Refused::new(ErrorCode::Unavailable, error.to_string()))?;
        match self.node.storage.failing() {
            Some(why) => Err(Refused::new(ErrorCode::Unavailable, format!("the database takes no writes: {why}"))),
            None => Ok(()),
        }
    }

    /// Lets nobody in any more, and closes the connections within a time, in paced batches, with 4001 and a spread of delays.
    /// What was begun goes on, and so do calls of the edge.
    pub async fn send_away(&self, within: Duration) {
        self.node.start_draining();
        // Whoever stops the process does not always wait for its end.
        let noting = self.node.presence.note_everybody(presence::alive(&self.node));
        tokio::join!(noting, connection::send_away(&self.node, within));
    }

    /// Ends everything, once every session has gone and everything is stored that was to be: by the deadline at the latest.
    /// What is asked for afterwards fails.
    pub async fn end(&self, deadline: Instant) {
        let left = deadline.saturating_duration_since(Instant::now());
        let stragglers = tokio::time::timeout_at(deadline - left / 2, connection::all_gone(&self.node)).await.is_err();
        let settled = async {
            // Whoever is still there is cut in a moment.
            self.node.presence.note_everybody(Timestamp::now()).await;
            self.node.storage.settled().await;
        };
        let unsettled = tokio::time::timeout_at(deadline, settled).await.is_err();
        if stragglers || unsettled {
            tracing::warn!(stragglers, unsettled, "the deadline has come before everything had ended");
        }
        self.root.stop(None);
    }

    /// Tells whose thread a send is for.
    async fn pair_for(&self, user: UserId, send: &MessageSend) -> Result<Pair, Refused> {
        match (send.receiver_id, send.thread_id) {
            (Some(receiver), None) => compose::receiver(user, receiver),
            (receiver, Some(thread)) => {
                let pair = self.pair_of(user, thread).await?;
                let agrees = receiver.is_none_or(|receiver| pair.other(user) == Some(receiver));
                agrees
                    .then_some(pair)
                    .ok_or_else(|| Refused::bad_request("receiver_id is not of that thread_id; leave one of them out"))
            }
            (None, None) => Err(Refused::bad_request("say to whom: receiver_id or thread_id")),
        }
    }

    /// Tells whether a message stands under a draft's key: then its files need not be kept. The commit decides what it is.
    async fn was_sent(&self, draft: &NewMessage) -> Result<bool, Refused> {
        let Some(key) = &draft.temp_id else { return Ok(false) };
        Ok(messages::was_sent(&self.node.database, draft.pair, draft.sender, key).await?)
    }

    async fn pair_of(&self, user: UserId, thread: ThreadId) -> Result<Pair, Refused> {
        let pair = threads::members(&self.node.database, thread).await?;
        pair.filter(|pair| pair.contains(user)).ok_or_else(|| Refused::not_found("thread"))
    }

    /// Asks a thread for something, and waits for its answer.
    async fn ask(&self, pair: Pair, change: Change) -> Result<Answer, Refused> {
        let (origin, answer): (Origin, oneshot::Receiver<_>) = Origin::call();
        thread::ask(&self.node, pair, change, origin);
        answer.await.unwrap_or_else(|_| Err(Refused::internal()))
    }
}

/// Where an actor can be made to panic, for tests.
#[cfg(feature = "failpoints")]
#[derive(Debug, Clone, Copy)]
pub enum Victim {
    /// The thread of two people.
    Thread(Pair),
    /// A user's notification stream.
    Stream(UserId),
    /// The storage actor.
    Storage,
}

#[cfg(feature = "failpoints")]
impl Hub {
    /// Makes an actor panic.
    pub fn fail(&self, victim: Victim) {
        match victim {
            Victim::Thread(pair) => drop(self.node.threads.deliver(pair, thread::Message::Fail)),
            Victim::Stream(user) => drop(self.node.streams.deliver(user, crate::notifications::Message::Fail)),
            Victim::Storage => self.node.storage.fail(),
        }
    }
}
