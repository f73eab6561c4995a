//! The auditor finds each fault that it claims to find, once, and none where there is none.

use super::*;

const DEADLINE: Duration = Duration::from_secs(1);

/// A conversation of ten messages, which a test bends.
struct Talk {
    ledger: Ledger,
    began: Instant,
}

impl Talk {
    fn of_ten() -> Self {
        let began = Instant::now();
        let mut ledger = Ledger::new("1 → 2".to_owned(), DEADLINE);
        (0..10).for_each(|_| ledger.sent(began, began));
        Self { ledger, began }
    }

    fn at(&self, millis: u64) -> Instant {
        self.began + Duration::from_millis(millis)
    }

    fn acks(&mut self, numbers: impl IntoIterator<Item = u64>) -> &mut Self {
        let now = self.at(5);
        numbers.into_iter().for_each(|number| _ = self.ledger.acked(Some(number), Some(number + 1), false, now));
        self
    }

    fn delivers(&mut self, numbers: impl IntoIterator<Item = u64>) -> &mut Self {
        let now = self.at(5);
        numbers.into_iter().for_each(|number| _ = self.ledger.delivered(Some(number), Some(number + 1), now));
        self
    }

    fn stores(&mut self, numbers: impl IntoIterator<Item = u64>) -> &mut Self {
        self.ledger.reads_history(0);
        numbers.into_iter().for_each(|number| self.ledger.stored(number));
        self
    }

    fn has(self, wanted: &[(Fault, u64)]) -> Tally {
        let (tally, faults) = self.ledger.close();
        let found: Vec<(Fault, u64)> = faults.counts.into_iter().collect();
        assert_eq!(found, wanted, "{:?}", faults.examples);
        tally
    }
}

#[test]
fn where_all_is_well_nothing_is_found() {
    let mut talk = Talk::of_ten();
    talk.acks(0..10).delivers(0..10).stores(0..10);
    talk.ledger.confirmed(10);
    talk.ledger.receipted(10);
    let tally = talk.has(&[]);
    let all = Tally {
        sent: 10,
        acknowledged: 10,
        sought: Some(10),
        stored: Some(10),
        delivered: 10,
        receipted: Some(10),
        refused: 0,
    };
    assert_eq!(tally, all);
}

#[test]
fn only_what_was_read_back_counts_as_stored() {
    let mut talk = Talk::of_ten();
    talk.acks(0..10).delivers(0..10);
    talk.ledger.reads_history(7);
    (5..10).for_each(|number| talk.ledger.stored(number));
    let tally = talk.has(&[]);
    assert_eq!((tally.sought, tally.stored), (Some(3), Some(3)));

    let mut talk = Talk::of_ten();
    talk.acks(0..10).delivers(0..10);
    talk.ledger.reads_history(10);
    let tally = talk.has(&[]);
    assert_eq!((tally.sought, tally.stored), (Some(0), Some(0)));
}

#[test]
fn a_message_is_done_when_both_have_heard_of_it() {
    let mut talk = Talk::of_ten();
    let now = talk.at(3);
    assert_eq!(talk.ledger.acked(Some(0), Some(1), false, now), None);
    let done = talk.ledger.delivered(Some(0), Some(1), now).expect("complete");
    assert_eq!(done.written, talk.began);
    assert_eq!(talk.ledger.waiting(), 9);
}

#[test]
fn lost_messages_are_named_by_where_they_were_lost() {
    let mut talk = Talk::of_ten();
    talk.acks([0, 1, 2, 4, 5, 6, 7, 8]).delivers([0, 1, 2, 3, 4, 5, 7]).stores([0, 1, 2, 3, 4, 5, 6, 8]);
    talk.has(&[
        (Fault::Unanswered, 1),     // 9
        (Fault::Undelivered, 2),    // 6, 8
        (Fault::Unacknowledged, 1), // 3
        (Fault::Unstored, 1),       // 7
    ]);
}

