//! The follower: delivers commits of other nodes on this one.
//!
//! It looks at the database's commit number now and then. Commits that were not delivered on this node (another node's, or
//! ours after a failure) are looked up in the commit log; each thread and each user's stream that they touched reads and
//! delivers them, and then they are released. So the relay is an accelerator, and the database the truth.
//!
//! It also sees when the database goes back to an earlier state; see [`chat_database::history`].

pub(crate) mod handle;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chat_database::Database;
use chat_database::history::{self, Mark};
use chat_database::ids::{CommitNo, Pair, ThreadId, UserId};
use chat_database::nodes::NodeId;
use chat_database::queries::changes::{self, LogEntry};
use ractor::{Actor, ActorProcessingErr, ActorRef};

use crate::connections::ConnectionTable;
use crate::delivery_frontier::DeliveryFrontier;
use crate::metrics;
use crate::notifications::message::{PendingTotals, StreamMsg, StreamRegistry};
use crate::protocol::CloseCode;
use crate::relay::message::Received;
use crate::storage::handle::StorageHandle;
use crate::thread::message::{ThreadMsg, ThreadRegistry};
use handle::{FollowerHandle, FollowerMsg};

/// How many commits are followed at a time.
const STRIDE: u64 = 1_000;

/// The actor.
pub(crate) struct Follower;

/// What the follower uses.
pub(crate) struct FollowerContext {
    pub(crate) database: Database,
    /// This process, as it stands in the commit log.
    pub(crate) node: NodeId,
    /// How often the follower looks.
    pub(crate) interval: Duration,
    pub(crate) frontier: DeliveryFrontier,
    pub(crate) connections: ConnectionTable,
    pub(crate) threads: Arc<ThreadRegistry>,
    pub(crate) streams: Arc<StreamRegistry>,
    pub(crate) totals: Arc<PendingTotals>,
    pub(crate) storage: StorageHandle,
    pub(crate) handle: FollowerHandle,
}

impl Actor for Follower {
    type Msg = FollowerMsg;
    type State = Arc<FollowerContext>;
    type Arguments = Arc<FollowerContext>;

    async fn pre_start(
        &self,
        myself: ActorRef<FollowerMsg>,
        context: Arc<FollowerContext>,
    ) -> Result<Arc<FollowerContext>, ActorProcessingErr> {
        myself.send_interval(context.interval, || FollowerMsg::Look);
        context.handle.set_actor(myself);
        Ok(context)
    }

    async fn handle(
        &self,
        _: ActorRef<FollowerMsg>,
        message: FollowerMsg,
        context: &mut Arc<FollowerContext>,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            FollowerMsg::Look | FollowerMsg::Heard(_) => {
                if let FollowerMsg::Heard(Received { from, kind, body, gap, .. }) = &message {
                    // A header says no more yet than that there is something to read.
                    tracing::trace!(%from, ?kind, bytes = body.len(), gap, "heard");
                }
                if let Err(error) = context.look().await {
                    // The next look tries again; readiness says that the database is away.
                    tracing::debug!(%error, "cannot follow");
                }
            }
        }
        Ok(())
    }
}

impl FollowerContext {
    /// Has what lies between the released commit and the database's newest delivered, as far as it is not on its way here.
    /// Looks first whether the commit that this node knows best still stands.
    async fn look(&self) -> Result<(), chat_database::Error> {
        let known = self.frontier.newest();
        let newest = history::head_beside(&self.database, known.commit).await?;
        if newest.mark.commit < known.commit || newest.known.is_some_and(|nonce| nonce != known.nonce) {
            return self.went_back(&known).await;
        }
        self.frontier.learn(&newest);
        let released = self.frontier.released();
        let head = CommitNo(newest.mark.commit.0.min(released.0 + STRIDE));
        let (_, possible) = self.frontier.gaps(head, |_| false);
        if possible.is_empty() {
            return Ok(());
        }
        let log: BTreeMap<CommitNo, LogEntry> =
            changes::log(&self.database, released, head).await?.into_iter().map(|entry| (entry.no, entry)).collect();
        let ours = |no| log.get(&no).is_some_and(|entry| entry.node == self.node);
        let (end, missing) = self.frontier.gaps(head, ours);
        if missing.is_empty() {
            return Ok(());
        }
        if missing.iter().any(|no| !log.contains_key(no)) {
            // This node was away for long.
            tracing::warn!(
                commit = end.0,
                "the commit log was swept before it was read: connections come back by their cursors"
            );
            self.start_over(newest.mark);
            return Ok(());
        }
        self.deliver(released, end, &missing, &log);
        metrics::get().commits_followed.increment(missing.len() as u64);
        Ok(())
    }

    /// The database has gone back to an earlier state: a backup was restored, or a copy that lagged has taken over. Cursors
    /// from before must be refused on every node; then every client comes back, reloads, and goes on from here.
    async fn went_back(&self, known: &Mark) -> Result<(), chat_database::Error> {
        self.storage.restart_history().await?;
        let head = history::head(&self.database).await?;
        tracing::warn!(
            known = known.commit.0,
            commit = head.commit.0,
            "the database was put back to an earlier state: every connection starts over"
        );
        metrics::get().histories_lost.increment(1);
        self.start_over(head);
        Ok(())
    }

    /// Lets the threads and streams that the commits touched deliver them, for users who are connected.
    fn deliver(&self, released: CommitNo, end: CommitNo, missing: &[CommitNo], log: &BTreeMap<CommitNo, LogEntry>) {
        let mut threads: BTreeSet<Pair> = BTreeSet::new();
        let mut users: BTreeMap<UserId, Vec<ThreadId>> = BTreeMap::new();
        let is_connected = |user: UserId| self.connections.is_connected(user);
        for entry in missing.iter().filter_map(|no| log.get(no)) {
            for &(thread, pair) in &entry.threads {
                for member in pair.members().into_iter().filter(|member| is_connected(*member)) {
                    threads.insert(pair);
                    let touched = users.entry(member).or_default();
                    if !touched.contains(&thread) {
                        touched.push(thread);
                    }
                }
            }
            for &user in entry.users.iter().filter(|user| is_connected(**user)) {
                users.entry(user).or_default();
            }
        }
        let commits: Vec<_> =
            missing.iter().filter_map(|no| log.get(no)).map(|entry| (entry.no, entry.nonce)).collect();
        let mut guards = self.frontier.begin_followed(&commits, threads.len() + users.len()).into_iter();
        for (pair, guard) in threads.into_iter().zip(guards.by_ref()) {
            // What cannot be delivered stays a gap, and the next look finds it again.
            let _ = self.threads.deliver(pair, ThreadMsg::Follow(end, guard));
        }
        for ((user, threads), guard) in users.into_iter().zip(guards) {
            let _ = self.streams.deliver(user, StreamMsg::Follow { since: released, threads, guard });
        }
    }

    /// Goes on from a commit, and lets every client that is connected come back.
    fn start_over(&self, head: Mark) {
        // In this order: a connection that comes in between is closed for nothing, not left with what is old.
        self.frontier.restart_at(head);
        self.totals.clear();
        for outbox in self.connections.outboxes() {
            outbox.close(CloseCode::Internal);
        }
    }
}
