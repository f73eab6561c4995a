//! The presence worker: a task that uses the database on behalf of the actor, which never waits.
//!
//! Jobs run one after another: a user's last-seen time is written before the users around hear of it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use chat_database::Database;
use chat_database::change::Change;
use chat_database::ids::UserId;
use chat_database::queries::people;
use chat_database::time::Timestamp;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};

use super::announcements::{Announcement, Reach};
use super::handle::{PresenceHandle, PresenceMsg};
use crate::connections::{Audience, ConnectionTable};
use crate::protocol::ServerFrame;
use crate::protocol::server::PresenceOf;
use crate::storage::handle::StorageHandle;

/// Two users are told of each other's presence if their thread is among so many most recently active ones of each.
const REACH: u32 = 500;

/// How many rows are written in one commit, at most.
const ROWS: usize = 1_000;

/// How long the worker waits for storage before it goes on with announcements.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long after storage failed it is tried again.
const PAUSE: Duration = Duration::from_secs(5);

/// How many jobs may wait, and how many of these places are kept for announcements.
const WAITING: usize = 64;
const KEPT: usize = 32;

type Seen = Vec<(UserId, Timestamp)>;

/// A job of the worker.
#[derive(Debug)]
enum Job {
    /// Write down when users were last seen.
    Note(Seen),
    /// Find out who is around a user, and tell them.
    Tell(Announcement),
}

/// What the worker uses.
pub(super) struct WorkerContext {
    pub(super) database: Database,
    pub(super) connections: ConnectionTable,
    pub(super) storage: StorageHandle,
    pub(super) handle: PresenceHandle,
    /// Whether the node has no relay to other nodes.
    pub(super) alone: bool,
}

/// The handle of the task; the task ends when this is dropped.
pub(super) struct Worker {
    context: Arc<WorkerContext>,
    jobs: mpsc::Sender<Job>,
    /// The times to write when the node ends; they go before all jobs.
    last: mpsc::Sender<(Seen, oneshot::Sender<()>)>,
}

impl Worker {
    pub(super) fn start(context: WorkerContext) -> Self {
        let context = Arc::new(context);
        let (jobs, waiting) = mpsc::channel(WAITING);
        let (last, ending) = mpsc::channel(4);
        tokio::spawn(
            Task { context: Arc::clone(&context), unwritten: HashMap::new(), try_at: None }.run(waiting, ending),
        );
        Self { context, jobs, last }
    }

    /// Tells whether there is room for notes.
    pub(super) fn has_room(&self) -> bool {
        self.jobs.capacity() > KEPT
    }

    /// Has last-seen times written. To be called while there is room.
    pub(super) fn note(&self, seen: Seen) {
        // Sent even if it is empty: times that could not be written before are tried again.
        let _ = self.jobs.try_send(Job::Note(seen));
    }

    /// Has the users around a user told; the actor gets the result.
    pub(super) fn tell(&self, announcement: Announcement) {
        if self.jobs.try_send(Job::Tell(announcement)).is_err() {
            self.context.handle.send(PresenceMsg::Unannounced(announcement));
        }
    }

    /// Tells those users who are connected here that a user came or left.
    pub(super) fn deliver(&self, user: UserId, online: bool, seen: Option<Timestamp>, recipients: &[UserId]) {
        self.context.deliver(user, online, seen, recipients);
    }

    /// Has all users' last-seen times written.
    pub(super) fn note_all(&self, seen: Seen, done: oneshot::Sender<()>) {
        // If there is no room, `done` is dropped, which the caller notices.
        let _ = self.last.try_send((seen, done));
    }
}

struct Task {
    context: Arc<WorkerContext>,
    /// Last-seen times that are still to be written.
    unwritten: HashMap<UserId, Timestamp>,
    /// When storage may be tried again, if it failed.
    try_at: Option<Instant>,
}

