//! Cards: what conversations of the marketplace are about (PROTOCOL 6.3).

use serde_json::{Value, json};

use crate::support::person::{answer, array, text};
use crate::support::scene::Scene;
use crate::support::{Hub, Person};

/// A product with everything that a card may hold.
fn lamp(version: u64, title: &str) -> Value {
    json!({
        "kind": "product", "id": "5", "version": version, "title": title, "subtitle": "brass", "image_url": "https://shop.example/5.webp",
        "amount": "250000.00", "currency": "UGX", "url": "https://shop.example/p/5", "state": null,
    })
}

fn product() -> Value {
    json!({"kind": "product", "id": "5"})
}

/// Has the core put cards; returns how many changed.
async fn puts(hub: &Hub, cards: Value) -> Value {
    hub.core().put("/internal/cards", &json!({"cards": cards})).await.is(200)["changed"].clone()
}

async fn reads(who: &Person, refs: &str) -> Value {
    who.get(&format!("/chat/cards?refs={refs}")).await.is(200)["cards"].clone()
}

#[tokio::test]
async fn a_message_shows_its_card_as_it_was_when_it_was_sent() {
    let (mut scene, _) = Scene::begun().await;
    assert_eq!(puts(&scene.hub, json!([lamp(1, "A lamp")])).await, 1);
    let (mut missing, cursor) = crate::support::scene::away(&scene.alice, &scene.hub.person(8)).await;
    scene.laptop.sends(json!({"temp_id": "c-1", "receiver_id": 7, "content": "this one?", "card": product()})).await;
    // A card alone is no empty message.
    scene.laptop.sends(json!({"temp_id": "c-2", "receiver_id": 7, "card": {"kind": "product", "id": 5}})).await;
    missing.sends(json!({"temp_id": "c-3", "receiver_id": 8, "card": product()})).await;
    let told = scene.desk.receives("this one?").await;
    assert_eq!((&told["card"], &told["extra_data"]), (&lamp(1, "A lamp"), &Value::Null));
    assert_eq!(scene.desk.expect("new_message").await["card"], lamp(1, "A lamp"));

    assert_eq!(puts(&scene.hub, json!([lamp(2, "Sold")])).await, 1);
    for device in [&mut scene.laptop, &mut scene.phone, &mut scene.desk, &mut scene.tablet] {
        assert_eq!(device.expect("card_updated").await["card"], lamp(2, "Sold"));
    }
    for message in &scene.bob.history_with(&scene.alice).await[1..] {
        assert_eq!(message["card"], lamp(1, "A lamp"), "history");
    }
    assert_eq!(scene.bob.thread_with(&scene.alice).await["last_message"]["card"], lamp(1, "A lamp"), "inbox");
    let mut back = scene.hub.person(8).resumes(&cursor).await;
    let missed = back.catches_up().await;
    let missed = missed.iter().find(|frame| frame["type"] == "new_message").expect("what was missed");
    assert_eq!(missed["card"], lamp(1, "A lamp"), "replay");
    let synced = scene.hub.person(8).get(&format!("/chat/sync?cursor={cursor}")).await.is(200);
    let event = array(&synced, "events").iter().find(|event| event["type"] == "new_message").expect("what was missed");
    assert_eq!(event["card"], lamp(1, "A lamp"), "sync");
    assert_eq!(reads(&scene.bob, "product:5").await, json!([lamp(2, "Sold")]));
}

#[tokio::test]
async fn a_card_is_part_of_what_a_key_stands_for() {
    let (scene, _) = Scene::begun().await;
    puts(&scene.hub, json!([lamp(1, "A lamp"), {"kind": "shop", "id": "5", "version": 1, "title": "Lamps", "url": "https://shop.example/"}])).await;
    let message = |card: Value| json!({"temp_id": "k", "receiver_id": 7, "content": "hi", "card": card});
    let first = scene.alice.post("/chat/send", &message(product())).await.is(201);
    assert_eq!(first["message"]["card"], lamp(1, "A lamp"));
    puts(&scene.hub, json!([lamp(2, "Sold")])).await;
    let again = scene.alice.post("/chat/send", &message(product())).await.is(200);
    assert_eq!(
        (&again["message"]["card"], &again["duplicate"]),
        (&lamp(1, "A lamp"), &json!(true)),
        "whatever became of the card"
    );
    for other in [json!({"kind": "shop", "id": "5"}), Value::Null] {
        scene.alice.post("/chat/send", &message(other)).await.refused(409, "temp_id_conflict");
    }
}

#[tokio::test]
async fn an_unknown_card_is_not_found_and_a_bad_one_is_refused() {
    let (mut scene, _) = Scene::begun().await;
    let with =
        |card: Value| json!({"type": "message_send", "temp_id": "u", "receiver_id": 7, "content": "hi", "card": card});
    scene.laptop.is_refused(with(product()), "not_found").await;
    scene.alice.post("/chat/send", &with(product())).await.refused(404, "not_found");
    for bad in [
        json!("product:5"),
        json!({"kind": "user", "id": "5"}),
        json!({"kind": "product"}),
        json!({"kind": "product", "id": ""}),
    ] {
        scene.laptop.is_refused(with(bad.clone()), "bad_request").await;
        scene.alice.post("/chat/send", &with(bad)).await.refused(400, "bad_request");
    }
    // What was refused left no trace of its key.
    puts(&scene.hub, json!([lamp(1, "A lamp")])).await;
    scene.laptop.sends(with(product())).await;
}

