//! What else is heard at the other hub over NATS, long before it polls: pictures, and the marketplace's notifications.

use serde_json::json;

use super::*;
use crate::images::form::{PIXEL, ids, uploads};
use crate::support::person::{array, number, text};

#[tokio::test]
async fn pictures_are_heard_at_the_other_hub_with_links_that_are_good_there() {
    if !wanted("pictures_are_heard_at_the_other_hub_with_links_that_are_good_there") {
        return;
    }
    let hubs = Pair::start("60s").await;
    let (alice, bob) = (hubs.left.person(42), hubs.right.person(7));
    let (mut laptop, mut desk) = (alice.connect().await, bob.connect().await);
    let uploaded = uploads(&alice, &[PIXEL, PIXEL]).await;
    let album = json!({"temp_id": "album", "receiver_id": 7, "content": "look", "images": ids(&uploaded)});
    laptop.sends(album).await;
    let heard = desk.receives("look").await;
    let stored = bob.history_with(&alice).await;
    let (heard, stored) = (array(&heard, "images"), array(&stored[0], "images"));
    assert_eq!(heard.len(), 2, "{heard:?}");
    for (picture, stored) in heard.iter().zip(stored) {
        for field in ["id", "width", "height", "bytes", "mime", "blurhash"] {
            assert_eq!(picture[field], stored[field], "{field} is not as the database has it");
        }
        for link in ["url", "thumb_url"] {
            let link = text(picture, link);
            assert_eq!(bob.fetch(link, &[]).await.status, 200, "{link}");
            let path = link.split_once('?').expect("a link has a signature").0;
            assert_eq!(hubs.right.person(666).get(path).await.status, 404);
        }
    }
}

#[tokio::test]
async fn a_notification_of_the_marketplace_and_what_becomes_of_it_are_heard_at_the_other_hub() {
    if !wanted("a_notification_of_the_marketplace_and_what_becomes_of_it_are_heard_at_the_other_hub") {
        return;
    }
    let hubs = Pair::start("60s").await;
    let [mut left, mut right] = [hubs.left.person(7).listens().await, hubs.right.person(7).listens().await];
    let order = json!({"user_id": 7, "type": "order", "title": "Shipped", "body": "On its way", "related_id": 12});
    assert_eq!(hubs.left.core().post("/internal/notifications", &order).await.is(202), json!({"created": 1}));
    let mut told = Vec::new();
    for bell in [&mut left, &mut right] {
        let payload = bell.expect("notification").await["payload"].clone();
        assert_eq!((text(&payload, "title"), text(&payload, "body")), ("Shipped", "On its way"));
        assert_eq!((&payload["related_id"], &payload["is_read"]), (&json!(12), &json!(false)));
        bell.expect_where("nav_counts", |frame| frame["payload"]["notifications"] == 1).await;
        told.push(number(&payload, "id"));
    }
    assert_eq!(told[0], told[1], "one notification has one id");
    right.says(json!({"type": "notification_read", "id": told[0]})).await;
    for bell in [&mut left, &mut right] {
        assert_eq!(bell.expect("notification_read").await["id"], told[0]);
        bell.expect_where("nav_counts", |frame| frame["payload"]["notifications"] == 0).await;
    }
    hubs.right.person(7).delete(&format!("/notifications/{}", told[0])).await.is(204);
    for bell in [&mut left, &mut right] {
        assert_eq!(bell.expect("notification_deleted").await["id"], told[0]);
    }
}
