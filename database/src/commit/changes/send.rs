//! New messages: once, dense, in order.

use super::cards;
use crate::change::{Change, Duplicate, NewMessage, Outcome, Sent};
use crate::commit::apply::Applier;
use crate::commit::cache::Thread;
use crate::commit::hex::Hex;
use crate::commit::read_set::{Mode, ReadSet};
use crate::commit::suspensions::Suspensions;
use crate::commit::write_set::NewMessageRow;
use crate::ids::{MediaId, MessageId, ProductId, Rev, Seq, ThreadId, UserId};
use crate::message_rows::{MARKETPLACE, card_text};
use crate::objects::{Card, ExtraData, Image, Message, MessageKind};
use crate::sql;
use crate::time::Timestamp;

/// A message that has passed every check.
pub(super) struct Draft<'a> {
    /// The author's side in the thread; `None`: the marketplace itself.
    pub(super) side: Option<usize>,
    pub(super) key: Option<&'a str>,
    pub(super) payload_hash: &'a [u8; 32],
    pub(super) content: Option<&'a str>,
    /// The members' own texts in the place of `content`; empty if both get `content`.
    pub(super) texts: Vec<(i64, &'a str)>,
    pub(super) product_id: Option<ProductId>,
    pub(super) reply_to: Option<MessageId>,
    pub(super) media: &'a [MediaId],
    pub(super) images: Vec<Image>,
    pub(super) card: Option<Box<Card>>,
    pub(super) at: Timestamp,
}

impl<'a> ReadSet<'a> {
    pub(super) fn send(&mut self, send: &'a NewMessage, mode: Mode, suspensions: &Suspensions) {
        self.pairs.insert(send.pair);
        // A repetition must be recognised before anything else can fail.
        let can_fail = !send.media.is_empty()
            || send.reply_to.is_some()
            || send.card.is_some()
            || suspensions.until(send.sender.column()).is_some();
        if let Some(temp_id) = &send.temp_id
            && (mode == Mode::Checked || can_fail)
        {
            self.keys.push((send.pair, send.sender.column(), temp_id));
        }
        self.images(&send.media);
        self.answered.extend(send.reply_to.map(MessageId::column));
        self.cards.extend(cards::reference(send));
    }
}

