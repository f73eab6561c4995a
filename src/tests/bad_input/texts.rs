//! Texts: how long they may be, and which of them count as empty.

use serde_json::json;

use crate::support::Hub;

#[tokio::test]
async fn texts_are_counted_in_characters_and_come_back_as_they_were() {
    let hub = Hub::start().await;
    let (alice, bob) = (hub.person(42), hub.person(7));
    let (mut laptop, mut desk) = (alice.connect().await, bob.connect().await);
    for content in [
        "🙂".repeat(4_000),
        "שלום עולם".to_owned(),
        "\u{202e}abc\u{202c}".to_owned(),
        " padded ".to_owned(),
        "\u{1F468}\u{200D}\u{1F469}".to_owned(),
        "line\r\nline\t\"quoted\" \\ /".to_owned(),
        "\u{feff}bom".to_owned(),
        "\u{fffd}\u{ffff}".to_owned(),
    ] {
        laptop.sends_to(&bob, &content).await;
        desk.receives(&content).await;
    }
    let history = bob.history_with(&alice).await;
    for (content, code) in [
        ("🙂".repeat(4_001), "text_too_long"),
        (String::new(), "empty_message"),
        (" \t\r\n\u{a0}\u{2003}\u{3000}".to_owned(), "empty_message"),
        ("a\u{0}b".to_owned(), "bad_request"),
    ] {
        let send = json!({"type": "message_send", "temp_id": "x", "receiver_id": 7, "content": content});
        assert_eq!(laptop.is_refused(send.clone(), code).await["temp_id"], "x");
        alice.post("/chat/send", &send).await.refused(400, code);
        let edit = json!({"type": "message_edit", "message_id": history[0]["id"], "content": content});
        laptop.is_refused(edit, code).await;
        alice
            .patch(&format!("/chat/messages/{}", history[0]["id"]), &json!({"content": content}))
            .await
            .refused(400, code);
    }
}

#[tokio::test]
async fn a_text_that_shows_nothing_is_empty_and_one_that_merely_contains_such_is_not() {
    #[derive(serde::Deserialize)]
    struct Texts {
        blank: Vec<String>,
        shown: Vec<String>,
    }
    let texts: Texts = serde_json::from_str(include_str!("../../../web/tests/support/texts.json")).expect("texts");
    assert!(texts.blank.len() > 30 && texts.shown.len() > 20);
    let hub = Hub::set(&[("CHAT_RATE_LIMIT", "off")]).await;
    let (alice, bob) = (hub.person(42), hub.person(7));
    let mut laptop = alice.connect().await;
    laptop.sends_to(&bob, "to be edited").await;
    let message_id = bob.history_with(&alice).await[0]["id"].clone();
    // Each by one of the doors; `chat_actors` holds all of them to the one function that decides.
    for (n, content) in texts.blank.iter().enumerate() {
        let send = json!({"type": "message_send", "temp_id": "x", "receiver_id": 7, "content": content});
        let edit = json!({"type": "message_edit", "message_id": message_id, "content": content});
        match n % 4 {
            0 => drop(laptop.is_refused(send, "empty_message").await),
            1 => alice.post("/chat/send", &send).await.refused(400, "empty_message"),
            2 => drop(laptop.is_refused(edit, "empty_message").await),
            _ => alice.patch(&format!("/chat/messages/{message_id}"), &edit).await.refused(400, "empty_message"),
        }
    }
    let mut desk = bob.connect().await;
    for content in &texts.shown {
        laptop.sends_to(&bob, content).await;
        desk.receives(content).await;
    }
    let history = bob.history_with(&alice).await;
    assert_eq!(history[0]["content"], "to be edited");
    assert_eq!(history.len(), 1 + texts.shown.len(), "and nothing else was stored");
}