#[test]
fn doubled_messages_are_found_also_long_after_they_were_complete() {
    let mut talk = Talk::of_ten();
    talk.acks(0..10).acks([4]).delivers(0..10).delivers([0, 9]).stores((0..10).chain([9]));
    talk.has(&[(Fault::AcknowledgedTwice, 1), (Fault::DeliveredTwice, 2), (Fault::StoredTwice, 1)]);
}

#[test]
fn an_honest_first_send_is_not_a_duplicate() {
    let mut talk = Talk::of_ten();
    talk.delivers(0..10).acks(0..9);
    let now = talk.at(5);
    talk.ledger.acked(Some(9), Some(10), true, now);
    talk.has(&[(Fault::AcknowledgedTwice, 1)]);
}

#[test]
fn two_messages_that_changed_places_are_one_fault() {
    let mut talk = Talk::of_ten();
    talk.acks([0, 1, 3, 2, 4, 5, 6, 7, 8, 9])
        .delivers([0, 1, 2, 3, 4, 6, 5, 7, 8, 9])
        .stores([1, 0, 2, 3, 4, 5, 6, 7, 8, 9]);
    talk.has(&[(Fault::AcknowledgedOutOfOrder, 1), (Fault::DeliveredOutOfOrder, 1), (Fault::StoredOutOfOrder, 1)]);
}

#[test]
fn a_message_at_a_wrong_place_is_found() {
    let mut talk = Talk::of_ten();
    talk.acks(0..10).delivers(0..9);
    let now = talk.at(5);
    talk.ledger.delivered(Some(9), Some(12), now);
    // It is neither behind its neighbour nor where its author was told.
    talk.has(&[(Fault::Misnumbered, 2)]);
}

#[test]
fn a_delay_is_found_and_nobody_waits_for_it() {
    let mut talk = Talk::of_ten();
    talk.acks(0..10).delivers(0..9);
    talk.ledger.give_up(talk.began + DEADLINE);
    assert_eq!(talk.ledger.waiting(), 1);
    let late = talk.at(1_001);
    talk.ledger.give_up(late);
    assert_eq!(talk.ledger.waiting(), 0);
    talk.ledger.delivered(Some(9), Some(10), late);
    assert_eq!(talk.ledger.waiting(), 0);
    let tally = talk.has(&[(Fault::Delayed, 1)]);
    assert_eq!(tally.delivered, 10);
}

#[test]
fn receipts_that_the_author_never_got_are_counted_by_message() {
    let mut talk = Talk::of_ten();
    talk.acks(0..10).delivers(0..10);
    talk.ledger.confirmed(10);
    talk.ledger.receipted(7);
    talk.ledger.receipted(6);
    assert!(!talk.ledger.is_receipted());
    let tally = talk.has(&[(Fault::Unreceipted, 3)]);
    assert_eq!(tally.receipted, Some(7));
}

#[test]
fn a_refusal_for_the_moment_is_no_loss_and_one_for_good_is_a_fault() {
    let mut talk = Talk::of_ten();
    talk.acks((0..10).filter(|number| *number != 4)).ledger.refused(Some(4), true, "overloaded");
    talk.delivers((0..10).filter(|number| *number != 4)).stores((0..10).filter(|number| *number != 4));
    assert_eq!(talk.ledger.waiting(), 0);
    let tally = talk.has(&[]);
    assert_eq!((tally.refused, tally.stored), (1, Some(9)));

    let mut talk = Talk::of_ten();
    talk.acks(0..9).delivers(0..9).ledger.refused(Some(9), false, "not_found");
    talk.has(&[(Fault::Refused, 1)]);
}

#[test]
fn what_nobody_sent_is_foreign() {
    let mut talk = Talk::of_ten();
    talk.acks(0..11).delivers(0..10);
    let now = talk.at(5);
    talk.ledger.delivered(None, Some(11), now);
    talk.stores(0..11);
    talk.has(&[(Fault::Foreign, 3)]);
}
