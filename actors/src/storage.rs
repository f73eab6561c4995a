//! The storage actor: group commit, and the only writer.
//!
//! It orders the writes: the order of its mailbox is the order of each thread. It collects those that arrive while the last
//! commit runs, and while the next one waits for other nodes' commits, and commits them, or [a part of them](batch_size),
//! as one transaction; there is no timer. When a commit stands, each thread gets its outcomes and each user's notification
//! stream its update; each of them notes its delivery at the [frontier](crate::delivery_frontier).
//!
//! It has an [OS thread of its own](crate::executor), because SQLite is written on the thread that calls it.

mod announce;
mod batch_size;
mod dispatch;
pub(crate) mod handle;
mod later;
pub(crate) mod message;
mod queue;
mod wal_checkpoint;

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use chat_database::change::Committed;
use chat_database::commit::Writer;
use chat_database::nodes::NodeId;
use chat_database::{Database, Error as DatabaseError};
use futures_util::FutureExt;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::connections::ConnectionTable;
use crate::delivery_frontier::DeliveryFrontier;
use crate::error::Error;
use crate::follower::handle::FollowerHandle;
use crate::metrics;
use crate::notifications::message::{PendingTotals, StreamRegistry};
use crate::presence::remote::RemotePresence;
use crate::rate_limit::Limiter;
use crate::relay::handle::RelayHandle;
use crate::thread::message::ThreadRegistry;
use handle::StorageHandle;
use message::{Batch, CommitEnded, StorageMsg, WriteReply};
use queue::WriteQueue;
use wal_checkpoint::{WalCheckpoints, WalState};

/// How often rows are swept that need not be kept.
const SWEEP: Duration = Duration::from_secs(30);

/// How often storage tries whether the database takes commits again, when it refused the last one and no write comes.
const PROBE: Duration = Duration::from_secs(1);

/// Writes, in group commits, what the other actors ask for.
pub(crate) struct Storage;

/// The parts of the hub that the storage actor uses.
pub(crate) struct StorageContext {
    pub(crate) database: Database,
    /// The id of this process in the commit log.
    pub(crate) node: NodeId,
    pub(crate) frontier: DeliveryFrontier,
    pub(crate) connections: ConnectionTable,
    pub(crate) totals: Arc<PendingTotals>,
    pub(crate) streams: Arc<StreamRegistry>,
    pub(crate) threads: Arc<ThreadRegistry>,
    pub(crate) new_threads: Arc<Limiter<2>>,
    pub(crate) follower: FollowerHandle,
    pub(crate) relay: RelayHandle,
    /// Where users are connected besides this node.
    pub(crate) remote: RemotePresence,
    pub(crate) handle: StorageHandle,
}

/// What is to be done before the next commit.
#[derive(Default)]
struct Due {
    restart_history: Vec<oneshot::Sender<Result<(), DatabaseError>>>,
    sweep: bool,
    probe: bool,
}

impl Due {
    fn is_empty(&self) -> bool {
        self.restart_history.is_empty() && !self.sweep && !self.probe
    }
}

pub(crate) struct State {
    context: Arc<StorageContext>,
    /// `None` while a commit runs, which has the writer.
    writer: Option<Writer>,
    waiting: Arc<WriteQueue>,
    due: Due,
    wal: WalCheckpoints,
}

impl Actor for Storage {
    type Msg = StorageMsg;
    type State = State;
    type Arguments = Arc<StorageContext>;

