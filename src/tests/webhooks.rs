//! Webhooks: `/admin/webhooks`, and what receivers hear.

mod faults;
mod php;
mod presence;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::support::person::{answer, array, number, text};
use crate::support::receiver::{Heard, Manner};
use crate::support::{Hub, Person, Receiver, until};

/// Makes a webhook for some types; returns its id and secret.
pub(super) async fn add(staff: &Person, receiver: &Receiver, types: &[&str]) -> (u64, String) {
    let made = staff.post("/admin/webhooks", &json!({"url": receiver.url(), "types": types})).await.is(201);
    (number(&made, "id"), text(&made, "secret").to_owned())
}

/// Verifies a signature by the words of the standard, and by the standard's own library.
pub(super) fn signs(secret: &str, heard: &Heard) -> bool {
    let header = |value: &str| HeaderValue::from_str(value).expect("a header");
    let headers = HeaderMap::from_iter([
        (HeaderName::from_static("webhook-id"), header(&heard.id)),
        (HeaderName::from_static("webhook-timestamp"), header(&heard.timestamp)),
        (HeaderName::from_static("webhook-signature"), header(&heard.signature)),
    ]);
    let library = standardwebhooks::Webhook::new(secret).expect("a secret of the standard");
    let verified = library.verify(&heard.raw, &headers);
    let key = STANDARD.decode(secret.strip_prefix("whsec_").expect("a secret")).expect("base64");
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("any length");
    mac.update(format!("{}.{}.", heard.id, heard.timestamp).as_bytes());
    mac.update(&heard.raw);
    let wanted = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    let is_signed = heard.signature.split(' ').any(|signature| signature == wanted);
    assert_eq!(verified.is_ok(), is_signed, "{verified:?}: {heard:?}");
    is_signed
}

pub(super) fn content(heard: &Heard) -> &str {
    heard.body["data"]["message"]["content"].as_str().unwrap_or_default()
}

/// Holds a body against the schema of its type in `/openapi.json`.
pub(super) fn follows_its_schema(document: &Value, body: &Value) {
    let kind = text(body, "type");
    let mut schema = document.clone();
    schema["$ref"] = json!(format!("#/webhooks/{kind}/post/requestBody/content/application~1json/schema"));
    let validator = jsonschema::validator_for(&schema).unwrap_or_else(|error| panic!("{kind}: {error}"));
    let wrong: Vec<String> = validator.iter_errors(body).map(|error| error.to_string()).collect();
    assert!(wrong.is_empty(), "{wrong:?} in {body}");
    let nameless = json!({"type": kind, "timestamp": body["timestamp"]});
    assert!(!validator.is_valid(&nameless), "the schema of {kind} takes anything");
}

pub(super) async fn deliveries(staff: &Person, id: u64, rest: &str) -> Vec<Value> {
    let page = staff.get(&format!("/admin/webhooks/{id}/deliveries{rest}")).await.is(200);
    array(&page, "deliveries").to_vec()
}

