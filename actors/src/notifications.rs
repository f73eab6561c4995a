//! One user's notification stream, while there is something to tell: totals and notifications, at a bearable pace.
//!
//! The first news goes at once, what follows within a quarter of a second goes together, and the last value always goes.
//! Whatever still waits keeps its commit from being released, so that no cursor runs ahead of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chat_database::change::{Change, Outcome};
use chat_database::ids::{CommitNo, NotificationId, ThreadId, UserId};
use chat_database::objects::{Notification, Totals};
use chat_database::queries::{changes, notifications, unread};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::time::Instant;

use crate::awake::Waiting;
use crate::events;
use crate::horizon::Told;
use crate::node::Node;
use crate::people::Audience;
use crate::protocol::ServerFrame;
use crate::protocol::server::NotificationMark;

/// How far apart the totals, and a thread's notification, are told: at most four times a second.
const PACE: Duration = Duration::from_millis(250);

/// How long a stream without news stays awake.
const IDLE: Duration = Duration::from_secs(10);

/// The newest totals that a stream has not told yet: in between, one message to it is enough.
#[derive(Debug, Default)]
pub(crate) struct Board(Mutex<HashMap<UserId, Totals>>);

impl Board {
    /// Puts up a user's totals; tells whether their stream must be told that there are some.
    pub(crate) fn post(&self, user: UserId, totals: Totals) -> bool {
        self.lock().insert(user, totals).is_none()
    }

    /// Takes a user's totals down.
    fn take(&self, user: UserId) -> Option<Totals> {
        self.lock().remove(&user)
    }

    /// Takes all totals down: they are of a history that is no more.
    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<UserId, Totals>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a commit has for a user, besides the totals on the [`Board`].
#[derive(Debug, Default)]
pub(crate) struct News {
    /// Threads whose notification appeared, changed or was read.
    pub(crate) threads: Vec<ThreadId>,
    /// What happened to the marketplace's notifications, in order.
    pub(crate) events: Vec<Event>,
}

/// What happened to notifications.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    Made(Box<Notification>),
    Read(NotificationId),
    AllRead,
    Deleted(NotificationId),
}

impl News {
    /// Says what a change, by its outcome, means for whose notifications.
    pub(crate) fn of(change: &Change, outcome: &Outcome, mut event: impl FnMut(UserId, Event)) {
        match (change, outcome) {
            (Change::Notify(_), Outcome::Notified(made)) => {
                for notification in made {
                    event(notification.user_id, Event::Made(Box::new(notification.clone())));
                }
            }
            (Change::ReadNotification(own), Outcome::NotificationsChanged) => event(own.user, Event::Read(own.id)),
            (Change::ReadAllNotifications(user), Outcome::NotificationsChanged) => event(*user, Event::AllRead),
            (Change::DeleteNotification(own), Outcome::NotificationsChanged) => event(own.user, Event::Deleted(own.id)),
            _ => {}
        }
    }
}

/// What a stream is told.
#[derive(Debug)]
pub(crate) enum Message {
    /// By storage: a commit has news for the user.
    News(Box<News>, Told),
    /// By the follower: commits of others, up to this one, have news for the user.
    Follow { since: CommitNo, threads: Vec<ThreadId>, told: Told },
    /// By itself: what waits may go.
    Due,
    /// By itself: time to sleep, perhaps.
    Idle,
    #[cfg(feature = "failpoints")]
    Fail,
}

/// The actor.
pub(crate) struct Stream;

pub(crate) struct Arguments {
    pub(crate) node: Arc<Node>,
    pub(crate) user: UserId,
    pub(crate) waiting: Waiting,
}

pub(crate) struct State {
    node: Arc<Node>,
    user: UserId,
    waiting: Waiting,
    /// Whether the totals are to be told, once the pace allows.
    totals: bool,
    /// Threads whose notification is to be told, and the commits that wait for it.
    threads: Vec<ThreadId>,
    held: Vec<Told>,
    last_told: Option<Instant>,
    due: bool,
    last_active: Instant,
}

impl Actor for Stream {
    type Msg = Message;
    type State = State;
    type Arguments = Arguments;

