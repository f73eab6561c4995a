//! The changes, one kind to a file: which rows it depends on ([`ReadSet`]), and how it is applied in memory ([`Applier`]).
//!
//! ```text
//!  send, system_message   new messages; media: their images; cards: their cards
//!  amend, receipt         edits and deletions; watermarks
//!  notify, profiles       notifications; what the marketplace says of users
//!  last_seen, ticket      presence, and tickets of connections
//!  import                 what another service had stored
//! ```
//!
//! What consumers and operators change is written by statements of its own ([`super::consume`], [`super::administer`]).

mod amend;
mod cards;
mod import;
mod last_seen;
mod media;
mod notify;
mod profiles;
mod receipt;
mod send;
mod system_message;
mod ticket;

use super::apply::Applier;
use super::read_set::{Mode, ReadSet};
use super::suspensions::Suspensions;
use crate::change::{Change, Outcome};

impl<'a> ReadSet<'a> {
    /// Collects which rows the changes depend on.
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
            Change::Send(send) => self.send(send, mode, suspensions),
            Change::Edit(edit) => self.amended(edit.pair, edit.message),
            Change::Delete(delete) => self.amended(delete.pair, delete.message),
            Change::Receipt(receipt) => self.receipt(receipt),
            Change::Notify(notify) => self.notify(notify),
            Change::ReadNotification(own) | Change::DeleteNotification(own) => self.own_notification(*own),
            Change::ReadAllNotifications(user) => {
                self.users.insert(user.column());
            }
            Change::UseTicket(ticket) => self.use_ticket(ticket),
            Change::GiveUp(images, _) => self.images(images),
            Change::PutProfiles(profiles) => self.put_profiles(profiles),
            Change::PutCards(cards) => self.put_cards(cards),
            Change::SystemMessage(message) => self.system_message(message, mode),
            Change::Import(import) => self.import(import),
            Change::LastSeen(_)
            | Change::Upload(_)
            | Change::Forget(_)
            | Change::Consume(_)
            | Change::Administer(_) => {}
        }
    }
}

impl<'a> Applier<'a> {
    /// Applies the next change; returns its outcome.
    pub(super) fn apply(&mut self, change: &'a Change) -> Outcome {
        match change {
            Change::Send(send) => self.send(send),
            Change::Edit(edit) => self.edit(edit),
            Change::Delete(delete) => self.delete(delete),
            Change::Receipt(receipt) => self.receipt(receipt),
            Change::Notify(notify) => self.notify(notify),
            Change::ReadNotification(own) => self.read_notification(*own),
            Change::DeleteNotification(own) => self.delete_notification(*own),
            Change::ReadAllNotifications(user) => self.read_all_notifications(*user),
            Change::LastSeen(seen) => self.last_seen(seen),
            Change::UseTicket(ticket) => self.use_ticket(ticket),
            Change::Upload(uploads) => self.upload(uploads),
            Change::GiveUp(images, at) => self.give_up(images, *at),
            Change::Forget(images) => self.forget(images),
            Change::PutProfiles(profiles) => self.put_profiles(profiles),
            Change::PutCards(cards) => self.put_cards(cards),
            Change::SystemMessage(message) => self.system_message(message),
            Change::Import(import) => self.import(import),
            Change::Consume(change) => {
                self.write_set.consumers.push((self.outcomes.len(), &**change));
                // The outcome is known when it is written.
                Outcome::Forgotten
            }
            Change::Administer(change) => {
                self.write_set.admin.push((self.outcomes.len(), &**change));
                // As above: the outcome is known when it is written.
                Outcome::Forgotten
            }
        }
    }
}
