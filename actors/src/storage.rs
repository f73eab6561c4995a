//! The storage actor: group commit, and the only writer.
//!
//! It collects what arrives while the last commit runs, and commits it, or [a part of it](group), as one transaction; there
//! is no timer. When a commit stands, each thread gets its outcomes and each user's notification stream its news; whoever
//! tells people says so to the [horizon](crate::horizon).
//!
//! It has a [thread of its own](crate::home), for SQLite is written there and then.

mod group;
mod handle;
mod wal_checkpoint;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chat_database::Error as DatabaseError;
use chat_database::change::{Change, Committed, Outcome};
use chat_database::commit::Writer;
use chat_database::ids::UserId;
use futures_util::FutureExt;
use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::cores::Cores;
use crate::horizon::Told;
use crate::metrics;
use crate::node::Node;
use crate::notifications::{self, News};
use crate::origin::Origin;
use crate::people::Audience;
use crate::refused::Refused;
use crate::thread::{self, InFlight, Settled};
use group::Group;
pub(crate) use handle::Handle;
use wal_checkpoint::{WalCheckpoints, WalState};

/// How often what need not be remembered is swept away.
const SWEEP: Duration = Duration::from_secs(30);

/// How often it is tried whether commits are written again, when the last one was not and nobody writes.
const PROBE: Duration = Duration::from_secs(1);

/// One thing to write, and who hears what became of it.
#[derive(Debug)]
pub(crate) struct Write {
    pub(crate) change: Change,
    pub(crate) reply: Reply,
}

/// Who hears what became of a write.
#[derive(Debug)]
pub(crate) enum Reply {
    /// A thread, which answers the origin.
    Thread(ActorRef<thread::Message>, InFlight, Origin),
    /// A call of the edge.
    Call(oneshot::Sender<Result<Outcome, Refused>>),
    /// Nobody.
    Nobody,
}

impl Reply {
    /// A step of what is timed is over.
    fn step(&mut self, log_in_the_way: bool) {
        if let Self::Thread(.., origin) = self {
            let timing = origin.timing();
            timing.step();
            if log_in_the_way {
                timing.beside_a_move();
            }
        }
    }

    fn refuse(self, refused: &Refused) {
        match self {
            Self::Thread(.., origin) => origin.refuse(refused.clone()),
            Self::Call(call) => drop(call.send(Err(refused.clone()))),
            Self::Nobody => {}
        }
    }
}

/// What the storage actor is told.
#[expect(clippy::large_enum_variant, reason = "the large one is the usual one")]
pub(crate) enum Message {
    /// Something to write.
    Write(Write, OwnedSemaphorePermit),
    /// The running commit has ended.
    Finished(Box<Finished>),
    /// The running commit has panicked.
    Broken,
    /// The database has gone back to an earlier state: begin its history anew, and say when that is done.
    BeginAnew(oneshot::Sender<Result<(), DatabaseError>>),
    /// Time to sweep.
    Sweep,
    /// Time to see whether the database takes writes again, if it did not.
    LookAgain,
    /// It answers; what it says of writes is still to be seen.
    Answers,
    #[cfg(feature = "failpoints")]
    Fail,
}

/// A commit that has ended.
pub(crate) struct Finished {
    writer: Writer,
    writes: Vec<(Reply, OwnedSemaphorePermit)>,
    changes: Vec<Change>,
    /// `None`: there was nothing to commit.
    result: Option<Result<Committed, DatabaseError>>,
    /// Whether the database would take a commit, if it was tried.
    probed: Option<Result<(), DatabaseError>>,
}

/// What is to be done before the next commit.
#[derive(Default)]
struct Due {
    begin_anew: Vec<oneshot::Sender<Result<(), DatabaseError>>>,
    sweep: bool,
    probe: bool,
}

impl Due {
    fn nothing(&self) -> bool {
        self.begin_anew.is_empty() && !self.sweep && !self.probe
    }
}

/// The actor.
pub(crate) struct Storage;

pub(crate) struct State {
    node: Arc<Node>,
    /// With the running commit, while there is one.
    writer: Option<Writer>,
    waiting: Vec<(Write, OwnedSemaphorePermit)>,
    group: Group,
    due: Due,
    wal: WalCheckpoints,
    cores: Cores,
}

impl Actor for Storage {
    type Msg = Message;
    type State = State;
    type Arguments = Arc<Node>;

