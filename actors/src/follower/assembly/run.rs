//! Commits that are delivered together: mostly one.

use std::collections::BTreeMap;

use chat_database::history::{CommitRef, Nonce};
use chat_database::ids::{CommitNo, Pair, ThreadId, UserId};
use chat_database::sabotage::Sabotage;
use chat_database::time::Timestamp;

use super::pending::{Node, Pending};
use crate::relay::commit::{Content, ThreadContent, UserContent};

/// Commits that are delivered together, and their parts for users who are connected to this node.
#[derive(Debug, Default)]
pub(crate) struct Run {
    /// The commits, in order.
    pub(crate) commits: Vec<(CommitNo, Nonce)>,
    /// How many of them came over the relay; the rest was found in the log.
    pub(crate) heard: u64,
    /// The commit and the newest time of the last header that came over the relay.
    pub(crate) named: Option<(CommitRef, Timestamp)>,
    /// The contents for each thread; `None` where they must be read from the database.
    pub(crate) threads: BTreeMap<Pair, Option<Vec<(CommitNo, ThreadContent)>>>,
    pub(crate) users: BTreeMap<UserId, UserPart>,
}

/// A user's part of a run.
#[derive(Debug)]
pub(crate) struct UserPart {
    /// The user's threads that the commits touched.
    pub(crate) threads: Vec<ThreadId>,
    /// The contents for the user; `None` if they must be read from the database.
    pub(crate) heard: Option<Vec<(CommitNo, UserContent)>>,
}

impl Default for UserPart {
    fn default() -> Self {
        Self { threads: Vec::new(), heard: Some(Vec::new()) }
    }
}

/// Tells whether a content has everything of a commit that concerns connected users.
pub(super) fn is_complete(pending: &Pending, content: Option<&Content>, node: &impl Node) -> bool {
    if Sabotage::ReleaseWithoutContent.is_on() {
        return true;
    }
    let content = content.filter(|content| content.nonce == pending.nonce);
    let has_thread = |pair: &Pair| content.is_some_and(|content| content.threads.contains_key(pair));
    let has_user = |user: &UserId| content.is_some_and(|content| content.users.contains_key(user));
    let of_threads = pending.touched.threads.iter().all(|(_, pair)| {
        let mut members = pair.members().into_iter().filter(|member| node.is_connected(*member)).peekable();
        members.peek().is_none() || has_thread(pair) && members.all(|member| has_user(&member))
    });
    of_threads && pending.touched.users.iter().all(|user| !node.is_connected(*user) || has_user(user))
}

impl Run {
    /// Adds the commit that comes next.
    pub(super) fn add(&mut self, commit: CommitNo, pending: Pending, content: Option<Content>, node: &impl Node) {
        let Pending { nonce, named, touched, .. } = pending;
        self.commits.push((commit, nonce));
        self.heard += u64::from(named.is_some());
        self.named = named.or(self.named.take());
        let content = content.filter(|content| content.nonce == nonce).unwrap_or_default();
        let Content { threads: mut heard_threads, users: mut heard_users, .. } = content;
        // A newer commit was dispatched before this one. What this one says of notifications may be outdated.
        let is_late = node.newest() > commit;
        let mut take_user =
            |user| heard_users.remove(&user).filter(|content| !is_late || content.update.events.is_empty());

        let mut users: BTreeMap<UserId, Vec<ThreadId>> = BTreeMap::new();
        for (thread, pair) in touched.threads {
            let members = pair.members().into_iter().filter(|member| node.is_connected(*member));
            let mut is_heard_of = false;
            for member in members {
                users.entry(member).or_default().push(thread);
                is_heard_of = true;
            }
            if is_heard_of {
                let heard = self.threads.entry(pair).or_insert_with(|| Some(Vec::new()));
                match (heard_threads.remove(&pair), heard.as_mut()) {
                    (Some(thread), Some(heard)) => heard.push((commit, thread)),
                    (None, _) if !Sabotage::ReleaseWithoutContent.is_on() => *heard = None,
                    (None, _) | (Some(_), None) => {}
                }
            }
        }
        for user in touched.users.into_iter().filter(|user| node.is_connected(*user)) {
            users.entry(user).or_default();
        }
        for (user, threads) in users {
            let part = self.users.entry(user).or_default();
            part.threads.extend(threads);
            match (take_user(user), &mut part.heard) {
                (Some(content), Some(heard)) => heard.push((commit, content)),
                (None, heard) if !Sabotage::ReleaseWithoutContent.is_on() => *heard = None,
                (None, _) | (Some(_), None) => {}
            }
        }
    }
}