    async fn pre_start(&self, myself: ActorRef<Message>, arguments: Arguments) -> Result<State, ActorProcessingErr> {
        let Arguments { node, user, waiting } = arguments;
        myself.send_after(IDLE, || Message::Idle);
        Ok(State {
            node,
            user,
            waiting,
            totals: false,
            threads: Vec::new(),
            held: Vec::new(),
            last_told: None,
            due: false,
            last_active: Instant::now(),
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        message: Message,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::News(news, told) => state.news(*news, told),
            Message::Follow { since, threads, told } => Box::pin(state.follow(since, threads, told)).await?,
            Message::Due => state.due = false,
            Message::Idle => state.idle(&myself),
            #[cfg(feature = "failpoints")]
            Message::Fail => panic!("failpoint: stream"),
        }
        Box::pin(state.tell_what_is_due(&myself)).await
    }
}

impl Drop for State {
    /// However the stream ends, the next totals find it asleep.
    fn drop(&mut self) {
        self.node.totals.take(self.user);
    }
}

impl State {
    fn news(&mut self, news: News, told: Told) {
        self.active();
        for event in news.events {
            self.tell_event(event);
        }
        self.totals = true;
        self.wait_for(news.threads, told);
    }

    async fn follow(&mut self, since: CommitNo, threads: Vec<ThreadId>, told: Told) -> Result<(), ActorProcessingErr> {
        self.active();
        let database = &self.node.database;
        self.node.totals.post(self.user, unread::totals(database, self.user).await?);
        self.totals = true;
        if self.listened_to() {
            let cursor = self.node.horizon.cursor();
            for (_, changed) in changes::notifications_of(database, &[self.user], since).await? {
                self.tell(events::of_notification(&changed, since, Some(&cursor)));
            }
        }
        self.wait_for(threads, told);
        Ok(())
    }

    /// Puts the notifications of threads in line; the commit is told when they are.
    fn wait_for(&mut self, threads: Vec<ThreadId>, told: Told) {
        if threads.is_empty() || !self.listened_to() {
            return told.done();
        }
        for thread in threads {
            if !self.threads.contains(&thread) {
                self.threads.push(thread);
            }
        }
        self.held.push(told);
    }

    /// Tells what waits, if the pace allows; otherwise makes sure to be called again.
    async fn tell_what_is_due(&mut self, myself: &ActorRef<Message>) -> Result<(), ActorProcessingErr> {
        if !self.totals && self.held.is_empty() || self.due {
            return Ok(());
        }
        if let Some(rest) = self.last_told.and_then(|last| PACE.checked_sub(last.elapsed()))
            && !rest.is_zero()
        {
            self.due = true;
            myself.send_after(rest, || Message::Due);
            return Ok(());
        }
        self.last_told = Some(Instant::now());
        for thread in std::mem::take(&mut self.threads) {
            self.tell_thread(thread).await?;
        }
        std::mem::take(&mut self.held).into_iter().for_each(Told::done);
        self.totals = false;
        if let Some(payload) = self.node.totals.take(self.user) {
            let frame = ServerFrame::NavCounts { payload }.encode();
            self.node.people.tell_passing(self.user, Audience::All, &frame);
        }
        Ok(())
    }

    /// Tells a thread's notification as it stands now.
    async fn tell_thread(&self, thread: ThreadId) -> Result<(), ActorProcessingErr> {
        let Some(notification) = notifications::of_thread(&self.node.database, self.user, thread).await? else {
            return Ok(());
        };
        let cursor = Some(self.node.horizon.cursor());
        let frame = if notification.is_read {
            ServerFrame::NotificationRead(NotificationMark { id: Some(notification.id), all: false, cursor })
        } else {
            ServerFrame::Notification { payload: Box::new(notification), cursor }
        };
        self.tell(frame);
        Ok(())
    }

    fn tell_event(&self, event: Event) {
        let cursor = Some(self.node.horizon.cursor());
        let mark = |id, cursor| NotificationMark { id, all: id.is_none(), cursor };
        let frame = match event {
            Event::Made(payload) => ServerFrame::Notification { payload, cursor },
            Event::Read(id) => ServerFrame::NotificationRead(mark(Some(id), cursor)),
            Event::AllRead => ServerFrame::NotificationRead(mark(None, cursor)),
            Event::Deleted(id) => ServerFrame::NotificationDeleted(mark(Some(id), cursor)),
        };
        self.tell(frame);
    }

    fn tell(&self, mut frame: ServerFrame) {
        self.node.people.tell_durable(self.user, Audience::Notifications, None, None, || frame.encode_for(self.user));
    }

    fn listened_to(&self) -> bool {
        self.node.people.listens(self.user, Audience::Notifications)
    }

    fn idle(&mut self, myself: &ActorRef<Message>) {
        let quiet = self.last_active.elapsed() >= IDLE && !self.due;
        if quiet && self.node.streams.retire(self.user, myself.get_id()) {
            return myself.stop(None);
        }
        myself.send_after(IDLE, || Message::Idle);
    }

    /// Notes that a message of the table was taken.
    fn active(&mut self) {
        self.waiting.took_one();
        self.last_active = Instant::now();
    }
}
