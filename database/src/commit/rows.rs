//! The rows that follow from what a commit has changed in the cache.

use super::apply::Applier;
use super::cache::{ReadState, ThreadNotification};
use super::notification_keys::{CHAT, CHAT_TITLE, chat_key};
use super::numbers::CounterRow;
use super::write_set::{
    AmendedRow, ChangedNotificationRow, LastSeenRow, NewNotificationRow, StatusRow, ThreadRow, UserRow,
};
use crate::backend::writer::Rewritten;
use crate::history::Nonce;

impl Applier<'_> {
    pub(super) fn thread_rows(&mut self) -> Rewritten<ThreadRow> {
        let mut rows = Rewritten::default();
        for slot in &self.threads {
            let thread = &mut self.cache.threads[*slot];
            let buckets = thread.time_buckets();
            let stored = thread.stored.replace(buckets);
            let [low, high] = &thread.members;
            let row = ThreadRow {
                id: thread.id,
                user1_id: low.user,
                user2_id: high.user,
                last_seq: thread.last_seq,
                rev: thread.rev,
                last_message_id: thread.last_message,
                created_at: thread.created_at,
                updated_at: thread.updated_at,
                commit_no: self.no,
            };
            rows.push(stored, buckets, row);
        }
        rows
    }

    pub(super) fn status_rows(&mut self) -> Rewritten<StatusRow> {
        let mut rows = Rewritten::default();
        for (slot, side) in &self.members {
            let thread = &mut self.cache.threads[*slot];
            let member = &mut thread.members[*side];
            let has_unread = member.unread > 0;
            let stored = member.stored.replace(has_unread);
            let row = StatusRow {
                thread_id: thread.id,
                user_id: member.user,
                delivered_seq: member.delivered_seq,
                read_seq: member.read_seq,
                unread: member.unread,
                has_unread: i64::from(has_unread),
                delivered_at: member.delivered_at,
                read_at: member.read_at,
                delivered_commit: member.delivered_commit,
                read_commit: member.read_commit,
                commit_no: self.no,
            };
            rows.push(stored, has_unread, row);
        }
        rows
    }

    pub(super) fn amended_rows(&self) -> Vec<AmendedRow<'_>> {
        let rows =
            self.write_set.amended.iter().filter_map(|id| self.preloaded.messages.get(id)).map(|stored| &stored.row);
        rows.map(|row| AmendedRow {
            id: row.id,
            rev: row.rev,
            content: row.content.as_deref(),
            edited_at: row.edited_at,
            deleted_at: row.deleted_at,
            commit_no: self.no,
            card: row.card.as_deref(),
        })
        .collect()
    }

    pub(super) fn user_rows(&mut self) -> Vec<UserRow> {
        let mut rows = Vec::with_capacity(self.users.len());
        for id in &self.users {
            let user = self.cache.user(*id);
            user.stored = true;
            rows.push(UserRow { id: *id, unread_messages: user.messages, unread_notifications: user.notifications });
        }
        rows
    }

    pub(super) fn last_seen_rows(&self) -> Vec<LastSeenRow> {
        let seen = self.write_set.last_seen.iter();
        seen.map(|(id, last_seen)| LastSeenRow { id: *id, last_seen: *last_seen }).collect()
    }

    /// Returns the new notifications: the marketplace's, and those of threads that never had one.
    pub(super) fn notification_rows(&self) -> Vec<NewNotificationRow<'_>> {
        let notifications = self.write_set.notifications.iter().map(|new| NewNotificationRow {
            id: new.id,
            user_id: new.user,
            kind: new.kind,
            title: new.title,
            body: new.body,
            related_id: new.related,
            dedupe_key: new.key.clone(),
            is_read: i64::from(new.read),
            created_at: new.at,
            updated_at: new.at,
            commit_no: self.no,
        });
        let thread_notifications =
            self.thread_notifications().filter(|(.., notification)| notification.created_commit == self.no);
        let thread_notifications = thread_notifications.map(|(thread, user, notification)| NewNotificationRow {
            id: notification.id,
            user_id: user,
            kind: CHAT,
            title: CHAT_TITLE,
            body: "",
            related_id: Some(thread),
            dedupe_key: Some(chat_key(thread)),
            is_read: i64::from(notification.read_state != ReadState::Unread),
            created_at: notification.created_at,
            updated_at: notification.updated_at,
            commit_no: self.no,
        });
        notifications.chain(thread_notifications).collect()
    }

    /// Returns the notifications that change. A deleted one gets the time 0, so that pages skip it.
    pub(super) fn changed_notification_rows(&self) -> Vec<ChangedNotificationRow> {
        let thread_notifications =
            self.thread_notifications().filter(|(.., notification)| notification.created_commit != self.no);
        let thread_notifications = thread_notifications.map(|(_, _, notification)| {
            let (is_read, updated_at, deleted_at) = match notification.read_state {
                ReadState::Unread => (0, notification.updated_at, None),
                ReadState::Read => (1, notification.updated_at, None),
                ReadState::Deleted => (1, 0, Some(self.latest())),
            };
            ChangedNotificationRow { id: notification.id, is_read, updated_at, deleted_at, commit_no: self.no }
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

    /// Returns the counter's row as the commit leaves it.
    pub(super) fn counter_row(&self, nonce: Nonce) -> CounterRow {
        CounterRow {
            id: 1,
            commit_no: self.no,
            last_thread_id: self.used.thread,
            last_message_id: self.used.message,
            last_notification_id: self.used.notification,
            nonce: nonce.column(),
            newest_at: self.newest(),
        }
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
