//! New messages: once, dense, in order.

use super::apply::Applier;
use super::cache::Thread;
use super::hex::Hex;
use super::write_set::NewMessageRow;
use crate::change::{Change, Duplicate, NewMessage, Outcome, Sent};
use crate::ids::{MessageId, Rev, Seq, ThreadId};
use crate::message_rows::card_text;
use crate::objects::{Card, ExtraData, Image, Message};
use crate::time::Timestamp;

/// What a message shows beside its text.
type Shown = (Vec<Image>, Option<Box<Card>>);

impl<'a> Applier<'a> {
    pub(super) fn send(&mut self, send: &'a NewMessage) -> Outcome {
        let slot = self.slot(send.pair);
        let Some(side) = self.cache.threads[slot].side(send.sender.column()) else {
            return Outcome::NoThread;
        };
        // Whether it was sent before comes first: the answer to a repetition must not depend on
        // what has become of its images since.
        if let Some(temp_id) = &send.temp_id
            && let Some(outcome) = self.sent_before(send, slot, side, temp_id)
        {
            return outcome;
        }
        let images = match self.images(send) {
            Ok(images) => images,
            Err(at_fault) => return Outcome::NoImage(at_fault),
        };
        let Ok(card) = self.card_of(send) else {
            return Outcome::NotFound("card");
        };
        if !self.may_answer(send, slot) {
            return Outcome::NotFound("reply_to");
        }
        // Last of all: what can never be stored is not told to try again.
        if !send.may_open && !self.cache.threads[slot].exists() {
            return Outcome::NotOpened { sender: send.sender };
        }
        self.store(send, slot, side, (images, card))
    }

    fn sent_before(&self, send: &NewMessage, slot: usize, side: usize, temp_id: &str) -> Option<Outcome> {
        if let Some(at) = self.keys.get(&(slot, side, temp_id)) {
            return Some(self.sent_in_this_commit(send, *at));
        }
        let key = (self.cache.threads[slot].id, send.sender.column());
        let sent_before = self.preloaded.keys.get(&key)?.get(temp_id)?;
        let stored = self.preloaded.messages.get(&sent_before.id)?;
        if sent_before.payload_hash != send.payload_hash {
            return Some(Outcome::TempIdConflict);
        }
        let created_rev = Rev::from_column(stored.row.created_rev);
        let message = stored.clone().message();
        Some(Outcome::Duplicate(Box::new(Duplicate { message, created_rev })))
    }

    fn sent_in_this_commit(&self, send: &NewMessage, at: usize) -> Outcome {
        match (&self.changes[at], &self.outcomes[at]) {
            (Change::Send(first), Outcome::Sent(sent)) if first.payload_hash == send.payload_hash => {
                let message = sent.message.clone();
                let created_rev = message.rev;
                Outcome::Duplicate(Box::new(Duplicate { message, created_rev }))
            }
            _ => Outcome::TempIdConflict,
        }
    }

    fn may_answer(&self, send: &NewMessage, slot: usize) -> bool {
        let Some(answered) = send.reply_to else {
            return true;
        };
        let thread = &self.cache.threads[slot];
        thread.exists() && self.preloaded.answered.get(&answered.column()) == Some(&thread.id)
    }

    fn store(&mut self, send: &'a NewMessage, slot: usize, side: usize, shown: Shown) -> Outcome {
        let at = self.at(send.at);
        let opened = self.open(slot, at.millis());
        self.touch_thread(slot);
        self.used.message += 1;
        let id = self.used.message;
        let thread = &mut self.cache.threads[slot];
        thread.last_seq += 1;
        thread.rev += 1;
        let previous = thread.last_message.replace(id);
        thread.updated_at = at.millis();
        let message = message(send, thread, id, shown, at);
        self.write(send, &message, previous);
        if let Some(card) = &message.card {
            self.sent_card(slot, card, at.millis());
        }
        if let Some(temp_id) = &send.temp_id {
            self.keys.insert((slot, side, temp_id), self.outcomes.len());
        }
        self.count_unread(slot, 1 - side, message.seq.column(), at.millis());
        Outcome::Sent(Box::new(Sent { message, opened }))
    }

    /// Makes the thread if there is none; tells whether it did.
    fn open(&mut self, slot: usize, at: i64) -> bool {
        if self.cache.threads[slot].exists() {
            return false;
        }
        self.used.thread += 1;
        let thread = &mut self.cache.threads[slot];
        thread.id = self.used.thread;
        thread.created_at = at;
        thread.updated_at = at;
        let users = [thread.members[0].user, thread.members[1].user];
        for (side, user) in users.into_iter().enumerate() {
            self.touch_member(slot, side);
            if !self.cache.user(user).stored {
                self.add_to_totals(user, 0, 0);
            }
        }
        true
    }

    fn write(&mut self, send: &'a NewMessage, message: &Message, previous: Option<i64>) {
        self.write_set.messages.push(NewMessageRow {
            id: message.id.column(),
            thread_id: message.thread_id.column(),
            seq: message.seq.column(),
            rev: message.rev.column(),
            sender_id: message.sender_id.column(),
            temp_id: send.temp_id.as_deref(),
            payload_hash: Hex(&send.payload_hash),
            content: send.content.as_deref(),
            product_id: send.product_id.map(|id| id.column()),
            reply_to: send.reply_to.map(|id| id.column()),
            created_at: message.created_at.millis(),
            commit_no: self.no,
            prev_id: previous,
            card: message.card.as_deref().map(card_text),
        });
        self.attach(&send.media, message);
    }

    fn count_unread(&mut self, slot: usize, side: usize, seq: i64, at: i64) {
        self.touch_member(slot, side);
        let member = &mut self.cache.threads[slot].members[side];
        member.add_unread(seq);
        let user = member.user;
        self.add_to_totals(user, 1, 0);
        self.raise_notification(slot, side, at);
    }
}

fn message(send: &NewMessage, thread: &Thread, id: i64, (images, card): Shown, at: Timestamp) -> Message {
    Message {
        id: MessageId::from_column(id),
        thread_id: ThreadId::from_column(thread.id),
        seq: Seq::from_column(thread.last_seq),
        rev: Rev::from_column(thread.rev),
        sender_id: send.sender,
        temp_id: send.temp_id.clone(),
        content: send.content.clone(),
        image_urls: images.iter().map(|image| image.url.clone()).collect(),
        images,
        extra_data: send.product_id.map(|id| ExtraData { product_id: Some(id) }),
        card,
        reply_to: send.reply_to,
        created_at: at,
        edited_at: None,
        deleted: false,
    }
}
