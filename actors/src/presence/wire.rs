//! Messages between nodes about their users and about themselves, as bytes.

use bytes::Bytes;
use chat_database::ids::{ThreadId, UserId};
use chat_database::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::remote::Digest;
use crate::relay::message::Kind;

/// How many users a part of a snapshot holds: at most 256 KiB.
pub(crate) const PART: usize = 32_768;

/// A message about a node's users, or about the node itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Body {
    /// To all: users who came or left.
    Transitions(Transitions),
    /// To one: a user came or left, and which users are to be told.
    Announcement(Announced),
    /// To one: send me all your users.
    SnapshotRequest,
    /// To one: a part of all my users.
    Snapshot(Snapshot),
    /// To all, each second.
    Heartbeat(Heartbeat),
    /// To one: a user is typing, or has stopped.
    Typing(Typing),
}

/// A position in the changes to a node's users. A node numbers its messages of changes, and starts another count when it
/// starts again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EntryVersion {
    /// Which of the node's counts it is.
    pub(crate) count: u64,
    pub(crate) seq: u64,
}

/// Users of a node who came or left, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Transitions {
    /// The position after these changes; it follows directly on the one before them.
    pub(crate) entry_version: EntryVersion,
    pub(crate) changes: Vec<Transition>,
}

/// A user who came to a node, or left it for long enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Transition {
    /// The user's first connection to the node.
    Came {
        user: u64,
        /// Whether the node takes the user for offline everywhere until then, and so announces the arrival.
        announces: bool,
    },
    /// The user's last connection to the node has been gone for long enough.
    Left {
        user: u64,
        /// When the user was last seen there, in Unix milliseconds.
        seen: i64,
        /// Whether the node takes the user for offline everywhere from then on, and so announces the absence.
        announces: bool,
    },
}

/// A user who came or left, and which users of the receiving node are to be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Announced {
    /// Its number among the announcements to that node.
    pub(crate) number: u64,
    pub(crate) user: u64,
    pub(crate) online: bool,
    /// When a user who left was last seen, in Unix milliseconds.
    pub(crate) seen: Option<i64>,
    pub(crate) recipients: Vec<u64>,
}

/// A part of all users of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Snapshot {
    pub(crate) entry_version: EntryVersion,
    pub(crate) part: u32,
    pub(crate) parts: u32,
    /// The users, ascending: the id of the first one, and the distance of each one to the one before.
    steps: Vec<u64>,
}

/// A node's sign of life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Heartbeat {
    /// The position of its latest change.
    pub(crate) entry_version: EntryVersion,
    pub(crate) users: u64,
    pub(crate) sum: u64,
    /// How many announcements it has sent to each node.
    pub(crate) announced: Vec<(String, u64)>,
    /// The commit up to which it has delivered everything.
    pub(crate) released: u64,
    pub(crate) draining: bool,
    pub(crate) version: String,
}

/// A user who types in a thread, or has stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Typing {
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) thread: u64,
    pub(crate) on: bool,
}

impl Body {
    /// Returns the kind under which it is sent.
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Transitions(_) => Kind::Presence,
            Self::Announcement(_) => Kind::Announcement,
            Self::SnapshotRequest => Kind::SnapshotRequest,
            Self::Snapshot(_) => Kind::Snapshot,
            Self::Heartbeat(_) => Kind::Heartbeat,
            Self::Typing(_) => Kind::Typing,
        }
    }

    pub(crate) fn encode(&self) -> Bytes {
        // Writing into memory cannot fail.
        postcard::to_stdvec(self).map(Bytes::from).unwrap_or_default()
    }

    /// Decodes a body; `None` if it cannot be read, as one of another version may be.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        postcard::from_bytes(bytes).ok()
    }
}

impl Snapshot {
    /// Cuts all users of a node into parts.
    pub(crate) fn parts(entry_version: EntryVersion, mut users: Vec<UserId>) -> Vec<Self> {
        users.sort_unstable();
        let count = users.len().div_ceil(PART).max(1);
        let parts = u32::try_from(count).unwrap_or(u32::MAX);
        let part = |part: u32| {
            let start = part as usize * PART;
            let mut last = 0;
            let step = |user: &UserId| user.get() - std::mem::replace(&mut last, user.get());
            let steps = users.iter().skip(start).take(PART).map(step).collect();
            Self { entry_version, part, parts, steps }
        };
        (0..parts).map(part).collect()
    }

    /// Returns the users of the part.
    pub(crate) fn users(&self) -> impl Iterator<Item = UserId> + '_ {
        let mut last = 0_u64;
        self.steps.iter().filter_map(move |step| {
            last = last.saturating_add(*step);
            UserId::new(last).ok()
        })
    }
}

impl Heartbeat {
    pub(crate) fn digest(&self) -> Digest {
        Digest { users: self.users, sum: self.sum }
    }
}

impl Typing {
    pub(crate) fn new(from: UserId, to: UserId, thread: ThreadId, on: bool) -> Self {
        Self { from: from.get(), to: to.get(), thread: thread.get(), on }
    }
}

impl Transition {
    pub(crate) fn came(user: UserId, announces: bool) -> Self {
        Self::Came { user: user.get(), announces }
    }

    pub(crate) fn left(user: UserId, seen: Timestamp, announces: bool) -> Self {
        Self::Left { user: user.get(), seen: seen.millis(), announces }
    }
}

#[cfg(test)]
mod tests;
