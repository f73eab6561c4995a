//! The follower: delivers commits of other nodes on this one.
//!
//! It receives them over the relay, [puts them together](assembly), and gives them to the threads and streams of users who
//! are connected here. It reads the commit log for what the relay did not bring, and once a second while nothing seems to
//! be missing: the relay is an accelerator, and the database is the truth. Commits of this node whose delivery failed are
//! read from the log, too.
//!
//! It also sees when the database goes back to an earlier state; see [`chat_database::history`].

mod assembly;
mod delivery;
pub(crate) mod handle;
mod poll;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use chat_database::Database;
use chat_database::ids::{CommitNo, UserId};
use chat_database::nodes::NodeId;
use chat_database::queries::changes::LogEntry;
use chat_database::sabotage::Sabotage;
use futures_util::FutureExt;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::time::Instant;

use crate::connections::ConnectionTable;
use crate::delivery_frontier::DeliveryFrontier;
use crate::metrics;
use crate::notifications::message::{PendingTotals, StreamRegistry};
use crate::relay::encoding;
use crate::relay::handle::RelayHandle;
use crate::relay::message::{Kind, Received};
use crate::restrictions::Restrictions;
use crate::storage::handle::StorageHandle;
use crate::thread::message::ThreadRegistry;
use assembly::{Assembly, Step};
use handle::{FollowerHandle, FollowerMsg, Seen};

/// How often the database is read while nothing can have been missed.
const CALM: Duration = Duration::from_secs(1);

/// Finds the commits that this node has not delivered yet.
pub(crate) struct Follower;

/// What the follower uses.
pub(crate) struct FollowerContext {
    pub(crate) database: Database,
    /// The id of this process in the commit log.
    pub(crate) node: NodeId,
    /// How often the follower reads the database, unless it is sure that it has received everything.
    pub(crate) interval: Duration,
    pub(crate) frontier: DeliveryFrontier,
    pub(crate) connections: ConnectionTable,
    pub(crate) threads: Arc<ThreadRegistry>,
    pub(crate) streams: Arc<StreamRegistry>,
    pub(crate) totals: Arc<PendingTotals>,
    pub(crate) storage: StorageHandle,
    pub(crate) relay: RelayHandle,
    pub(crate) restrictions: Restrictions,
    /// Tells whether all that other nodes are known to have sent over the relay has arrived.
    pub(crate) heard_everything: Box<dyn Fn() -> bool + Send + Sync>,
    pub(crate) handle: FollowerHandle,
}

pub(crate) struct State {
    context: Arc<FollowerContext>,
    assembly: Assembly,
    polled: Option<Instant>,
    /// When the scheduled [`FollowerMsg::Next`] comes.
    due: Option<Instant>,
}

impl Actor for Follower {
    type Msg = FollowerMsg;
    type State = State;
    type Arguments = Arc<FollowerContext>;

    async fn pre_start(
        &self,
        myself: ActorRef<FollowerMsg>,
        context: Arc<FollowerContext>,
    ) -> Result<State, ActorProcessingErr> {
        myself.send_interval(context.interval, || FollowerMsg::Tick);
        context.handle.set_actor(myself);
        let assembly = Assembly::new(!context.relay.is_alone(), Instant::now());
        Ok(State { context, assembly, polled: None, due: None })
    }

    async fn handle(
        &self,
        myself: ActorRef<FollowerMsg>,
        message: FollowerMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        let now = Instant::now();
        match message {
            FollowerMsg::Heard(received) => state.heard(&received, now),
            FollowerMsg::Poll => state.assembly.poll(now),
            FollowerMsg::Tick => state.tick(now),
            FollowerMsg::Seen(seen) => state.seen(seen, now),
            FollowerMsg::Next => {}
        }
        state.go_on(&myself);
        Ok(())
    }
}

impl State {
    /// Takes in a header or a content that another node sent.
    fn heard(&mut self, received: &Received, now: Instant) {
        let Self { context, assembly, .. } = self;
        let read = match received.kind {
            Kind::Header => {
                encoding::read_header(&received.body).map(|header| assembly.heard_header(header, &**context, now))
            }
            Kind::Content => {
                encoding::read_content(&received.body).map(|content| assembly.heard_content(content, &**context, now))
            }
            _ => Ok(()),
        };
        if let Err(error) = &read {
            tracing::debug!(from = %received.from, kind = ?received.kind, %error, "cannot read what a node says of a commit");
        }
        if received.gap || read.is_err() {
            assembly.poll(now);
        }
    }