impl Task {
    async fn run(mut self, mut jobs: mpsc::Receiver<Job>, mut last: mpsc::Receiver<(Seen, oneshot::Sender<()>)>) {
        loop {
            tokio::select! {
                biased;
                Some((seen, done)) = last.recv() => {
                    self.try_at = None;
                    self.note(&seen).await;
                    let _ = done.send(());
                }
                job = jobs.recv() => match job {
                    Some(Job::Note(seen)) => self.note(&seen).await,
                    Some(Job::Tell(announcement)) => self.tell(announcement).await,
                    None => return,
                },
            }
        }
    }

    /// Writes last-seen times. Those that cannot be written now are kept for later.
    async fn note(&mut self, seen: &[(UserId, Timestamp)]) {
        for (user, at) in seen {
            let latest = self.unwritten.entry(*user).or_insert(*at);
            *latest = (*latest).max(*at);
        }
        if self.unwritten.is_empty() || self.try_at.is_some_and(|at| Instant::now() < at) {
            return;
        }
        let rows: Vec<_> = self.unwritten.iter().map(|(user, at)| (*user, *at)).collect();
        self.try_at = None;
        for rows in rows.chunks(ROWS) {
            let written = timeout(PATIENCE, self.context.storage.call(Change::LastSeen(rows.to_vec()))).await;
            let Ok(Ok(_)) = written else {
                self.try_at = Some(Instant::now() + PAUSE);
                return;
            };
            for (user, _) in rows {
                self.unwritten.remove(user);
            }
        }
    }

    async fn tell(&self, mut announcement: Announcement) {
        match self.around(&mut announcement).await {
            Ok(around) => {
                let Announcement { user, online, seen, reach } = announcement;
                self.context.deliver(user, online, seen, &around);
                let elsewhere = if reach == Reach::Everywhere { self.by_node(&around) } else { Vec::new() };
                self.context.handle.send(PresenceMsg::Announced(announcement, elsewhere));
            }
            Err(error) => {
                tracing::debug!(%error, "presence is announced later");
                self.context.handle.send(PresenceMsg::Unannounced(announcement));
            }
        }
    }

    /// Returns the connected users who share a thread with a user that is recent for both. For a user who left it also
    /// reads the last-seen time, because another node may have seen the user later.
    async fn around(&self, announcement: &mut Announcement) -> Result<Vec<UserId>, chat_database::Error> {
        let WorkerContext { database, connections, handle, alone, .. } = &*self.context;
        let everywhere = announcement.reach == Reach::Everywhere;
        let is_connected = |other| connections.is_connected(other) || (everywhere && handle.remote().is_online(other));
        let mut around = people::counterparts(database, announcement.user, REACH).await?;
        around.retain(|other| is_connected(other.user));
        let around = people::mutual_recent_contacts(database, &around, REACH).await?;
        if !announcement.online && !around.is_empty() && (announcement.seen.is_none() || !alone) {
            let written = people::last_seen(database, &[announcement.user]).await?;
            announcement.seen = announcement.seen.max(written.first().map(|(_, at)| *at));
        }
        Ok(around)
    }

    /// Returns the other nodes where some of these users are connected, with those users.
    fn by_node(&self, users: &[UserId]) -> Vec<(Arc<str>, Vec<UserId>)> {
        let mut nodes: BTreeMap<Arc<str>, Vec<UserId>> = BTreeMap::new();
        for user in users {
            for node in self.context.handle.remote().nodes_of(*user) {
                nodes.entry(node).or_default().push(*user);
            }
        }
        nodes.into_iter().collect()
    }
}

impl WorkerContext {
    /// Tells those users who are connected here that a user came or left.
    fn deliver(&self, user: UserId, online: bool, seen: Option<Timestamp>, recipients: &[UserId]) {
        if recipients.is_empty() {
            return;
        }
        let frame = if online {
            ServerFrame::UserOnline(PresenceOf { user_id: user, last_seen: None })
        } else {
            ServerFrame::UserOffline(PresenceOf { user_id: user, last_seen: seen })
        };
        let frame = frame.encode();
        for recipient in recipients {
            self.connections.send(*recipient, Audience::Chat, &frame);
        }
    }
}
