//! Consumers of events: one lease at a time by the database's clock, steps that are taken once, and a log that is kept for them.

use chat_database::change::{Change, Outcome};
use chat_database::consumers::{Advance, Consumed, ConsumerChange, WEBHOOKS};
use chat_database::events::EventPosition;
use chat_database::ids::{CommitNo, WebhookId};
use chat_database::queries::{changes, consumers, webhooks};
use chat_database::webhooks::{DeliveryResult, NewDelivery, NewWebhook, Status, WebhookEdit};

use crate::support::world::{World, user};

on_each_backend!(
    one_process_has_the_lease_until_it_runs_out,
    a_step_is_taken_once_and_by_the_holder_alone,
    deliveries_are_numbered_in_their_order_and_change,
    a_consumer_works_while_a_webhook_is_enabled,
    the_log_is_kept_for_the_slowest_consumer_and_a_week_at_most,
    deliveries_are_kept_for_thirty_days,
);

fn id() -> WebhookId {
    WebhookId::new(5).unwrap()
}

async fn consume(w: &mut World, change: ConsumerChange) -> Consumed {
    match w.one(Change::Consume(Box::new(change))).await {
        Outcome::Consumed(consumed) => consumed,
        other => panic!("not consumed, but {other:?}"),
    }
}

async fn add(w: &mut World) {
    let at = w.now();
    let types = vec!["*".to_owned()];
    let (url, description) = ("https://shop.example".to_owned(), "the shop".to_owned());
    let new = NewWebhook { id: id(), url, types, description, enabled: true, at };
    assert!(consume(w, ConsumerChange::AddWebhook(Box::new(new))).await.done);
}

async fn lease(w: &mut World, holder: &str) -> bool {
    consume(w, ConsumerChange::Lease { name: WEBHOOKS, holder: holder.to_owned() }).await.done
}

fn delivery(w: &mut World, event_id: &str) -> NewDelivery {
    NewDelivery {
        webhook: id(),
        event_id: event_id.to_owned(),
        kind: "thread.seen".to_owned(),
        thread: None,
        at: w.now(),
    }
}

async fn position(w: &World) -> EventPosition {
    consumers::one(&w.db, WEBHOOKS).await.unwrap().unwrap().position
}

async fn one_process_has_the_lease_until_it_runs_out(mut w: World) {
    assert!(!lease(&mut w, "alpha#1").await, "nothing is to be done yet");
    add(&mut w).await;
    assert!(lease(&mut w, "alpha#1").await);
    assert!(!lease(&mut w, "beta#2").await);
    assert!(lease(&mut w, "alpha#1").await, "it prolongs its own");
    let consumer = consumers::one(&w.db, WEBHOOKS).await.unwrap().unwrap();
    assert!(consumer.is_leased && consumer.enabled);
    assert_eq!(consumer.holder, "alpha#1");
    w.sql("UPDATE hub_consumers SET lease_until = lease_until - 11000").await;
    assert!(!consumers::one(&w.db, WEBHOOKS).await.unwrap().unwrap().is_leased);
    assert!(lease(&mut w, "beta#2").await);
    assert!(!lease(&mut w, "alpha#1").await);
    let release = |holder: &str| ConsumerChange::Release { name: WEBHOOKS, holder: holder.to_owned() };
    assert!(!consume(&mut w, release("alpha#1")).await.done);
    assert!(consume(&mut w, release("beta#2")).await.done);
    assert!(lease(&mut w, "alpha#1").await, "what was given back is free at once");
}

