//! One user's notification stream, while it has something to send: totals and notifications, at most four times a second.
//!
//! The first update goes at once, what follows within a quarter of a second goes together, and the last value always goes.
//! An update that still waits keeps its commit from being released, so that no cursor runs ahead of it.

pub(crate) mod events;
pub(crate) mod message;

use std::sync::Arc;
use std::time::Duration;

use chat_database::Database;
use chat_database::ids::{CommitNo, ThreadId, UserId};
use chat_database::queries::{changes, notifications, unread};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::time::Instant;

use crate::connections::{Audience, ConnectionTable};
use crate::delivery_frontier::{DeliveryFrontier, DeliveryGuard};
use crate::metrics;
use crate::protocol::ServerFrame;
use crate::registry::PendingCount;
use message::{PendingTotals, StreamMsg, StreamRegistry, UserUpdate};

/// The least time between two totals, and between two notifications of a thread: at most four a second.
const PACE: Duration = Duration::from_millis(250);

/// How long a stream runs without an update.
const IDLE: Duration = Duration::from_secs(10);

/// Sends one user's notifications and unread totals.
pub(crate) struct NotificationStream;

/// What the notification streams of a node use.
pub(crate) struct StreamContext {
    pub(crate) database: Database,
    pub(crate) frontier: DeliveryFrontier,
    pub(crate) connections: ConnectionTable,
    pub(crate) totals: Arc<PendingTotals>,
    pub(crate) streams: Arc<StreamRegistry>,
}

pub(crate) struct Arguments {
    pub(crate) context: Arc<StreamContext>,
    pub(crate) user: UserId,
    pub(crate) pending: PendingCount,
}

pub(crate) struct State {
    context: Arc<StreamContext>,
    user: UserId,
    pending: PendingCount,
    /// Whether totals are to be sent, once the pace allows.
    totals: bool,
    /// The commit of the totals that were sent last, and its history.
    sent_totals: Option<(u64, CommitNo)>,
    /// Threads whose notification is to be sent, and the guards of the commits that wait for it.
    threads: Vec<ThreadId>,
    held: Vec<DeliveryGuard>,
    last_sent: Option<Instant>,
    due: bool,
    last_active: Instant,
}

impl Actor for NotificationStream {
    type Msg = StreamMsg;
    type State = State;
    type Arguments = Arguments;

    async fn pre_start(&self, myself: ActorRef<StreamMsg>, arguments: Arguments) -> Result<State, ActorProcessingErr> {
        let Arguments { context, user, pending } = arguments;
        myself.send_after(IDLE, || StreamMsg::Idle);
        Ok(State {
            context,
            user,
            pending,
            totals: false,
            sent_totals: None,
            threads: Vec::new(),
            held: Vec::new(),
            last_sent: None,
            due: false,
            last_active: Instant::now(),
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<StreamMsg>,
        message: StreamMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            StreamMsg::Update(update, guard) => state.update(*update, guard),
            StreamMsg::Follow { since, threads, guard, read: _read } => {
                Box::pin(state.follow(since, threads, guard)).await?;
            }
            StreamMsg::Unheard => state.unheard(),
            StreamMsg::Due => state.due = false,
            StreamMsg::Idle => state.idle(&myself),
            #[cfg(feature = "failpoints")]
            StreamMsg::Fail => panic!("failpoint: stream"),
        }
        Box::pin(state.send_what_is_due(&myself)).await
    }
}

impl Drop for State {
    /// Removes the user's totals, so that the next ones activate a stream again, however this one ends.
    fn drop(&mut self) {
        self.context.totals.take(self.user);
    }
}

impl State {
    fn update(&mut self, update: UserUpdate, guard: DeliveryGuard) {
        self.active();
        for event in update.events {
            self.send(event.frame(self.context.frontier.cursor()));
        }
        self.totals = true;
        self.wait_for(update.threads, guard);
    }