#[tokio::test]
async fn a_message_about_a_product_shows_its_card_and_a_form_may_name_one() {
    let (mut scene, _) = Scene::begun().await;
    scene
        .laptop
        .sends(json!({"temp_id": "p-1", "receiver_id": 7, "content": "before", "extra_data": {"product_id": 5}}))
        .await;
    puts(&scene.hub, json!([lamp(1, "A lamp")])).await;
    scene
        .laptop
        .sends(json!({"temp_id": "p-2", "receiver_id": 7, "content": "after", "extra_data": {"product_id": 5}}))
        .await;
    for (content, card) in [("before", Value::Null), ("after", lamp(1, "A lamp"))] {
        let message = scene.desk.receives(content).await;
        assert_eq!((&message["extra_data"], &message["card"]), (&json!({"product_id": 5}), &card), "{content}");
    }
    let part =
        |name: &str, value: &str| format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    let form = [
        part("receiver_id", "7"),
        part("temp_id", "f"),
        part("card[kind]", "product"),
        part("card[id]", "5"),
        "--b--\r\n".to_owned(),
    ];
    let request =
        scene.alice.ask(reqwest::Method::POST, "/chat/send").header("content-type", "multipart/form-data; boundary=b");
    let stored = answer(request.body(form.concat())).await.is(201);
    assert_eq!(stored["message"]["card"], lamp(1, "A lamp"));
}

#[tokio::test]
async fn a_deleted_message_shows_no_card() {
    let (mut scene, _) = Scene::begun().await;
    puts(&scene.hub, json!([lamp(1, "A lamp")])).await;
    let ack = scene.laptop.sends(json!({"temp_id": "d", "receiver_id": 7, "card": product()})).await;
    scene.alice.delete(&format!("/chat/messages/{}", ack["message_id"])).await.is(204);
    let history = scene.bob.history_with(&scene.alice).await;
    assert_eq!((&history[1]["card"], &history[1]["deleted"]), (&Value::Null, &json!(true)));
}

#[tokio::test]
async fn members_of_threads_alone_hear_of_a_changed_card() {
    let (mut scene, _) = Scene::begun().await;
    let mut strangers = scene.hub.person(8).connect().await;
    puts(&scene.hub, json!([lamp(1, "A lamp")])).await;
    scene.laptop.sends(json!({"temp_id": "m", "receiver_id": 7, "card": product()})).await;
    assert_eq!(puts(&scene.hub, json!([lamp(1, "A lamp")])).await, 0, "the same again");
    assert_eq!(puts(&scene.hub, json!([lamp(3, "Sold")])).await, 1);
    // The first version may be told of only now: an update says how the card is when its readers are looked up.
    let sold = scene.desk.expect_where("card_updated", |frame| frame["card"]["version"] != 1).await;
    assert_eq!(sold["card"], lamp(3, "Sold"));
    assert_eq!(puts(&scene.hub, json!([lamp(2, "Reserved")])).await, 0, "an older one");
    assert_eq!(puts(&scene.hub, json!([lamp(4, "Gone")])).await, 1);
    assert_eq!(scene.desk.expect("card_updated").await["card"], lamp(4, "Gone"));
    strangers.heard_nothing_of(&["card_updated"]).await;
}

#[tokio::test]
async fn five_hundred_cards_with_a_bad_one_are_refused_whole() {
    let hub = Hub::start().await;
    let mut cards: Vec<Value> = (1..=500)
        .map(|id| json!({"kind": "product", "id": id.to_string(), "version": 1, "title": format!("Product {id}"), "amount": "1.00", "currency": "UGX", "url": format!("https://shop.example/p/{id}")}))
        .collect();
    cards[17]["currency"] = json!("UGXX");
    let refused = hub.core().put("/internal/cards", &json!({"cards": cards})).await;
    refused.refused(400, "bad_request");
    assert_eq!(text(&refused.body["error"], "message"), r#"cards[17] "18": currency "UGXX" is none of ISO 4217"#);
    let alice = hub.person(42);
    assert_eq!(reads(&alice, "product:1").await, json!([]), "nothing is half done");
    cards[17]["currency"] = json!("UGX");
    assert_eq!(puts(&hub, json!(cards)).await, 500);
    assert_eq!(
        array(&json!({"cards": reads(&alice, "product:1,product:500,product:501,shop:1").await}), "cards").len(),
        2
    );
    cards.push(lamp(1, "one too many"));
    hub.core().put("/internal/cards", &json!({"cards": cards})).await.refused(400, "bad_request");
}

#[tokio::test]
async fn only_the_core_puts_cards_and_only_users_read_them() {
    let hub = Hub::start().await;
    let body = json!({"cards": [lamp(1, "A lamp")]});
    for who in [hub.person(42), hub.staff()] {
        who.put("/internal/cards", &body).await.refused(403, "forbidden");
    }
    let stranger = hub.person(42);
    answer(stranger.request(reqwest::Method::PUT, "/internal/cards").json(&body)).await.refused(401, "unauthorized");
    answer(stranger.request(reqwest::Method::GET, "/chat/cards?refs=product:5")).await.refused(401, "unauthorized");
    assert_eq!(reads(&hub.person(42), "product:5").await, json!([]));
    hub.person(42).get("/chat/cards").await.refused(400, "bad_request");
    hub.person(42).get("/chat/cards?refs=5").await.refused(400, "bad_request");
}