async fn a_step_is_taken_once_and_by_the_holder_alone(mut w: World) {
    add(&mut w).await;
    assert!(lease(&mut w, "alpha#1").await);
    let from = position(&w).await;
    let to = EventPosition { commit: CommitNo(from.commit.0 + 1), class: 0, object: 7, part: 2 };
    let deliveries = vec![delivery(&mut w, "evt_1")];
    let step = |holder: &str| {
        let holder = holder.to_owned();
        ConsumerChange::Advance(Advance { name: WEBHOOKS, holder, from, to, deliveries: deliveries.clone() })
    };
    assert!(!consume(&mut w, step("beta#2")).await.done);
    assert!(consume(&mut w, step("alpha#1")).await.done);
    assert!(!consume(&mut w, step("alpha#1")).await.done, "it was taken before");
    assert_eq!(position(&w).await, to);
    assert_eq!(webhooks::deliveries(&w.db, id(), None, None, 10).await.unwrap().len(), 1);
}

async fn deliveries_are_numbered_in_their_order_and_change(mut w: World) {
    add(&mut w).await;
    assert!(lease(&mut w, "alpha#1").await);
    let mut first = None;
    for round in 0..2 {
        let from = position(&w).await;
        let to = EventPosition::end_of(CommitNo(from.commit.0 + 1));
        let deliveries: Vec<_> = (0..3).map(|number| delivery(&mut w, &format!("evt_{round}{number}"))).collect();
        let step = Advance { name: WEBHOOKS, holder: "alpha#1".to_owned(), from, to, deliveries };
        let consumed = consume(&mut w, ConsumerChange::Advance(step)).await;
        first.get_or_insert(consumed.first);
    }
    let found = webhooks::deliveries(&w.db, id(), None, None, 10).await.unwrap();
    let names: Vec<&str> = found.iter().map(|delivery| delivery.event_id.as_str()).collect();
    assert_eq!(names, ["evt_12", "evt_11", "evt_10", "evt_02", "evt_01", "evt_00"]);
    assert_eq!(Some(found[5].id), first);
    let result = DeliveryResult {
        id: found[5].id,
        status: Status::Failed,
        attempts: 10,
        next_at: None,
        code: Some(500),
        ms: 12,
        reply: "sorry".to_owned(),
    };
    consume(&mut w, ConsumerChange::Results(vec![result])).await;
    let failed = webhooks::deliveries(&w.db, id(), Some(Status::Failed), None, 10).await.unwrap();
    assert_eq!((failed.len(), failed[0].code, failed[0].reply.as_deref()), (1, Some(500), Some("sorry")));
    let pending = webhooks::deliveries(&w.db, id(), Some(Status::Pending), Some(found[1].id), 2).await.unwrap();
    assert_eq!(pending.iter().map(|delivery| delivery.id).collect::<Vec<_>>(), [found[2].id, found[3].id]);
    let again = ConsumerChange::Requeue(id(), vec![found[5].id], w.now());
    assert!(consume(&mut w, again).await.done);
    let again = webhooks::delivery_of(&w.db, id(), found[5].id).await.unwrap().unwrap();
    assert_eq!((again.status, again.attempts), (Status::Pending, 0));
    let other = WebhookId::new(6).unwrap();
    assert!(webhooks::delivery_of(&w.db, other, found[5].id).await.unwrap().is_none());
}

async fn a_consumer_works_while_a_webhook_is_enabled(mut w: World) {
    assert!(consumers::one(&w.db, WEBHOOKS).await.unwrap().is_none());
    add(&mut w).await;
    let enable = |enabled| {
        let edit = WebhookEdit { enabled: Some(enabled), ..WebhookEdit::default() };
        ConsumerChange::EditWebhook(id(), Box::new(edit))
    };
    assert!(consume(&mut w, enable(false)).await.done);
    assert!(!consumers::one(&w.db, WEBHOOKS).await.unwrap().unwrap().enabled);
    w.says(user(1), user(2), "unheard").await;
    assert!(consume(&mut w, enable(true)).await.done);
    let head = chat_database::history::head(&w.db).await.unwrap().commit;
    assert_eq!(position(&w).await, EventPosition::end_of(head), "it hears of what comes");
    assert_eq!(webhooks::one(&w.db, id()).await.unwrap().unwrap().since, head);
    w.says(user(1), user(2), "heard").await;
    assert!(consume(&mut w, enable(true)).await.done);
    assert_eq!(webhooks::one(&w.db, id()).await.unwrap().unwrap().since, head, "it was enabled before");
    let told = vec![delivery(&mut w, "evt_d")];
    let disable = |told| ConsumerChange::Disable(id(), "410".to_owned(), told);
    assert!(consume(&mut w, disable(told)).await.done);
    assert!(!consume(&mut w, disable(Vec::new())).await.done);
    assert_eq!(webhooks::one(&w.db, id()).await.unwrap().unwrap().disabled_reason.as_deref(), Some("410"));
    assert!(consume(&mut w, ConsumerChange::RemoveWebhook(id())).await.done);
    assert!(!consume(&mut w, ConsumerChange::RemoveWebhook(id())).await.done);
    assert!(!consumers::one(&w.db, WEBHOOKS).await.unwrap().unwrap().enabled);
}

