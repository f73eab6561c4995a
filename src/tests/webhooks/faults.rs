//! Receivers that fail, hubs that are killed, nodes that take over: each event arrives, in the order of its thread.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;

use super::{add, content, deliveries};
use crate::support::person::{number, text};
use crate::support::receiver::{Heard, Manner};
use crate::support::{Hub, Receiver, until, usual_or_long};

#[tokio::test]
async fn after_ten_seconds_of_downtime_everything_arrives_at_once_and_in_order() {
    let hub = Hub::start().await;
    let (staff, bob, carol) = (hub.staff(), hub.person(7), hub.person(8));
    let mut receiver = Receiver::start().await;
    let (id, _) = add(&staff, &receiver, &["message.created"]).await;
    receiver.goes();
    let mut laptop = hub.person(42).connect().await;
    for number in 0..10 {
        laptop.sends_to(&bob, &number.to_string()).await;
        laptop.sends_to(&carol, &number.to_string()).await;
    }
    // The second tries of both threads are over, and the third ones would be in five minutes.
    until("the second tries", || async {
        let pending = deliveries(&staff, id, "?status=pending").await;
        (pending.iter().filter(|delivery| delivery["attempts"] == 2).count() == 2).then_some(())
    })
    .await;
    receiver.comes_back().await;
    laptop.sends_to(&hub.person(9), "one success").await;
    let heard = receiver.takes(21).await;
    let mut threads: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
    for one in &heard {
        threads.entry(number(&one.body["data"]["message"], "thread_id")).or_default().push(content(one));
    }
    let numbers: Vec<String> = (0..10).map(|number| number.to_string()).collect();
    let of_ten: Vec<_> = threads.values().filter(|texts| texts.len() == 10).collect();
    assert_eq!(of_ten.len(), 2, "{threads:?}");
    assert!(of_ten.iter().all(|texts| **texts == numbers), "{threads:?}");
}

