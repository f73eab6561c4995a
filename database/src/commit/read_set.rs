//! What a list of changes needs to know before it can be applied.

use std::collections::{BTreeSet, HashSet};

use super::cards;
use super::suspensions::Suspensions;
use crate::change::{Change, Import, Receipt, ReceiptKind};
use crate::ids::{Pair, UserId};
use crate::message_rows::MARKETPLACE;
use crate::objects::{Card, CardRef};

/// How a transaction looks at keys that may have been used before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Looks no key up: the unique index refuses one that was used before.
    Optimistic,
    /// Looks every key up.
    Checked,
}

/// Which rows must be read.
#[derive(Debug, Default)]
pub(super) struct ReadSet<'a> {
    /// Pairs that are written to or asked about.
    pub(super) pairs: HashSet<Pair>,
    /// People whose totals may change.
    pub(super) users: HashSet<i64>,
    /// Messages that are edited or deleted.
    pub(super) messages: BTreeSet<i64>,
    /// Messages that are answered.
    pub(super) answered: BTreeSet<i64>,
    /// Keys of messages that must be looked up: pair, author (0: the marketplace), key.
    pub(super) keys: Vec<(Pair, i64, &'a str)>,
    /// Images that are sent or given up.
    pub(super) media: BTreeSet<&'a str>,
    /// Notifications that are read or deleted.
    pub(super) notifications: BTreeSet<i64>,
    /// Notifications' keys: person, key as stored.
    pub(super) dedupe: BTreeSet<(i64, String)>,
    /// Tickets that are used.
    pub(super) tickets: BTreeSet<&'a str>,
    /// Users whose profiles are put, or to whom the marketplace writes.
    pub(super) profiles: BTreeSet<i64>,
    /// Cards that are put, or that messages show.
    pub(super) cards: BTreeSet<CardRef>,
    /// Receipts that do not reach to the newest message: pair, reader, up to.
    pub(super) partly_read: Vec<(Pair, i64, i64)>,
}

impl<'a> ReadSet<'a> {
    /// Goes through the changes.
    pub(super) fn of(changes: &'a [Change], mode: Mode, suspensions: &Suspensions) -> Self {
        let mut read_set = Self::default();
        for change in changes {
            read_set.add(change, mode, suspensions);
        }
        read_set.users.extend(read_set.pairs.iter().flat_map(|pair| pair.members()).map(|user| user.column()));
        read_set
    }

    fn add(&mut self, change: &'a Change, mode: Mode, suspensions: &Suspensions) {
        match change {
            Change::Send(send) => {
                self.pairs.insert(send.pair);
                // Whether it was sent before is to be known before anything else can fail.
                let can_fail = !send.media.is_empty()
                    || send.reply_to.is_some()
                    || send.card.is_some()
                    || suspensions.until(send.sender.column()).is_some();
                if let Some(temp_id) = &send.temp_id
                    && (mode == Mode::Checked || can_fail)
                {
                    self.keys.push((send.pair, send.sender.column(), temp_id));
                }
                self.media.extend(send.media.iter().map(|media| media.0.as_str()));
                self.answered.extend(send.reply_to.map(|id| id.column()));
                self.cards.extend(cards::reference(send));
            }
            Change::Edit(edit) => {
                self.pairs.insert(edit.pair);
                self.messages.insert(edit.message.column());
            }
            Change::Delete(delete) => {
                self.pairs.insert(delete.pair);
                self.messages.insert(delete.message.column());
            }
            Change::Receipt(receipt) => {
                self.pairs.insert(receipt.pair);
                self.partly_read.extend(partly_read(receipt));
            }
            Change::Notify(notify) => {
                for user in &notify.users {
                    self.users.insert(user.column());
                    if let Some(key) = &notify.dedupe_key {
                        self.dedupe.insert((user.column(), super::notification_keys::core_key(key)));
                    }
                }
            }
            Change::ReadNotification(own) | Change::DeleteNotification(own) => {
                self.users.insert(own.user.column());
                self.notifications.insert(own.id.column());
            }
            Change::ReadAllNotifications(user) => {
                self.users.insert(user.column());
            }
            Change::GiveUp(images, _) => self.media.extend(images.iter().map(|media| media.0.as_str())),
            Change::PutProfiles(profiles) => {
                self.profiles.extend(profiles.iter().map(|profile| profile.user_id.column()));
            }
            Change::SystemMessage(message) => {
                self.pairs.insert(message.pair);
                if mode == Mode::Checked || message.card.is_some() {
                    self.keys.push((message.pair, MARKETPLACE, &message.dedupe_key));
                }
                self.profiles.extend(message.pair.members().map(UserId::column));
                self.cards.extend(message.card.clone());
            }
            Change::PutCards(cards) => self.cards.extend(cards.iter().map(Card::reference)),
            Change::Import(import) => match &**import {
                Import::Message(message) => {
                    self.pairs.insert(message.pair);
                    self.media.extend(message.media.iter().map(|media| media.0.as_str()));
                }
                Import::Notification(notification) => {
                    self.users.insert(notification.user.column());
                }
                Import::Reserve(_) => {}
            },
            Change::LastSeen(_)
            | Change::Upload(_)
            | Change::Forget(_)
            | Change::Consume(_)
            | Change::Administer(_) => {}
            Change::UseTicket(ticket) => {
                self.tickets.insert(&ticket.id);
            }
        }
    }
}

fn partly_read(receipt: &Receipt) -> Option<(Pair, i64, i64)> {
    let up_to = receipt.up_to?;
    (receipt.kind == ReceiptKind::Seen).then(|| (receipt.pair, receipt.user.column(), up_to.column()))
}
