//! Notifications: the marketplace's, and the one of each member and thread.

use crate::change::{Notify, Outcome, OwnNotification};
use crate::commit::apply::Applier;
use crate::commit::cache::{ReadState, ThreadNotification};
use crate::commit::notification_keys::core_key;
use crate::commit::preloaded::NotificationRow;
use crate::commit::read_set::ReadSet;
use crate::commit::write_set::{ChangedNotificationRow, NewNotification};
use crate::ids::{NotificationId, UserId};
use crate::objects::Notification;
use crate::time::Timestamp;

impl ReadSet<'_> {
    pub(super) fn notify(&mut self, notify: &Notify) {
        for user in &notify.users {
            self.users.insert(user.column());
            if let Some(key) = &notify.dedupe_key {
                self.dedupe.insert((user.column(), core_key(key)));
            }
        }
    }

    pub(super) fn own_notification(&mut self, own: OwnNotification) {
        self.users.insert(own.user.column());
        self.notifications.insert(own.id.column());
    }
}

impl<'a> Applier<'a> {
    pub(super) fn notify(&mut self, notify: &'a Notify) -> Outcome {
        let key = notify.dedupe_key.as_deref().map(core_key);
        let mut made = Vec::new();
        let at = self.at(notify.at);
        for user in &notify.users {
            if let Some(key) = &key
                && !self.preloaded.dedupe.insert((user.column(), key.clone()))
            {
                continue;
            }
            made.push(self.new_notification(notify, *user, key.clone(), at));
        }
        Outcome::Notified(made)
    }

    pub(super) fn read_notification(&mut self, own: OwnNotification) -> Outcome {
        let Some(read_state) = self.read_state(own) else {
            return Outcome::NoNotification;
        };
        if read_state == ReadState::Unread {
            self.set_read_state(own, ReadState::Read);
        }
        Outcome::NotificationsChanged
    }

    pub(super) fn delete_notification(&mut self, own: OwnNotification) -> Outcome {
        if self.read_state(own).is_none() {
            return Outcome::NoNotification;
        }
        self.set_read_state(own, ReadState::Deleted);
        Outcome::NotificationsChanged
    }

    pub(super) fn read_all_notifications(&mut self, user: UserId) -> Outcome {
        let user = user.column();
        // Rows from before this commit are changed in the table, by one statement. Those in memory are changed here, also
        // those of threads that this commit does not touch.
        self.write_set.read_all.insert(user);
        for thread in &mut self.cache.threads {
            for member in &mut thread.members {
                if member.user == user
                    && let Some(notification) = &mut member.notification
                    && notification.read_state == ReadState::Unread
                {
                    notification.read_state = ReadState::Read;
                }
            }
        }
        for note in self.preloaded.notifications.values_mut() {
            if note.user == user && note.read_state == ReadState::Unread {
                note.read_state = ReadState::Read;
            }
        }
        for note in self.write_set.notifications.iter_mut().filter(|note| note.user == user) {
            note.read = true;
        }
        self.notified.insert(user);
        let unread = self.cache.user(user).notifications;
        self.add_to_totals(user, 0, -unread);
        Outcome::NotificationsChanged
    }

    /// Makes a thread's notification unread: it appears, or says something new.
    pub(super) fn raise_notification(&mut self, slot: usize, side: usize, at: i64) {
        self.tell(slot, side);
        let member = &mut self.cache.threads[slot].members[side];
        let user = member.user;
        match &mut member.notification {
            Some(notification) if notification.read_state == ReadState::Unread => return,
            Some(notification) => {
                notification.read_state = ReadState::Unread;
                notification.updated_at = at;
            }
            none => {
                self.used.notification += 1;
                *none = Some(ThreadNotification {
                    id: self.used.notification,
                    created_at: at,
                    created_commit: self.no,
                    updated_at: at,
                    read_state: ReadState::Unread,
                    commit: 0,
                });
            }
        }
        self.touch_notification(slot, side);
        self.add_to_totals(user, 0, 1);
    }

