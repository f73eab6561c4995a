//! The audit log over HTTP: what is in it, what is not, and how much of it.

use serde_json::{Value, json};

use super::{hub, suspend};
use crate::support::person::{array, number, text};
use crate::support::{Hub, Person, until};

async fn entries(staff: &Person) -> Vec<Value> {
    let page = staff.get("/admin/audit?limit=200").await.is(200);
    array(&page, "entries").to_vec()
}

/// Waits for a row: refusals and readings are written a moment later.
pub(crate) async fn row(staff: &Person, what: &str) -> Value {
    until(what, || async { entries(staff).await.into_iter().find(|row| row["what"] == what) }).await
}

#[tokio::test]
async fn every_act_and_every_reading_of_the_staff_is_a_row() {
    let hub = hub().await;
    let (staff, alice, bob) = (hub.staff(), hub.person(42), hub.person(7));
    alice.connect().await.sends_to(&bob, "a secret between us").await;
    let thread = number(&alice.thread_with(&bob).await, "id");
    suspend(&staff, 42).await;
    staff.post("/admin/users/42/restore", &json!({"reason": "a mistake"})).await.is(200);
    staff.post("/admin/users/42/end-sessions", &json!({"reason": "a stolen phone"})).await.is(200);
    staff.get("/admin/users/42").await.is(200);
    staff.get(&format!("/admin/threads/{thread}?reason=report+12")).await.is(200);
    let hook = json!({"url": "http://127.0.0.1:9/hook", "types": ["*"]});
    let webhook = number(&staff.post("/admin/webhooks", &hook).await.is(201), "id");
    staff.delete(&format!("/admin/webhooks/{webhook}")).await.is(204);

    let rows = entries(&staff).await;
    let acts = rows.iter().filter(|row| row["who"] == "admin:2");
    let acts: Vec<_> = acts.map(|row| (text(row, "what"), row["whom"].clone(), row["why"].clone())).collect();
    assert_eq!(
        acts,
        [
            ("audit.read", Value::Null, Value::Null),
            ("webhook.remove", json!(format!("webhook:{webhook}")), Value::Null),
            ("webhook.add", Value::Null, Value::Null),
            ("thread.show", json!(format!("thread:{thread}")), json!("report 12")),
            ("user.show", json!("user:42"), Value::Null),
            ("user.end_sessions", json!("user:42"), json!("a stolen phone")),
            ("user.restore", json!("user:42"), json!("a mistake")),
            ("user.suspend", json!("user:42"), json!("reported for spam")),
        ]
    );
    for row in &rows {
        assert!(row["from"] == "127.0.0.1" || text(row, "who").starts_with("hub:"), "{row}");
        assert_eq!((text(row, "hash").len(), text(row, "at").len()), (64, 24), "{row}");
    }
    assert!(!json!(rows).to_string().contains("between us"), "a message's text is in the log");
    let first = staff.get("/admin/audit?limit=2").await.is(200);
    let second = staff.get(&format!("/admin/audit?limit=2&before={}", first["next"])).await.is(200);
    assert_eq!(number(&second["entries"][0], "id") + 1, number(&first["entries"][1], "id"));
    assert_eq!(first["entries"][1]["previous"], second["entries"][0]["hash"]);
}

