//! The rows that follow from what a commit has changed in the cache.

use super::apply::Applier;
use super::cache::{ReadState, ThreadNotification};
use super::notification_keys::{CHAT, CHAT_TITLE, chat_key};
use super::write_set::{AmendedRow, ChangedNotificationRow, NewNotificationRow, Rows, StatusRow, ThreadRow, UserRow};

impl Applier<'_> {
    pub(super) fn thread_rows(&mut self) -> Rows<ThreadRow> {
        let mut rows = Rows::default();
        for slot in &self.threads {
            let thread = &mut self.cache.threads[*slot];
            let buckets = thread.time_buckets();
            let stored = thread.stored.replace(buckets);
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
            rows.push(stored, buckets, row);
        }
        rows
    }

    pub(super) fn status_rows(&mut self) -> Rows<StatusRow> {
        let mut rows = Rows::default();
        for (slot, side) in &self.members {
            let thread = &mut self.cache.threads[*slot];
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
        let rows =
            self.write_set.amended.iter().filter_map(|id| self.preloaded.messages.get(id)).map(|stored| &stored.row);
        rows.map(|row| (row.id, row.rev, row.content.as_deref(), row.edited_at, row.deleted_at, self.no)).collect()
    }

    pub(super) fn user_rows(&mut self) -> Vec<UserRow> {
        let mut rows = Vec::with_capacity(self.users.len());
        for id in &self.users {
            let user = self.cache.user(*id);
            user.stored = true;
            rows.push((*id, user.messages, user.notifications));
        }
        rows
    }

    /// Returns the new notifications: the marketplace's, and those of threads that never had one.
    pub(super) fn notification_rows(&self) -> Vec<NewNotificationRow<'_>> {
        let notifications = self.write_set.notifications.iter().map(|note| {
            let read = i64::from(note.read);
            let (key, at) = (note.key.clone(), note.at);
            (note.id, note.user, note.kind, note.title, note.body, note.related, key, read, at, at, self.no)
        });
        let thread_notifications =
            self.thread_notifications().filter(|(.., notification)| notification.created_commit == self.no);
        let thread_notifications = thread_notifications.map(|(thread, user, notification)| {
            let (key, read) = (Some(chat_key(thread)), i64::from(notification.read_state != ReadState::Unread));
            let (created, updated) = (notification.created_at, notification.updated_at);
            (notification.id, user, CHAT, CHAT_TITLE, "", Some(thread), key, read, created, updated, self.no)
        });
        notifications.chain(thread_notifications).collect()
    }

    /// Returns the notifications that change. A deleted one's time is 0, so that it is out of the pages' way.
    pub(super) fn changed_notification_rows(&self) -> Vec<ChangedNotificationRow> {
        let thread_notifications =
            self.thread_notifications().filter(|(.., notification)| notification.created_commit != self.no);
        let thread_notifications = thread_notifications.map(|(_, _, notification)| match notification.read_state {
            ReadState::Unread => (notification.id, 0, notification.updated_at, None, self.no),
            ReadState::Read => (notification.id, 1, notification.updated_at, None, self.no),
            ReadState::Deleted => (notification.id, 1, 0, Some(self.latest()), self.no),
        });
        self.write_set.changed_notifications.iter().copied().chain(thread_notifications).collect()
    }

    fn thread_notifications(&self) -> impl Iterator<Item = (i64, i64, ThreadNotification)> {
        self.thread_notifications.iter().filter_map(|(slot, side)| {
            let thread = &self.cache.threads[*slot];
            let member = &thread.members[*side];
            member.notification.map(|notification| (thread.id, member.user, notification))
        })
    }

    /// Returns the log's list of touched threads: id and members of each.
    pub(super) fn logged_threads(&self) -> Vec<(i64, i64, i64)> {
        let row = |slot: &usize| {
            let thread = &self.cache.threads[*slot];
            (thread.id, thread.members[0].user, thread.members[1].user)
        };
        self.threads.iter().map(row).collect()
    }
}
