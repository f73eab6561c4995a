//! Watermarks and unread numbers, tickets and when a user was last there, on every backend.

use std::time::Duration;

use chat_database::change::{Change, Outcome, Ticket};
use chat_database::ids::{NotificationId, Seq};
use chat_database::objects::Totals;
use chat_database::queries::{inbox, people, unread};
use chat_database::time::Timestamp;

use crate::support::world::{World, hash, own, pair, sent, user, watermarks};

on_each_backend!(
    watermarks_never_go_back,
    a_receipt_is_clamped_and_counts_what_it_passes,
    sending_moves_no_watermark,
    a_receipt_needs_a_thread,
    receipts_of_one_commit_apply_in_order,
    a_deletion_lowers_unread,
    a_divided_backlog_is_counted_from_the_tables,
    a_ticket_is_used_once,
    no_clock_makes_a_used_ticket_good_again,
    last_seen_never_goes_back,
    random_histories_count_as_the_tables_do,
);

async fn watermarks_never_go_back(mut w: World) {
    let (ann, ben) = (user(1), user(2));
    for n in 0..5 {
        w.says(ann, ben, &n.to_string()).await;
    }
    let first = w.reads(ben, ann, Some(3)).await;
    assert_eq!((first.read_seq, first.delivered_seq, first.unread), (Seq(3), Seq(3), 2));
    assert!(first.read_moved && first.delivered_moved);
    let back = w.reads(ben, ann, Some(2)).await;
    assert_eq!((back.read_seq, back.unread), (Seq(3), 2));
    assert!(!back.read_moved && !back.delivered_moved);
    assert_eq!(back.at, first.at);
    let change = w.delivered(ben, ann, Some(4));
    let delivered = watermarks(w.one(change).await);
    assert_eq!((delivered.delivered_seq, delivered.read_seq), (Seq(4), Seq(3)));
    assert!(delivered.delivered_moved && !delivered.read_moved);
    assert_eq!(w.totals(ben).await, Totals { notifications: 1, messages: 2 });
}

async fn a_receipt_is_clamped_and_counts_what_it_passes(mut w: World) {
    let (ann, ben) = (user(1), user(2));
    for n in 0..4 {
        w.says(ann, ben, &n.to_string()).await;
        w.says(ben, ann, &n.to_string()).await;
    }
    assert_eq!(w.totals(ben).await.messages, 4);
    assert_eq!(w.reads(ben, ann, Some(4)).await.unread, 2);
    let all = w.reads(ben, ann, Some(1_000)).await;
    assert_eq!((all.read_seq, all.unread), (Seq(8), 0));
    assert_eq!(w.totals(ben).await, Totals::default());
    assert_eq!(w.totals(ann).await.messages, 4);
    assert_eq!(w.reads(ann, ben, None).await.read_seq, Seq(8));
}

async fn sending_moves_no_watermark(mut w: World) {
    let (ann, ben) = (user(1), user(2));
    w.says(ann, ben, "one").await;
    w.says(ben, ann, "two").await;
    let page = inbox::page(&w.db, ben, None, false, 10).await.unwrap();
    let thread = &page.threads[0];
    assert_eq!((thread.read_seq, thread.unread, thread.other_read_seq), (Seq(0), 1, Seq(0)));
}

async fn a_receipt_needs_a_thread(mut w: World) {
    let change = w.seen(user(1), user(2), None);
    assert!(matches!(w.one(change).await, Outcome::NoThread));
    w.says(user(1), user(2), "hi").await;
    let mut stranger = w.seen(user(1), user(2), None);
    if let Change::Receipt(receipt) = &mut stranger {
        receipt.user = user(3);
    }
    assert!(matches!(w.one(stranger).await, Outcome::NoThread));
}

async fn receipts_of_one_commit_apply_in_order(mut w: World) {
    let (ann, ben) = (user(1), user(2));
    let changes = [
        w.text(ann, ben, "one"),
        w.seen(ben, ann, None),
        w.text(ann, ben, "two"),
        w.text(ann, ben, "three"),
        w.seen(ben, ann, Some(2)),
        w.seen(ben, ann, Some(1)),
        w.text(ben, ann, "four"),
    ];
    let committed = w.commit(&changes).await;
    let marks: Vec<_> = committed
        .outcomes
        .iter()
        .filter_map(|outcome| match outcome {
            Outcome::Watermarks(marks) => Some((marks.read_seq.0, marks.unread, marks.read_moved)),
            _ => None,
        })
        .collect();
    assert_eq!(marks, [(1, 0, true), (2, 1, true), (2, 1, false)]);
    assert_eq!(w.totals(ben).await, Totals { notifications: 1, messages: 1 });
    assert_eq!(w.totals(ann).await, Totals { notifications: 1, messages: 1 });
    let mut told = committed.totals.clone();
    told.sort_by_key(|(user, _)| *user);
    let one = Totals { notifications: 1, messages: 1 };
    assert_eq!(told, [(ann, one), (ben, one)]);
}

