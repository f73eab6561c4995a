//! Messages between nodes.

use std::sync::Arc;

use bytes::Bytes;
use chat_database::nodes::NodeId;
use tokio::sync::OwnedSemaphorePermit;

/// Which nodes a message is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Destination {
    /// All nodes: headers of commits.
    AllCommits,
    /// All nodes: who came, who left, and what changed that users are told of.
    AllPresence,
    /// All nodes: signs of life.
    AllHeartbeats,
    /// One node, by its name.
    Node(Arc<str>),
}

impl Destination {
    /// Returns the letter of its lane, and the name of its node, which is empty for all nodes.
    pub(super) fn lane_and_name(&self) -> (u8, &str) {
        match self {
            Self::AllCommits => (b'c', ""),
            Self::AllPresence => (b'p', ""),
            Self::AllHeartbeats => (b'h', ""),
            Self::Node(name) => (b'n', name),
        }
    }
}

/// The kind of a message. Its sender and its receiver define what the body means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// A commit's entry of the log.
    Header,
    /// What a commit has changed for the users of one node.
    Content,
    /// Users who came or left, some at a time.
    Presence,
    /// A user who came or left, and which users are to be told.
    Announcement,
    /// A user who is typing, or stopped.
    Typing,
    /// A node asks another one for a snapshot of its users.
    SnapshotRequest,
    /// All users of a node, or a part of them.
    Snapshot,
    /// A sign of life.
    Heartbeat,
    /// A profile, a card or a restriction has changed.
    Update,
}

impl Kind {
    /// All kinds.
    pub(crate) const ALL: [Self; 9] = [
        Self::Header,
        Self::Content,
        Self::Presence,
        Self::Announcement,
        Self::Typing,
        Self::SnapshotRequest,
        Self::Snapshot,
        Self::Heartbeat,
        Self::Update,
    ];
}

/// A message of another node, verified. While it is held it takes up room among the messages that wait here.
#[derive(Debug)]
pub(crate) struct Received {
    /// The process that sent it.
    pub(crate) from: NodeId,
    /// What it is about.
    pub(crate) kind: Kind,
    /// The body, as it was published. A slice of a larger buffer: what is kept must be copied.
    pub(crate) body: Bytes,
    /// Whether messages of this process to the same destination are missing before this one. For a heartbeat: to any
    /// destination that this node hears.
    pub(crate) gap: bool,
    _room: Option<OwnedSemaphorePermit>,
}

impl Received {
    /// Makes a message that takes up no room.
    pub(crate) fn new(from: NodeId, kind: Kind, body: Bytes, gap: bool) -> Self {
        Self { from, kind, body, gap, _room: None }
    }

    /// Has the message take up room until it is dropped.
    pub(super) fn within(self, room: OwnedSemaphorePermit) -> Self {
        Self { _room: Some(room), ..self }
    }
}