/// Returns the first commit of the log, after a sweep.
async fn swept(w: &mut World) -> u64 {
    w.writer.sweep().await.unwrap();
    let head = chat_database::history::head(&w.db).await.unwrap().commit;
    changes::log(&w.db, CommitNo(0), head).await.unwrap()[0].no.0
}

async fn the_log_is_kept_for_the_slowest_consumer_and_a_week_at_most(mut w: World) {
    let position = |commit| EventPosition::end_of(CommitNo(commit));
    for (name, commit) in [("feed:1", 2_500), ("feed:2", 100)] {
        consume(&mut w, ConsumerChange::Follow { name: name.to_owned(), position: position(commit) }).await;
    }
    let rows: Vec<String> = (10..=5_000).map(|no| format!("({no}, 1, 'n', 0, '[]', '[]')")).collect();
    for rows in rows.chunks(500) {
        w.sql(&format!(
            "INSERT INTO hub_commits (commit_no, nonce, node, at, threads, users) VALUES {}",
            rows.join(", ")
        ))
        .await;
    }
    w.sql("UPDATE hub_state SET commit_no = 5000").await;
    let hours = async |w: &mut World, hours: i64| {
        // By the clock of the database, which stands in each new entry.
        w.says(user(1), user(2), "now").await;
        let now = "(SELECT at FROM (SELECT MAX(at) AS at FROM hub_commits) AS m)";
        w.sql(&format!("UPDATE hub_commits SET at = {now} - {hours} * 3600000 WHERE commit_no <= 5000")).await;
    };
    hours(&mut w, 1).await;
    assert_eq!(swept(&mut w).await, 1, "the slow one has read a hundred");
    consume(&mut w, ConsumerChange::Follow { name: "feed:2".to_owned(), position: position(2_200) }).await;
    let first = swept(&mut w).await;
    assert!((1_900..=2_200).contains(&first), "{first}");
    hours(&mut w, 8 * 24).await;
    let first = swept(&mut w).await;
    assert!(first > 2_200, "{first}");
}

async fn deliveries_are_kept_for_thirty_days(mut w: World) {
    add(&mut w).await;
    let now = chat_database::time::Timestamp::now().millis();
    let row = |no: i64| {
        let days = if no < 3_000 { 31 } else { 29 };
        format!("({no}, 5, 'evt_{no}', 'thread.seen', {})", now - days * 86_400_000)
    };
    let rows: Vec<String> = (1..=4_000).map(row).collect();
    for rows in rows.chunks(500) {
        w.sql(&format!(
            "INSERT INTO webhook_deliveries (id, webhook_id, event_id, type, at) VALUES {}",
            rows.join(", ")
        ))
        .await;
    }
    w.writer.sweep().await.unwrap();
    let left = webhooks::deliveries(&w.db, id(), None, None, 10_000).await.unwrap();
    assert!((1_000..4_000).contains(&left.len()), "{}", left.len());
    assert_eq!(left[0].id.get(), 4_000);
}