    async fn pre_start(&self, myself: ActorRef<Message>, node: Arc<Node>) -> Result<State, ActorProcessingErr> {
        // What a predecessor had under way is settled by the commit log.
        node.horizon.committed_nothing();
        let mut writer = Writer::new(node.database.clone(), node.options.node.clone());
        // Later there may be no file left to open it with, for each connection takes one.
        if let Err(error) = writer.open() {
            tracing::warn!(%error, "the writing connection is opened at the first commit");
        }
        myself.send_interval(PROBE, || Message::LookAgain);
        myself.send_interval(SWEEP, || Message::Sweep);
        node.storage.is(Some(myself));
        Ok(State {
            cores: Cores::new(node.storage.hub),
            wal: WalCheckpoints::start(&node.database),
            node,
            writer: Some(writer),
            waiting: Vec::new(),
            group: Group::default(),
            due: Due::default(),
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        message: Message,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Write(write, place) => state.waiting.push((write, place)),
            Message::Finished(finished) => state.finish(*finished),
            Message::Broken => return Err("a group commit panicked".into()),
            Message::BeginAnew(done) => state.due.begin_anew.push(done),
            Message::Sweep => state.due.sweep = true,
            Message::LookAgain => {
                if state.writer.is_some() && state.node.storage.failing().is_some() {
                    tokio::spawn(look_again(Arc::clone(&state.node), myself.clone()));
                }
            }
            // Whoever writes finds out by themselves.
            Message::Answers => state.due.probe = state.waiting.is_empty() && state.writer.is_some(),
            #[cfg(feature = "failpoints")]
            Message::Fail => panic!("failpoint: storage"),
        }
        state.go_on(&myself);
        Ok(())
    }
}

impl State {
    /// Begins the next commit, if none is running and there is something to do.
    fn go_on(&mut self, myself: &ActorRef<Message>) {
        if self.waiting.is_empty() && self.due.nothing() {
            return;
        }
        let Some(mut writer) = self.writer.take() else { return };
        let due = std::mem::take(&mut self.due);
        let next = self.group.next(self.waiting.len());
        let wal = self.wal.log();
        let (changes, mut writes): (Vec<_>, Vec<_>) =
            self.waiting.drain(..next).map(|(write, place)| (write.change, (write.reply, place))).unzip();
        metrics::set(&metrics::get().storage_queue, self.waiting.len());
        if next > 0 {
            self.cores.commit(next);
        }
        let broken = Broken(Some(myself.clone()));
        let node = Arc::clone(&self.node);
        let myself = myself.clone();
        // A task of its own, which nobody cancels: a transaction dropped half-way would leave its connection in doubt.
        tokio::spawn(async move {
            let turn = node.storage.turn().await;
            let went_back = !due.begin_anew.is_empty();
            let probes = due.probe && changes.is_empty();
            prepare(&mut writer, due, &node, &wal).boxed().await;
            let probed = if probes { Some(writer.probe().boxed().await) } else { None };
            writes.iter_mut().for_each(|(reply, _)| reply.step(wal.is_checkpointing()));
            let result = match (changes.is_empty(), went_back) {
                (true, _) => None,
                // It was decided on what is no more.
                (false, true) => Some(Err(DatabaseError::WentBack)),
                (false, false) => Some(commit(&mut writer, &changes, &node).boxed().await),
            };
            drop(turn);
            broken.defuse();
            let finished = Finished { writer, writes, changes, result, probed };
            // An actor that has ended meanwhile leaves the commit to the log, and the origins answer for themselves.
            let _ = myself.send_message(Message::Finished(Box::new(finished)));
        });
    }

    fn finish(&mut self, finished: Finished) {
        let Finished { writer, writes, changes, result, probed } = finished;
        self.writer = Some(writer);
        match (&result, &probed) {
            (Some(Err(error)), _) | (None, Some(Err(error))) => self.node.storage.cannot_write(error),
            (Some(Ok(_)), _) | (None, Some(Ok(()))) => self.node.storage.can_write(),
            (None, None) => {}
        }
        match result {
            None => {}
            Some(Ok(committed)) => {
                self.wal.log().committed();
                self.hand_out(writes, &changes, committed);
            }
            Some(Err(error)) => {
                self.node.horizon.committed_nothing();
                if matches!(error, DatabaseError::WentBack) {
                    self.node.follower.wake();
                }
                let refused = Refused::from(&error);
                writes.into_iter().for_each(|(reply, _place)| reply.refuse(&refused));
            }
        }
    }

