//! Receipts: watermarks that never go back.

use crate::change::{Outcome, Receipt, ReceiptKind, Watermarks};
use crate::commit::apply::Applier;
use crate::commit::read_set::ReadSet;
use crate::ids::{Seq, ThreadId};
use crate::time::Timestamp;

impl ReadSet<'_> {
    pub(super) fn receipt(&mut self, receipt: &Receipt) {
        let &Receipt { pair, user, kind, up_to, .. } = receipt;
        self.pairs.insert(pair);
        if let (ReceiptKind::Seen, Some(up_to)) = (kind, up_to) {
            self.partly_read.push((pair, user.column(), up_to.column()));
        }
    }
}

impl Applier<'_> {
    pub(super) fn receipt(&mut self, receipt: &Receipt) -> Outcome {
        let slot = self.slot(receipt.pair);
        let thread = &self.cache.threads[slot];
        let (Some(side), true) = (thread.side(receipt.user.column()), thread.exists()) else {
            return Outcome::NoThread;
        };
        let newest = thread.last_seq;
        let up_to = receipt.up_to.map_or(newest, |seq| seq.column().min(newest));
        let at = self.at(receipt.at).millis();

        let read_moved = receipt.kind == ReceiptKind::Seen && self.move_read(slot, side, up_to, at);
        let delivered_moved = self.move_delivered(slot, side, up_to, at);
        if read_moved || delivered_moved {
            self.touch_thread(slot);
        }

        let thread = &self.cache.threads[slot];
        let member = &thread.members[side];
        let moved_at = match receipt.kind {
            ReceiptKind::Seen => member.read_at,
            ReceiptKind::Delivered => member.delivered_at,
        };
        Outcome::Watermarks(Watermarks {
            thread_id: ThreadId::from_column(thread.id),
            user: receipt.user,
            delivered_seq: Seq::from_column(member.delivered_seq),
            read_seq: Seq::from_column(member.read_seq),
            unread: u64::try_from(member.unread).unwrap_or_default(),
            delivered_moved,
            read_moved,
            at: moved_at.map_or(receipt.at, Timestamp::from_millis),
        })
    }

    pub(super) fn move_read(&mut self, slot: usize, side: usize, up_to: i64, at: i64) -> bool {
        if up_to <= self.cache.threads[slot].members[side].read_seq {
            return false;
        }
        self.touch_member(slot, side);
        let member = &mut self.cache.threads[slot].members[side];
        member.read_seq = up_to;
        member.read_at = Some(at);
        member.read_commit = self.no;
        let before = member.unread;
        member.read_up_to(up_to, self.preloaded.places.get_mut(&(slot, side)));
        let (user, unread) = (member.user, member.unread);
        if unread != before {
            self.add_to_totals(user, unread - before, 0);
            self.tell(slot, side);
        }
        if unread == 0 {
            self.lower_notification(slot, side);
        }
        true
    }

    pub(super) fn move_delivered(&mut self, slot: usize, side: usize, up_to: i64, at: i64) -> bool {
        if up_to <= self.cache.threads[slot].members[side].delivered_seq {
            return false;
        }
        self.touch_member(slot, side);
        let member = &mut self.cache.threads[slot].members[side];
        member.delivered_seq = up_to;
        member.delivered_at = Some(at);
        member.delivered_commit = self.no;
        true
    }
}
