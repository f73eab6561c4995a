//! Edits and deletions of messages that stand.

use crate::change::{Delete, Deleted, Edit, Edited, Outcome};
use crate::commit::apply::Applier;
use crate::commit::read_set::ReadSet;
use crate::commit::write_set::AmendmentRow;
use crate::ids::{MessageId, Pair, Rev, Seq, ThreadId};
use crate::message_rows;

impl ReadSet<'_> {
    pub(super) fn amended(&mut self, pair: Pair, message: MessageId) {
        self.pairs.insert(pair);
        self.messages.insert(message.column());
    }
}

impl<'a> Applier<'a> {
    pub(super) fn edit(&mut self, edit: &'a Edit) -> Outcome {
        let slot = self.slot(edit.pair);
        let id = edit.message.column();
        if !self.stands(slot, id) {
            return Outcome::Gone;
        }
        let author = self.preloaded.messages.get(&id).map(|stored| stored.row.sender_id);
        if let Some(until) = author.and_then(|author| self.cache.suspensions.until(author)) {
            return Outcome::Suspended(until);
        }
        let rev = self.next_rev(slot, id);
        let at = self.at(edit.at);
        let Some(stored) = self.preloaded.messages.get_mut(&id) else {
            return Outcome::Gone;
        };
        stored.row.rev = rev;
        stored.row.content = Some(edit.content.clone());
        stored.row.edited_at = Some(at.millis());
        let (seq, sender) = (stored.row.seq, stored.row.sender_id);
        let message = stored.clone().message();

        // The reader's notification may show the text.
        if let Some(side) = self.reader_of(slot, sender, seq) {
            self.tell(slot, side);
        }
        Outcome::Edited(Edited { message })
    }

    pub(super) fn delete(&mut self, delete: &'a Delete) -> Outcome {
        let slot = self.slot(delete.pair);
        let id = delete.message.column();
        if !self.stands(slot, id) {
            return Outcome::Gone;
        }
        let rev = self.next_rev(slot, id);
        let at = self.at(delete.at);
        let Some(stored) = self.preloaded.messages.get_mut(&id) else {
            return Outcome::Gone;
        };
        stored.row.rev = rev;
        stored.row.content = None;
        stored.row.card = None;
        stored.row.deleted_at = Some(at.millis());
        let (seq, sender, sent_at) = (stored.row.seq, stored.row.sender_id, stored.row.created_at);
        let images = std::mem::take(&mut stored.images);
        // Expiry goes by the clock, here `delete.at`, and not by the newest time that was written.
        self.detach(id, images, sent_at, delete.at);

        if let Some(side) = self.reader_of(slot, sender, seq) {
            self.uncount_unread(slot, side, seq);
        }
        Outcome::Deleted(Deleted {
            id: MessageId::from_column(id),
            thread_id: ThreadId::from_column(self.cache.threads[slot].id),
            seq: Seq::from_column(seq),
            sender: message_rows::sender(sender),
            rev: Rev::from_column(rev),
        })
    }

    fn stands(&self, slot: usize, id: i64) -> bool {
        let thread = &self.cache.threads[slot];
        let stored = self.preloaded.messages.get(&id);
        thread.exists()
            && stored.is_some_and(|stored| stored.row.thread_id == thread.id && stored.row.deleted_at.is_none())
    }

    fn next_rev(&mut self, slot: usize, message: i64) -> i64 {
        self.touch_thread(slot);
        let thread = &mut self.cache.threads[slot];
        thread.rev += 1;
        self.write_set.amended.insert(message);
        self.write_set.amendments.push(AmendmentRow {
            thread_id: thread.id,
            rev: thread.rev,
            message_id: message,
            last_seq: thread.last_seq,
            commit_no: self.no,
        });
        thread.rev
    }

    /// Returns the side of the other member, if the message is among their unread ones.
    fn reader_of(&self, slot: usize, sender: i64, seq: i64) -> Option<usize> {
        let thread = &self.cache.threads[slot];
        let side = 1 - thread.side(sender)?;
        (seq > thread.members[side].read_seq).then_some(side)
    }

    fn uncount_unread(&mut self, slot: usize, side: usize, seq: i64) {
        self.touch_member(slot, side);
        if let Some(places) = self.preloaded.places.get_mut(&(slot, side)) {
            places.retain(|place| *place != seq);
        }
        let member = &mut self.cache.threads[slot].members[side];
        member.remove_unread(seq);
        let (user, unread) = (member.user, member.unread);
        self.add_to_totals(user, -1, 0);
        self.tell(slot, side);
        if unread == 0 {
            self.lower_notification(slot, side);
        }
    }
}
