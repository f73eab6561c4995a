//! The auditor finds every violation once, and none where there is none.

use super::*;

const DEADLINE: Duration = Duration::from_secs(1);

/// A conversation of ten messages.
struct TenMessages {
    ledger: Ledger,
    began: Instant,
}

impl TenMessages {
    fn sent() -> Self {
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
        self.ledger.begin_history(0);
        numbers.into_iter().for_each(|number| self.ledger.stored(number));
        self
    }

    fn has(self, wanted: &[(Violation, u64)]) -> Tally {
        let (tally, violations) = self.ledger.close();
        let found: Vec<(Violation, u64)> = violations.counts.into_iter().collect();
        assert_eq!(found, wanted, "{:?}", violations.examples);
        tally
    }
}

#[test]
fn a_correct_server_has_no_violation() {
    let mut ten = TenMessages::sent();
    ten.acks(0..10).delivers(0..10).stores(0..10);
    ten.ledger.confirmed(10);
    ten.ledger.receipted(10);
    let tally = ten.has(&[]);
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
    let mut ten = TenMessages::sent();
    ten.acks(0..10).delivers(0..10);
    ten.ledger.begin_history(7);
    (5..10).for_each(|number| ten.ledger.stored(number));
    let tally = ten.has(&[]);
    assert_eq!((tally.sought, tally.stored), (Some(3), Some(3)));

    let mut ten = TenMessages::sent();
    ten.acks(0..10).delivers(0..10);
    ten.ledger.begin_history(10);
    let tally = ten.has(&[]);
    assert_eq!((tally.sought, tally.stored), (Some(0), Some(0)));
}

#[test]
fn a_message_is_complete_when_it_is_acknowledged_and_delivered() {
    let mut ten = TenMessages::sent();
    let now = ten.at(3);
    assert_eq!(ten.ledger.acked(Some(0), Some(1), false, now), None);
    let done = ten.ledger.delivered(Some(0), Some(1), now).expect("complete");
    assert_eq!(done.sent, ten.began);
    assert_eq!(ten.ledger.waiting(), 9);
}

#[test]
fn a_lost_message_is_named_by_the_stage_that_lost_it() {
    let mut ten = TenMessages::sent();
    ten.acks([0, 1, 2, 4, 5, 6, 7, 8]).delivers([0, 1, 2, 3, 4, 5, 7]).stores([0, 1, 2, 3, 4, 5, 6, 8]);
    ten.has(&[
        (Violation::Unanswered, 1),     // 9
        (Violation::Undelivered, 2),    // 6, 8
        (Violation::Unacknowledged, 1), // 3
        (Violation::Unstored, 1),       // 7
    ]);
}

#[test]
fn duplicates_are_found_also_long_after_the_message_was_complete() {
    let mut ten = TenMessages::sent();
    ten.acks(0..10).acks([4]).delivers(0..10).delivers([0, 9]).stores((0..10).chain([9]));
    ten.has(&[(Violation::AcknowledgedTwice, 1), (Violation::DeliveredTwice, 2), (Violation::StoredTwice, 1)]);
}

#[test]
fn a_first_send_that_is_called_a_duplicate_is_a_violation() {
    let mut ten = TenMessages::sent();
    ten.delivers(0..10).acks(0..9);
    let now = ten.at(5);
    ten.ledger.acked(Some(9), Some(10), true, now);
    ten.has(&[(Violation::AcknowledgedTwice, 1)]);
}

#[test]
fn two_messages_that_changed_places_are_one_violation() {
    let mut ten = TenMessages::sent();
    ten.acks([0, 1, 3, 2, 4, 5, 6, 7, 8, 9])
        .delivers([0, 1, 2, 3, 4, 6, 5, 7, 8, 9])
        .stores([1, 0, 2, 3, 4, 5, 6, 7, 8, 9]);
    ten.has(&[
        (Violation::AcknowledgedOutOfOrder, 1),
        (Violation::DeliveredOutOfOrder, 1),
        (Violation::StoredOutOfOrder, 1),
    ]);
}

#[test]
fn a_message_at_a_wrong_place_is_found() {
    let mut ten = TenMessages::sent();
    ten.acks(0..10).delivers(0..9);
    let now = ten.at(5);
    ten.ledger.delivered(Some(9), Some(12), now);
    // It is neither behind its neighbour nor where its author was told.
    ten.has(&[(Violation::Misnumbered, 2)]);
}

#[test]
fn a_delayed_message_is_found_and_not_waited_for() {
    let mut ten = TenMessages::sent();
    ten.acks(0..10).delivers(0..9);
    ten.ledger.give_up(ten.began + DEADLINE);
    assert_eq!(ten.ledger.waiting(), 1);
    let late = ten.at(1_001);
    ten.ledger.give_up(late);
    assert_eq!(ten.ledger.waiting(), 0);
    ten.ledger.delivered(Some(9), Some(10), late);
    assert_eq!(ten.ledger.waiting(), 0);
    let tally = ten.has(&[(Violation::Delayed, 1)]);
    assert_eq!(tally.delivered, 10);
}

#[test]
fn missing_receipts_are_counted_by_message() {
    let mut ten = TenMessages::sent();
    ten.acks(0..10).delivers(0..10);
    ten.ledger.confirmed(10);
    ten.ledger.receipted(7);
    ten.ledger.receipted(6);
    assert!(!ten.ledger.is_receipted());
    let tally = ten.has(&[(Violation::Unreceipted, 3)]);
    assert_eq!(tally.receipted, Some(7));
}

#[test]
fn a_temporary_refusal_is_no_loss_and_a_permanent_one_is_a_violation() {
    let mut ten = TenMessages::sent();
    ten.acks((0..10).filter(|number| *number != 4)).ledger.refused(Some(4), true, "overloaded");
    ten.delivers((0..10).filter(|number| *number != 4)).stores((0..10).filter(|number| *number != 4));
    assert_eq!(ten.ledger.waiting(), 0);
    let tally = ten.has(&[]);
    assert_eq!((tally.refused, tally.stored), (1, Some(9)));

    let mut ten = TenMessages::sent();
    ten.acks(0..9).delivers(0..9).ledger.refused(Some(9), false, "not_found");
    ten.has(&[(Violation::Refused, 1)]);
}

#[test]
fn a_message_that_no_client_sent_is_foreign() {
    let mut ten = TenMessages::sent();
    ten.acks(0..11).delivers(0..10);
    let now = ten.at(5);
    ten.ledger.delivered(None, Some(11), now);
    ten.stores(0..11);
    ten.has(&[(Violation::Foreign, 3)]);
}