#[tokio::test]
async fn a_receiver_hears_what_happens_signed_and_in_order() {
    let hub = Hub::start().await;
    let (staff, alice, bob, receiver) = (hub.staff(), hub.person(42), hub.person(7), Receiver::start().await);
    let mut laptop = alice.connect().await;
    laptop.sends_to(&bob, "before it was made").await;
    let (id, secret) = add(&staff, &receiver, &["*"]).await;
    let ack = laptop.sends_to(&bob, "hello").await;
    laptop.says(json!({"type": "message_edit", "message_id": ack["message_id"], "content": "hello!"})).await;
    laptop.expect("message_updated").await;
    let mut desk = bob.connect().await;
    desk.says(json!({"type": "message_seen", "thread_id": ack["thread_id"]})).await;
    laptop.expect("messages_seen").await;
    laptop.says(json!({"type": "message_delete", "message_id": ack["message_id"]})).await;
    laptop.expect("message_deleted").await;
    let heard = receiver.takes(4).await;
    let types: Vec<&str> = heard.iter().map(|heard| text(&heard.body, "type")).collect();
    assert_eq!(types, ["message.created", "message.updated", "thread.seen", "message.deleted"]);
    for one in &heard {
        assert!(signs(&secret, one), "{one:?}");
        assert!(one.timestamp.parse::<i64>().is_ok() && text(&one.body, "timestamp").ends_with('Z'), "{one:?}");
    }
    let document = hub.person(1).get("/openapi.json").await.is(200);
    heard.iter().for_each(|one| follows_its_schema(&document, &one.body));
    assert_eq!(heard[0].body["data"]["user_ids"], json!([7, 42]));
    assert_eq!(heard[0].id, format!("{}_m{}_c", &heard[0].id[..12], ack["message_id"]));
    // The feed tells the same under the same ids.
    let all = until("all are noted", || async {
        let all = deliveries(&staff, id, "?status=ok").await;
        (all.len() == 4).then_some(all)
    })
    .await;
    assert_eq!(all[3]["event_id"], heard[0].id.as_str());
    assert_eq!((&all[3]["code"], &all[3]["attempts"], &all[3]["next_at"]), (&json!(204), &json!(1), &Value::Null));
    // They are written once a second.
    until("the metrics", || async {
        let metrics = hub.person(1).get("/metrics").await.text;
        let told = ["deliveries_total{result=\"ok\"} 4", "lag_seconds", "disabled 0"];
        told.iter().all(|name| metrics.contains(&format!("chat_webhook_{name}"))).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_receiver_hears_the_types_that_it_asked_for() {
    let hub = Hub::start().await;
    let (staff, core, receiver) = (hub.staff(), hub.core(), Receiver::start().await);
    add(&staff, &receiver, &["notification.created", "thread.created"]).await;
    hub.person(42).connect().await.sends_to(&hub.person(7), "hello").await;
    let notice = json!({"user_ids": [7, 8], "type": "order.paid", "title": "Paid", "body": "Thanks"});
    core.post("/internal/notifications", &notice).await.is(202);
    let heard = receiver.takes(3).await;
    let mut types: Vec<&str> = heard.iter().map(|heard| text(&heard.body, "type")).collect();
    types.sort_unstable();
    assert_eq!(types, ["notification.created", "notification.created", "thread.created"]);
}

#[tokio::test]
async fn only_staff_may_touch_webhooks() {
    let hub = Hub::start().await;
    let receiver = Receiver::start().await;
    let (id, _) = add(&hub.staff(), &receiver, &["*"]).await;
    let operations = [
        (Method::POST, "/admin/webhooks".to_owned()),
        (Method::GET, "/admin/webhooks".to_owned()),
        (Method::PATCH, format!("/admin/webhooks/{id}")),
        (Method::POST, format!("/admin/webhooks/{id}/secret")),
        (Method::POST, format!("/admin/webhooks/{id}/test")),
        (Method::GET, format!("/admin/webhooks/{id}/deliveries")),
        (Method::POST, format!("/admin/webhooks/{id}/deliveries/1/retry")),
        (Method::POST, format!("/admin/webhooks/{id}/replay")),
        (Method::DELETE, format!("/admin/webhooks/{id}")),
    ];
    for (method, path) in operations {
        for person in [hub.person(42), hub.core()] {
            answer(person.ask(method.clone(), &path).json(&json!({}))).await.refused(403, "forbidden");
        }
        answer(hub.staff().request(method, &path).json(&json!({}))).await.refused(401, "unauthorized");
    }
}

#[tokio::test]
async fn what_cannot_be_a_webhook_is_refused() {
    let hub = Hub::start().await;
    let (staff, receiver) = (hub.staff(), Receiver::start().await);
    for body in [
        json!({}),
        json!({"url": receiver.url()}),
        json!({"url": receiver.url(), "types": []}),
        json!({"url": receiver.url(), "types": ["message.read"]}),
        json!({"url": receiver.url(), "types": ["*"], "description": "x".repeat(256)}),
        json!({"url": "shop.example", "types": ["*"]}),
        json!({"url": "https:///hunter2", "types": ["*"]}),
        json!({"url": "http://shop.example/hook", "types": ["*"]}),
        json!({"url": "ftp://shop.example/hook", "types": ["*"]}),
        json!({"url": "https://10.0.0.1/hook", "types": ["*"]}),
        json!({"url": "https://169.254.169.254/latest/meta-data", "types": ["*"]}),
        json!({"url": "https://[::ffff:192.168.0.1]/hook", "types": ["*"]}),
        json!({"url": "https://user:password@shop.example/hook", "types": ["*"]}),
    ] {
        staff.post("/admin/webhooks", &body).await.refused(400, "bad_request");
    }
    let (id, _) = add(&staff, &receiver, &["*"]).await;
    let path = format!("/admin/webhooks/{id}");
    for body in [json!({"url": "https://10.0.0.1/"}), json!({"types": ["x"]})] {
        staff.patch(&path, &body).await.refused(400, "bad_request");
    }
    staff.patch("/admin/webhooks/1", &json!({})).await.refused(404, "not_found");
    staff.delete("/admin/webhooks/1").await.refused(404, "not_found");
    staff.get(&format!("{path}/deliveries?status=x")).await.refused(400, "bad_request");
    staff.post(&format!("{path}/deliveries/1/retry"), &json!({})).await.refused(404, "not_found");
    staff.post(&format!("{path}/secret"), &json!({"overlap_hours": 73})).await.refused(400, "bad_request");
    let long_ago = json!({"since": "2020-01-01T00:00:00Z", "only": "all"});
    staff.post(&format!("{path}/replay"), &long_ago).await.refused(400, "bad_request");
    let allowed = Hub::set(&[("CHAT_WEBHOOK_ALLOW", "10.0.0.0/8")]).await;
    let inside = json!({"url": "https://10.0.0.1/hook", "types": ["*"], "enabled": false});
    allowed.staff().post("/admin/webhooks", &inside).await.is(201);
}

#[tokio::test]
async fn a_webhook_is_changed_disabled_and_removed() {
    let hub = Hub::start().await;
    let (staff, bob, receiver, witness) =
        (hub.staff(), hub.person(7), Receiver::start().await, Receiver::start().await);
    let (id, secret) = add(&staff, &receiver, &["message.created"]).await;
    let path = format!("/admin/webhooks/{id}");
    let list = staff.get("/admin/webhooks").await.is(200);
    let listed = &array(&list, "webhooks")[0];
    assert_eq!((number(listed, "id"), &listed["enabled"]), (id, &json!(true)));
    assert!(!list.to_string().contains(&secret), "a secret is shown once");
    let mut laptop = hub.person(42).connect().await;
    laptop.sends_to(&bob, "one").await;
    receiver.takes(1).await;
    let changed = staff.patch(&path, &json!({"enabled": false, "description": "paused"})).await.is(200);
    assert_eq!((&changed["enabled"], &changed["description"]), (&json!(false), &json!("paused")));
    laptop.sends_to(&bob, "unheard").await;
    staff.patch(&path, &json!({"enabled": true})).await.is(200);
    laptop.sends_to(&bob, "two").await;
    let heard = receiver.takes(2).await;
    assert_eq!(heard.iter().map(content).collect::<Vec<_>>(), ["one", "two"]);
    assert_eq!(staff.delete(&path).await.status, 204);
    add(&staff, &witness, &["message.created"]).await;
    laptop.sends_to(&bob, "three").await;
    witness.takes(1).await;
    assert_eq!(receiver.heard().len(), 2, "a webhook that was removed hears nothing");
}

#[tokio::test]
async fn a_secret_is_changed_with_and_without_an_overlap() {
    let hub = Hub::start().await;
    let (staff, receiver) = (hub.staff(), Receiver::start().await);
    let (id, old) = add(&staff, &receiver, &["*"]).await;
    let test = async || {
        let heard = receiver.heard().len();
        let tested = staff.post(&format!("/admin/webhooks/{id}/test"), &json!({})).await.is(200);
        assert_eq!(tested["status"], 204);
        receiver.heard()[heard].clone()
    };
    let rotate = async |hours: u64| {
        let body = json!({"overlap_hours": hours});
        let answer = staff.post(&format!("/admin/webhooks/{id}/secret"), &body).await.is(200);
        text(&answer, "secret").to_owned()
    };
    assert!(signs(&old, &test().await));
    let second = rotate(1).await;
    let both = test().await;
    assert!(signs(&old, &both) && signs(&second, &both) && both.signature.contains(' '), "{both:?}");
    let third = rotate(0).await;
    let alone = test().await;
    assert!(signs(&third, &alone) && !signs(&second, &alone) && !alone.signature.contains(' '), "{alone:?}");
}

#[tokio::test]
async fn a_test_says_what_the_receiver_answered() {
    let hub = Hub::start().await;
    let (staff, mut receiver) = (hub.staff(), Receiver::start().await);
    let (id, secret) = add(&staff, &receiver, &["*"]).await;
    let test = async || staff.post(&format!("/admin/webhooks/{id}/test"), &json!({})).await.is(200);
    receiver.answers(Manner::Says(418, "", "short and stout".to_owned()));
    let tested = test().await;
    assert_eq!((&tested["status"], &tested["body"]), (&json!(418), &json!("short and stout")));
    assert!(tested["ms"].is_u64());
    let heard = receiver.heard().remove(0);
    assert!(signs(&secret, &heard) && heard.body["type"] == "webhook.test", "{heard:?}");
    receiver.goes();
    let tested = test().await;
    assert_eq!(tested["status"], Value::Null);
    assert!(text(&tested, "body").contains("refused"), "{tested}");
}

#[tokio::test]
async fn what_has_arrived_is_sent_again_when_it_is_asked_for() {
    let hub = Hub::start().await;
    let (staff, bob, receiver) = (hub.staff(), hub.person(7), Receiver::start().await);
    let (id, _) = add(&staff, &receiver, &["message.created"]).await;
    let mut laptop = hub.person(42).connect().await;
    for number in 0..5 {
        laptop.sends_to(&bob, &number.to_string()).await;
    }
    receiver.takes(5).await;
    let all = until("all are noted", || async {
        let all = deliveries(&staff, id, "?status=ok&limit=5").await;
        (all.len() == 5).then_some(all)
    })
    .await;
    let first = staff.get(&format!("/admin/webhooks/{id}/deliveries?limit=2")).await.is(200);
    let second = staff.get(&format!("/admin/webhooks/{id}/deliveries?limit=3&before={}", first["next"])).await.is(200);
    assert_eq!([array(&first, "deliveries"), array(&second, "deliveries")].concat(), all);
    assert_eq!(second["next"], Value::Null);
    let retry = format!("/admin/webhooks/{id}/deliveries/{}/retry", all[0]["id"]);
    staff.post(&retry, &json!({})).await.is(202);
    until("the retry", || async { (receiver.heard().len() == 6).then_some(()) }).await;
    assert_eq!(receiver.heard()[5].id, text(&all[0], "event_id"));
    let since = json!({"since": all[4]["at"], "only": "failed"});
    let nothing = staff.post(&format!("/admin/webhooks/{id}/replay"), &since).await.is(202);
    assert_eq!(nothing["count"], 0);
    until("the retry is noted", || async {
        (deliveries(&staff, id, "?status=ok&limit=5").await.len() == 5).then_some(())
    })
    .await;
    let since = json!({"since": all[4]["at"], "only": "all"});
    let replayed = staff.post(&format!("/admin/webhooks/{id}/replay"), &since).await.is(202);
    assert_eq!(replayed["count"], 5);
    until("the replay", || async { (receiver.heard().len() == 11).then_some(()) }).await;
    let again: Vec<String> = receiver.heard()[6..].iter().map(|heard| content(heard).to_owned()).collect();
    assert_eq!(again, ["0", "1", "2", "3", "4"], "oldest first");
}

#[tokio::test]
async fn webhooks_are_managed_at_the_machine() {
    let hub = Hub::start().await;
    let (bob, receiver) = (hub.person(7), Receiver::start().await);
    let run = async |arguments: &[&str]| {
        let mut command = tokio::process::Command::new(crate::support::hub::program());
        command.arg("webhooks").args(arguments).envs(&hub.launch.settings).current_dir(hub.folder().path());
        let output = command.output().await.expect("the program runs");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("text")
    };
    let added: Value = serde_json::from_str(&run(&["add", "--url", &receiver.url()]).await).expect("JSON");
    let (id, secret) = (number(&added, "id").to_string(), text(&added, "secret"));
    let listed = run(&["list"]).await;
    assert!(listed.contains(&id) && !listed.contains(secret), "{listed}");
    let tested = run(&["test", &id]).await;
    assert!(tested.contains("204"), "{tested}");
    assert!(signs(secret, &receiver.heard()[0]));
    // The hub notices by itself.
    hub.person(42).connect().await.sends_to(&bob, "hello").await;
    let heard = receiver.hears("the message", |heard| content(heard) == "hello").await;
    assert!(signs(secret, &heard));
    until("it is noted", || async {
        (!deliveries(&hub.staff(), number(&added, "id"), "?status=ok").await.is_empty()).then_some(())
    })
    .await;
    let replayed: Value =
        serde_json::from_str(&run(&["replay", &id, "--since", "1h", "--only", "all"]).await).expect("JSON");
    assert!(number(&replayed, "count") >= 1);
    run(&["remove", &id]).await;
    assert_eq!(run(&["list"]).await, "");
}