    /// Gives every thread its outcomes and every connected user's stream its news.
    fn hand_out(&mut self, writes: Vec<(Reply, OwnedSemaphorePermit)>, changes: &[Change], committed: Committed) {
        let Committed { mark, newest, outcomes, before, totals, chat_notifications } = committed;
        let no = mark.commit;
        let people = &self.node.people;
        let mut news: HashMap<UserId, News> = HashMap::new();
        for (user, totals) in totals {
            if people.is_connected(user) && self.node.totals.post(user, totals) {
                news.entry(user).or_default();
            }
        }
        for (user, thread) in chat_notifications {
            if people.listens(user, Audience::Notifications) {
                news.entry(user).or_default().threads.push(thread);
            }
        }

        let before: HashMap<_, _> = before.into_iter().map(|before| (before.pair, before)).collect();
        let mut threads: HashMap<ActorId, (ActorRef<thread::Message>, Settled)> = HashMap::new();
        let mut calls = Vec::new();
        let log_in_the_way = self.wal.log().is_checkpointing();
        for (((mut reply, _place), change), outcome) in writes.into_iter().zip(changes).zip(outcomes) {
            reply.step(log_in_the_way);
            News::of(change, &outcome, |user, event| news.entry(user).or_default().events.push(event));
            match reply {
                Reply::Thread(thread, in_flight, origin) => {
                    let (_, settled) = threads.entry(thread.get_id()).or_insert_with(|| {
                        let before = thread::pair_of(change).and_then(|pair| before.get(&pair).copied());
                        (thread, Settled { no, before, parts: Vec::new() })
                    });
                    settled.parts.push((in_flight, origin, outcome));
                }
                Reply::Call(call) => calls.push((call, outcome)),
                Reply::Nobody => {}
            }
        }
        news.retain(|user, _| people.is_connected(*user));

        let (told, gap) = self.node.horizon.begin_own(&mark, newest, threads.len() + news.len());
        let mut told = told.into_iter();
        let mut next = || told.next().unwrap_or_else(|| unreachable!("one for each part"));
        for (thread, settled) in threads.into_values() {
            // A thread that has ended drops its part: the commit is told from the database, and the origins hear of it.
            let _ = thread.send_message(thread::Message::Settled(settled, next()));
        }
        for (user, news) in news {
            self.tell_stream(user, news, next());
        }
        self.node.horizon.handed_out();
        for (call, outcome) in calls {
            // The caller may have hung up; what was done stands.
            let _ = call.send(Ok(outcome));
        }
        self.node.relay.announce(no);
        if gap {
            self.node.follower.wake();
        }
    }

    fn tell_stream(&self, user: UserId, news: News, told: Told) {
        // Only a node that is ending wakes no streams.
        let _ = self.node.streams.deliver(user, notifications::Message::News(Box::new(news), told));
    }
}

/// Asks the database for a sign of life, with nobody waiting for the writer meanwhile.
async fn look_again(node: Arc<Node>, storage: ActorRef<Message>) {
    if node.database.ping().await.is_ok() {
        // An actor that has ended leaves it to its successor.
        let _ = storage.send_message(Message::Answers);
    }
}

/// Does what is due before a commit.
async fn prepare(writer: &mut Writer, due: Due, node: &Node, wal: &WalState) {
    if !due.begin_anew.is_empty() {
        writer.knows(&node.horizon.newest());
        let begun = writer.begin_anew().await;
        for done in due.begin_anew {
            // The follower may have been started again meanwhile, and looks by itself.
            let answer = match &begun {
                Ok(()) => Ok(()),
                Err(error) => Err(DatabaseError::Unavailable(error.to_string())),
            };
            let _ = done.send(answer);
        }
    }
    if due.sweep
        && let Err(error) = writer.sweep().await
    {
        tracing::warn!(%error, "sweep failed");
    }
    wal.restart_if_long(writer);
}

/// Runs a group commit and counts it.
async fn commit(writer: &mut Writer, changes: &[Change], node: &Node) -> Result<Committed, DatabaseError> {
    let metrics = metrics::get();
    let begun = Instant::now();
    node.horizon.committing();
    writer.knows(&node.horizon.newest());
    let result = writer.commit(changes).await;
    match &result {
        Ok(_) => {
            metrics.commit_seconds.record(begun.elapsed());
            metrics::record(&metrics.commit_size, changes.len());
        }
        Err(error) => {
            metrics.commit_failures.increment(1);
            tracing::warn!(%error, writes = changes.len(), "group commit failed");
        }
    }
    result
}

/// Tells the actor if its commit panics.
struct Broken(Option<ActorRef<Message>>);

impl Broken {
    fn defuse(mut self) {
        self.0 = None;
    }
}

impl Drop for Broken {
    fn drop(&mut self) {
        if let Some(actor) = self.0.take() {
            let _ = actor.send_message(Message::Broken);
        }
    }
}
