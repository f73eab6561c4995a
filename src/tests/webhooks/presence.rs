//! `user.online` and `user.offline`: told to webhooks that name them, once for each change, and not kept.

use serde_json::{Value, json};

use super::{add, deliveries, follows_its_schema, signs};
use crate::support::person::{number, text};
use crate::support::receiver::{Heard, Manner};
use crate::support::{Hub, Receiver, until};

const BOTH: [&str; 2] = ["user.online", "user.offline"];

/// Returns what was heard of presence: types and users, in order.
fn changes(heard: &[Heard]) -> Vec<(&str, u64)> {
    let of_presence = heard.iter().filter(|heard| text(&heard.body, "type").starts_with("user."));
    of_presence.map(|heard| (text(&heard.body, "type"), number(&heard.body["data"], "user_id"))).collect()
}

/// Starts a hub that soon takes a user for gone.
async fn quick_hub() -> Hub {
    Hub::set(&[("CHAT_OFFLINE_AFTER", "300ms")]).await
}

#[tokio::test]
async fn a_webhook_that_names_presence_hears_once_who_comes_and_goes() {
    let hub = quick_hub().await;
    let (staff, alice, named, starred) =
        (hub.staff(), hub.person(42), Receiver::start().await, Receiver::start().await);
    let (id, secret) = add(&staff, &named, &[&BOTH[..], &["message.created"]].concat()).await;
    add(&staff, &starred, &["*"]).await;
    let laptop = alice.connect().await;
    named.takes(1).await;
    // A second connection is no arrival, and the end of the first one no departure.
    let mut phone = alice.connect().await;
    laptop.leaves().await;
    phone.sends_to(&hub.person(7), "hello").await;
    phone.leaves().await;
    let heard = named.takes(3).await;
    assert_eq!(changes(&heard), [(BOTH[0], 42), (BOTH[1], 42)]);
    let document = hub.person(1).get("/openapi.json").await.is(200);
    for one in &heard {
        assert!(signs(&secret, one), "{one:?}");
        follows_its_schema(&document, &one.body);
    }
    let of = |kind: &str| heard.iter().find(|heard| heard.body["type"] == kind).expect("it was heard");
    assert_eq!(of(BOTH[0]).body["data"]["last_seen"], Value::Null);
    assert!(text(&of(BOTH[1]).body["data"], "last_seen") <= text(&of(BOTH[1]).body, "timestamp"));
    assert!(of(BOTH[0]).id.contains("_u42_online_"), "{}", of(BOTH[0]).id);
    // They are in no log, and `*` does not stand for them.
    let kept = until("the message is noted", || async {
        Some(deliveries(&staff, id, "").await).filter(|kept| !kept.is_empty())
    })
    .await;
    assert!(kept.iter().all(|delivery| delivery["type"] == "message.created"), "{kept:?}");
    starred.hears("the message", |heard| heard.body["type"] == "message.created").await;
    assert_eq!(changes(&starred.heard()), []);
}

#[tokio::test]
async fn a_webhook_that_is_down_does_not_hear_later_who_came_meanwhile() {
    let hub = quick_hub().await;
    let (staff, mut receiver, witness) = (hub.staff(), Receiver::start().await, Receiver::start().await);
    add(&staff, &receiver, &BOTH).await;
    add(&staff, &witness, &BOTH).await;
    receiver.goes();
    let laptop = hub.person(42).connect().await;
    witness.takes(1).await;
    until("the failure is counted", || async {
        let metrics = hub.person(1).get("/metrics").await.text;
        metrics.contains("chat_webhook_deliveries_total{result=\"failed\"} 1").then_some(())
    })
    .await;
    receiver.comes_back().await;
    laptop.leaves().await;
    witness.takes(2).await;
    // It is taken for down for five seconds: until then users come and go unheard.
    let heard = until("a user who is heard", || async {
        let before = witness.taken().len();
        let visitor = hub.person(100 + before as u64).connect().await;
        witness.takes(before + 1).await;
        visitor.leaves().await;
        Some(receiver.heard()).filter(|heard| !heard.is_empty())
    })
    .await;
    assert!(changes(&heard).iter().all(|(_, user)| *user != 42), "{heard:?}");
}

#[tokio::test]
async fn a_receiver_of_presence_that_is_gone_is_disabled_and_the_others_are_told() {
    let hub = quick_hub().await;
    let (staff, gone, other) = (hub.staff(), Receiver::start().await, Receiver::start().await);
    let (id, _) = add(&staff, &gone, &BOTH).await;
    add(&staff, &other, &["webhook.disabled"]).await;
    gone.answers(Manner::status(410));
    let _laptop = hub.person(42).connect().await;
    let told = other.takes(1).await.remove(0);
    assert_eq!((text(&told.body, "type"), number(&told.body["data"], "webhook_id")), ("webhook.disabled", id));
    let list = staff.get("/admin/webhooks").await.is(200);
    let webhook = list["webhooks"].as_array().expect("a list").iter().find(|webhook| webhook["id"] == id);
    assert_eq!(webhook.expect("it is there")["enabled"], json!(false));
}