    fn tick(&mut self, now: Instant) {
        if Sabotage::PollOff.is_on() {
            return;
        }
        let is_calm = self.polled.is_some_and(|polled| now - polled < CALM);
        if !is_calm || !(self.context.heard_everything)() {
            self.assembly.poll(now);
        }
    }

    /// Carries out the assembly's steps until there are none, and schedules the next [`FollowerMsg::Next`].
    fn go_on(&mut self, myself: &ActorRef<FollowerMsg>) {
        loop {
            let context = Arc::clone(&self.context);
            while let Some(step) = self.assembly.next(&*context, Instant::now()) {
                match step {
                    Step::Deliver(run) => context.deliver(run),
                    Step::Poll => self.poll(myself),
                }
            }
            let waits = self.assembly.waits();
            // A commit of this node that was dispatched before `waits` was set has sent no `Next`: look once more.
            if self.context.handle.set_waits(waits) || !waits {
                break;
            }
        }
        if let Some(at) = self.assembly.wake_at()
            && self.due.is_none_or(|due| at < due || due <= Instant::now())
        {
            self.due = Some(at);
            myself.send_after(at.saturating_duration_since(Instant::now()), || FollowerMsg::Next);
        }
    }

    /// Reads the database, in a task of its own.
    fn poll(&mut self, myself: &ActorRef<FollowerMsg>) {
        self.polled = Some(Instant::now());
        metrics::get().follower_reads.increment(1);
        let (context, myself) = (Arc::clone(&self.context), myself.clone());
        tokio::spawn(async move {
            let FollowerContext { database, frontier, storage, .. } = &*context;
            let seen = AssertUnwindSafe(poll::poll(database, frontier, storage)).catch_unwind().await;
            let seen = seen.unwrap_or_else(|_| Err(chat_database::Error::Refused("the poll panicked".to_owned())));
            // If this follower has ended meanwhile, its successor reads the database by itself.
            let _ = myself.send_message(FollowerMsg::Seen(seen));
        });
    }

    fn seen(&mut self, seen: Result<Seen, chat_database::Error>, now: Instant) {
        let Self { context, assembly, .. } = self;
        match seen {
            Err(error) => {
                // The assembly tries again; readiness says that the database is away.
                tracing::debug!(%error, "cannot follow");
                assembly.failed(now);
            }
            Ok(Seen::Back(head)) => {
                context.restrictions.went_back();
                assembly.seen(head.commit, [], &context.node, &**context, now);
                assembly.start_over(now);
                context.start_over(head);
            }
            Ok(Seen::On { head, from, up_to, log }) => {
                context.frontier.learn(&head.commit_ref, head.newest);
                context.restrictions.notice(head.restrictions);
                let mut missing = log.as_ref().map(|log| context.missing(up_to, log)).unwrap_or_default();
                // A part that was lost meanwhile may lie before the stretch of the log that was read.
                let lost = missing.partition_point(|no| *no <= from);
                missing.drain(..lost);
                if poll::was_swept(&missing, log.as_deref(), |no| assembly.knows(no)) {
                    // This node was away for long.
                    tracing::warn!(
                        commit = up_to.0,
                        "the commit log was swept before it was read: connections come back by their cursors"
                    );
                    assembly.seen(head.commit_ref.commit, [], &context.node, &**context, now);
                    assembly.start_over(now);
                    return context.start_over(head.commit_ref);
                }
                let log = log.into_iter().flatten().filter(|entry| missing.binary_search(&entry.no).is_ok());
                assembly.seen(head.commit_ref.commit, log, &context.node, &**context, now);
                if up_to < head.commit_ref.commit || lost > 0 {
                    assembly.poll(now);
                }
            }
        }
    }
}

impl FollowerContext {
    /// Returns the commits up to one whose delivery has not begun here, or was lost.
    fn missing(&self, up_to: CommitNo, log: &[LogEntry]) -> Vec<CommitNo> {
        let ours = |no| log.iter().any(|entry| entry.no == no && entry.node == self.node);
        self.frontier.gaps(up_to, ours).1
    }
}

impl assembly::Node for FollowerContext {
    fn unbroken(&self) -> CommitNo {
        self.frontier.unbroken()
    }

    fn newest(&self) -> CommitNo {
        self.frontier.newest().commit
    }

    fn nonce_of(&self, commit: CommitNo) -> Option<chat_database::history::Nonce> {
        self.frontier.nonce_of(commit)
    }

    fn is_connected(&self, user: UserId) -> bool {
        self.connections.is_connected(user)
    }

    fn has_enough_reads(&self) -> bool {
        self.handle.has_enough_reads()
    }
}