/// What is sent is the present state, also of what a receiver was not there for.
#[tokio::test]
async fn what_was_deleted_or_changed_while_it_waited_arrives_as_it_is_now() {
    let hub = Hub::start().await;
    let (staff, bob, carol) = (hub.staff(), hub.person(7), hub.person(8));
    let mut receiver = Receiver::start().await;
    let (id, _) = add(&staff, &receiver, &["message.created"]).await;
    receiver.goes();
    let mut laptop = hub.person(42).connect().await;
    let deleted = laptop.sends_to(&bob, "a secret").await;
    let edited = laptop.sends_to(&carol, "a sceret").await;
    until("the first tries", || async {
        let pending = deliveries(&staff, id, "?status=pending").await;
        (pending.iter().filter(|delivery| delivery["attempts"] == 1).count() == 2).then_some(())
    })
    .await;
    laptop.says(json!({"type": "message_delete", "message_id": deleted["message_id"]})).await;
    laptop.expect("message_deleted").await;
    laptop.says(json!({"type": "message_edit", "message_id": edited["message_id"], "content": "no secret"})).await;
    laptop.expect("message_updated").await;
    // The second tries come five seconds after the first ones.
    receiver.comes_back().await;
    for heard in receiver.takes(2).await {
        let (message, raw) = (&heard.body["data"]["message"], String::from_utf8_lossy(&heard.raw));
        assert!(!raw.contains("a secret") && !raw.contains("a sceret"), "{raw}");
        let is_deleted = message["id"] == deleted["message_id"];
        let content = if is_deleted { json!(null) } else { json!("no secret") };
        assert_eq!((&message["content"], &message["deleted"]), (&content, &json!(is_deleted)), "{raw}");
    }
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_disabled_and_the_others_are_told() {
    let hub = Hub::start().await;
    let (staff, bob) = (hub.staff(), hub.person(7));
    let (gone, other) = (Receiver::start().await, Receiver::start().await);
    let (id, _) = add(&staff, &gone, &["message.created"]).await;
    add(&staff, &other, &["webhook.disabled"]).await;
    gone.answers(Manner::status(410));
    hub.person(42).connect().await.sends_to(&bob, "hello").await;
    let told = other.takes(1).await.remove(0);
    assert_eq!((text(&told.body, "type"), number(&told.body["data"], "webhook_id")), ("webhook.disabled", id));
    let list = staff.get("/admin/webhooks").await.is(200);
    let webhook = list["webhooks"].as_array().expect("a list").iter().find(|webhook| webhook["id"] == id);
    let webhook = webhook.expect("it is there").clone();
    assert_eq!(webhook["enabled"], false);
    assert!(text(&webhook, "disabled_reason").contains("410"), "{webhook}");
    until("the metric", || async {
        hub.person(1).get("/metrics").await.text.contains("chat_webhook_disabled 1").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_thread_whose_event_fails_waits_and_others_go_on() {
    let hub = Hub::start().await;
    let (staff, bob, carol) = (hub.staff(), hub.person(7), hub.person(8));
    let receiver = Receiver::start().await;
    let (id, _) = add(&staff, &receiver, &["message.created"]).await;
    receiver.answers(Manner::Judges(|heard: &Heard| if content(heard) == "poison" { 500 } else { 204 }));
    let mut laptop = hub.person(42).connect().await;
    laptop.sends_to(&bob, "poison").await;
    laptop.sends_to(&bob, "behind it").await;
    laptop.sends_to(&carol, "elsewhere").await;
    let heard = receiver.takes(1).await;
    assert_eq!(content(&heard[0]), "elsewhere");
    let pending = until("the failure is noted, and the arrival of the other one", || async {
        let page = staff.get(&format!("/admin/webhooks/{id}/deliveries?status=pending")).await.is(200);
        let pending = page["deliveries"].as_array().expect("a list").clone();
        (pending.len() == 2 && pending.iter().any(|delivery| delivery["code"] == 500)).then_some(pending)
    })
    .await;
    assert!(pending[1]["next_at"].is_string() && pending[1]["attempts"].as_u64() >= Some(1), "{pending:?}");
    assert!(receiver.heard().iter().all(|heard| content(heard) != "behind it"));
    receiver.answers(Manner::status(204));
    let retry = format!("/admin/webhooks/{id}/deliveries/{}/retry", pending[1]["id"]);
    staff.post(&retry, &json!({})).await.is(202);
    laptop.sends_to(&carol, "a success").await;
    let heard = receiver.takes(4).await;
    let of_bob: Vec<&str> = heard.iter().map(content).filter(|text| ["poison", "behind it"].contains(text)).collect();
    assert_eq!(of_bob, ["poison", "behind it"]);
}

#[tokio::test]
async fn a_receiver_that_hangs_or_resets_holds_up_no_other_webhook_and_no_message() {
    let hub = Hub::start().await;
    let (staff, bob) = (hub.staff(), hub.person(7));
    let (hanging, resetting, good) = (Receiver::start().await, Receiver::start().await, Receiver::start().await);
    hanging.answers(Manner::Hangs);
    resetting.answers(Manner::Resets);
    for receiver in [&hanging, &resetting, &good] {
        add(&staff, receiver, &["message.created"]).await;
    }
    let mut laptop = hub.person(42).connect().await;
    let started = Instant::now();
    for number in 0..20 {
        laptop.sends_to(&bob, &number.to_string()).await;
    }
    let heard = good.takes(20).await;
    assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
    assert!(heard.iter().map(content).eq((0..20).map(|number| number.to_string())));
    assert_eq!(hanging.heard().len(), 1);
}

#[tokio::test]
async fn a_busy_receiver_says_for_how_long_it_wants_nothing() {
    let hub = Hub::start().await;
    let (staff, bob, receiver) = (hub.staff(), hub.person(7), Receiver::start().await);
    add(&staff, &receiver, &["message.created"]).await;
    receiver.answers(Manner::Says(429, "Retry-After: 2\r\n", String::new()));
    hub.person(42).connect().await.sends_to(&bob, "hello").await;
    receiver.hears("the first try", |heard| heard.code == 429).await;
    let refused = Instant::now();
    receiver.answers(Manner::status(204));
    receiver.takes(1).await;
    assert!(refused.elapsed() > Duration::from_millis(1_700), "{:?}", refused.elapsed());
}

/// What the receiver has, after removing repeats by id, is what was committed, each thread in order.
#[tokio::test]
async fn nothing_is_missing_after_the_hub_was_killed_under_load() {
    let mut hub = Hub::start().await;
    let (staff, alice) = (hub.staff(), hub.person(42));
    let receiver = Receiver::start().await;
    add(&staff, &receiver, &["message.created"]).await;
    let others: Vec<_> = (0..4).map(|number| hub.person(100 + number)).collect();
    let mut sent = vec![0_u64; others.len()];
    for _ in 0..usual_or_long(5, 100) {
        let mut laptop = alice.connect().await;
        for _ in 0..6 {
            for (which, other) in others.iter().enumerate() {
                laptop.sends_to(other, &sent[which].to_string()).await;
                sent[which] += 1;
            }
        }
        hub.kill().await;
        hub.restart().await;
    }
    let count = usize::try_from(sent.iter().sum::<u64>()).expect("few");
    let heard = receiver.takes_within(count, Duration::from_secs(30)).await;
    let mut threads: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for one in &heard {
        let message = &one.body["data"]["message"];
        threads
            .entry(number(message, "thread_id"))
            .or_default()
            .push(text(message, "content").parse().expect("a number"));
    }
    assert_eq!(threads.len(), others.len());
    for (texts, sent) in threads.values().zip(sent) {
        assert!(texts.iter().copied().eq(0..sent), "{texts:?}");
    }
}

/// Two hubs on one database: one of them sends, and when it is killed the other one does within two leases.
#[tokio::test]
async fn one_of_two_hubs_sends_and_the_other_takes_over() {
    let mut first = Hub::start().await;
    let second = Hub::beside(Arc::clone(&first.folder()), |_| {}).await;
    let (bob, receiver) = (second.person(7), Receiver::start().await);
    add(&first.staff(), &receiver, &["message.created"]).await;
    let mut laptop = second.person(42).connect().await;
    for number in 0..20 {
        laptop.sends_to(&bob, &number.to_string()).await;
    }
    receiver.takes(20).await;
    assert_eq!(receiver.heard().len(), 20, "each event once while nothing fails");
    first.kill().await;
    for number in 20..40 {
        laptop.sends_to(&bob, &number.to_string()).await;
    }
    let heard = receiver.takes_within(40, Duration::from_secs(20)).await;
    assert!(heard.iter().map(content).eq((0..40).map(|number| number.to_string())));
}
