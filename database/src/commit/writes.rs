//! What a commit writes: the rows, by table, in the order of the columns in [`super::statements`].

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::hex::Hex;
use super::notify::{CHAT, CHAT_TITLE, NewNote, chat_key};
use super::plan::Plan;
use super::state::{Alert, Standing};

/// Rows to write that do not stand in the state.
#[derive(Default)]
pub(super) struct Writes<'a> {
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
    pub(super) notes: Vec<NewNote<'a>>,
    pub(super) changed_notes: Vec<ChangedNote>,
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
    fn push<Place: PartialEq>(&mut self, before: Option<Place>, now: Place, row: Row) {
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
pub(super) type NoteRow<'a> = (i64, i64, &'a str, &'a str, &'a str, Option<i64>, Option<String>, i64, i64, i64, i64);

/// Id, read, times of change and deletion, commit.
pub(super) type ChangedNote = (i64, i64, i64, Option<i64>, i64);

/// Image, owner, key, type, width, height, bytes, placeholder, times of upload and sweep.
pub(super) type UploadRow<'a> = (&'a str, i64, &'a str, &'a str, i64, i64, i64, &'a str, i64, i64);

/// Person, unread messages and notifications.
pub(super) type UserRow = (i64, i64, i64);

impl Plan<'_> {
    pub(super) fn thread_rows(&mut self) -> Rows<ThreadRow> {
        let mut rows = Rows::default();
        for slot in &self.threads {
            let thread = &mut self.state.threads[*slot];
            let steps = thread.steps();
            let stored = thread.stored.replace(steps);
            let [low, high] = &thread.members;
            let row = (
                thread.id,
                low.user,
                high.user,
                thread.last_seq,
                thread.rev,
                thread.last_message,
                thread.created_at,
                thread.updated_at,
                self.no,
            );
            rows.push(stored, steps, row);
        }
        rows
    }

    pub(super) fn status_rows(&mut self) -> Rows<StatusRow> {
        let mut rows = Rows::default();
        for (slot, side) in &self.members {
            let thread = &mut self.state.threads[*slot];
            let member = &mut thread.members[*side];
            let has_unread = member.unread > 0;
            let stored = member.stored.replace(has_unread);
            let row = (
                thread.id,
                member.user,
                member.delivered_seq,
                member.read_seq,
                member.unread,
                i64::from(has_unread),
                member.delivered_at,
                member.read_at,
                member.delivered_commit,
                member.read_commit,
                self.no,
            );
            rows.push(stored, has_unread, row);
        }
        rows
    }

    pub(super) fn amended_rows(&self) -> Vec<AmendedRow<'_>> {
        let rows = self.writes.amended.iter().filter_map(|id| self.facts.messages.get(id)).map(|stored| &stored.row);
        rows.map(|row| (row.id, row.rev, row.content.as_deref(), row.edited_at, row.deleted_at, self.no)).collect()
    }

    pub(super) fn user_rows(&mut self) -> Vec<UserRow> {
        let mut rows = Vec::with_capacity(self.users.len());
        for id in &self.users {
            let user = self.state.user(*id);
            user.stored = true;
            rows.push((*id, user.messages, user.notifications));
        }
        rows
    }

    /// Returns the new notifications: the marketplace's, and those of threads that never had one.
    pub(super) fn note_rows(&self) -> Vec<NoteRow<'_>> {
        let notes = self.writes.notes.iter().map(|note| {
            let read = i64::from(note.read);
            let (key, at) = (note.key.clone(), note.at);
            (note.id, note.user, note.kind, note.title, note.body, note.related, key, read, at, at, self.no)
        });
        let alerts = self.alerts().filter(|(.., alert)| alert.created_commit == self.no);
        let alerts = alerts.map(|(thread, user, alert)| {
            let (key, read) = (Some(chat_key(thread)), i64::from(alert.standing != Standing::Unread));
            let (created, updated) = (alert.created_at, alert.updated_at);
            (alert.id, user, CHAT, CHAT_TITLE, "", Some(thread), key, read, created, updated, self.no)
        });
        notes.chain(alerts).collect()
    }

    /// Returns the notifications that change. A deleted one's time is 0, so that it is out of the pages' way.
    pub(super) fn changed_note_rows(&self) -> Vec<ChangedNote> {
        let alerts = self.alerts().filter(|(.., alert)| alert.created_commit != self.no);
        let alerts = alerts.map(|(_, _, alert)| match alert.standing {
            Standing::Unread => (alert.id, 0, alert.updated_at, None, self.no),
            Standing::Read => (alert.id, 1, alert.updated_at, None, self.no),
            Standing::Deleted => (alert.id, 1, 0, Some(self.latest()), self.no),
        });
        self.writes.changed_notes.iter().copied().chain(alerts).collect()
    }

    fn alerts(&self) -> impl Iterator<Item = (i64, i64, Alert)> {
        self.alerts.iter().filter_map(|(slot, side)| {
            let thread = &self.state.threads[*slot];
            let member = &thread.members[*side];
            member.alert.map(|alert| (thread.id, member.user, alert))
        })
    }

    /// Returns the log's list of touched threads: id and members of each.
    pub(super) fn logged_threads(&self) -> Vec<(i64, i64, i64)> {
        let row = |slot: &usize| {
            let thread = &self.state.threads[*slot];
            (thread.id, thread.members[0].user, thread.members[1].user)
        };
        self.threads.iter().map(row).collect()
    }
}
