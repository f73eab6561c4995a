//! Notifications: the marketplace's, and the one of each member and thread.

use sha2::{Digest, Sha256};

use super::facts::Note;
use super::hex::Hex;
use super::plan::Plan;
use super::state::{Alert, Standing};
use crate::change::{Notify, Outcome, OwnNotification};
use crate::ids::{NotificationId, UserId};
use crate::objects::Notification;
use crate::time::Timestamp;

/// The type of a thread's notification.
pub(crate) const CHAT: &str = "chat";

/// The title of a thread's notification.
pub(crate) const CHAT_TITLE: &str = "New message";

/// The longest key of the marketplace that is kept as it is; of a longer one, its digest.
const LONGEST_KEY: usize = 200;

/// A new notification of the marketplace.
#[derive(Debug)]
pub(super) struct NewNote<'a> {
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

/// Returns a key of the marketplace as the table holds it, apart from our own ones.
pub(super) fn stored_key(key: &str) -> String {
    if key.len() <= LONGEST_KEY {
        return format!("core:{key}");
    }
    format!("core#{}", Hex(&Sha256::digest(key.as_bytes())))
}

/// Returns the key of a thread's notification.
pub(crate) fn chat_key(thread: i64) -> String {
    format!("chat:{thread}")
}

impl<'a> Plan<'a> {
    pub(super) fn notify(&mut self, notify: &'a Notify) -> Outcome {
        let key = notify.dedupe_key.as_deref().map(stored_key);
        let mut made = Vec::new();
        let at = self.at(notify.at);
        for user in &notify.users {
            if let Some(key) = &key
                && !self.facts.dedupe.insert((user.column(), key.clone()))
            {
                continue;
            }
            made.push(self.make_note(notify, *user, key.clone(), at));
        }
        Outcome::Notified(made)
    }

    pub(super) fn read_notification(&mut self, own: OwnNotification) -> Outcome {
        let Some(standing) = self.standing(own) else {
            return Outcome::NoNotification;
        };
        if standing == Standing::Unread {
            self.set_standing(own, Standing::Read);
        }
        Outcome::NotificationsChanged
    }

    pub(super) fn delete_notification(&mut self, own: OwnNotification) -> Outcome {
        if self.standing(own).is_none() {
            return Outcome::NoNotification;
        }
        self.set_standing(own, Standing::Deleted);
        Outcome::NotificationsChanged
    }

    pub(super) fn read_all_notifications(&mut self, user: UserId) -> Outcome {
        let user = user.column();
        // The rows that were there before this commit are changed in the table, as a set; those
        // that are known here, here: also threads that this commit has nothing to do with.
        self.writes.read_all.insert(user);
        for thread in &mut self.state.threads {
            for member in &mut thread.members {
                if member.user == user
                    && let Some(alert) = &mut member.alert
                    && alert.standing == Standing::Unread
                {
                    alert.standing = Standing::Read;
                }
            }
        }
        for note in self.facts.notes.values_mut() {
            if note.user == user && note.standing == Standing::Unread {
                note.standing = Standing::Read;
            }
        }
        for note in self.writes.notes.iter_mut().filter(|note| note.user == user) {
            note.read = true;
        }
        self.notified.insert(user);
        let unread = self.state.user(user).notifications;
        self.add_to_totals(user, 0, -unread);
        Outcome::NotificationsChanged
    }

    /// Makes a thread's notification unread: it appears, or says something new.
    pub(super) fn raise_alert(&mut self, slot: usize, side: usize, at: i64) {
        self.tell(slot, side);
        let member = &mut self.state.threads[slot].members[side];
        let user = member.user;
        match &mut member.alert {
            Some(alert) if alert.standing == Standing::Unread => return,
            Some(alert) => {
                alert.standing = Standing::Unread;
                alert.updated_at = at;
            }
            none => {
                self.used.notification += 1;
                *none = Some(Alert {
                    id: self.used.notification,
                    created_at: at,
                    created_commit: self.no,
                    updated_at: at,
                    standing: Standing::Unread,
                    commit: 0,
                });
            }
        }
        self.touch_alert(slot, side);
        self.add_to_totals(user, 0, 1);
    }

    /// Makes a thread's notification read, if it is unread.
    pub(super) fn lower_alert(&mut self, slot: usize, side: usize) {
        let alert = self.state.threads[slot].members[side].alert;
        if alert.is_some_and(|alert| alert.standing == Standing::Unread) {
            self.set_alert(slot, side, Standing::Read);
        }
    }

    /// Turns the notifications that changed into rows to write.
    pub(super) fn settle_notes(&mut self) {
        for (id, note) in self.facts.notes.iter().filter(|(_, note)| note.changed) {
            let is_read = i64::from(note.standing != Standing::Unread);
            self.writes.changed_notes.push((*id, is_read, note.updated_at, note.deleted_at, self.no));
        }
    }

    /// Returns how a notification stands, unless it is gone or someone else's.
    fn standing(&self, own: OwnNotification) -> Option<Standing> {
        let note = self.facts.notes.get(&own.id.column()).filter(|note| note.user == own.user.column())?;
        let standing = match self.alert_of(note) {
            Some((slot, side)) => self.state.threads[slot].members[side].alert?.standing,
            None => note.standing,
        };
        (standing != Standing::Deleted).then_some(standing)
    }

    fn set_standing(&mut self, own: OwnNotification, standing: Standing) {
        let Some(note) = self.facts.notes.get(&own.id.column()) else {
            return;
        };
        self.notified.insert(note.user);
        if let Some((slot, side)) = self.alert_of(note) {
            return self.set_alert(slot, side, standing);
        }
        let latest = self.latest();
        let Some(note) = self.facts.notes.get_mut(&own.id.column()) else {
            return;
        };
        let was = std::mem::replace(&mut note.standing, standing);
        note.changed = true;
        if standing == Standing::Deleted {
            note.updated_at = 0;
            note.deleted_at = Some(latest);
        }
        if was == Standing::Unread {
            self.add_to_totals(own.user.column(), 0, -1);
        }
    }

    /// Returns where a thread's notification is kept, if the thread is known.
    fn alert_of(&self, note: &Note) -> Option<(usize, usize)> {
        let slot = self.state.slot(note.thread?)?;
        Some((slot, self.state.threads[slot].side(note.user)?))
    }

    fn set_alert(&mut self, slot: usize, side: usize, standing: Standing) {
        let member = &mut self.state.threads[slot].members[side];
        let user = member.user;
        let Some(alert) = &mut member.alert else {
            return;
        };
        let was = std::mem::replace(&mut alert.standing, standing);
        self.touch_alert(slot, side);
        if was == Standing::Unread {
            self.add_to_totals(user, 0, -1);
        }
    }

    fn touch_alert(&mut self, slot: usize, side: usize) {
        if let Some(alert) = &mut self.state.threads[slot].members[side].alert
            && alert.commit != self.no
        {
            alert.commit = self.no;
            self.alerts.push((slot, side));
        }
    }

    fn make_note(&mut self, notify: &'a Notify, user: UserId, key: Option<String>, at: Timestamp) -> Notification {
        self.used.notification += 1;
        let id = self.used.notification;
        self.writes.notes.push(NewNote {
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