    async fn follow(
        &mut self,
        since: CommitNo,
        threads: Vec<ThreadId>,
        guard: DeliveryGuard,
    ) -> Result<(), ActorProcessingErr> {
        self.active();
        let context = Arc::clone(&self.context);
        let StreamContext { database, frontier, totals, .. } = &*context;
        metrics::get().follower_reads.increment(1);
        // The totals are read after this, so they are at least as new as this commit.
        let commit = frontier.newest().commit;
        totals.post(self.user, commit, unread::totals(database, self.user).await?);
        self.totals = true;
        if self.is_listened_to() {
            let cursor = frontier.cursor();
            for (_, changed) in changes::notifications_of(database, &[self.user], since).await? {
                self.send(events::changed_notification(&changed, since, Some(&cursor)));
            }
        }
        self.wait_for(threads, guard);
        Ok(())
    }

    /// Releases the commits that wait for the pace if no connection carries the stream any more. Until they are released,
    /// every new connection of the node would be sent again what came since.
    fn unheard(&mut self) {
        self.active();
        if !self.is_listened_to() {
            self.threads.clear();
            std::mem::take(&mut self.held).into_iter().for_each(DeliveryGuard::delivered);
        }
    }

    /// Queues the notifications of threads; the guard is delivered when they were sent.
    fn wait_for(&mut self, threads: Vec<ThreadId>, guard: DeliveryGuard) {
        if threads.is_empty() || !self.is_listened_to() {
            return guard.delivered();
        }
        for thread in threads {
            if !self.threads.contains(&thread) {
                self.threads.push(thread);
            }
        }
        self.held.push(guard);
    }

    /// Sends what waits if the pace allows, or else has [`StreamMsg::Due`] sent when it does.
    async fn send_what_is_due(&mut self, myself: &ActorRef<StreamMsg>) -> Result<(), ActorProcessingErr> {
        if !self.totals && self.held.is_empty() || self.due {
            return Ok(());
        }
        if let Some(rest) = self.last_sent.and_then(|last| PACE.checked_sub(last.elapsed()))
            && !rest.is_zero()
        {
            self.due = true;
            myself.send_after(rest, || StreamMsg::Due);
            return Ok(());
        }
        self.last_sent = Some(Instant::now());
        for thread in std::mem::take(&mut self.threads) {
            self.send_notification_of(thread).await?;
        }
        std::mem::take(&mut self.held).into_iter().for_each(DeliveryGuard::delivered);
        self.totals = false;
        if let Some((commit, payload)) = self.context.totals.take(self.user)
            && self.are_newest(commit)
        {
            let frame = ServerFrame::NavCounts { payload }.encode();
            self.context.connections.send_ephemeral(self.user, Audience::All, &frame);
        }
        Ok(())
    }

    /// Notes that totals are sent; `false` if later ones were sent before, for another node's commit may come after a later
    /// commit of this node.
    fn are_newest(&mut self, commit: CommitNo) -> bool {
        let history = self.context.frontier.histories();
        let newest = self.sent_totals.is_none_or(|(of, sent)| of != history || sent <= commit);
        if newest {
            self.sent_totals = Some((history, commit));
        }
        newest
    }

    /// Sends a thread's notification as it stands now.
    async fn send_notification_of(&self, thread: ThreadId) -> Result<(), ActorProcessingErr> {
        let Some(notification) = notifications::of_thread(&self.context.database, self.user, thread).await? else {
            return Ok(());
        };
        self.send(events::thread_notification(notification, self.context.frontier.cursor()));
        Ok(())
    }

    fn send(&self, mut frame: ServerFrame) {
        let encode = || frame.encode_for(self.user);
        self.context.connections.send_durable(self.user, Audience::Notifications, None, None, encode);
    }

    fn is_listened_to(&self) -> bool {
        self.context.connections.listens(self.user, Audience::Notifications)
    }

    fn idle(&mut self, myself: &ActorRef<StreamMsg>) {
        let quiet = self.last_active.elapsed() >= IDLE && !self.due;
        if quiet && self.context.streams.retire(self.user, myself.get_id()) {
            return myself.stop(None);
        }
        myself.send_after(IDLE, || StreamMsg::Idle);
    }

    /// Notes that a message of the registry was taken.
    fn active(&mut self) {
        self.pending.took_one();
        self.last_active = Instant::now();
    }
}