async fn a_deletion_lowers_unread(mut w: World) {
    let (ann, ben) = (user(1), user(2));
    let one = w.says(ann, ben, "one").await;
    let two = w.says(ann, ben, "two").await;
    w.reads(ben, ann, Some(1)).await;
    let delete = w.delete(one.id, pair(ann, ben));
    w.one(delete).await;
    assert_eq!(w.totals(ben).await, Totals { notifications: 1, messages: 1 });
    let delete = w.delete(two.id, pair(ann, ben));
    let committed = w.commit(&[delete]).await;
    assert_eq!(committed.totals, [(ben, Totals::default())]);
    assert_eq!(committed.chat_notifications, [(ben, one.thread_id)]);
    assert_eq!(w.totals(ben).await, Totals::default());
    assert!(w.alert(ben, one.thread_id).await.unwrap().is_read);
}

async fn a_divided_backlog_is_counted_from_the_tables(mut w: World) {
    let (ann, ben) = (user(1), user(2));
    let mut sent_ids = Vec::new();
    for part in 0..4 {
        let changes: Vec<Change> = (0..100)
            .map(|n| if n % 4 == 3 { w.text(ben, ann, "x") } else { w.text(ann, ben, &format!("{part} {n}")) })
            .collect();
        let outcomes = w.commit(&changes).await.outcomes;
        sent_ids.extend(outcomes.into_iter().map(|outcome| sent(outcome).message.id));
    }
    // The places of so many are not remembered; and another writer knows none at all.
    assert_eq!(w.reads(ben, ann, Some(10)).await.unread, 300 - 8);
    let changes = [
        w.delete(sent_ids[12], pair(ann, ben)),
        w.seen(ben, ann, Some(20)),
        w.seen(ben, ann, Some(101)),
        w.text(ann, ben, "new"),
        w.seen(ben, ann, Some(150)),
    ];
    w.commit(&changes).await;
    assert_eq!(w.totals(ben).await.messages, 300 - 113 + 1);
    let mut other = w.another_writer("beta").await;
    let change = w.seen(ben, ann, Some(400));
    let committed = other.commit(&[change]).await.unwrap();
    assert_eq!(committed.totals[0].1.messages, 1);
    assert_eq!(w.totals(ben).await.messages, 1);
    assert_eq!(w.reads(ben, ann, None).await.unread, 0);
    assert_eq!(w.totals(ben).await, Totals::default());
}

async fn a_ticket_is_used_once(mut w: World) {
    let ticket = |id: &str| Change::UseTicket(Ticket { id: id.to_owned(), expires_at: Timestamp::from_millis(5_000) });
    let outcomes = w.commit(&[ticket("a"), ticket("b"), ticket("a")]).await.outcomes;
    assert!(matches!(outcomes[..], [Outcome::TicketUsed, Outcome::TicketUsed, Outcome::TicketReplayed]));
    let mut other = w.another_writer("beta").await;
    let outcomes = other.commit(&[ticket("b"), ticket("c")]).await.unwrap().outcomes;
    assert!(matches!(outcomes[..], [Outcome::TicketReplayed, Outcome::TicketUsed]));
    w.writer.sweep().await.unwrap();
    let outcome = w.one(ticket("a")).await;
    assert!(matches!(outcome, Outcome::TicketExpired), "it is forgotten, and not good again: {outcome:?}");
}

