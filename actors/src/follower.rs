//! The follower: what others have committed, told here.
//!
//! It looks at the database's commit number now and then. Commits that nobody on this node has told (another node's, or ours
//! after a failure) are looked up in the commit log; each thread and each user's stream that they touched reads and tells
//! them, and then they are released. So the relay is an accelerator, and the database the truth.
//!
//! It also sees when the database goes back to an earlier state; see [`chat_database::history`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};

use chat_database::history::{self, Mark};
use chat_database::ids::{CommitNo, Pair, ThreadId, UserId};
use chat_database::queries::changes::{self, LogEntry};
use ractor::{Actor, ActorProcessingErr, ActorRef};

use crate::metrics;
use crate::node::Node;
use crate::protocol::CloseCode;
use crate::{notifications, thread};

/// How many commits are followed at a time.
const STRIDE: u64 = 1_000;

/// The follower's address.
#[derive(Default)]
pub(crate) struct Handle(RwLock<Option<ActorRef<Message>>>);

impl Handle {
    /// Asks the follower to look now.
    pub(crate) fn wake(&self) {
        if let Some(actor) = &*self.0.read().unwrap_or_else(PoisonError::into_inner) {
            let _ = actor.send_message(Message::Look);
        }
    }

    pub(crate) fn is(&self, actor: Option<ActorRef<Message>>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = actor;
    }
}

/// What the follower is told.
#[derive(Debug)]
pub(crate) enum Message {
    /// Look what the others have done.
    Look,
}

/// The actor.
pub(crate) struct Follower;

impl Actor for Follower {
    type Msg = Message;
    type State = Arc<Node>;
    type Arguments = Arc<Node>;

    async fn pre_start(&self, myself: ActorRef<Message>, node: Arc<Node>) -> Result<Arc<Node>, ActorProcessingErr> {
        myself.send_interval(node.options.poll, || Message::Look);
        node.follower.is(Some(myself));
        Ok(node)
    }

    async fn handle(
        &self,
        _: ActorRef<Message>,
        message: Message,
        node: &mut Arc<Node>,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Look => {
                if let Err(error) = look(node).await {
                    // The next look tries again; health says that the database is away.
                    tracing::debug!(%error, "cannot follow");
                }
            }
        }
        Ok(())
    }
}

/// Tells what lies between the released commit and the database's newest, as far as it is not ours to tell. Looks first
/// whether the commit that this node knows best still stands.
async fn look(node: &Arc<Node>) -> Result<(), chat_database::Error> {
    let known = node.horizon.newest();
    let newest = history::head_beside(&node.database, known.commit).await?;
    if newest.mark.commit < known.commit || newest.known.is_some_and(|nonce| nonce != known.nonce) {
        return went_back(node, &known).await;
    }
    node.horizon.learns(&newest);
    let released = node.horizon.released();
    let head = CommitNo(newest.mark.commit.0.min(released.0 + STRIDE));
    let (_, possible) = node.horizon.gaps(head, |_| false);
    if possible.is_empty() {
        return Ok(());
    }
    let log: BTreeMap<CommitNo, LogEntry> =
        changes::log(&node.database, released, head).await?.into_iter().map(|entry| (entry.no, entry)).collect();
    let ours = |no| log.get(&no).is_some_and(|entry| entry.node == node.options.node);
    let (end, missing) = node.horizon.gaps(head, ours);
    if missing.is_empty() {
        return Ok(());
    }
    if missing.iter().any(|no| !log.contains_key(no)) {
        // This node was away for long.
        tracing::warn!(
            commit = end.0,
            "the commit log was swept before it was read: connections come back by their cursors"
        );
        start_over(node, newest.mark);
        return Ok(());
    }
    tell(node, released, end, &missing, &log);
    metrics::get().commits_followed.increment(missing.len() as u64);
    Ok(())
}

/// The database has gone back to an earlier state: a backup was restored, or a copy that lagged has taken over. Cursors from
/// before are to be good nowhere any more; then everybody comes back, reloads, and goes on from here.
async fn went_back(node: &Arc<Node>, known: &Mark) -> Result<(), chat_database::Error> {
    node.storage.begin_anew().await?;
    let head = history::head(&node.database).await?;
    tracing::warn!(
        known = known.commit.0,
        commit = head.commit.0,
        "the database was put back to an earlier state: every connection starts over"
    );
    metrics::get().histories_lost.increment(1);
    start_over(node, head);
    Ok(())
}

/// Lets the threads and streams that the commits touched tell them, where anybody is connected to hear it.
fn tell(node: &Arc<Node>, released: CommitNo, end: CommitNo, missing: &[CommitNo], log: &BTreeMap<CommitNo, LogEntry>) {
    let mut threads: BTreeSet<Pair> = BTreeSet::new();
    let mut users: BTreeMap<UserId, Vec<ThreadId>> = BTreeMap::new();
    for entry in missing.iter().filter_map(|no| log.get(no)) {
        for &(thread, pair) in &entry.threads {
            let connected = pair.members().into_iter().filter(|member| node.people.is_connected(*member));
            for member in connected {
                threads.insert(pair);
                let touched = users.entry(member).or_default();
                if !touched.contains(&thread) {
                    touched.push(thread);
                }
            }
        }
        for &user in entry.users.iter().filter(|user| node.people.is_connected(**user)) {
            users.entry(user).or_default();
        }
    }
    let commits: Vec<_> = missing.iter().filter_map(|no| log.get(no)).map(|entry| (entry.no, entry.nonce)).collect();
    let mut told = node.horizon.begin_followed(&commits, threads.len() + users.len()).into_iter();
    for (pair, told) in threads.into_iter().zip(told.by_ref()) {
        // What cannot be delivered stays a gap, and is looked at again.
        let _ = node.threads.deliver(pair, thread::Message::Follow(end, told));
    }
    for ((user, threads), told) in users.into_iter().zip(told) {
        let _ = node.streams.deliver(user, notifications::Message::Follow { since: released, threads, told });
    }
}

/// Goes on from a commit, and lets everybody who is connected come back.
fn start_over(node: &Arc<Node>, head: Mark) {
    // In this order: whoever comes in between is sent away for nothing, not left with what is old.
    node.horizon.begin_anew(head);
    node.totals.clear();
    for outbox in node.people.outboxes() {
        outbox.close(CloseCode::Internal);
    }
}