    /// Makes a thread's notification read, if it is unread.
    pub(super) fn lower_notification(&mut self, slot: usize, side: usize) {
        let notification = self.cache.threads[slot].members[side].notification;
        if notification.is_some_and(|notification| notification.read_state == ReadState::Unread) {
            self.set_thread_notification(slot, side, ReadState::Read);
        }
    }

    /// Turns the notifications that changed into rows to write.
    pub(in crate::commit) fn collect_changed_notifications(&mut self) {
        for (id, note) in self.preloaded.notifications.iter().filter(|(_, note)| note.changed) {
            let is_read = i64::from(note.read_state != ReadState::Unread);
            self.write_set.changed_notifications.push(ChangedNotificationRow {
                id: *id,
                is_read,
                updated_at: note.updated_at,
                deleted_at: note.deleted_at,
                commit_no: self.no,
            });
        }
    }

    /// Returns the state of a notification; `None` if it is deleted or another user's.
    fn read_state(&self, own: OwnNotification) -> Option<ReadState> {
        let note = self.preloaded.notifications.get(&own.id.column()).filter(|note| note.user == own.user.column())?;
        let read_state = match self.thread_notification_of(note) {
            Some((slot, side)) => self.cache.threads[slot].members[side].notification?.read_state,
            None => note.read_state,
        };
        (read_state != ReadState::Deleted).then_some(read_state)
    }

    fn set_read_state(&mut self, own: OwnNotification, read_state: ReadState) {
        let Some(note) = self.preloaded.notifications.get(&own.id.column()) else {
            return;
        };
        self.notified.insert(note.user);
        if let Some((slot, side)) = self.thread_notification_of(note) {
            return self.set_thread_notification(slot, side, read_state);
        }
        let latest = self.latest();
        let Some(note) = self.preloaded.notifications.get_mut(&own.id.column()) else {
            return;
        };
        let was = std::mem::replace(&mut note.read_state, read_state);
        note.changed = true;
        if read_state == ReadState::Deleted {
            note.updated_at = 0;
            note.deleted_at = Some(latest);
        }
        if was == ReadState::Unread {
            self.add_to_totals(own.user.column(), 0, -1);
        }
    }

    /// Returns the slot and side that keep a thread's notification, if the thread is known.
    fn thread_notification_of(&self, note: &NotificationRow) -> Option<(usize, usize)> {
        let slot = self.cache.slot(note.thread?)?;
        Some((slot, self.cache.threads[slot].side(note.user)?))
    }

    fn set_thread_notification(&mut self, slot: usize, side: usize, read_state: ReadState) {
        let member = &mut self.cache.threads[slot].members[side];
        let user = member.user;
        let Some(notification) = &mut member.notification else {
            return;
        };
        let was = std::mem::replace(&mut notification.read_state, read_state);
        self.touch_notification(slot, side);
        if was == ReadState::Unread {
            self.add_to_totals(user, 0, -1);
        }
    }

    fn touch_notification(&mut self, slot: usize, side: usize) {
        if let Some(notification) = &mut self.cache.threads[slot].members[side].notification
            && notification.commit != self.no
        {
            notification.commit = self.no;
            self.thread_notifications.push((slot, side));
        }
    }

    fn new_notification(
        &mut self,
        notify: &'a Notify,
        user: UserId,
        key: Option<String>,
        at: Timestamp,
    ) -> Notification {
        self.used.notification += 1;
        let id = self.used.notification;
        self.write_set.notifications.push(NewNotification {
            id,
            user: user.column(),
            kind: &notify.kind,
            title: &notify.title,
            body: &notify.body,
            related: notify.related_id.and_then(|id| i64::try_from(id).ok()),
            key,
            at: at.millis(),
            read: false,
        });
        self.notified.insert(user.column());
        self.add_to_totals(user.column(), 0, 1);
        Notification {
            id: NotificationId::from_column(id),
            user_id: user,
            kind: notify.kind.clone(),
            title: notify.title.clone(),
            body: notify.body.clone(),
            related_id: notify.related_id,
            count: 1,
            is_read: false,
            created_at: at,
            updated_at: at,
        }
    }
}
