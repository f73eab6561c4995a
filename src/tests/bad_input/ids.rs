//! Ids: as numbers, as strings, and in every wrong form.

use reqwest::Method;
use serde_json::json;

use crate::support::person::{answer, number};
use crate::support::{Device, Hub, Person};

#[tokio::test]
async fn ids_of_every_wrong_kind_are_refused() {
    let hub = Hub::start().await;
    let alice = hub.person(42);
    let mut laptop = alice.connect().await;
    let wrong = [
        "0",
        "-1",
        "1.5",
        "7e-1",
        "1e16",
        "9007199254740992",
        "18446744073709551616",
        "1e400",
        "\"\"",
        "\"x\"",
        "\"-1\"",
        "\"+1\"",
        "\" 1\"",
        "\"1.0\"",
        "\"0x1\"",
        "\"١\"",
        "[]",
        "{}",
        "true",
        "[1]",
    ];
    for value in wrong {
        for frame in [
            format!(r#"{{"type":"message_send","temp_id":"t","receiver_id":{value},"content":"x"}}"#),
            format!(r#"{{"type":"message_send","temp_id":"t","thread_id":{value},"content":"x"}}"#),
            format!(r#"{{"type":"message_send","temp_id":"t","receiver_id":7,"content":"x","reply_to":{value}}}"#),
            format!(r#"{{"type":"message_edit","message_id":{value},"content":"x"}}"#),
            format!(r#"{{"type":"message_delete","message_id":{value}}}"#),
            format!(r#"{{"type":"message_seen","thread_id":{value}}}"#),
            format!(r#"{{"type":"typing","to":{value}}}"#),
            format!(r#"{{"type":"who_is_online","user_ids":[{value}]}}"#),
            format!(r#"{{"type":"notification_read","id":{value}}}"#),
        ] {
            laptop.says_raw(&frame).await;
            let error = laptop.expect("error").await;
            // 1e400 is beyond what JSON's readers take for a number: not even a frame.
            assert_eq!(error["code"], "bad_request", "{frame} was answered with {error}");
            laptop.settles().await;
        }
        let path: String = value.trim_matches('"').bytes().map(|byte| format!("%{byte:02X}")).collect();
        if !path.is_empty() {
            let answered = alice.get(&format!("/chat/messages?thread_id={path}")).await;
            answered.refused(400, "bad_request");
            let answered = alice.delete(&format!("/chat/messages/{path}")).await;
            assert!(matches!(answered.status, 400 | 404), "{value}: {}", answered.text);
        }
    }
    for id in ["7", "\"7\"", "\"07\"", "7.0", "7e0", "0.7E1"] {
        laptop.says_raw(&format!(r#"{{"type":"who_is_online","user_ids":[{id}]}}"#)).await;
        laptop.expect("online_users").await;
    }
    laptop
        .is_refused(json!({"type": "message_send", "temp_id": "s", "receiver_id": 42, "content": "me"}), "self_message")
        .await;
    laptop.is_refused(json!({"type": "message_send", "temp_id": "s", "content": "no receiver"}), "bad_request").await;
}

/// PHP and Gson write whole numbers so.
#[tokio::test]
async fn ids_may_be_whole_floats_wherever_one_stands() {
    let hub = Hub::start().await;
    let (alice, bob) = (hub.person(42), hub.person(7));
    let mut laptop = alice.connect().await;
    let says = async |laptop: &mut Device, text: String, kind: &str| {
        laptop.says_raw(&text).await;
        laptop.expect(kind).await
    };
    let sent = r#"{"type":"message_send","sender_id":42.0,"temp_id":"f","receiver_id":7e0,"content":"x","extra_data":{"product_id":5.0}}"#;
    let ack = says(&mut laptop, sent.to_owned(), "message_ack").await;
    let (thread, message) = (&ack["thread_id"], &ack["message_id"]);
    let reply = format!(
        r#"{{"type":"message_send","from":4.2e1,"temp_id":"g","thread_id":{thread}.0,"content":"y","reply_to":{message}.0}}"#
    );
    assert_eq!(says(&mut laptop, reply, "message_ack").await["seq"], 2);
    let edit = format!(r#"{{"type":"message_edit","message_id":{message}e0,"content":"z"}}"#);
    assert_eq!(says(&mut laptop, edit, "message_updated").await["content"], "z");
    let mut desk = bob.connect().await;
    let delivered = format!(r#"{{"type":"message_delivered","thread_id":{thread}.0,"up_to":1e0}}"#);
    desk.says_raw(&delivered).await;
    assert_eq!(laptop.expect("messages_delivered").await["up_to"], 1);
    desk.says_raw(&format!(r#"{{"type":"message_seen","user_id":7.0,"thread_id":{thread}.0,"up_to":1.0}}"#)).await;
    assert_eq!(laptop.expect("messages_seen").await["up_to"], 1);
    desk.says_raw(r#"{"type":"typing","to":42.0}"#).await;
    assert_eq!(laptop.expect("typing").await["from"], 7);
    laptop.says_raw(r#"{"type":"who_is_online","user_ids":[7.0,7e0,"7"]}"#).await;
    assert_eq!(laptop.expect("online_users").await["users"], json!([7]));
    let rest = async |by: &Person, path: &str, body: String| {
        answer(by.ask(Method::POST, path).header("content-type", "application/json").body(body)).await
    };
    let send = r#"{"receiver_id":7.0,"user_id":42.0,"content":"by REST"}"#;
    assert_eq!(rest(&alice, "/chat/send", send.to_owned()).await.is(201)["message"]["seq"], 3);
    rest(&alice, "/chat/send", r#"{"receiver_id":7.5,"content":"no"}"#.to_owned()).await.refused(400, "bad_request");
    let read = rest(&bob, &format!("/chat/threads/{thread}/read"), r#"{"up_to":3.0}"#.to_owned()).await.is(200);
    assert_eq!(read["read_seq"], 3);
    let notice = r#"{"user_ids":[7.0,8e0],"type":"order","title":"t","body":"b","related_id":17.0}"#;
    assert_eq!(rest(&hub.core(), "/internal/notifications", notice.to_owned()).await.is(202)["created"], 2);
}

#[tokio::test]
async fn what_the_core_and_the_staff_count_may_be_whole_floats() {
    let hub = Hub::start().await;
    let (alice, core, staff) = (hub.person(42), hub.core(), hub.staff());
    let says = async |by: &Person, method: Method, path: &str, body: &str| {
        answer(by.ask(method, path).header("content-type", "application/json").body(body.to_owned())).await
    };
    let profile = r#"{"profiles":[{"user_id":42.0,"name":"Alice"}]}"#;
    assert_eq!(says(&core, Method::PUT, "/internal/profiles", profile).await.is(200)["changed"], 1);
    let card =
        r#"{"cards":[{"kind":"product","id":5.0,"version":3e0,"title":"A lamp","url":"https://shop.example/5"}]}"#;
    assert_eq!(says(&core, Method::PUT, "/internal/cards", card).await.is(200)["changed"], 1);
    let said = r#"{"user_a":42.0,"user_b":7e0,"text":"Paid","dedupe_key":"k","card":{"kind":"product","id":5e0}}"#;
    let system = says(&core, Method::POST, "/internal/messages", said).await.is(201);
    assert_eq!((&system["message"]["card"]["id"], &system["message"]["card"]["version"]), (&json!("5"), &json!(3)));
    let sent = r#"{"receiver_id":7.0,"content":"x","card":{"kind":"product","id":5.0}}"#;
    assert_eq!(says(&alice, Method::POST, "/chat/send", sent).await.is(201)["message"]["card"]["id"], "5");

    let hook = json!({"url": "http://127.0.0.1:9/hook", "types": ["*"], "enabled": false});
    let webhook = number(&staff.post("/admin/webhooks", &hook).await.is(201), "id");
    let path = format!("/admin/webhooks/{webhook}/secret");
    says(&staff, Method::POST, &path, r#"{"overlap_hours":2.0}"#).await.is(200);
    says(&staff, Method::POST, &path, r#"{"overlap_hours":2.5}"#).await.refused(400, "bad_request");

    let part =
        |name: &str, value: &str| format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    let form = |receiver: &str| {
        let fields =
            [("receiver_id", receiver), ("extra_data[product_id]", "5e0"), ("content", "7.0"), ("from", "42.0")];
        fields.map(|(name, value)| part(name, value)).concat() + "--b--\r\n"
    };
    let sends = async |receiver: &str| {
        let request = alice.ask(Method::POST, "/chat/send").header("content-type", "multipart/form-data; boundary=b");
        answer(request.body(form(receiver))).await
    };
    let stored = sends("7.0").await.is(201);
    assert_eq!(
        (&stored["message"]["content"], &stored["message"]["extra_data"]["product_id"]),
        (&json!("7.0"), &json!(5))
    );
    sends("7.5").await.refused(400, "bad_request");
}