/// The log once kept the address, with its password, although it was refused because of that.
#[tokio::test]
async fn an_address_with_a_login_is_refused_before_it_is_written_down() {
    let hub = Hub::start().await;
    let staff = hub.staff();
    for url in [
        "https://shop:hunter2@shop.example/hook",
        "https://hunter2@shop.example/",
        "shop:hunter2@shop.example",
        &format!("https://a.example/{}", "x".repeat(60_000)),
    ] {
        staff.post("/admin/webhooks", &json!({"url": url, "types": ["*"]})).await.refused(400, "bad_request");
    }
    staff.post("/admin/webhooks", &json!({"url": "http://127.0.0.1:9/hook", "types": ["*"]})).await.is(201);
    let rows = entries(&staff).await;
    let added: Vec<&Value> = rows.iter().filter(|row| row["what"] == "webhook.add").collect();
    assert_eq!(added.len(), 1, "{rows:?}");
    assert_eq!(added[0]["detail"], r#"{"types":["*"],"url":"http://127.0.0.1:9/hook"}"#);
    assert!(!json!(rows).to_string().contains("hunter2"), "{rows:?}");
}

/// A row that named the webhook alone hid where its events go from then on.
#[tokio::test]
async fn a_change_of_a_webhook_is_a_row_that_says_what_is_otherwise() {
    let hub = Hub::start().await;
    let staff = hub.staff();
    let made = json!({"url": "http://127.0.0.1:9/hook", "types": ["*"]});
    let path = format!("/admin/webhooks/{}", number(&staff.post("/admin/webhooks", &made).await.is(201), "id"));
    staff.patch(&path, &json!({"url": "https://shop:hunter2@shop.example/"})).await.refused(400, "bad_request");
    staff.patch(&path, &json!({"url": "http://127.0.0.1:9/elsewhere"})).await.is(200);
    staff.patch(&path, &json!({"types": ["message.created"], "enabled": false})).await.is(200);
    let rows = entries(&staff).await;
    let edits = rows.iter().filter(|row| row["what"] == "webhook.edit").map(|row| text(row, "detail"));
    assert_eq!(
        edits.collect::<Vec<_>>(),
        [r#"{"types":["message.created"],"enabled":false}"#, r#"{"url":"http://127.0.0.1:9/elsewhere"}"#]
    );
    assert!(!json!(rows).to_string().contains("hunter2"), "{rows:?}");
}

#[tokio::test]
async fn a_start_is_a_row_with_the_settings_and_without_secrets() {
    let hub = Hub::set(&[("CHAT_EDIT_WINDOW", "7m")]).await;
    let started = row(&hub.staff(), "hub.start").await;
    let settings: Value = serde_json::from_str(text(&started, "detail")).expect("JSON");
    assert_eq!(settings["CHAT_EDIT_WINDOW"], "7m");
    assert!(settings["JWT_SECRET"].is_string(), "{settings}");
    assert!(!settings.to_string().contains(hub.secret()), "{settings}");
}

#[tokio::test]
async fn refused_tokens_and_tickets_are_rows_of_which_a_minute_has_few() {
    let hub = Hub::start().await;
    let (staff, alice) = (hub.staff(), hub.person(42));
    let ticket = alice.ticket().await;
    alice.connect_with(|door| door.credentials = chat_loadtest::client::Credentials::Ticket(ticket.clone())).await;
    alice.knocks(&format!("/chat?ticket={ticket}"), &[]).await.refused(401, "ticket_used");
    let used = row(&staff, "ticket.refused").await;
    assert_eq!((&used["who"], &used["from"]), (&json!("unknown"), &json!("127.0.0.1")));

    let stranger = hub.person_with(42, "no.token.at-all");
    for _ in 0..100 {
        stranger.get("/chat/threads").await.refused(401, "unauthorized");
    }
    // Who shows nothing was refused nothing.
    stranger.knocks("/chat?token=no.token.at-all", &[]).await.refused(401, "unauthorized");
    row(&staff, "token.refused").await;
    let rows = entries(&staff).await;
    let refusals = rows.iter().filter(|row| text(row, "what").ends_with(".refused")).count();
    assert!((2..=10).contains(&refusals), "{refusals} rows of refusals");
}

#[tokio::test]
async fn what_a_proxy_says_of_the_client_counts_if_the_proxy_is_trusted() {
    for (trusted, from) in [("127.0.0.0/8", "192.0.2.7"), ("10.0.0.0/8", "127.0.0.1")] {
        let hub = Hub::set(&[("CHAT_TRUSTED_PROXIES", trusted)]).await;
        let request = hub.person_with(42, "no.token.at-all").ask(reqwest::Method::GET, "/chat/threads");
        let forwarded = request.header("x-forwarded-for", "6.6.6.6, 192.0.2.7");
        crate::support::person::answer(forwarded).await.refused(401, "unauthorized");
        assert_eq!(row(&hub.staff(), "token.refused").await["from"], from);
    }
}

#[tokio::test]
async fn what_the_core_reads_is_counted_for_each_minute_and_written_when_the_hub_ends() {
    let mut hub = Hub::start().await;
    let (core, alice) = (hub.core(), hub.person(42));
    let cursor = core.get("/internal/events").await.is(200)["cursor"].clone();
    alice.connect().await.sends_to(&hub.person(7), "hello").await;
    let after = format!("/internal/events?after={}", cursor.as_str().expect("a cursor"));
    core.get(&after).await.is(200);
    core.get("/chat/threads").await.is(200);
    hub.asks_to_end().await;
    assert!(hub.ends(crate::support::DEADLINE).await.success());
    hub.restart().await;
    let staff = hub.staff();
    let events = row(&staff, "events.read").await;
    let told: Value = serde_json::from_str(text(&events, "detail")).expect("JSON");
    assert_eq!((&events["who"], &told["requests"]), (&json!("service:1"), &json!(2)));
    assert!(number(&told, "objects") >= 1, "{told}");
    assert_eq!(row(&staff, "chat.read").await["who"], "service:1");
}