/// An operator steps a clock back, or a node sweeps by one that is ahead: a used ticket stays used, also where
/// the database has forgotten it.
async fn no_clock_makes_a_used_ticket_good_again(mut w: World) {
    const MINUTE: u64 = 60;
    let now = Timestamp::now();
    let ago = |minutes: u64| now.before(Duration::from_secs(minutes * MINUTE));
    let ticket = |id: &str, expires_at| Change::UseTicket(Ticket { id: id.to_owned(), expires_at });
    let used = [("long ago", ago(70)), ("a while ago", ago(50)), ("just now", ago(0))];
    for (id, expires_at) in used {
        assert!(matches!(w.one(ticket(id, expires_at)).await, Outcome::TicketUsed), "{id}");
    }
    for _ in 0..2 {
        w.writer.sweep().await.unwrap();
        // As a node sees it whose clock is more than an hour behind.
        let mut late = w.another_writer("late").await;
        let mut outcomes = Vec::new();
        for (id, expires_at) in used {
            outcomes.push(late.commit(&[ticket(id, expires_at)]).await.unwrap().outcomes.remove(0));
        }
        assert!(
            matches!(outcomes[..], [Outcome::TicketExpired, Outcome::TicketReplayed, Outcome::TicketReplayed]),
            "{outcomes:?}"
        );
    }
    for (id, expires_at, good) in [
        ("an old one that was never used", ago(71), false),
        ("a new one", now.after(Duration::from_secs(MINUTE)), true),
    ] {
        let outcome = w.one(ticket(id, expires_at)).await;
        assert_eq!(matches!(outcome, Outcome::TicketUsed), good, "{id}: {outcome:?}");
    }
}

async fn last_seen_never_goes_back(mut w: World) {
    let (ann, ben) = (user(1), user(2));
    let at = |millis| Timestamp::from_millis(millis);
    w.commit(&[Change::LastSeen(vec![(ann, at(50))]), Change::LastSeen(vec![(ann, at(40))])]).await;
    w.says(ann, ben, "hi").await;
    w.commit(&[Change::LastSeen(vec![(ann, at(30)), (ben, at(7))])]).await;
    let mut seen = people::last_seen(&w.db, &[ann, ben, user(3)]).await.unwrap();
    seen.sort_unstable();
    assert_eq!(seen, [(ann, at(50)), (ben, at(7))]);
    assert_eq!(w.totals(ben).await.messages, 1);
    let page = inbox::page(&w.db, ben, None, false, 1).await.unwrap();
    assert_eq!(page.threads[0].other_last_seen, Some(at(50)));
}

/// After many random changes by two writers, the running numbers are those that the tables give.
async fn random_histories_count_as_the_tables_do(mut w: World) {
    let mut random = Random(0x5eed);
    let mut second = w.another_writer("beta").await;
    let mut ids = Vec::new();
    for round in 0..60 {
        let changes: Vec<Change> =
            (0..1 + random.below(24)).map(|_| random_change(&mut w, &mut random, &ids)).collect();
        let use_second = random.below(3) == 0;
        let committed = if use_second { second.commit(&changes).await.unwrap() } else { w.commit(&changes).await };
        for (change, outcome) in changes.iter().zip(committed.outcomes) {
            if let (Change::Send(send), Outcome::Sent(sent)) = (change, outcome) {
                ids.push((sent.message.id, send.pair));
            }
        }
        for (user, totals) in committed.totals {
            assert_eq!(w.totals(user).await, totals, "round {round}, {user}");
        }
    }
    for id in 1..=4 {
        w.totals(user(id)).await;
        let listed: u64 = unread::by_counterpart(&w.db, user(id)).await.unwrap().iter().map(|(_, unread)| unread).sum();
        assert_eq!(listed, w.totals(user(id)).await.messages);
    }
}

fn random_change(
    w: &mut World,
    random: &mut Random,
    ids: &[(chat_database::ids::MessageId, chat_database::ids::Pair)],
) -> Change {
    let from = 1 + random.below(4);
    let to = 1 + (from + random.below(3)) % 4;
    let (from, to) = (user(from), user(if to == from { 1 + from % 4 } else { to }));
    let known = ids.get(usize::try_from(random.below(ids.len().max(1) as u64)).unwrap()).copied();
    match (random.below(12), known) {
        (0..=4, _) => w.text(from, to, "text"),
        (5, _) => {
            let key = random.below(30).to_string();
            let mut send = w.send(from, to, Some(&key), &key);
            send.payload_hash = hash(&format!("{key}{}", random.below(2)));
            Change::Send(send)
        }
        (6, _) => w.seen(from, to, None),
        (7, _) => w.seen(from, to, Some(random.below(60))),
        (8, _) => w.delivered(from, to, Some(random.below(60))),
        (9, Some((id, pair))) => w.delete(id, pair),
        (10, _) if random.below(3) == 0 => Change::ReadAllNotifications(from),
        (10, _) => w.notify(&[from, to], None),
        _ => {
            let id = NotificationId::new(1 + random.below(60)).unwrap();
            if random.below(2) == 0 {
                Change::ReadNotification(own(id, from))
            } else {
                Change::DeleteNotification(own(id, from))
            }
        }
    }
}

/// A small generator, so that a failure comes again.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}
