//! What a commit writes: the rows, by table, in the order of the columns in [`super::statements`].

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::hex::Hex;

/// Rows to write that do not stand in the cache.
#[derive(Default)]
pub(super) struct WriteSet<'a> {
    pub(super) messages: Vec<MessageRow<'a>>,
    /// Ids of messages that were edited or deleted.
    pub(super) amended: BTreeSet<i64>,
    /// Each edit and deletion: thread, rev, message, the thread's last seq, commit.
    pub(super) amendments: Vec<(i64, i64, i64, i64, i64)>,
    /// Messages that lose their images.
    pub(super) stripped: Vec<(i64,)>,
    /// Message, position, image.
    pub(super) images: Vec<(i64, i64, &'a str)>,
    pub(super) uploads: Vec<UploadRow<'a>>,
    /// Image, when it was sent, when it is swept.
    pub(super) media: Vec<(Cow<'a, str>, Option<i64>, Option<i64>)>,
    /// Images whose rows go.
    pub(super) forgotten: Vec<(&'a str,)>,
    pub(super) notifications: Vec<NewNotification<'a>>,
    pub(super) changed_notifications: Vec<ChangedNotificationRow>,
    /// People who read all their notifications.
    pub(super) read_all: BTreeSet<i64>,
    pub(super) last_seen: Vec<(i64, i64)>,
    pub(super) tickets: Vec<(&'a str, i64)>,
}

/// Rows that are written over and over, by what becomes of them; see [`super::statements::Rewritten`].
pub(super) struct Rows<Row> {
    pub(super) made: Vec<Row>,
    pub(super) moved: Vec<Row>,
    pub(super) kept: Vec<Row>,
}

impl<Row> Default for Rows<Row> {
    fn default() -> Self {
        Self { made: Vec::new(), moved: Vec::new(), kept: Vec::new() }
    }
}

impl<Row> Rows<Row> {
    /// Adds a row: where indexes have it `now`, and where they had it if it was there.
    pub(super) fn push<Place: PartialEq>(&mut self, before: Option<Place>, now: Place, row: Row) {
        match before {
            None => self.made.push(row),
            Some(before) if before == now => self.kept.push(row),
            Some(_) => self.moved.push(row),
        }
    }
}

/// Id, thread, seq, rev, author, key, hash, text, product, answered message, time, commit, the message before.
pub(super) type MessageRow<'a> = (
    i64,
    i64,
    i64,
    i64,
    i64,
    Option<&'a str>,
    Hex<'a>,
    Option<&'a str>,
    Option<i64>,
    Option<i64>,
    i64,
    i64,
    Option<i64>,
);

/// Id, rev, text, times of edit and deletion, commit.
pub(super) type AmendedRow<'a> = (i64, i64, Option<&'a str>, Option<i64>, Option<i64>, i64);

/// Id, members, last seq, rev, newest message, times of creation and of the newest message, commit.
pub(super) type ThreadRow = (i64, i64, i64, i64, i64, Option<i64>, i64, i64, i64);

/// Thread, member, delivered, read, unread, whether any, times and commits of both watermarks, commit.
pub(super) type StatusRow = (i64, i64, i64, i64, i64, i64, Option<i64>, Option<i64>, i64, i64, i64);

/// Id, person, type, title, body, related, key, read, times of creation and change, commit.
pub(super) type NewNotificationRow<'a> =
    (i64, i64, &'a str, &'a str, &'a str, Option<i64>, Option<String>, i64, i64, i64, i64);

/// Id, read, times of change and deletion, commit.
pub(super) type ChangedNotificationRow = (i64, i64, i64, Option<i64>, i64);

/// Image, owner, key, type, width, height, bytes, placeholder, times of upload and sweep.
pub(super) type UploadRow<'a> = (&'a str, i64, &'a str, &'a str, i64, i64, i64, &'a str, i64, i64);

/// Person, unread messages and notifications.
pub(super) type UserRow = (i64, i64, i64);

/// A new notification of the marketplace.
#[derive(Debug)]
pub(super) struct NewNotification<'a> {
    pub(super) id: i64,
    pub(super) user: i64,
    pub(super) kind: &'a str,
    pub(super) title: &'a str,
    pub(super) body: &'a str,
    pub(super) related: Option<i64>,
    pub(super) key: Option<String>,
    pub(super) at: i64,
    pub(super) read: bool,
}