    async fn pre_start(
        &self,
        myself: ActorRef<StorageMsg>,
        context: Arc<StorageContext>,
    ) -> Result<State, ActorProcessingErr> {
        // The commit log shows whether a commit stands that a predecessor had under way.
        context.frontier.commit_failed();
        let mut writer = Writer::new(context.database.clone(), context.node.clone());
        writer.limit_new_threads(Arc::<Limiter<2>>::clone(&context.new_threads));
        // Opened now, because later connections may have taken all file descriptors.
        if let Err(error) = writer.open().boxed().await {
            tracing::warn!(%error, "the writing connection is opened at the first commit");
        }
        myself.send_interval(PROBE, || StorageMsg::Probe);
        myself.send_interval(SWEEP, || StorageMsg::Sweep);
        context.handle.set_actor(myself);
        Ok(State {
            wal: WalCheckpoints::start(&context.database),
            context,
            writer: Some(writer),
            waiting: Arc::default(),
            due: Due::default(),
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<StorageMsg>,
        message: StorageMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            StorageMsg::Write(write, permit) => state.waiting.push(write, permit),
            StorageMsg::WriteLater(write, permit) => state.waiting.push_later(write, permit),
            StorageMsg::CommitEnded(ended) => state.commit_ended(*ended),
            StorageMsg::CommitPanicked => return Err("a group commit panicked".into()),
            StorageMsg::RestartHistory(done) => state.due.restart_history.push(done),
            StorageMsg::Sweep => {
                state.due.sweep = true;
                state.wal.keep_running(&state.context.database);
            }
            StorageMsg::Probe => state.probe(&myself),
            // If writes wait, their commit shows whether the database takes writes.
            StorageMsg::Answers => state.due.probe = state.waiting.is_empty() && state.writer.is_some(),
            #[cfg(feature = "failpoints")]
            StorageMsg::Fail => panic!("failpoint: storage"),
        }
        state.start_next_commit(&myself);
        Ok(())
    }
}

impl State {
    /// Pings the database, if it took no writes lately and no commit runs.
    fn probe(&self, myself: &ActorRef<StorageMsg>) {
        if self.writer.is_none() || self.context.handle.failing().is_none() {
            return;
        }
        let (database, storage) = (self.context.database.clone(), myself.clone());
        tokio::spawn(async move {
            if database.ping().await.is_ok() {
                // If this actor has ended, its successor probes.
                let _ = storage.send_message(StorageMsg::Answers);
            }
        });
    }

    /// Starts the next commit, if none is running and there is something to do.
    fn start_next_commit(&mut self, myself: &ActorRef<StorageMsg>) {
        if self.waiting.is_empty() && self.due.is_empty() {
            return;
        }
        let Some(mut writer) = self.writer.take() else { return };
        let due = std::mem::take(&mut self.due);
        let panic_guard = PanicGuard(Some(myself.clone()));
        let (context, waiting, wal) = (Arc::clone(&self.context), Arc::clone(&self.waiting), self.wal.log());
        let myself = myself.clone();
        // A task of its own, which is never cancelled: a transaction dropped half-way would leave its connection in doubt.
        tokio::spawn(async move {
            let lock = context.handle.lock_commit().await;
            let went_back = !due.restart_history.is_empty();
            let probe = due.probe;
            let restarted = prepare(&mut writer, due, &context, &wal).boxed().await;
            let nothing_waits = waiting.is_empty();
            let probed = match restarted {
                None if probe && nothing_waits => Some(writer.probe().boxed().await),
                // To restart the history is a commit, too.
                restarted => restarted,
            };
            let (batch, result) = match (nothing_waits, went_back) {
                (true, _) => (Batch::default(), None),
                // The changes were decided on a state that is gone.
                (false, true) => (waiting.take(), Some(Err(DatabaseError::WentBack))),
                (false, false) => {
                    let (batch, result) = commit(&mut writer, &waiting, &context).boxed().await;
                    (batch, Some(result))
                }
            };
            let ended_at = Instant::now();
            drop(lock);
            panic_guard.defuse();
            let ended = CommitEnded { writer, batch, result, probed, ended_at };
            // If the actor has ended meanwhile, the commit log holds the commit, and the requesters get temporary errors.
            let _ = myself.send_message(StorageMsg::CommitEnded(Box::new(ended)));
        });
    }