impl<'a> Applier<'a> {
    pub(super) fn send(&mut self, send: &'a NewMessage) -> Outcome {
        let slot = self.slot(send.pair);
        let Some(side) = self.cache.threads[slot].side(send.sender.column()) else {
            return Outcome::NoThread;
        };
        // A repetition is recognised first: its answer must not depend on what has become of its images since.
        if let Some(temp_id) = &send.temp_id
            && let Some(outcome) = self.sent_before(&send.payload_hash, slot, Some(side), temp_id)
        {
            return outcome;
        }
        if let Some(until) = self.cache.suspensions.until(send.sender.column()) {
            return Outcome::Suspended(until);
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
        // Checked last: a message that can never be stored must not be told to try again.
        if !self.cache.threads[slot].exists() && !self.new_threads.take(send.sender) {
            return Outcome::NotOpened { sender: send.sender };
        }
        let draft = Draft {
            side: Some(side),
            key: send.temp_id.as_deref(),
            payload_hash: &send.payload_hash,
            content: send.content.as_deref(),
            texts: Vec::new(),
            product_id: send.product_id,
            reply_to: send.reply_to,
            media: &send.media,
            images,
            card,
            at: send.at,
        };
        self.store(draft, slot)
    }

    /// Returns the outcome of a message whose key was used before by its author in its thread.
    pub(super) fn sent_before(
        &self,
        payload_hash: &[u8; 32],
        slot: usize,
        side: Option<usize>,
        key: &str,
    ) -> Option<Outcome> {
        if let Some(at) = self.keys.get(&(slot, side, key)) {
            return Some(self.sent_in_this_commit(payload_hash, *at));
        }
        let thread = &self.cache.threads[slot];
        let sender = side.map_or(MARKETPLACE, |side| thread.members[side].user);
        let sent_before = self.preloaded.keys.get(&(thread.id, sender))?.get(key)?;
        let stored = self.preloaded.messages.get(&sent_before.id)?;
        if sent_before.payload_hash != payload_hash {
            return Some(Outcome::TempIdConflict);
        }
        let created_rev = Rev::from_column(stored.row.created_rev);
        let message = stored.clone().message();
        Some(Outcome::Duplicate(Box::new(Duplicate { message, created_rev })))
    }

    fn sent_in_this_commit(&self, payload_hash: &[u8; 32], at: usize) -> Outcome {
        let first = match &self.changes[at] {
            Change::Send(first) => Some(&first.payload_hash),
            Change::SystemMessage(first) => Some(&first.payload_hash),
            _ => None,
        };
        match &self.outcomes[at] {
            Outcome::Sent(sent) if first == Some(payload_hash) => {
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

    /// Stores a message, and makes its thread if there is none.
    pub(super) fn store(&mut self, draft: Draft<'a>, slot: usize) -> Outcome {
        let at = self.at(draft.at);
        let opened = self.open(slot, None, at.millis());
        self.touch_thread(slot);
        self.used.message += 1;
        let id = self.used.message;
        let thread = &mut self.cache.threads[slot];
        thread.last_seq += 1;
        thread.rev += 1;
        let previous = thread.last_message.replace(id);
        thread.updated_at = at.millis();
        let message = message(&draft, thread, id, at);
        if let Some(key) = draft.key {
            self.keys.insert((slot, draft.side, key), self.outcomes.len());
        }
        if let Some(card) = &message.card {
            self.sent_card(slot, card, at.millis());
        }
        let readers = match draft.side {
            Some(side) => vec![1 - side],
            None => vec![0, 1],
        };
        self.write(draft, &message, previous);
        for side in readers {
            self.count_unread(slot, side, message.seq.column(), at.millis());
        }
        Outcome::Sent(Box::new(Sent { message, opened }))
    }

    /// Makes the thread if there is none, with the given id or a new one; tells whether it did.
    pub(super) fn open(&mut self, slot: usize, id: Option<i64>, at: i64) -> bool {
        if self.cache.threads[slot].exists() {
            return false;
        }
        let id = id.unwrap_or_else(|| {
            self.used.thread += 1;
            self.used.thread
        });
        let thread = &mut self.cache.threads[slot];
        thread.id = id;
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

    fn write(&mut self, draft: Draft<'a>, message: &Message, previous: Option<i64>) {
        self.write_set.messages.push(NewMessageRow {
            id: message.id.column(),
            thread_id: message.thread_id.column(),
            seq: message.seq.column(),
            rev: message.rev.column(),
            sender_id: message.sender_id.map_or(MARKETPLACE, UserId::column),
            temp_id: draft.key,
            payload_hash: Hex(draft.payload_hash),
            content: draft.content,
            product_id: draft.product_id.map(|id| id.column()),
            reply_to: draft.reply_to.map(|id| id.column()),
            created_at: message.created_at.millis(),
            commit_no: self.no,
            prev_id: previous,
            card: message.card.as_deref().map(card_text),
            texts: (!draft.texts.is_empty()).then(|| sql::json_text(&draft.texts)),
        });
        self.attach(draft.media, message.id.column(), message.created_at.millis());
    }

    pub(super) fn count_unread(&mut self, slot: usize, side: usize, seq: i64, at: i64) {
        self.touch_member(slot, side);
        let member = &mut self.cache.threads[slot].members[side];
        member.add_unread(seq);
        let user = member.user;
        self.add_to_totals(user, 1, 0);
        self.raise_notification(slot, side, at);
    }
}

fn message(draft: &Draft<'_>, thread: &Thread, id: i64, at: Timestamp) -> Message {
    let sender_id = draft.side.map(|side| UserId::from_column(thread.members[side].user));
    Message {
        id: MessageId::from_column(id),
        thread_id: ThreadId::from_column(thread.id),
        seq: Seq::from_column(thread.last_seq),
        rev: Rev::from_column(thread.rev),
        kind: MessageKind::of(sender_id),
        sender_id,
        // The marketplace's key is not shown to users.
        temp_id: sender_id.and(draft.key).map(str::to_owned),
        content: draft.content.map(str::to_owned),
        image_urls: draft.images.iter().map(|image| image.url.clone()).collect(),
        images: draft.images.clone(),
        extra_data: draft.product_id.map(|id| ExtraData { product_id: Some(id) }),
        card: draft.card.clone(),
        reply_to: draft.reply_to,
        created_at: at,
        edited_at: None,
        deleted: false,
        texts: draft.texts.iter().map(|(member, text)| (UserId::from_column(*member), (*text).to_owned())).collect(),
    }
}
