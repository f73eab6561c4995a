//! Headers and contents as messages.
//!
//! A content is the commit's number and nonce, and then items one after the other: threads and users. Each item is encoded
//! once for all nodes that get it. What does not fit into one message goes into another; an item that is too large for any
//! message is left out. The receiver reads from the database what the header names and no content brings.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use chat_database::change::{Change, Committed};
use chat_database::history::Nonce;
use chat_database::ids::{CommitNo, Pair, UserId};

use super::commit::{Content, Header, Malformed, UserContent};
use super::wire::{WireHeader, WireItem, WireName, WireOutcome, WireThread, WireUser, decode, encode};
use crate::notifications::events::NotificationEvent;

/// How large a message may be: a quarter of what NATS takes.
const MOST_BYTES: usize = 256 << 10;

/// Encodes a header; `None` if it is larger than a message may be.
pub(crate) fn header(header: &Header) -> Option<Bytes> {
    let touched = &header.touched;
    let mut message = Vec::with_capacity(64 + 16 * touched.threads.len() + 4 * touched.users.len());
    encode(&WireHeader::of(header), &mut message);
    (message.len() <= MOST_BYTES).then(|| message.into())
}

/// Reads a header.
///
/// # Errors
/// [`Malformed`].
pub(crate) fn read_header(message: &[u8]) -> Result<Header, Malformed> {
    let (wire, rest) = decode::<WireHeader<'_>>(message)?;
    if rest.is_empty() { wire.read() } else { Err(Malformed) }
}

/// Reads a content.
///
/// # Errors
/// [`Malformed`].
pub(crate) fn read_content(message: &[u8]) -> Result<Content, Malformed> {
    let (name, mut rest) = decode::<WireName>(message)?;
    let mut content = Content { commit: CommitNo(name.commit), nonce: Nonce(name.nonce), ..Content::default() };
    while !rest.is_empty() {
        let (item, after) = decode::<WireItem<'_>>(rest)?;
        rest = after;
        match item {
            WireItem::Thread(thread) => {
                let thread = thread.read()?;
                content.threads.insert(thread.before.pair, thread);
            }
            WireItem::User(user) => {
                let (id, user) = user.read()?;
                content.users.insert(id, user);
            }
        }
    }
    Ok(content)
}

/// Encodes a commit's content for other nodes: those where `nodes_of` finds the users whom it concerns. Calls `publish`
/// with each node and message.
pub(crate) fn contents<Nodes: IntoIterator<Item = Arc<str>>>(
    changes: &[Change],
    committed: &Committed,
    nodes_of: impl Fn(UserId) -> Nodes,
    publish: impl FnMut(Arc<str>, Bytes),
) {
    let members = committed.before.iter().flat_map(|before| before.pair.members());
    let users = members.chain(committed.notified.iter().copied());
    let elsewhere: Elsewhere = users
        .map(|user| (user, nodes_of(user).into_iter().collect::<Vec<_>>()))
        .filter(|(_, nodes)| !nodes.is_empty())
        .collect();
    if elsewhere.is_empty() {
        return;
    }
    let mut outcomes: HashMap<Pair, Vec<WireOutcome<'_>>> = HashMap::new();
    for (change, outcome) in changes.iter().zip(&committed.outcomes) {
        if let (Some(pair), Some(outcome)) = (change.pair(), WireOutcome::of(outcome)) {
            outcomes.entry(pair).or_default().push(outcome);
        }
    }
    let mut messages = Messages::new(committed, publish);
    for before in &committed.before {
        let nodes = before.pair.members().into_iter().filter_map(|member| elsewhere.get(&member)).flatten();
        let outcomes = outcomes.remove(&before.pair).unwrap_or_default();
        messages.add(&WireItem::Thread(WireThread::new(before, outcomes)), nodes);
    }
    for (user, content) in of_users(changes, committed, &elsewhere) {
        let nodes = elsewhere.get(&user).into_iter().flatten();
        messages.add(&WireItem::User(WireUser::of(user, &content)), nodes);
    }
    messages.end();
}

/// The users whom a commit concerns and who are connected to other nodes, with those nodes.
type Elsewhere = BTreeMap<UserId, Vec<Arc<str>>>;

/// Returns the parts of a commit for users who are connected elsewhere.
fn of_users(changes: &[Change], committed: &Committed, elsewhere: &Elsewhere) -> BTreeMap<UserId, UserContent> {
    let mut users: BTreeMap<_, _> = elsewhere.keys().map(|user| (*user, UserContent::default())).collect();
    for (user, totals) in &committed.totals {
        if let Some(content) = users.get_mut(user) {
            content.totals = Some(*totals);
        }
    }
    for (user, thread) in &committed.chat_notifications {
        if let Some(content) = users.get_mut(user) {
            content.update.threads.push(*thread);
        }
    }
    for (change, outcome) in changes.iter().zip(&committed.outcomes) {
        NotificationEvent::of(change, outcome, |user, event| {
            if let Some(content) = users.get_mut(&user) {
                content.update.events.push(event);
            }
        });
    }
    users
}

/// The messages of a commit that are being filled, one for each node.
struct Messages<Publish> {
    name: Vec<u8>,
    item: Vec<u8>,
    open: BTreeMap<Arc<str>, Vec<u8>>,
    publish: Publish,
}

impl<Publish: FnMut(Arc<str>, Bytes)> Messages<Publish> {
    fn new(committed: &Committed, publish: Publish) -> Self {
        let mut name = Vec::new();
        encode(&WireName { commit: committed.commit_ref.commit.0, nonce: committed.commit_ref.nonce.0 }, &mut name);
        Self { name, item: Vec::new(), open: BTreeMap::new(), publish }
    }

    /// Adds an item to the messages of some nodes; a node may be named twice.
    fn add<'a>(&mut self, item: &WireItem<'_>, nodes: impl Iterator<Item = &'a Arc<str>>) {
        let mut nodes: Vec<_> = nodes.collect();
        nodes.sort_unstable();
        nodes.dedup();
        if nodes.is_empty() {
            return;
        }
        self.item.clear();
        encode(item, &mut self.item);
        if self.name.len() + self.item.len() > MOST_BYTES {
            return;
        }
        for node in nodes {
            let message = self.open.entry(Arc::clone(node)).or_insert_with(|| self.name.clone());
            if message.len() + self.item.len() > MOST_BYTES {
                let full = std::mem::replace(message, self.name.clone());
                (self.publish)(Arc::clone(node), full.into());
            }
            message.extend_from_slice(&self.item);
        }
    }

    fn end(mut self) {
        for (node, message) in self.open {
            (self.publish)(node, message.into());
        }
    }
}

#[cfg(test)]
mod tests;
