//! What another service had stored: written as it stood there, under the rules of every commit.
//!
//! A thread's places and its `rev` are dense, and its times do not go back. There is one watermark for each member, where
//! the other service may have marked each message: the first one that was not seen, and all behind it, are unread.

use crate::change::{Import, Imported, ImportedMessage, ImportedNotification, Outcome, ReservedIds};
use crate::commit::apply::Applier;
use crate::commit::hex::Hex;
use crate::commit::read_set::ReadSet;
use crate::commit::write_set::{AmendmentRow, ImportedMessageRow, NewNotification};
use crate::ids::{MessageId, NotificationId, ProductId, ThreadId};

impl<'a> ReadSet<'a> {
    pub(super) fn import(&mut self, import: &'a Import) {
        match import {
            Import::Message(message) => {
                self.pairs.insert(message.pair);
                self.images(&message.media);
            }
            Import::Notification(notification) => {
                self.users.insert(notification.user.column());
            }
            Import::Reserve(_) | Import::Images(_) => {}
        }
    }
}

impl<'a> Applier<'a> {
    pub(super) fn import(&mut self, import: &'a Import) -> Outcome {
        match import {
            Import::Reserve(ids) => self.reserve(*ids),
            Import::Images(images) => {
                self.take_in(images);
                Outcome::Imported(Imported::default())
            }
            Import::Message(message) => self.import_message(message),
            Import::Notification(notification) => self.import_notification(notification),
        }
    }

    fn reserve(&mut self, ids: ReservedIds) -> Outcome {
        let used = &mut self.used;
        used.thread = used.thread.max(ids.threads.cast_signed());
        used.message = used.message.max(ids.messages.cast_signed());
        used.notification = used.notification.max(ids.notifications.cast_signed());
        Outcome::Imported(Imported::default())
    }

    fn import_message(&mut self, message: &'a ImportedMessage) -> Outcome {
        let slot = self.slot(message.pair);
        let Some(side) = self.cache.threads[slot].side(message.sender.column()) else {
            return Outcome::NoThread;
        };
        if let Some(missing) = message.media.iter().find(|id| !self.preloaded.media.contains_key(&id.0)) {
            return Outcome::NoImage(missing.clone());
        }
        let written_at = message.created_at.millis();
        let at = written_at.max(self.cache.threads[slot].updated_at);
        let opened = self.open(slot, message.thread_id.map(ThreadId::column), at);
        self.touch_thread(slot);
        let (id, seq) = self.store_imported(slot, message, at);
        self.attach(&message.media, id, at);
        let reader = 1 - side;
        let mut unread_again = false;
        if !message.deleted {
            let all_read = self.cache.threads[slot].members[reader].unread == 0;
            if message.seen && all_read {
                self.move_read(slot, reader, seq, at);
                self.move_delivered(slot, reader, seq, at);
            } else {
                unread_again = message.seen;
                self.count_unread(slot, reader, seq, at);
            }
        }
        Outcome::Imported(Imported { opened, unread_again, later: at > written_at })
    }

    /// Gives the message its place, and a deleted one the change that has deleted it; returns its id and its place.
    fn store_imported(&mut self, slot: usize, message: &'a ImportedMessage, at: i64) -> (i64, i64) {
        let id = message.id.map_or_else(
            || {
                self.used.message += 1;
                self.used.message
            },
            MessageId::column,
        );
        let thread = &mut self.cache.threads[slot];
        thread.last_seq += 1;
        thread.rev += 1;
        thread.updated_at = at;
        let (seq, created_rev) = (thread.last_seq, thread.rev);
        let previous = thread.last_message.replace(id);
        if message.deleted {
            thread.rev += 1;
            self.write_set.amendments.push(AmendmentRow {
                thread_id: thread.id,
                rev: thread.rev,
                message_id: id,
                last_seq: seq,
                commit_no: self.no,
            });
        }
        self.write_set.imported.push(ImportedMessageRow {
            id,
            thread_id: thread.id,
            seq,
            rev: thread.rev,
            created_rev,
            sender_id: message.sender.column(),
            temp_id: &message.key,
            payload_hash: Hex(&message.payload_hash),
            content: message.content.as_deref(),
            product_id: message.product_id.map(ProductId::column),
            created_at: at,
            deleted_at: message.deleted.then_some(at),
            commit_no: self.no,
            prev_id: previous,
        });
        (id, seq)
    }

    fn import_notification(&mut self, notification: &'a ImportedNotification) -> Outcome {
        let id = notification.id.map_or_else(
            || {
                self.used.notification += 1;
                self.used.notification
            },
            NotificationId::column,
        );
        let user = notification.user.column();
        self.write_set.notifications.push(NewNotification {
            id,
            user,
            kind: &notification.kind,
            title: &notification.title,
            body: &notification.body,
            related: notification.related_id.and_then(|id| i64::try_from(id).ok()),
            key: Some(notification.key.clone()),
            at: notification.created_at.millis(),
            read: notification.read,
        });
        self.notified.insert(user);
        if !notification.read {
            self.add_to_totals(user, 0, 1);
        }
        Outcome::Imported(Imported::default())
    }
}