    fn commit_ended(&mut self, ended: CommitEnded) {
        let CommitEnded { writer, batch, result, probed, ended_at } = ended;
        self.writer = Some(writer);
        match (&result, &probed) {
            (_, Some(Err(error))) | (Some(Err(error)), None) => self.context.handle.cannot_write(error),
            (_, Some(Ok(()))) | (Some(Ok(_)), None) => self.context.handle.can_write(),
            (None, None) => {}
        }
        match result {
            None => {}
            Some(Ok(committed)) => {
                self.wal.log().committed();
                self.context.dispatch_outcomes(batch.replies, &batch.changes, committed, ended_at);
            }
            Some(Err(error)) => self.refuse(batch.replies, &error),
        }
    }

    /// Tells each requester why the commit was not written.
    fn refuse(&self, replies: Vec<(WriteReply, OwnedSemaphorePermit)>, error: &DatabaseError) {
        self.context.frontier.commit_failed();
        if matches!(error, DatabaseError::WentBack) {
            self.context.follower.wake();
        }
        let error = Error::from(error);
        replies.into_iter().for_each(|(reply, _permit)| reply.refuse(&error));
    }
}

/// Does what is due before a commit. Returns whether the history was restarted, if it was to be.
async fn prepare(
    writer: &mut Writer,
    due: Due,
    context: &StorageContext,
    wal: &WalState,
) -> Option<Result<(), DatabaseError>> {
    let restarted = if due.restart_history.is_empty() { None } else { Some(restart_history(writer, context).await) };
    for done in due.restart_history {
        // If the follower was started again meanwhile, it reads the database by itself.
        let _ = done.send(restarted.clone().unwrap_or(Ok(())));
    }
    if due.sweep
        && let Err(error) = writer.sweep().await
    {
        tracing::warn!(%error, "sweep failed");
    }
    wal.restart_if_long(writer);
    restarted
}

/// Restarts the history.
async fn restart_history(writer: &mut Writer, context: &StorageContext) -> Result<(), DatabaseError> {
    writer.knows(&context.frontier.newest());
    let restarted = writer.begin_anew().await;
    // The follower asks for it again at each poll.
    if let Err(DatabaseError::Unavailable(why)) = &restarted
        && context.handle.failing().as_ref() != Some(why)
    {
        tracing::warn!(%why, "the database takes no writes; if a backup was restored, were all its tables of one moment?");
    }
    restarted
}

/// Runs a group commit of the writes that wait once it has the counter's lock, and records its metrics.
async fn commit(
    writer: &mut Writer,
    waiting: &WriteQueue,
    context: &StorageContext,
) -> (Batch, Result<Committed, DatabaseError>) {
    let metrics = metrics::get();
    let started = Instant::now();
    context.frontier.commit_started();
    writer.knows(&context.frontier.newest());
    let batch = OnceLock::new();
    let result = writer.commit_gathered(&|| &batch.get_or_init(|| waiting.take()).changes).await;
    // If the lock could not be taken, the writes that would have been in the commit are refused.
    let batch = batch.into_inner().unwrap_or_else(|| waiting.take());
    if let Some(since) = batch.since {
        metrics.stage_queue.record(started.saturating_duration_since(since));
    }
    match &result {
        Ok(_) => {
            let took = started.elapsed();
            metrics.commit_seconds.record(took);
            metrics.stage_commit.record(took);
            metrics::record(&metrics.commit_size, batch.changes.len());
        }
        Err(error) => {
            metrics.commit_failures.increment(1);
            tracing::warn!(%error, writes = batch.changes.len(), "group commit failed");
        }
    }
    (batch, result)
}

/// Tells the actor if its commit panics.
struct PanicGuard(Option<ActorRef<StorageMsg>>);

impl PanicGuard {
    fn defuse(mut self) {
        self.0 = None;
    }
}

impl Drop for PanicGuard {
    fn drop(&mut self) {
        if let Some(actor) = self.0.take() {
            let _ = actor.send_message(StorageMsg::CommitPanicked);
        }
    }
}
